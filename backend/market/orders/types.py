# SPDX-License-Identifier: Apache-2.0
"""Values of signed orders: sides' venues, kinds and states, a checked order ready to be placed, a community's rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from backend.market.clearing.types import Rule
from backend.market.orders.typed_data import Order

ORDER_LIFE = timedelta(days=7)  # after delivery starts; an order cannot be logged for longer
NO_HOUSE_PRICE = 2**40 - 1


class Venue(StrEnum):
    """Where an order trades: matched by the engine, or taken from its list by a buyer's own transaction."""

    BOOK = "book"
    DIRECT = "direct"


class OrderKind(StrEnum):
    """`limit` rests until its gate closes; `market` takes what there is at once and its rest is cancelled."""

    LIMIT = "limit"
    MARKET = "market"


class OrderState(StrEnum):
    """State of an order. CLOSED: its gate or its expiry ended it."""

    OPEN = "OPEN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    CLOSED = "CLOSED"


class IntervalState(StrEnum):
    """Where a delivery interval stands. `waiting`: its gate has not opened yet."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"
    DELIVERED = "delivered"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that passed every check of intake: all columns of `orders` that are known before it is placed.

    `capacity_wh` is what the house can deliver (offer) or draw (bid) in the interval: the sum of its live orders of one
    side may not pass it. It is checked under the lock of the book, by `orders.service.last_look`.
    """

    id: UUID
    chain: int
    org_id: UUID
    community: int
    delivery_start: datetime
    delivery_minutes: int
    user_id: UUID
    house_id: UUID
    zone: str
    maker: bytes
    taker: bytes
    is_bid: bool
    kind: OrderKind
    venue: Venue
    meter: int
    energy_wh: int
    min_fill_wh: int
    price_micro_per_kwh: int
    factor_id: int
    slot: int
    expiry: datetime
    order_hash: bytes
    signature: bytes
    placed_at: datetime
    capacity_wh: int


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Rules of a community's market. The gate closes `gate_closure_s` before delivery starts (negative: after)."""

    org_id: UUID
    community: int
    delivery_minutes: int
    rule: Rule = Rule.CONTINUOUS
    gate_opening_s: int = 604_800
    gate_closure_s: int = 0
    min_price_micro_per_kwh: int = 1
    max_price_micro_per_kwh: int = NO_HOUSE_PRICE
    community_fee_micro_per_kwh: int = 0
    grid_fee_micro_per_kwh: Mapping[str, int] = field(default_factory=dict)
    retail_price_micro_per_kwh: int = 0
    feed_in_price_micro_per_kwh: int = 0
    updated_at: datetime | None = None

    def gate(self, delivery_start: datetime) -> tuple[datetime, datetime]:
        """When the gate of an interval opens and when it closes: orders count from the first until the second."""
        return (
            delivery_start - timedelta(seconds=self.gate_opening_s),
            delivery_start - timedelta(seconds=self.gate_closure_s),
        )

    def is_open(self, delivery_start: datetime, now: datetime) -> bool:
        """Whether orders of the interval are taken at `now`."""
        opens, closes = self.gate(delivery_start)
        return opens <= now < closes

    def is_aligned(self, delivery_start: datetime) -> bool:
        """Whether an interval starts then: intervals lie on whole multiples of their length since 1970 UTC."""
        return delivery_start.timestamp() % (self.delivery_minutes * 60) == 0


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What a client hands in. Nothing of it is believed before it is checked."""

    order: Order
    signature: bytes
    kind: OrderKind = OrderKind.LIMIT


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as its owner and the operators see it; the signature is shown to nobody here."""

    id: UUID
    user_id: UUID
    community: int
    delivery_start: datetime
    delivery_minutes: int
    house_id: UUID
    maker: bytes
    taker: bytes
    is_bid: bool
    kind: OrderKind
    venue: Venue
    meter: int
    energy_wh: int
    min_fill_wh: int
    price_micro_per_kwh: int
    factor_id: int
    slot: int
    expiry: datetime
    order_hash: bytes
    state: OrderState
    reason: str | None
    matched_wh: int
    taken_wh: int
    reserved_wh: int
    placed_at: datetime
    ended_at: datetime | None

    @property
    def rest_wh(self) -> int:
        """Energy that may still trade."""
        return self.energy_wh - self.matched_wh - self.taken_wh - self.reserved_wh if self.ended_at is None else 0


@dataclass(frozen=True, slots=True)
class MatchView:
    """A match as its parties and the operators see it."""

    id: UUID
    community: int
    delivery_start: datetime
    receipt_id: UUID
    energy_wh: int
    price_micro_per_kwh: int
    state: str
    reason: str | None
    trade_id: bytes
    matched_at: datetime
    updated_at: datetime
    seller_id: UUID
    buyer_id: UUID
    offer_id: UUID
    bid_id: UUID
    seller_fee_micro: int
    buyer_fee_micro: int


@dataclass(frozen=True, slots=True)
class AuctionResult:
    """What everybody may know of an auction; `price_micro_per_kwh` is None when it has no single price."""

    delivery_start: datetime
    rule: str
    price_micro_per_kwh: int | None
    volume_wh: int
    book_hash: bytes
    levels: Sequence[Mapping[str, Any]]
    cleared_at: datetime


@dataclass(frozen=True, slots=True)
class LastTrade:
    """A match without its parties."""

    energy_wh: int
    price_micro_per_kwh: int
    matched_at: datetime


@dataclass(frozen=True, slots=True)
class OfferView:
    """A direct offer that can be taken, without maker and signature."""

    id: UUID
    community: int
    delivery_start: datetime
    delivery_minutes: int
    rest_wh: int
    min_fill_wh: int
    price_micro_per_kwh: int
    gate_closes: datetime


def at(seconds: int) -> datetime:
    """A time of an order as a datetime."""
    return datetime.fromtimestamp(seconds, UTC)
