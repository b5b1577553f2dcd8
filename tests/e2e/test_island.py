# SPDX-License-Identifier: Apache-2.0
"""A day on an island, on real servers: the line and the chain go down, people trade on, the chain comes back.

Orders go the way of every order (draft, wallet, intake, book), follower and relayer run as their processes run them,
and the chain is a real one that is stopped and started again with its state.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from backend.accounts.types import OrgRole
from backend.audit.compare import Request, audit
from backend.audit.fetch import Options
from backend.core.clock import utc_now
from backend.core.crypto import sign
from backend.core.db import Actor
from backend.market.book.engine import Engine
from backend.market.islands import equipment, service
from backend.market.islands.checking import check
from backend.market.islands.documents import Declaration, digest, seconds
from backend.market.islands.errors import PriceAboveCap
from backend.market.orders.drafts import Draft, Wanted, prepare
from backend.market.orders.intake import Intake
from backend.market.orders.last_look import last_look
from backend.market.orders.types import OrderKind, SignedOrder, Venue
from backend.market.relayer.encoding import SETTLER_ROLE
from backend.market.relayer.relayer import Relayer
from backend.market.relayer.signer import KeySigner
from backend.market.relayer.types import RelayerOptions
from scripts.embedded.anvil import Anvil
from tests.backend.audit.stage import COMMUNITY
from tests.backend.market.conftest import FINALITY_DEPTH, Town, town
from tests.support.databases import DatabaseUrls
from tests.support.orders import interval_after, sign_order

__all__ = ["town"]
CAP = 260_000
SETTLER = 5
QUARTER = timedelta(minutes=15)


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A chain that keeps its state, so that it can go away and come back."""
    node = Anvil(tmp_path / "chain")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@dataclass
