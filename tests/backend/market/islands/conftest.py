# SPDX-License-Identifier: Apache-2.0
"""`isle`: a community on the worst day. Person 1 operates it and has a wallet; persons 1 to 4 have houses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.accounts.types import OrgRole
from backend.core.clock import utc_now
from backend.core.crypto import address_of, keccak, sign
from backend.core.db import Actor, Database
from backend.core.ids import uuid7
from backend.market.islands import equipment, service
from backend.market.islands.documents import Declaration, Document, Ending, digest, seconds
from backend.market.islands.equipment import CriticalLoadFields, Expected, StorageFields
from backend.market.islands.types import Island
from tests.support.square import COMMUNITY, Square, open_square

KEY, OTHER_KEY = keccak(b"the operator's wallet"), keccak(b"another wallet")
CAP = 300_000


@dataclass
class Isle:
    """The square, and what its operator does. `now` is the present when the test began."""

    square: Square
    now: datetime

    @property
    def db(self) -> Database:
        """As gridx_service."""
        return self.square.db

    @property
    def operator(self) -> Actor:
        return Actor(self.square.people[1], self.square.org_id, OrgRole.OPERATOR)

    def member(self, person: int) -> Actor:
        """Somebody who lives there."""
        return Actor(self.square.people[person], self.square.org_id, OrgRole.MEMBER)

    def declaration(self, *, hours: float = 24, **changes: Any) -> Declaration:
        """A declaration that begins now."""
        values = Declaration(
            operator=address_of(KEY), community=COMMUNITY, reason="The line to the valley is down",
            starts_at=seconds(self.now), ends_at=seconds(self.now + timedelta(hours=hours)),
            price_cap_micro_per_kwh=CAP, expiry=seconds(self.now) + 600,
        )  # fmt: skip
        return replace(values, **changes)

    def signed(self, document: Document, key: bytes = KEY) -> bytes:
        """The wallet's signature."""
        return sign(digest(self.square.chain, document), key)

    async def declare(
        self, declaration: Declaration | None = None, *, key: bytes = KEY, actor: Actor | None = None, **facts: Any
    ) -> Island:
        """Declare an island."""
        document = declaration or self.declaration(**facts)
        return await service.declare(
            self.db, document, self.signed(document, key), actor=actor or self.operator, call_contract=None,
            now=self.now,
        )  # fmt: skip

    async def end(self, island: Island, *, now: datetime, key: bytes = KEY, **changes: Any) -> Island:
        """End it early."""
        ending = replace(Ending(address_of(KEY), island.body_hash, seconds(now) + 600), **changes)
        signature = self.signed(ending, key)
        return await service.end(
            self.db, island.id, ending, signature, actor=self.operator, call_contract=None, now=now
        )

    async def run(self, now: datetime | None = None) -> int:
        """The periodic run."""
        return await service.run_islands(self.db, now=now or self.now)

    async def see_chain(self, *, away: bool = False) -> None:
        """Let the follower have given a sign of life just now."""
        await self.square.rows(
            "UPDATE chain_cursor SET seen_at = :now, note = :note RETURNING chain",
            now=utc_now(), note="no node answers" if away else None,
        )  # fmt: skip

    async def equip(self) -> UUID:
        """A hospital at house 2, a battery of the community; its id."""
        await equipment.add_critical_load(
            self.db, CriticalLoadFields(self.square.houses[2], 1, 1_000), actor=self.operator, now=self.now
        )
        battery = StorageFields(None, "school battery", 10_000, 5_000, 5_000, 1_000, 900_000, 4_000)
        return UUID(str((await equipment.add_storage(self.db, battery, actor=self.operator, now=self.now))["id"]))

    async def expect(self, person: int, generation_wh: int, demand_wh: int, *, hours: int = 4) -> None:
        """A person's forecast for the next hours."""
        first = self.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        said = [Expected(first + timedelta(hours=hour), generation_wh, demand_wh) for hour in range(hours)]
        await equipment.put_forecasts(
            self.db, self.square.houses[person], said, actor=self.member(person), now=self.now
        )

    async def events(self, name: str) -> list[dict[str, Any]]:
        """Payloads of the events of a name, in order."""
        found = await self.square.rows("SELECT payload FROM outbox WHERE name = :name ORDER BY id", name=name)
        return [row.payload for row in found]


@pytest.fixture
async def isle(service_db: Database) -> Isle:
    """The community, no island yet; the chain is followed."""
    square = await open_square(service_db)
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO wallets (id, address, user_id, valid_from) VALUES (:id, :a, :u, '1970-01-01T00:00:00Z')"),
            [
                {"id": uuid7(), "a": address_of(KEY), "u": square.people[1]},
                {"id": uuid7(), "a": address_of(OTHER_KEY), "u": square.people[2]},
            ],
        )
        await session.execute(
            text("""INSERT INTO houses (id, owner_id, org_id, name, meter, capacity_w, latitude, longitude,
                        reading_minutes, created_at, updated_at)
                    VALUES (:id, :owner, :org, 'home', :meter, 8000, 34.1, -117.4, 15, now(), now())"""),
            [
                {"id": square.houses[n], "owner": square.people[n], "org": square.org_id, "meter": 100 + n}
                for n in range(1, 5)
            ],
        )
    made = Isle(square, utc_now())
    await made.see_chain()
    return made
