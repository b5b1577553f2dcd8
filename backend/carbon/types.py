# SPDX-License-Identifier: Apache-2.0
"""Accounts, buckets and transfers of the carbon ledger: plain values without a database.

A transfer is one row with a debit and a credit side, so the ledger sums to zero by its form. Amounts are grams CO2e.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

ISSUANCE: Final = b"\x00"
"""Where carbon comes from and goes back to; the only account without a lower bound."""
RETIRED: Final = b"\x01"
"""Where retired carbon stays for ever."""
RESERVE_LIMIT_G: Final = 1_000_000
"""How far a community's reserve may go below zero; the rest of a correction becomes a claim on it."""
ALL_COMMUNITIES: Final = 0
"""The board of everybody; communities are numbered from 1."""


class Bucket(IntEnum):
    """Two balances of an account. System accounts use AVAILABLE only."""

    PENDING = 0
    AVAILABLE = 1


class Kind(StrEnum):
    """Why carbon moved."""

    EARNED = "earned"
    RELEASED = "released"
    REVERSED = "reversed"
    REDUCED = "reduced"
    RETIRED = "retired"
    TRANSFERRED = "transferred"
    CORRECTED = "corrected"


class Period(StrEnum):
    """Length of a leaderboard, counted in the community's calendar days of delivery."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    ALL = "all"


class TradeCycle(NamedTuple):
    """One life of a trade on its chain: the cycle grows by one each time an orphaned trade is confirmed again."""

    trade_id: bytes
    cycle: int


class Reduction(NamedTuple):
    """Grams that a trade's pending carbon loses because less was metered than traded."""

    trade_id: bytes
    cycle: int
    grams: int


class Correction(NamedTuple):
    """Grams that readings corrected after the release add (above 0) or take (below 0) for a community."""

    community: int
    grams: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement of carbon. Accounts are 20-byte addresses or the short system accounts.

    `holder_id` (the user, else `holder_of(buyer)`), `community`, `delivery_date` (the community's calendar day) and
    `delivery_start` belong to `earned`; `earned` builds those.
    """

    kind: Kind
    debit_account: bytes
    debit_bucket: Bucket
    credit_account: bytes
    credit_bucket: Bucket
    grams: int
    booked_at: datetime
    chain: int | None = None
    trade_id: bytes | None = None
    cycle: int | None = None
    document_id: UUID | None = None
    reverses: UUID | None = None
    holder_id: UUID | None = None
    community: int | None = None
    delivery_date: date | None = None
    delivery_start: datetime | None = None
    factor_id: int | None = None


def earned(
    *,
    buyer: bytes,
    grams: int,
    chain: int,
    trade_id: bytes,
    cycle: int,
    holder_id: UUID,
    community: int,
    delivery_date: date,
    delivery_start: datetime,
    booked_at: datetime,
    factor_id: int | None = None,
) -> Transfer:
    """The transfer that credits `buyer` with pending grams for a confirmed, consented, eligible trade.

    `factor_id` is the emission factor of the claim; certificates show it.
    """
    return Transfer(
        Kind.EARNED, ISSUANCE, Bucket.AVAILABLE, buyer, Bucket.PENDING, grams, booked_at,
        chain, trade_id, cycle, None, None, holder_id, community, delivery_date, delivery_start, factor_id,
    )  # fmt: skip


def reserve_of(community: int) -> bytes:
    """The reserve account of a community: 0x02 and its number, 32 bits, big endian."""
    return b"\x02" + community.to_bytes(4, "big")


def holder_of(address: bytes) -> UUID:
    """The leaderboard id of a wallet that no user has claimed: stable, version 5, so never equal to a user's UUIDv7."""
    return UUID(bytes=sha256(address).digest()[:16], version=5)