class Valley:
    """The town and its market; person 1 operates the community."""

    town: Town
    intake: Intake
    first: datetime

    @property
    def operator(self) -> Actor:
        return Actor(self.town.people[1], self.town.org_id, OrgRole.OPERATOR)

    async def draft(self, person: int, interval: int, *, is_bid: bool, energy_wh: int, price: int) -> Draft:
        """An order that a wallet can sign."""
        wanted = Wanted(
            user_id=self.town.people[person], house_id=self.town.houses[person], is_bid=is_bid, kind=OrderKind.LIMIT,
            venue=Venue.BOOK, delivery_start=self.first + interval * QUARTER, energy_wh=energy_wh, min_fill_wh=0,
            price_micro_per_kwh=price,
        )  # fmt: skip
        return await prepare(self.town.db, self.town.chain, wanted, now=utc_now())

    async def trade(self, person: int, interval: int, *, is_bid: bool, energy_wh: int = 500, price: int = CAP) -> Draft:
        """Draft, sign, send."""
        draft = await self.draft(person, interval, is_bid=is_bid, energy_wh=energy_wh, price=price)
        signature = sign_order(draft.order, self.intake.domain, self.town.stage.key(person))
        await self.intake.submit(self.town.people[person], SignedOrder(draft.order, signature))
        return draft

    async def pair(self, seller: int, buyer: int, interval: int, *, energy_wh: int = 500) -> None:
        """An offer and a bid that meet."""
        await self.trade(seller, interval, is_bid=False, energy_wh=energy_wh, price=CAP - 10_000)
        await self.trade(buyer, interval, is_bid=True, energy_wh=energy_wh)

    async def declare(self, hours: int) -> Any:
        """Person 1 signs and declares an island from now on."""
        now = utc_now()
        declaration = Declaration(
            operator=self.town.stage.address(1), community=COMMUNITY, reason="Fire along the line",
            starts_at=seconds(now), ends_at=seconds(now + timedelta(hours=hours)), price_cap_micro_per_kwh=CAP,
            expiry=seconds(now) + 600,
        )  # fmt: skip
        signature = sign(digest(self.town.chain, declaration), self.town.stage.key(1))
        return await service.declare(
            self.town.db, declaration, signature, actor=self.operator, call_contract=None, now=now
        )

    async def equip(self) -> None:
        """A medical device at house 3, a battery of the community, sun on house 1."""
        now = utc_now()
        device = equipment.CriticalLoadFields(self.town.houses[3], 3, 400)
        await equipment.add_critical_load(self.town.db, device, actor=self.operator, now=now)
        battery = equipment.StorageFields(None, "town hall", 8_000, 4_000, 4_000, 1_000, 950_000, 5_000)
        await equipment.add_storage(self.town.db, battery, actor=self.operator, now=now)
        for person, generation_wh, demand_wh in ((1, 900, 300), (2, 0, 700), (3, 0, 500), (4, 0, 150)):
            said = [equipment.Expected(self.first + n * QUARTER, generation_wh, demand_wh) for n in range(-1, 8)]
            coming = [one for one in said if one.delivery_start > now]
            await equipment.put_forecasts(self.town.db, self.town.houses[person], coming, actor=self.operator, now=now)

    async def states(self) -> list[str]:
        """States of all matches, in the order of their nonces."""
        return [row.state for row in await self.town.rows("SELECT state FROM matches ORDER BY settlement_nonce")]

    async def logged(self) -> list[bytes]:
        """Trade ids of every log of the contract, in the order of the chain."""
        event = self.town.stage.contract.events.EnergyTradeLogged()
        return [bytes(log["args"]["tradeId"]) for log in event.get_logs(from_block=0)]

    async def trade_without_chain(self) -> None:
        """Orders in four intervals, two of them partly filled, and one above the island's price cap."""
        await self.trade(2, 1, is_bid=True, energy_wh=300)
        for interval, seller, buyer in ((3, 1, 4), (1, 1, 2), (2, 3, 4), (3, 3, 2)):
            await self.pair(seller, buyer, interval)
        await self.trade(1, 2, is_bid=False, energy_wh=900, price=CAP - 5_000)
        await self.trade(4, 2, is_bid=True, energy_wh=350)
        with pytest.raises(PriceAboveCap):
            await self.draft(2, 2, is_bid=True, energy_wh=500, price=CAP + 1)

    async def noticed(self, island_id: UUID, what: str) -> None:
        """Return once the island's row has a time for `what`."""

        async def has_time() -> bool:
            await service.run_islands(self.town.db, now=utc_now())
            return getattr(await service.get_island(self.town.db, island_id, self.operator), what) is not None

        await eventually(has_time, f"{what} is noticed")
        await service.run_islands(self.town.db, now=utc_now())

    async def send_again(self) -> None:
        """Send every mined batch once more, by whoever has the settler's key."""
        eth = self.town.stage.web3.eth
        for row in await self.town.rows("SELECT tx_hash FROM relay_transactions WHERE state = 'MINED' ORDER BY nonce"):
            sent = eth.get_transaction(row.tx_hash)
            again = {"from": sent["from"], "to": sent["to"], "data": sent["input"], "gas": sent["gas"]}
            assert eth.wait_for_transaction_receipt(eth.send_transaction(again))["status"] == 1

    async def ended(self) -> bool:
        """Whether every match is final or cancelled; time passes on chain."""
        self.town.stage.anvil.mine()
        return set(await self.states()) <= {"FINAL", "CANCELLED"}


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return once the condition holds; it fails when that takes a minute."""
    ends = time.monotonic() + 60
    for _ in itertools.takewhile(lambda _: time.monotonic() < ends, itertools.count()):
        if await condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"not within a minute: {what}")


@asynccontextmanager
async def running(*processes: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    """Processes that run beside the test until it is done with them."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for process in processes:
            tasks.create_task(process(stop))  # type: ignore[arg-type]
        try:
            yield
        finally:
            stop.set()


