# SPDX-License-Identifier: Apache-2.0
"""What has happened in a book. One BookChanged a transaction and book; own orders are seen by their owner only."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class LevelChanged:
    """What rests now at one limit; energy 0 when nothing does any more."""

    side: str
    zone: str
    price_micro_per_kwh: int
    energy_wh: int
    orders: int


@dataclass(frozen=True, slots=True)
class BookChanged(Event):
    """Levels of a book changed; the others stand as they were at an earlier version."""

    topic: ClassVar[str] = "book"
    name: ClassVar[str] = "market.book_changed.v1"
    community: int
    delivery_start: datetime
    version: int
    is_closed: bool
    levels: tuple[LevelChanged, ...]


@dataclass(frozen=True, slots=True)
class PriceMade(Event):
    """Orders were matched: the last price, the lowest and highest, and the energy of all of them."""

    topic: ClassVar[str] = "prices"
    name: ClassVar[str] = "market.price_made.v1"
    community: int
    delivery_start: datetime
    version: int
    rule: str
    price_micro_per_kwh: int
    low_micro_per_kwh: int
    high_micro_per_kwh: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class OrderNow:
    """An order as it stands."""

    order_id: UUID
    state: str
    reason: str | None
    rest_wh: int
    matched_wh: int


@dataclass(frozen=True, slots=True)
class OrdersChanged(Event):
    """Orders of one owner were placed, matched or ended in one book."""

    topic: ClassVar[str] = "orders"
    name: ClassVar[str] = "market.orders_changed.v1"
    audience: UUID
    community: int
    delivery_start: datetime
    version: int
    orders: tuple[OrderNow, ...]
