# SPDX-License-Identifier: Apache-2.0
"""One world: its ground, what was traded, what was said, and how it is healed. It goes on from sequence to sequence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

from sqlalchemy import text

from backend.chain import queries
from backend.core.units import micro_to_price, wh_to_kwh
from backend.market.orders.reservations import HELD_FOR, release_lapsed
from backend.market.orders.typed_data import Domain
from tests.faults.ground import CONFIRMATIONS, FINALITY_DEPTH, Ground, ground
from tests.faults.market import Market
from tests.faults.processes import Child
from tests.faults.town import RELAYER, Api, Town
from tests.faults.trading import Made, Trading

SERVICES = ("api", "follower", "relay", "relayer")
TASKS = ("gates", "settle")  # what the worker does from time to time
CATCH_UP_S = 45.0
DROPPED_BLOCKS = 14
_OPEN_STATES = ("INTENT", "SUBMITTED", "MINED")
_UNDER_WAY = """
SELECT state, settlement_nonce AS nonce, NULL AS hash FROM matches WHERE state IN ('MATCHED', 'SENT', 'CONFIRMED')
UNION ALL SELECT state, nonce, encode(tx_hash, 'hex') FROM relay_transactions WHERE ended_at IS NULL
"""


class Broken(AssertionError):
    """Something that must hold does not; the message says what, and what the world was doing."""


class World:
    """See the module. `steps` says what the running sequence did, `promised` what the api acknowledged."""

    def __init__(self, base: Ground) -> None:
        self.base = base
        self.chain = base.chain
        self.town: Town = base.town
        self.trading = Trading(base.chain)
        self.api = Api(base.api_url, base.town)
        self.steps: list[str] = []
        self.promised: dict[str, str] = {}
        self.broken: list[str] = []
        place = base.deployment
        domain = Domain(place.chain_id, place.address, place.parent_hash)
        self.market = Market(self.api, self.trading, domain, self.broken)
        self.retired: dict[str, int] = {}
        self.audited = self.orphaned = 0
        self._saying: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """A sequence begins: nothing is done or broken yet, its own interval of the market is fresh."""
        self.steps.clear()
        self.broken.clear()
        self.market.declined.clear()
        self.market.fresh += 1

    # --- people -----------------------------------------------------------------------------------------------------

    def say(self, words: Coroutine[Any, Any, None]) -> None:
        """Let somebody say something meanwhile."""
        task = asyncio.create_task(words)
        self._saying.add(task)

    async def heard(self) -> None:
        """Wait until everything that was said is answered, or nobody answers any more."""
        said, self._saying = self._saying, set()
        for outcome in await asyncio.gather(*said, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def claim(self, made: Made, person: int, *, by_id: bool, lie: str = "", at: int | None = None) -> None:
        """A person posts the hash of a trade; `lie` names what is said falsely. Wallets are taken to belong to whoever
        owned them `at` a time of the chain (None: now)."""
        at = self.chain.time if at is None else at
        seller, buyer = self.town.owner(made.seller, at), self.town.owner(made.buyer, at)
        body = {
            "sellerId": str(self.town.people[seller or 1]),
            "buyerId": str(self.town.people[buyer or 2]),
            "energyKwh": wh_to_kwh(made.energy_wh + (lie == "energy")),
            "pricePerKwh": micro_to_price(made.price + (lie == "price")),
            "txHash": "0x" + made.sent.hash.hex(),
        }
        if lie == "buyer":
            body["buyerId"] = str(self.town.people[person])
        if lie == "seller":
            body["sellerId"] = str(self.town.people[person])
        if by_id and made.trade_id is not None:
            body["tradeId"] = "0x" + made.trade_id.hex()
        answer = await self.api.ask("POST", "/api/energy-trades", person, json=body)
        if answer is None:
            return
        what = f"person {person} claimed {made.sent.label}{f' with a false {lie}' if lie else ''}"
        if answer.status_code not in (201, 202, 403, 409, 503):
            self.broken.append(f"{what} and was answered {answer.status_code}: {answer.text[:300]}")
        if answer.status_code in (201, 202):
            self.promised[answer.json()["data"]["id"]] = what
        if answer.status_code == 201 and lie:
            self.broken.append(f"{what} and was believed: {answer.text[:300]}")
        if answer.status_code == 201:
            said = answer.json()["data"]
            if (said["txHash"], said["energyKwh"]) != (body["txHash"], body["energyKwh"]):
                self.broken.append(f"{what} and got another trade: {answer.text[:300]}")

    # --- database ---------------------------------------------------------------------------------------------------

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a query as gridx_service."""
        async with self.base.db.begin() as session:
            return list((await session.execute(text(statement), values)).all())

    async def value(self, statement: str, **values: Any) -> Any:
        """The single value of a query."""
        return (await self.rows(statement, **values))[0][0]

    # --- the end of a sequence --------------------------------------------------------------------------------------

    async def heal(self, random: Random, *, restart: bool = False) -> None:
        """Everything works again; every transaction is mined or replaced, and final. Raises Broken when a process
        ended by itself."""
        self.base.node.heal()
        self.chain.ask_fee(0)
        self.chain.endow(RELAYER, 10**20)
        for server in (self.base.postgres, self.base.redis):
            if not server.process.running:
                await asyncio.to_thread(server.start)
        await self.heard()
        for name in SERVICES:
            child = self.base.processes.children.get(name)
            self.note_end(name)
            if child is None or not child.running or child.armed or restart:
                self.base.processes.start(name)
        self.chain.resolve(random)
        self.chain.mine(FINALITY_DEPTH + CONFIRMATIONS + DROPPED_BLOCKS)
        await self.quiesced()
        await self.caught_up()
        running_tasks = {task: self.base.processes.start(task) for task in TASKS}
        for task, running in running_tasks.items():
            code = await asyncio.to_thread(running.wait, 30)
            if code != 0:
                raise Broken(f"{task} ended with {code}:\n{self.base.processes.tail(task)}")
        await release_lapsed(self.base.db, now=datetime.now(UTC) + HELD_FOR)
        await self.quiesced()
        await self.caught_up()

    def note_end(self, name: str) -> None:
        """Remember as broken that a process ended otherwise than by SIGKILL."""
        child = self.base.processes.children.get(name)
        if child is not None and not child.running and child.exit_code != -9:
            tail = self.base.processes.tail(name)
            self.broken.append(f"{name} ended by itself with {child.exit_code}:\n{tail}")

    async def caught_up(self, timeout_s: float = CATCH_UP_S) -> None:
        """Return once the processes have done all that there is to do. Raises Broken, saying what is stuck."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        stuck = ["everything"]
        while stuck:
            if loop.time() > deadline:
                tails = "\n".join(f"--- {name}\n{self.base.processes.tail(name)}" for name in SERVICES)
                raise Broken(f"stuck after {timeout_s:.0f} s: {'; '.join(stuck)}\n{tails}")
            try:
                stuck = await self.stuck()
            except OSError as error:
                stuck = [f"the database: {error}"]
            if any(claim.startswith("claim") for claim in stuck):
                self.chain.mine()  # what is missing counts as dropped only after some blocks
            if stuck:
                await asyncio.sleep(0.05)

    async def quiesced(self, timeout_s: float = CATCH_UP_S) -> None:
        """Return once every pair that was matched is final or taken out. Blocks are mined meanwhile. Raises Broken."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while under_way := await self.rows(_UNDER_WAY):
            if loop.time() > deadline or not self.base.processes.children["relayer"].running:
                rows = [dict(row._mapping) for row in under_way[:5]]
                tails = "\n".join(f"--- {name}\n{self.base.processes.tail(name)}" for name in ("relayer", "follower"))
                raise Broken(f"{len(under_way)} under way at the end: {rows}\n{tails}")
            self.chain.mine()
            await asyncio.sleep(0.04)

    async def lag(self) -> list[str]:
        """How far the follower is behind the chain, in words; empty: it has seen and checked all."""
        found = []
        head = self.chain.head()
        async with self.base.db.begin() as session:
            cursor = await queries.get_cursor(session, self.base.chain_key)
        if cursor.next_block != head - CONFIRMATIONS + 2:
            found.append(f"the follower is at block {cursor.next_block - 1} of {head - CONFIRMATIONS + 1}")
        if cursor.final_block != head - FINALITY_DEPTH + 1:
            found.append(f"final is block {cursor.final_block} of {head - FINALITY_DEPTH + 1}")
        if cursor.history_block != cursor.final_block:
            found.append(f"history is checked up to {cursor.history_block} of {cursor.final_block}")
        return found

    async def answers(self, timeout_s: float = 20.0, *, unless: Child | None = None) -> None:
        """Return once the api answers, or `unless` has died. Raises Broken."""
        for _ in range(int(timeout_s / 0.02)):
            if await self.api.is_well() or (unless is not None and not unless.running):
                return
            await asyncio.sleep(0.02)
        raise Broken(f"the api does not answer:\n{self.base.processes.tail('api')}")

    async def stuck(self) -> list[str]:
        """What is not done yet, in words."""
        found = []
        for name in SERVICES:
            child = self.base.processes.children[name]
            if not child.running:
                raise Broken(f"{name} ended by itself with {child.exit_code}:\n{self.base.processes.tail(name)}")
        found += await self.lag()
        halted = await self.value("SELECT halted_reason FROM chains WHERE id = :c", c=self.base.chain_key)
        if halted is not None:
            raise Broken(f"the chain is halted: {halted}")
        waiting = await self.value("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        if waiting:
            found.append(f"{waiting} events wait in the outbox")
        queued = await self.value("SELECT count(*) FROM leaderboard_queue")
        if queued:
            found.append(f"{queued} movements wait for the week and month boards")
        found += [
            f"claim {row.id} of 0x{row.tx_hash.hex()} is {row.state}"
            for row in await self.rows(
                "SELECT id, tx_hash, state FROM trade_submissions WHERE state = ANY(:open)", open=list(_OPEN_STATES)
            )
        ]
        if not await self.api.is_well():
            found.append("the api does not answer")
        return found


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """A fresh world whose processes run and have caught up."""
    async with ground() as base:
        world = World(base)
        try:
            for name in SERVICES:
                base.processes.start(name)
            base.chain.mine(FINALITY_DEPTH)
            await world.caught_up(120)
            yield world
        finally:
            await world.api.close()