@pytest.fixture
def relayer(town: Town) -> Relayer:
    """The settler's relayer."""
    settler = town.stage.anvil.accounts[SETTLER].address
    town.stage.send(0, town.stage.contract.functions.grantRole(SETTLER_ROLE, settler))
    options = RelayerOptions(interval_s=0, poll_interval_s=0.05, finality_depth=FINALITY_DEPTH)
    return Relayer(town.db, town.rpc, town.chain, KeySigner(town.stage.key(SETTLER)), options)


@pytest.fixture
def valley(town: Town) -> Valley:
    """Four homes, nothing traded yet."""
    engine = Engine(town.db, town.chain, last_look)
    return Valley(town, Intake(town.db, town.chain, engine, None), interval_after(utc_now(), intervals=2))


async def test_island_day__chain_down_and_back__logs_every_match_in_order_exactly_once(
    valley: Valley, relayer: Relayer, town: Town, databases: DatabaseUrls
) -> None:
    chain = town.stage.anvil
    await valley.equip()
    async with running(town.follower.run, relayer.run):
        # The line goes down: the community becomes an island; the chain is still there.
        island = await valley.declare(hours=6)
        await valley.pair(1, 2, 0)
        await eventually(valley.ended, "the first trade is final")
        await service.run_islands(town.db, now=utc_now())

        # An order is cancelled on chain in the last block before the chain goes down; nobody has noticed.
        doomed = (await valley.trade(3, 1, is_bid=False, energy_wh=300, price=CAP - 20_000)).order
        cancel = town.stage.contract.functions.cancel(doomed.lane, doomed.delivery_start, 1 << doomed.position)
        town.stage.send(3, cancel)
        chain.stop()

        # The chain is out of reach: people trade on, and what they are entitled to is worked out.
        await valley.trade_without_chain()
        await valley.noticed(island.id, "chain_lost_at")
        while_away = await service.get_island(town.db, island.id, valley.operator)
        assert await valley.states() == ["FINAL"] + ["MATCHED"] * 6
        assert while_away.intents == 7

        # The chain returns: all that waited is logged; the cancelled order is a conflict that is told.
        chain.start()
        await eventually(valley.ended, "all matches are at their end")
        await valley.noticed(island.id, "chain_back_at")
    await relayer.release()

    matches = await town.rows("SELECT trade_id, state FROM matches ORDER BY settlement_nonce")
    queued = await town.rows("SELECT match_id, settlement_nonce FROM island_intents ORDER BY sequence")
    conflicts = await town.rows("SELECT payload FROM outbox WHERE name = 'islands.intent_conflict.v1'")
    logged = await valley.logged()
    assert [match.state for match in matches] == ["FINAL", "CANCELLED"] + ["FINAL"] * 5
    assert logged == [match.trade_id for match in matches if match.state == "FINAL"]
    assert [intent.settlement_nonce for intent in queued] == sorted(intent.settlement_nonce for intent in queued)
    assert [conflict.payload["sequence"] for conflict in conflicts] == [2]

    await valley.send_again()  # the nonces make it a skip
    assert await valley.logged() == logged
    await town.confirm(FINALITY_DEPTH)

    report = orjson.loads(orjson.dumps(await service.report(town.db, island.id, actor=valley.operator)))
    assert check(report) == []
    assert report["summary"]["intents"] == {"logged": 6, "waiting": 0, "conflict": 1}
    assert report["summary"]["loggedInOrder"]
    assert report["runs"]
    (device,) = (house for house in report["summary"]["houses"] if house["house"] == str(town.houses[3]))
    assert device["criticalShareWh"] == device["criticalWh"] > 0

    request = Request(
        rpc_urls=[chain.rpc_url], database_url=databases.audit, deployment=town.stage.deployment,
        options=Options(finality_depth=FINALITY_DEPTH), wait_s=0,
    )  # fmt: skip
    audited = await audit(request, clock=lambda: datetime.now(UTC))
    assert (audited.findings.total, audited.totals.trades) == (0, 6)
