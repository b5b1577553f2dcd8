# SPDX-License-Identifier: Apache-2.0
"""Fixtures of orders: `stall`, a market square whose people have wallets with keys, enrolled meters and houses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.clock import utc_now
from backend.core.crypto import address_of, keccak
from backend.core.db import Database
from backend.core.ids import uuid7
from backend.market.book.engine import Engine
from backend.market.book.types import Placed
from backend.market.orders.intake import Intake
from backend.market.orders.lanes import CANCELLED_TOPIC, hand_out
from backend.market.orders.typed_data import ANYBODY, Domain, Order, domain_of
from backend.market.orders.types import ORDER_LIFE, NewOrder, OrderKind, SignedOrder, Venue
from tests.support.orders import sign_order
from tests.support.square import COMMUNITY, FACTOR, MINUTES, Square, open_square

AVERAGE_FACTOR, LATE_FACTOR, FOREIGN_FACTOR = 8, 9, 10
CAPACITY_W = 20_000


@dataclass
class Stall:
    """People of a square, each with a key, a meter (100 + number) and a house of 8 kW, and the way in for orders."""

    square: Square
    db: Database
    keys: dict[int, bytes]
    intake: Intake

    @property
    def domain(self) -> Domain:
        """What orders are signed for."""
        return domain_of(self.square.chain)

    def address(self, person: int) -> bytes:
        """Wallet of a person."""
        return address_of(self.keys[person])

    async def slot(self, person: int, venue: Venue = Venue.BOOK, *, start: datetime | None = None) -> int:
        """A slot that is handed out to the person."""
        async with self.db.begin() as session:
            (slot,) = await hand_out(
                session, self.square.chain.id, self.address(person), venue=venue,
                delivery_start=start or self.square.delivery_start, now=utc_now(),
            )  # fmt: skip
        return slot

    async def order(self, person: int, *, venue: Venue = Venue.BOOK, **changes: Any) -> Order:
        """An order of a person for the next interval: 1 kWh at 0.24, an offer; `changes` are fields of `Order`."""
        start = int(self.square.delivery_start.timestamp())
        order = Order(
            maker=self.address(person),
            taker=self.square.chain.contract_address if venue is Venue.BOOK else ANYBODY,
            is_bid=False,
            meter=100 + person,
            delivery_start=start,
            expiry=start + int(ORDER_LIFE.total_seconds()),
            energy_wh=1_000,
            min_fill_wh=0,
            price_micro_per_kwh=240_000,
            factor_id=FACTOR,
            slot=await self.slot(person, venue) if "slot" not in changes else 0,
            delivery_minutes=MINUTES,
        )
        return replace(order, **changes)

    def sign(self, person: int, order: Order, *, domain: Domain | None = None) -> SignedOrder:
        """The order with the person's signature."""
        return SignedOrder(order, sign_order(order, domain or self.domain, self.keys[person]))

    async def submit(
        self, person: int, order: Order, kind: OrderKind = OrderKind.LIMIT, **more: Any
    ) -> tuple[NewOrder, Placed]:
        """Sign an order and hand it in."""
        signed = replace(self.sign(person, order), kind=kind)
        return await self.intake.submit(self.square.people[person], signed, **more)

    async def offer(self, person: int, **changes: Any) -> UUID:
        """Place a direct offer; its id."""
        new, _ = await self.submit(person, await self.order(person, venue=Venue.DIRECT, **changes))
        return new.id

    async def cancelled_on_chain(self, person: int, lane: int, delivery_start: datetime, mask: int) -> None:
        """Let the follower have read that a person cancelled positions of a lane."""
        topics = CANCELLED_TOPIC + bytes(12) + self.address(person) + lane.to_bytes(32, "big")
        data = int(delivery_start.timestamp()).to_bytes(32, "big") + mask.to_bytes(32, "big")
        await self.square.rows(
            """INSERT INTO chain_events (chain, block_hash, log_index, block_number, block_time, tx_hash, tx_index,
                   topics, data)
               VALUES (:chain, decode(repeat('0a', 32), 'hex'), :lane, 1, now(), decode(repeat('0b', 32), 'hex'), 0,
                   :topics, :data) RETURNING 1""",
            chain=self.square.chain.id, lane=lane, topics=topics, data=data,
        )  # fmt: skip


def _factors(chain: int) -> Iterable[dict[str, Any]]:
    for number, basis, region, effective in (
        (FACTOR, 2, "CAMX", utc_now() - timedelta(days=60)),
        (AVERAGE_FACTOR, 1, "CAMX", utc_now() - timedelta(days=60)),
        (LATE_FACTOR, 2, "CAMX", utc_now() - timedelta(days=1)),
        (FOREIGN_FACTOR, 2, "ERCT", utc_now() - timedelta(days=60)),
    ):
        yield {"chain": chain, "id": number, "basis": basis, "region": region, "effective": effective}


@pytest.fixture
async def stall(service_db: Database) -> Stall:
    """Four people with wallets, meters and houses; nothing is ordered yet."""
    square = await open_square(service_db)
    keys = {person: keccak(b"stall %d" % person) for person in range(1, 5)}
    async with service_db.begin() as session:
        for person, key in keys.items():
            values = {
                "chain": square.chain.id, "id": uuid7(), "a": address_of(key), "user": square.people[person],
                "meter": 100 + person, "house": square.houses[person], "org": square.org_id, "w": CAPACITY_W,
                "minutes": MINUTES, "community": COMMUNITY,
            }  # fmt: skip
            for statement in _PERSON:
                await session.execute(text(statement), {k: v for k, v in values.items() if f":{k}" in statement})
        await session.execute(text(_FACTOR), list(_factors(square.chain.id)))
    engine: Engine = square.engine()
    return Stall(square, service_db, keys, Intake(service_db, square.chain, engine, None))


_PERSON = (
    "INSERT INTO wallets (id, address, user_id, valid_from) VALUES (:id, :a, :user, '1970-01-01T00:00:00Z')",
    """INSERT INTO chain_meters (chain, meter, owner_address, community, region, delivery_minutes, block_number,
           log_index)
       VALUES (:chain, :meter, :a, :community, 'CAMX', :minutes, 1, 1)""",
    """INSERT INTO houses (id, owner_id, org_id, name, meter, capacity_w, latitude, longitude, reading_minutes,
           created_at, updated_at)
       VALUES (:house, :user, :org, 'home', :meter, :w, 34.1, -117.4, 15, now(), now())""",
)
_FACTOR = """
INSERT INTO emission_factors (chain, factor_id, region, basis, mg_per_kwh, valid_from, valid_to, effective_at, source,
    vintage, document_hash, block_number, log_index)
VALUES (:chain, :id, :region, :basis, 437515, '1970-01-01T00:00:00Z', '9999-01-01T00:00:00Z', :effective, 'EPA', '2023',
    decode(repeat('11', 32), 'hex'), 1, 1)
"""
