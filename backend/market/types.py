# SPDX-License-Identifier: Apache-2.0
"""Values of the market: trade kinds and states, decoded events, claims, reasons."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Protocol
from uuid import UUID

from backend.chain.types import Log


class TradeSide(StrEnum):
    """Which side of a trade a wallet stands on."""

    SOLD = "sold"
    BOUGHT = "bought"


class TradeOrder(StrEnum):
    """How a list of trades is ordered; the largest and the dearest only among the trades of some wallets."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"
    DEAREST = "dearest"


class TradeKind(IntEnum):
    """How a trade came on chain: by one party, by a buyer filling a signed offer, by settlement of a matched pair."""

    UNILATERAL = 0
    FILLED = 1
    MATCHED = 2


class TradeStatus(StrEnum):
    """State of a recorded trade."""

    CONFIRMED = "CONFIRMED"
    FINAL = "FINAL"
    ORPHANED = "ORPHANED"


class SubmissionState(StrEnum):
    """State of a posted claim. No state but RECORDED and MISMATCHED is an end before finality."""

    INTENT = "INTENT"
    SUBMITTED = "SUBMITTED"
    MINED = "MINED"
    RECORDED = "RECORDED"
    REVERTED = "REVERTED"
    MISMATCHED = "MISMATCHED"
    REPLACED = "REPLACED"
    DROPPED = "DROPPED"


class Ineligible(StrEnum):
    """Why a trade earns no carbon."""

    NO_CONSENT = "no_consent"
    UNKNOWN_METER = "unknown_meter"
    METER_OF_ANOTHER = "meter_of_another"
    ANOTHER_COMMUNITY = "another_community"
    UNKNOWN_FACTOR = "unknown_factor"
    AVERAGE_FACTOR = "average_factor"
    SAME_USER = "same_user"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the parties agreed on: meters, delivery interval and emission factor."""

    seller_meter: int
    buyer_meter: int
    delivery_start: datetime
    delivery_minutes: int
    factor_id: int


@dataclass(frozen=True, slots=True)
class TradeLogged:
    """`EnergyTradeLogged`, decoded. `terms` is None for a trade that one party logged."""

    log: Log
    trade_id: bytes
    kind: TradeKind
    seller: bytes
    buyer: bytes
    energy_wh: int
    price_micro_per_kwh: int
    carbon_logged_g: int
    factor_id: int
    terms: Terms | None
    block_time: datetime


class OnChain(Protocol):
    """What a claim is compared with: a decoded log, or the record that was made of one."""

    @property
    def trade_id(self) -> bytes: ...
    @property
    def seller(self) -> bytes: ...
    @property
    def buyer(self) -> bytes: ...
    @property
    def energy_wh(self) -> int: ...
    @property
    def price_micro_per_kwh(self) -> int: ...
    @property
    def block_time(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class TradeConfirmed:
    """`EnergyTradeConfirmed`, decoded."""

    log: Log
    trade_id: bytes
    confirmer: bytes
    terms: Terms


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a trade with consent earns: its claim in grams, or why it earns nothing."""

    claim_g: int
    ineligible_reason: Ineligible | None
    community: int | None = None
    delivery_date: date | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says about a transaction."""

    user_id: UUID
    tx_hash: bytes
    event_id: bytes | None
    seller_id: UUID
    buyer_id: UUID
    energy_wh: int
    price_micro_per_kwh: int


@dataclass(frozen=True, slots=True)
class TradeView:
    """A recorded trade as it is shown. `confirmations` counts its own block."""

    id: UUID
    trade_id: bytes
    status: TradeStatus
    kind: TradeKind
    seller: bytes
    buyer: bytes
    seller_id: UUID | None
    buyer_id: UUID | None
    energy_wh: int
    price_micro_per_kwh: int
    claim_g: int
    factor_id: int
    consented: bool
    ineligible_reason: str | None
    community: int | None
    delivery_start: datetime | None
    delivery_minutes: int | None
    delivered_wh: int | None
    shortfall: str | None
    settled_at: datetime | None
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    log_index: int
    block_time: datetime
    recorded_at: datetime
    final_at: datetime | None
    orphaned_at: datetime | None
    confirmations: int


@dataclass(frozen=True, slots=True)
class SubmissionView:
    """A posted claim as its owner sees it; `trade_id` once it is tied to a recorded trade."""

    id: UUID
    user_id: UUID
    state: SubmissionState
    reason: str | None
    trade_id: bytes | None
    tx_hash: bytes
    seller_id: UUID
    buyer_id: UUID
    energy_wh: int
    price_micro_per_kwh: int
    confirmations: int
    created_at: datetime
    updated_at: datetime
