# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the market: `town`, people with wallets, meters and houses on a real chain, with its follower and poster.

Four people (accounts 1 to 4, meters 101 to 104) live in one community. Confirmation depth is 2, finality depth 6.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.carbon.signing import OperatorKey
from backend.chain import service as chains
from backend.chain.follower import Follower, FollowerOptions
from backend.chain.observer import Observer
from backend.chain.rpc import RpcClient
from backend.chain.types import Chain
from backend.core.db import Database
from backend.core.ids import uuid7
from backend.market.posting import Posted, Poster
from backend.market.projection import TradeProjector
from backend.market.settlement.settling import readings_changed, settle_due
from backend.market.types import Claim
from scripts.embedded.anvil import Anvil
from tests.backend.audit.stage import COMMUNITY, DELIVERY, MG_PER_KWH, Stage

START = datetime.fromtimestamp(DELIVERY, UTC)
AFTER = START + timedelta(hours=1)
PRICE = 240_000
OPERATOR = OperatorKey(b"\x07" * 32)
FINALITY_DEPTH = 6


@dataclass
class Town:
    """Everything a market test needs; people are numbered like the chain's accounts."""

    stage: Stage
    db: Database
    chain: Chain
    rpc: RpcClient
    follower: Follower
    poster: Poster
    people: dict[int, UUID]
    houses: dict[int, UUID]
    org_id: UUID

    async def follow(self) -> None:
        """Let the follower do all that there is to do."""
        while (await self.follower.step()).value in ("advanced", "rewound"):
            pass

    async def confirm(self, blocks: int = 2) -> None:
        """Mine blocks and follow."""
        self.stage.anvil.mine(blocks)
        await self.follow()

    def claim(self, seller: int, buyer: int, tx_hash: str | bytes, *, energy_wh: int = 2000, **changes: Any) -> Claim:
        """What the buyer says about a transaction."""
        values: dict[str, Any] = {
            "user_id": self.people[buyer],
            "tx_hash": bytes.fromhex(tx_hash[2:]) if isinstance(tx_hash, str) else tx_hash,
            "event_id": None,
            "seller_id": self.people[seller],
            "buyer_id": self.people[buyer],
            "energy_wh": energy_wh,
            "price_micro_per_kwh": PRICE,
        }
        return Claim(**(values | changes))

    async def post(self, *arguments: Any, **values: Any) -> Posted:
        """Post a claim."""
        return await self.poster.post(self.claim(*arguments, **values))

    async def read(
        self, person: int, *, start: datetime = START, attestation: str = "operator", **sums: int | None
    ) -> None:
        """Store one attested reading of a person's house (15 minutes)."""
        known: dict[str, Any] = {"production": None, "consumption": None, "export": None, "import": None} | sums
        async with self.db.begin() as session:
            await session.execute(
                text("""INSERT INTO energy_production (house_id, start_at, end_at, minutes, production_wh,
                            consumption_wh, export_wh, import_wh, source, attestation, recorded_at)
                        VALUES (:house, :start, :end, 15, :production, :consumption, :export, :import,
                            'test', :by, :now)"""),
                {
                    "house": self.houses[person], "start": start, "end": start + timedelta(minutes=15),
                    "by": attestation, "now": AFTER, **known,
                },
            )  # fmt: skip

    async def reread(self, person: int, *, now: datetime = AFTER, **sums: int | None) -> int:
        """Correct a stored reading and announce it; how many settled intervals it touches."""
        columns = ", ".join(f"{name}_wh = :{name}" for name in sums)
        async with self.db.begin() as session:
            await session.execute(
                text(f"UPDATE energy_production SET {columns}, revision = revision + 1 WHERE house_id = :house"),
                {"house": self.houses[person], **sums},
            )
        return await self.announce(person, now=now)

    async def announce(self, person: int, *, now: datetime = AFTER) -> int:
        """Tell settlement that readings of the person's house are new or changed."""
        end = START + timedelta(minutes=15)
        return await readings_changed(self.db, [100 + person], start=START, end=end, now=now)

    async def settle(self, now: datetime = AFTER, deadline: timedelta = timedelta(days=3)) -> int:
        """Settle what can be settled."""
        return await settle_due(self.db, self.chain, OPERATOR, now=now, deadline=deadline)

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a query as gridx_service."""
        async with self.db.begin() as session:
            return list((await session.execute(text(statement), values)).all())

    async def trade(self, trade_id: bytes) -> Any:
        """The row of a trade, or None."""
        found = await self.rows("SELECT * FROM energy_trades WHERE trade_id = :id", id=trade_id)
        return found[0] if found else None

    async def wallet(self, person: int) -> tuple[int, int]:
        """Pending and available grams."""
        found = await self.rows(
            "SELECT pending_g, available_g FROM carbon_wallet WHERE account = :a", a=self.stage.address(person)
        )
        return (found[0].pending_g, found[0].available_g) if found else (0, 0)

    async def statistics(self, person: int) -> tuple[int, int, int]:
        """Trades, Wh and micro-units that a seller has sold."""
        found = await self.rows(
            "SELECT trades, energy_wh, revenue_micro FROM seller_statistics WHERE address = :a",
            a=self.stage.address(person),
        )
        return (found[0].trades, found[0].energy_wh, int(found[0].revenue_micro)) if found else (0, 0, 0)

    async def board(self, person: int, period: str = "all") -> int:
        """Net grams of a person on the board of everybody."""
        found = await self.rows(
            "SELECT net_g FROM leaderboard WHERE period = :p AND community = 0 AND holder_id = :h",
            p=period, h=self.people[person],
        )  # fmt: skip
        return found[0].net_g if found else 0


def grams(energy_wh: int) -> int:
    """Claim of a trade by the stage's factor."""
    return energy_wh * MG_PER_KWH // 1_000_000


