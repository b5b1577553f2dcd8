# SPDX-License-Identifier: Apache-2.0
"""A market square: people with houses in one community, for everything about orders that no chain has to answer.

The orders are as intake hands them to the book; their signatures are made up, because the book never looks at them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import text

from backend.chain import service as chains
from backend.chain.types import Chain
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.ids import uuid7
from backend.market.book.engine import Engine
from backend.market.book.types import BookKey, Placed
from backend.market.orders.last_look import last_look
from backend.market.orders.types import NewOrder, OrderKind, Venue

COMMUNITY, FACTOR, MINUTES = 3, 7, 60
CONTRACT = b"\xcc" * 20
PEOPLE = 8
CAPACITY_WH = 2**32 - 1


@dataclass
class Square:
    """People are numbered from 1; each has one house and one wallet. `slots` counts the fill counters up."""

    db: Database
    chain: Chain
    org_id: UUID
    people: dict[int, UUID]
    houses: dict[int, UUID]
    delivery_start: datetime
    slots: Iterator[int] = field(default_factory=itertools.count)

    @property
    def key(self) -> BookKey:
        """The book of the next whole interval."""
        return self.key_of(0)

    def key_of(self, interval: int) -> BookKey:
        """The book of a later interval."""
        return BookKey(self.chain.id, COMMUNITY, self.delivery_start + interval * timedelta(minutes=MINUTES))

    def engine(self) -> Engine:
        """An engine as a process has one."""
        return Engine(self.db, self.chain, last_look)

    def new(self, person: int, *, interval: int = 0, **changes: Any) -> NewOrder:
        """An order of a person: 1 kWh at 0.24, an offer unless `is_bid`; `changes` are fields of `NewOrder`."""
        number = next(self.slots)
        start = self.key_of(interval).delivery_start
        wallet = changes.pop("wallet", 0)
        values: dict[str, Any] = {
            "id": uuid7(), "chain": self.chain.id, "org_id": self.org_id, "community": COMMUNITY,
            "delivery_start": start, "delivery_minutes": MINUTES, "user_id": self.people[person],
            "house_id": self.houses[person], "zone": "", "maker": bytes([person, wallet]) * 10,
            "taker": CONTRACT, "is_bid": False, "kind": OrderKind.LIMIT, "venue": Venue.BOOK, "meter": 100 + person,
            "energy_wh": 1_000, "min_fill_wh": 0, "price_micro_per_kwh": 240_000, "factor_id": FACTOR,
            "slot": number // 7 << 3 | number % 7, "expiry": start + timedelta(days=7),
            "order_hash": number.to_bytes(4, "big") * 8, "signature": b"\x1b" * 65, "placed_at": utc_now(),
            "capacity_wh": CAPACITY_WH,
        }  # fmt: skip
        return NewOrder(**(values | changes))

    def random(self, seed: Random, *, interval: int = 0) -> NewOrder:
        """Any order: of anybody, on either side, now and then a market order or one with a minimum fill."""
        energy = seed.randrange(1, 3_000)
        return self.new(
            seed.randint(1, PEOPLE),
            interval=interval,
            is_bid=seed.random() < 0.5,
            energy_wh=energy,
            price_micro_per_kwh=seed.randrange(200, 260) * 1_000,
            kind=OrderKind.MARKET if seed.random() < 0.1 else OrderKind.LIMIT,
            min_fill_wh=seed.randint(2, energy) if energy > 2 and seed.random() < 0.15 else 0,
            zone=seed.choice(("", "north")),
        )

    async def sell(self, engine: Engine, person: int, **changes: Any) -> Placed:
        """Place an offer."""
        return await engine.place(self.new(person, **changes))

    async def buy(self, engine: Engine, person: int, **changes: Any) -> Placed:
        """Place a bid."""
        return await engine.place(self.new(person, is_bid=True, **changes))

    async def set_rules(self, rule: str = "continuous", *, community_fee: int = 0, grid_fees: str = "{}") -> None:
        """Rules of the community, for books that are made from now on."""
        async with self.db.begin() as session:
            await session.execute(
                text("""INSERT INTO community_markets (org_id, community, rule, community_fee_micro_per_kwh,
                            grid_fee_micro_per_kwh, updated_at)
                        VALUES (:org, :number, :rule, :fee, CAST(:grid AS jsonb), now())"""),
                {"org": self.org_id, "number": COMMUNITY, "rule": rule, "fee": community_fee, "grid": grid_fees},
            )

    async def pass_gate(self, interval: int = 0) -> None:
        """Let the gate of a book have closed a second ago."""
        await self.rows(
            "UPDATE books SET closes_at = now() - interval '1 second' WHERE delivery_start = :start RETURNING version",
            start=self.key_of(interval).delivery_start,
        )

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a statement as gridx_service."""
        async with self.db.begin() as session:
            return list((await session.execute(text(statement), values)).all())

    async def order(self, order_id: UUID) -> Any:
        """The row of an order."""
        return (await self.rows("SELECT * FROM orders WHERE id = :id", id=order_id))[0]

    async def matches(self) -> list[Any]:
        """Rows of all matches, in the sequence in which they were made."""
        return await self.rows("SELECT * FROM matches ORDER BY settlement_nonce")


def _numbered(what: str) -> dict[int, UUID]:
    return {number: uuid5(NAMESPACE_OID, f"{what} {number}") for number in range(1, PEOPLE + 1)}


async def enter_square(db: Database, *, delivery_start: datetime, first_slot: int) -> Square:
    """The square that another process has opened; each process takes its slots from another number on."""
    async with db.begin() as session:
        chain = await chains.find_chain(session)
        org_id = await session.scalar(text("SELECT id FROM organizations"))
    assert chain is not None
    slots = itertools.count(first_slot)
    return Square(db, chain, org_id, _numbered("person"), _numbered("house"), delivery_start, slots)


async def open_square(db: Database) -> Square:
    """Make the community and its people; the next interval starts in one to two hours."""
    org_id, hour = uuid7(), utc_now().replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    people, houses = _numbered("person"), _numbered("house")
    async with db.begin() as session:
        chain = await chains.register_chain(
            session, chain_id=31337, genesis_hash=b"\1" * 32, contract_address=CONTRACT, deployment_block=1,
            deployment_block_hash=b"\2" * 32, parent_hash=b"\3" * 32, network="local", confirmations=2,
        )  # fmt: skip
        await session.execute(
            text("""INSERT INTO organizations (id, kind, name, slug, emission_region, time_zone, delivery_minutes,
                        community_number, created_at, updated_at)
                    VALUES (:id, 'community', 'Fontana', 'fontana', 'CAMX', 'America/Los_Angeles', :minutes, :number,
                        now(), now())"""),
            {"id": org_id, "minutes": MINUTES, "number": COMMUNITY},
        )
        await session.execute(
            text("INSERT INTO users (id, name, created_at) VALUES (:id, :name, now())"),
            [{"id": user, "name": f"person {number}"} for number, user in people.items()],
        )
    return Square(db, chain, org_id, people, houses, hour + timedelta(hours=2))
