# SPDX-License-Identifier: Apache-2.0
"""Signed orders as a wallet makes them, for every part that needs some.

`sign_order` signs like a wallet; `Orders` makes orders of a `town`'s people (numbered like the chain's accounts) and
turns them into `NewOrder`s, each in a fill counter of its own; `store_order` writes a row as if it had been placed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain.types import Chain
from backend.core.ids import uuid7
from backend.market.orders.typed_data import ANYBODY, Domain, Order, domain_of, order_hash, typed_data
from backend.market.orders.types import NewOrder, OrderKind, SignedOrder, Venue, at

MINUTES = 15
LIFE_S = 7 * 86_400


def sign_order(order: Order, domain: Domain, key: bytes) -> bytes:
    """The 65-byte signature of a wallet's own library over the order's typed data."""
    signable = encode_typed_data(full_message=typed_data(order, domain))
    return bytes(Account.sign_message(signable, key).signature)


@dataclass
class Orders:
    """Makes signed orders of numbered people on one chain; slots count up, so that no two orders share a counter."""

    chain: Chain
    keys: dict[int, bytes]
    addresses: dict[int, bytes]
    people: dict[int, UUID]
    houses: dict[int, UUID]
    org_id: UUID
    community: int
    delivery_start: int
    factor_id: int
    slots: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, town: Any, delivery_start: datetime | None = None) -> Orders:
        """A maker for the people of a `town`, by default for the interval of its stage."""
        from tests.backend.audit.stage import COMMUNITY, DELIVERY, FACTOR

        numbers = sorted(town.people)
        return cls(
            chain=town.chain,
            keys={number: town.stage.key(number) for number in numbers},
            addresses={number: town.stage.address(number) for number in numbers},
            people=dict(town.people),
            houses=dict(town.houses),
            org_id=town.org_id,
            community=COMMUNITY,
            delivery_start=int(delivery_start.timestamp()) if delivery_start else DELIVERY,
            factor_id=FACTOR,
        )

    @property
    def domain(self) -> Domain:
        """What the orders are signed for."""
        return domain_of(self.chain)

    def order(self, person: int, *, venue: Venue = Venue.BOOK, **changes: Any) -> Order:
        """An unsigned order: 1 kWh at 0.24, an offer unless `is_bid`; `changes` are fields of `Order`."""
        number = next(self.slots)
        values: dict[str, Any] = {
            "maker": self.addresses[person],
            "taker": self.chain.contract_address if venue is Venue.BOOK else ANYBODY,
            "is_bid": False,
            "meter": 100 + person,
            "delivery_start": self.delivery_start,
            "expiry": self.delivery_start + LIFE_S,
            "energy_wh": 1_000,
            "min_fill_wh": 0,
            "price_micro_per_kwh": 240_000,
            "factor_id": self.factor_id,
            "slot": number // 7 << 3 | number % 7,
            "delivery_minutes": MINUTES,
        }
        return Order(**(values | changes))

    def sign(self, person: int, order: Order, kind: OrderKind = OrderKind.LIMIT) -> SignedOrder:
        """The order with the person's signature."""
        return SignedOrder(order, sign_order(order, self.domain, self.keys[person]), kind)

    def new(self, person: int, *, kind: OrderKind = OrderKind.LIMIT, zone: str = "", **changes: Any) -> NewOrder:
        """A signed order as intake hands it to the book; `changes` are fields of `Order`, or `venue`, `placed_at`."""
        placed_at = changes.pop("placed_at", at(self.delivery_start) - timedelta(hours=1))
        venue = changes.pop("venue", Venue.BOOK)
        order = self.order(person, venue=venue, **changes)
        signed = self.sign(person, order)
        return NewOrder(
            id=uuid7(), chain=self.chain.id, org_id=self.org_id, community=self.community,
            delivery_start=at(order.delivery_start), delivery_minutes=order.delivery_minutes,
            user_id=self.people[person], house_id=self.houses[person], zone=zone, maker=order.maker,
            taker=order.taker, is_bid=order.is_bid, kind=kind, venue=venue, meter=order.meter,
            energy_wh=order.energy_wh, min_fill_wh=order.min_fill_wh, price_micro_per_kwh=order.price_micro_per_kwh,
            factor_id=order.factor_id, slot=order.slot, expiry=at(order.expiry),
            order_hash=order_hash(order, self.domain), signature=signed.signature, placed_at=placed_at,
            capacity_wh=2**32 - 1,
        )  # fmt: skip


def order_of_row(row: Any) -> Order:
    """The signed struct of a row of `orders`, or of a NewOrder."""
    return Order(
        maker=bytes(row.maker), taker=bytes(row.taker), is_bid=row.is_bid, meter=row.meter,
        delivery_start=int(row.delivery_start.timestamp()), expiry=int(row.expiry.timestamp()),
        energy_wh=row.energy_wh, min_fill_wh=row.min_fill_wh, price_micro_per_kwh=row.price_micro_per_kwh,
        factor_id=row.factor_id, slot=row.slot, delivery_minutes=row.delivery_minutes,
    )  # fmt: skip


async def store_order(session: AsyncSession, new: NewOrder, **changes: Any) -> None:
    """Write the order's row as if it had been placed; `changes` are columns, such as state, matched_wh, ended_at."""
    values = {item.name: getattr(new, item.name) for item in fields(new) if item.name != "capacity_wh"}
    values |= {"kind": new.kind.value, "venue": new.venue.value, "state": "OPEN", "placed_version": 1}
    values |= {"changed_version": 1} | changes
    names = ", ".join(values)
    await session.execute(
        text(f"INSERT INTO orders ({names}) VALUES ({', '.join(':' + name for name in values)})"), values
    )


def moved(new: NewOrder, **changes: Any) -> NewOrder:
    """The same checked order with other values; its signature stays and fits no more."""
    return replace(new, **changes)


def interval_after(now: datetime, *, minutes: int = MINUTES, intervals: int = 1) -> datetime:
    """Start of the interval that is `intervals` after the one in which `now` lies."""
    length = minutes * 60
    return datetime.fromtimestamp((int(now.timestamp()) // length + intervals) * length, UTC)
