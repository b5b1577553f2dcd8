# SPDX-License-Identifier: Apache-2.0
"""Values of the book: its key and row, an open order as memory holds it, what a placement led to, what is shown."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from backend.core.errors import Refusal
from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Level, Order, Rule, Side
from backend.market.orders.types import NewOrder, OrderKind, OrderState
from backend.market.sql import Read

Judge = Callable[[Sequence[NewOrder]], Mapping[UUID, Refusal]]
"""Says which orders, of those that were looked at, must not be placed: refusals by order id."""
LastLook = Callable[[Read, Sequence[NewOrder]], Awaitable[Judge]]
"""Looks at orders under the lock of their books: nothing that it reads about them can change meanwhile."""


class BookKey(NamedTuple):
    """One delivery interval of one community on one chain."""

    chain: int
    community: int
    delivery_start: datetime


@dataclass(frozen=True, slots=True)
class BookRow:
    """A book as its row says. Rule, fees and gate are those its community had when the row was made."""

    key: BookKey
    delivery_minutes: int
    rule: Rule
    fees: Fees
    closes_at: datetime
    factor_id: int | None
    version: int
    last_price_micro_per_kwh: int | None
    closed_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether orders may still be placed and matched."""
        return self.closed_at is None and now < self.closes_at


@dataclass(slots=True)
class OpenOrder:
    """An order of the book and how much of it stands matched. `version` is that of the book which placed it."""

    id: UUID
    org_id: UUID
    user_id: UUID
    house_id: UUID
    zone: str
    is_bid: bool
    kind: OrderKind
    energy_wh: int
    min_fill_wh: int
    price_micro_per_kwh: int
    version: int
    matched_wh: int = 0
    text_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.text_id = str(self.id)

    @classmethod
    def of(cls, new: NewOrder, version: int) -> "OpenOrder":
        """A new order that a book places as `version`."""
        return cls(
            new.id, new.org_id, new.user_id, new.house_id, new.zone, new.is_bid, new.kind, new.energy_wh,
            new.min_fill_wh, new.price_micro_per_kwh, version,
        )  # fmt: skip

    @property
    def rest_wh(self) -> int:
        """Energy that is still to be matched."""
        return self.energy_wh - self.matched_wh

    @property
    def side(self) -> Side:
        """The side it stands on."""
        return Side.BID if self.is_bid else Side.OFFER

    def clearing_order(self, energy_wh: int | None = None) -> Order:
        """The order as clearing takes it, by default whole; all wallets of a user are one owner."""
        energy = self.energy_wh if energy_wh is None else energy_wh
        return Order(
            id=self.text_id,
            side=self.side,
            energy_wh=energy,
            price_micro=self.price_micro_per_kwh,
            time=self.version,
            house=str(self.house_id),
            owner=str(self.user_id),
            zone=self.zone,
            min_fill_wh=min(self.min_fill_wh, energy),
        )


class PlacedMatch(NamedTuple):
    """A match as the owner of one of its orders sees it; `fee_micro` is his own."""

    match_id: UUID
    energy_wh: int
    price_micro_per_kwh: int
    fee_micro: int


@dataclass(frozen=True, slots=True)
class Placed:
    """What a placement led to: durable when it is said. `rest_wh` waits in the book (0 unless OPEN)."""

    order_id: UUID
    state: OrderState
    reason: str | None
    version: int
    rest_wh: int
    matches: tuple[PlacedMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that its owner cancelled; `rest_wh` was open until then, matches of the rest of it stand."""

    order_id: UUID
    state: OrderState
    rest_wh: int
    matched_wh: int


@dataclass(frozen=True, slots=True)
class Undone:
    """A match that will not be settled, and orders that end because of it (order id to reason)."""

    match_id: UUID
    ended: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BookView:
    """A book as everybody may see it. Levels are ordered best first, offers before bids."""

    row: BookRow
    levels: tuple[Level, ...]

    def best(self, side: Side) -> int | None:
        """The best limit of a side, None when nothing rests there."""
        return next((level.price_micro for level in self.levels if level.side is side), None)
