# SPDX-License-Identifier: Apache-2.0
"""Ids, enums and small values of the sites domain. Energy is whole watt-hours; None is unknown, never 0."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

READING_MINUTES = (1, 5, 15, 30, 60)
"""Lengths that a house's readings may have; one length a house, and it divides the community's delivery interval."""
MAX_JSON_READINGS = 1_000
MAX_UPLOAD_ROWS = 100_000
MAX_UPLOAD_BYTES = 50 << 20


class Attestation(StrEnum):
    """Who stands behind a reading. Declared readings are shown and back nothing."""

    DEVICE = "device"
    OPERATOR = "operator"
    DECLARED = "declared"

    @property
    def rank(self) -> int:
        """Strength: a stronger attestation of the same values replaces a weaker one."""
        return ("declared", "operator", "device").index(self.value)


@dataclass(frozen=True, slots=True)
class CommunityRow:
    """One `CommunityRegistered` event; ValueError for what the contract never emits."""

    community: int
    region: str
    delivery_minutes: int
    block_number: int
    log_index: int

    def __post_init__(self) -> None:
        if not 1 <= self.community < 2**32 or not self.region or not 0 < self.delivery_minutes < 2**15:
            raise ValueError("a community has a number from 1, a region and a delivery interval")


@dataclass(frozen=True, slots=True)
class MeterRow:
    """One `MeterEnrolled` event; ValueError for what the contract never emits. A zero device key counts as none."""

    meter: int
    owner_address: bytes
    community: int
    region: str
    delivery_minutes: int
    device_key: bytes | None
    block_number: int
    log_index: int

    def __post_init__(self) -> None:
        if not 0 < self.meter < 2**63 or len(self.owner_address) != 20:
            raise ValueError("a meter has a reference from 1 below 2^63 and an owner")
        if not 0 <= self.community < 2**32 or not self.region or not 0 < self.delivery_minutes < 2**15:
            raise ValueError("a meter has a community, a region and a delivery interval")
        if self.device_key is not None and len(self.device_key) != 20:
            raise ValueError("a device key is an address")


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter as the chain enrolled it."""

    chain: int
    meter: int
    owner_address: bytes
    community: int
    region: str
    delivery_minutes: int
    device_key: bytes | None


@dataclass(frozen=True, slots=True)
class ChainCommunity:
    """A community as the chain registered it."""

    chain: int
    community: int
    region: str
    delivery_minutes: int


@dataclass(frozen=True, slots=True)
class EnrolledMeter:
    """A meter of one's own as the chain enrolled it; `house_id`: the house that has it already."""

    meter: int
    owner_address: bytes
    region: str
    delivery_minutes: int
    device_key: bytes | None
    house_id: UUID | None


@dataclass(frozen=True, slots=True)
class RegisteredCommunity:
    """What everybody may know of a community: its number on chain, and by what its days and prices go."""

    community: int
    region: str
    delivery_minutes: int
    time_zone: str
    currency: str


@dataclass(frozen=True, slots=True)
class House:
    """A house as verbs use it. `signing_key` is the chain's device key, else the one its operator registered."""

    id: UUID
    owner_id: UUID
    org_id: UUID
    capacity_w: int
    reading_minutes: int
    meter: int | None
    signing_key: bytes | None


class Draft(NamedTuple):
    """A reading as it was sent: its form is right, nothing else was checked. `line` is its place, from 1."""

    line: int
    house_id: UUID | None
    meter: int | None
    start: datetime
    minutes: int | None
    production_wh: int | None
    consumption_wh: int | None
    export_wh: int | None
    import_wh: int | None
    temperature_c: Decimal | None
    source: str | None
    signature: bytes | None
    revision: int


class RowProblem(NamedTuple):
    """Why one row was not taken, and what to do. `value` is what was sent, shortened."""

    line: int
    field: str
    value: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the rows that were sent; the counts and `problems` add up to `received`.

    `repeated`: known already, same values. `raised`: same values, now attested better. `corrected`: replaced.
    """

    received: int
    recorded: int
    repeated: int
    raised: int
    corrected: int
    problems: tuple[RowProblem, ...]

    @property
    def changed(self) -> int:
        """Rows that changed something."""
        return self.recorded + self.raised + self.corrected


@dataclass(frozen=True, slots=True)
class IntervalReading:
    """What a meter attested (device or operator) in one delivery interval.

    A sum is None unless every reading of the interval is there and knows that quantity; `complete` says whether the
    readings are all there.
    """

    meter: int
    start: datetime
    minutes: int
    production_wh: int | None
    consumption_wh: int | None
    export_wh: int | None
    import_wh: int | None
    complete: bool


@dataclass(frozen=True, slots=True)
class BucketSum:
    """A house's energy in `[start, end)`. A sum is None unless its quantity is known for every minute of the bucket;
    `known_minutes` says for how many it is, per quantity. `attestation` is the weakest one among the readings."""

    start: datetime
    end: datetime
    minutes: int
    production_wh: int | None
    consumption_wh: int | None
    export_wh: int | None
    import_wh: int | None
    known_minutes: dict[str, int]
    temperature_c: Decimal | None
    attestation: Attestation | None
    complete: bool