async def _people(session: Any, stage: Stage) -> tuple[UUID, dict[int, UUID], dict[int, UUID]]:
    org_id = uuid7()
    await session.execute(
        text("""INSERT INTO organizations (id, kind, name, slug, emission_region, time_zone, delivery_minutes,
                    community_number, created_at, updated_at)
                VALUES (:id, 'community', 'Fontana', 'fontana', 'CAMX', 'America/Los_Angeles', 15, :number,
                    now(), now())"""),
        {"id": org_id, "number": COMMUNITY},
    )
    people, houses = {}, {}
    for number in range(1, 5):
        people[number], houses[number] = uuid7(), uuid7()
        await session.execute(
            text("INSERT INTO users (id, name, created_at) VALUES (:id, :name, now())"),
            {"id": people[number], "name": f"person {number}"},
        )
        await session.execute(
            text("INSERT INTO wallets (id, address, user_id, valid_from) VALUES (:id, :a, :u, '1970-01-01T00:00:00Z')"),
            {"id": uuid7(), "a": stage.address(number), "u": people[number]},
        )
        await session.execute(
            text("""INSERT INTO houses (id, owner_id, org_id, name, meter, capacity_w, latitude, longitude,
                        reading_minutes, created_at, updated_at)
                    VALUES (:id, :owner, :org, 'home', :meter, 8000, 34.1, -117.4, 15, now(), now())"""),
            {"id": houses[number], "owner": people[number], "org": org_id, "meter": 100 + number},
        )
    return org_id, people, houses


@pytest.fixture
async def town(anvil: Anvil, service_db: Database) -> AsyncIterator[Town]:
    """The community, with nothing traded yet."""
    stage = Stage.open(anvil)
    async with service_db.begin() as session:
        chain = await chains.register_chain(
            session,
            chain_id=stage.deployment.chain_id,
            genesis_hash=stage.deployment.genesis_hash,
            contract_address=stage.deployment.address,
            deployment_block=stage.deployment.block_number,
            deployment_block_hash=stage.deployment.block_hash,
            parent_hash=stage.deployment.parent_hash,
            network="local",
            confirmations=2,
        )
        org_id, people, houses = await _people(session, stage)
    rpc = RpcClient([anvil.rpc_url])
    options = FollowerOptions(finality_depth=FINALITY_DEPTH, poll_interval_s=0.05)
    follower = Follower(service_db, rpc, chain.id, TradeProjector(OPERATOR), options)
    observer = Observer(rpc, chain, finality_depth=FINALITY_DEPTH)
    poster = Poster(service_db, chain, observer, OPERATOR)
    made = Town(stage, service_db, chain, rpc, follower, poster, people, houses, org_id)
    await made.confirm()
    yield made
    await follower.release()
    await rpc.close()
