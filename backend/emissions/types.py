# SPDX-License-Identifier: Apache-2.0
"""Values of the emissions domain: what a factor is based on, a factor as the chain told it, a factor as it is used."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

FOREVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Stands for every time from the last second of the year 9999 on."""


class Basis(IntEnum):
    """What a rate averages over. The two are never added up: they answer different questions."""

    AVERAGE = 1
    """All generation of the region: inventories."""
    NON_BASELOAD = 2
    """Generation that follows the load, or the marginal one: avoided-emission estimates."""


@dataclass(frozen=True, slots=True)
class FactorRow:
    """One `EmissionFactorRegistered` event. Times are whole seconds since 1970 as on chain (uint64, any value).

    ValueError for what no contract of ours emits, so that a caller can reject the log before it reaches the database.
    """

    factor_id: int
    region: str
    basis: int
    mg_per_kwh: int
    valid_from: int
    valid_to: int
    effective_at: int
    source: str
    vintage: str
    document_hash: bytes
    block_number: int
    log_index: int

    def __post_init__(self) -> None:
        if self.factor_id < 1 or not self.region or self.basis not in list(Basis):
            raise ValueError("a factor has a number from 1, a region and basis 1 or 2")
        if not 0 <= self.mg_per_kwh < 2**31 or len(self.document_hash) != 32:
            raise ValueError("a factor's rate fits 31 bits and its document hash has 32 bytes")


@dataclass(frozen=True, slots=True)
class Factor:
    """A registered factor version; covers deliveries in `[valid_from, valid_to)`, in trades from `effective_at` on."""

    chain: int
    factor_id: int
    region: str
    basis: Basis
    mg_per_kwh: int
    valid_from: datetime
    valid_to: datetime
    effective_at: datetime
    source: str
    vintage: str
    document_hash: bytes
    block_number: int
    log_index: int

    def covers(self, delivery_start: datetime) -> bool:
        """Whether a delivery that starts at `delivery_start` may use this factor."""
        return self.valid_from <= delivery_start < self.valid_to


def chain_time(seconds: int) -> datetime:
    """A time from uint64 seconds; what lies after the year 9999 is `FOREVER`."""
    return datetime.fromtimestamp(min(seconds, int(FOREVER.timestamp())), UTC)


def region_text(region: bytes) -> str:
    """A region's name from its bytes4 on chain: printable ASCII without the padding, else its 0x text."""
    stripped = region.rstrip(b"\x00")
    if stripped and all(33 <= byte <= 126 for byte in stripped):
        return stripped.decode("ascii")
    return "0x" + region.hex()


def region_bytes(region: str) -> bytes:
    """The bytes4 of a region's name; ValueError when it is not 1 to 4 printable ASCII characters."""
    raw = region.encode("ascii", errors="replace")
    if not 1 <= len(raw) <= 4 or not all(33 <= byte <= 126 for byte in raw) or not region.isascii():
        raise ValueError(f"a region has 1 to 4 printable ASCII characters, not {region!r}")
    return raw.ljust(4, b"\x00")
