# SPDX-License-Identifier: Apache-2.0
"""Follows one chain: what is confirmed is recorded, what is lost is undone, what is final is never touched again.

One follower a chain (a session lock in PostgreSQL). Each batch of blocks, with all that the projector makes of it and
the cursor, is one transaction under the recorder lock; so every moment is a safe moment to die.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg
import structlog

from backend.chain import metrics, queries
from backend.chain.errors import BlockSuperseded, ChainUnknown, RpcGarbage
from backend.chain.forks import another_node_agrees, contradiction, find_ancestor
from backend.chain.heads import watch_heads
from backend.chain.identity import Likeness, identify_any
from backend.chain.reader import Reader, Tip
from backend.chain.recording import advance, rewind, settle
from backend.chain.rpc import RpcClient
from backend.chain.safety import HistoryCheck, check_history, halt
from backend.chain.types import Block, Chain, Cursor, Projector
from backend.core.clock import utc_now
from backend.core.db import DATABASE_ERRORS, Database
from backend.core.errors import Unavailable
from backend.core.failpoints import failpoint

FAILPOINTS = (
    "follower.after_tip",
    "follower.after_headers",
    "reader.after_receipts",
    "follower.after_agreement",
    "follower.before_begin",
    "follower.after_lock",
    "follower.before_orphan",
    "follower.after_orphan",
    "follower.after_blocks",
    "follower.after_events",
    "follower.after_apply",
    "follower.after_cursor",
    "follower.after_finalise",
    "follower.before_commit",
    "follower.after_commit",
    "follower.after_ancestor",
    "follower.after_rewind",
    "follower.before_rewind_commit",
    "follower.after_rewind_commit",
    "follower.after_history",
)
_log = structlog.get_logger()


class Step(StrEnum):
    """What one look at the chain came to."""

    IDLE = "idle"  # nothing new
    ADVANCED = "advanced"
    REWOUND = "rewound"
    WAITING = "waiting"  # the node is behind us
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class FollowerOptions:
    """How to follow. `second_node`: blocks count only when another node agrees. `ws_url`: hints of new heads."""

    poll_interval_s: float = 0.5
    finality_depth: int | None = None
    second_node: bool = False
    ws_url: str | None = None
    logs_per_transaction: int = 2000
    blocks_per_transaction: int = 500
    headers_per_request: int = 100
    heartbeat_s: float = 5.0
    max_pause_s: float = 15.0


class Follower:
    """Follows `chain_key` of `db` (as gridx_service) through `rpc`. `now` reads the clock."""

    def __init__(
        self,
        db: Database,
        rpc: RpcClient,
        chain_key: int,
        projector: Projector,
        options: FollowerOptions | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.db = db
        self.rpc = rpc
        self.chain_key = chain_key
        self.projector = projector
        self.options = options or FollowerOptions()
        self._now = now
        self._lock: asyncpg.Connection | None = None
        self._is_identified = False
        self._said: tuple[int, str | None] | None = None
        self._said_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set. Failures of nodes or of the database are waited out with growing pauses."""
        wake = asyncio.Event()
        hints = asyncio.create_task(watch_heads(self.options.ws_url, wake)) if self.options.ws_url else None
        pause_s = self.options.poll_interval_s
        try:
            while not stop.is_set():
                try:
                    step = await self._locked_step()
                    pause_s = self.options.poll_interval_s
                    if step in (Step.ADVANCED, Step.REWOUND):
                        continue
                    if step is Step.HALTED:
                        pause_s = max(pause_s, 2.0)
                except Exception as error:  # the follower never stops: whatever failed is reported and tried again
                    pause_s = min(max(pause_s * 2, 0.2), self.options.max_pause_s)
                    await self._report(error, pause_s)
                await _first_of(stop, wake, timeout_s=pause_s)
                wake.clear()
        finally:
            if hints is not None:
                hints.cancel()
                await asyncio.gather(hints, return_exceptions=True)
            await self.release()

    async def release(self) -> None:
        """Give up the session lock, so that another follower can take over."""
        if self._lock is not None and not self._lock.is_closed():
            with suppress(*DATABASE_ERRORS):
                await self._lock.close(timeout=2)
        self._lock = None

    async def step(self) -> Step:
        """Look at the chain once and record what can be recorded. Raises what the node or the database raised."""
        chain, cursor = await self._load()
        metrics.HALTED.labels(chain.id).set(chain.halted_reason is not None)
        if chain.halted_reason is not None:
            self._is_identified = False
            return Step.HALTED
        self.rpc.expect(chain.chain_id)
        reader = Reader(self.rpc, chain, finality_depth=self.options.finality_depth)
        tip = await reader.tip([cursor.next_block - 1])
        await failpoint("follower.after_tip")
        if not self._is_identified or tip.head.number < cursor.head_block:
            verdict = await identify_any(self.rpc, chain)
            if verdict.likeness is Likeness.CHANGED:
                return await self._halt(chain, verdict.explanation)
            self._is_identified = verdict.likeness is Likeness.SAME
            if not self._is_identified:
                return await self._wait(chain, tip, verdict.explanation)
            if tip.node is not self.rpc.preferred():
                return Step.WAITING  # the node that was asked is shunned now: look again through another
        held = tip.at[cursor.next_block - 1]
        if held is None:
            self.rpc.shun()
            return await self._wait(chain, tip, f"The node lags behind: it does not know block {cursor.next_block - 1}")
        if held.hash != cursor.last_hash:
            return await self._follow_fork(reader, cursor, tip)
        return await self._advance(reader, cursor, tip)

    # --- going on ---------------------------------------------------------------------------------------------------

    async def _advance(self, reader: Reader, cursor: Cursor, tip: Tip) -> Step:
        chain = reader.chain
        target = tip.final if chain.confirmations is None else tip.head.number - chain.confirmations + 1
        target = -1 if target is None else target
        self._measure(chain, tip, cursor.next_block - 1, target)
        batches: asyncio.Queue[list[Block] | None] = asyncio.Queue(maxsize=2)
        producer = asyncio.create_task(self._produce(reader, cursor, target, batches))
        step = Step.IDLE
        try:
            while (batch := await batches.get()) is not None:
                await self._commit(reader, batch, tip)
                step = Step.ADVANCED
                self._measure(chain, tip, batch[-1].header.number, target)
            await producer
        except RpcGarbage:
            self.rpc.shun()
            raise
        finally:
            producer.cancel()
            await asyncio.gather(producer, return_exceptions=True)
        if step is Step.IDLE and tip.final is not None and min(tip.final, cursor.next_block - 1) > cursor.final_block:
            await self._settle(chain, tip.final)
        await self._say(chain, tip, None)
        if await self._check_history(reader) is HistoryCheck.DIFFERS:
            return Step.HALTED
        return step

    async def _produce(
        self, reader: Reader, cursor: Cursor, target: int, batches: asyncio.Queue[list[Block] | None]
    ) -> None:
        """Read ahead while the database commits; at most two batches wait. None marks the end, also after a failure."""
        try:
            batch: list[Block] = []
            logs = 0
            async for block in self._read(reader, cursor, target):
                batch.append(block)
                logs += len(block.logs)
                if logs >= self.options.logs_per_transaction or len(batch) >= self.options.blocks_per_transaction:
                    await batches.put(batch)
                    batch, logs = [], 0
            if batch:
                await batches.put(batch)
        except Exception:
            await batches.put(None)
            raise
        await batches.put(None)  # never when cancelled: nobody takes from a full queue then

    async def _read(self, reader: Reader, cursor: Cursor, target: int) -> AsyncIterator[Block]:
        number, parent = cursor.next_block, cursor.last_hash
        while number <= target:
            last = min(number + self.options.headers_per_request - 1, target)
            headers = await reader.headers(number, last, parent=parent)
            await failpoint("follower.after_headers")
            for group in reader.groups(headers):
                for block in await reader.with_logs(group):
                    yield block
            if len(headers) < last - number + 1:
                return
            number, parent = last + 1, headers[-1].hash

    async def _commit(self, reader: Reader, batch: Sequence[Block], tip: Tip) -> None:
        if self.options.second_node:
            await reader.check_agreement(batch[-1].header)
            await failpoint("follower.after_agreement")
        ahead: dict[bytes, bool] = {}
        for _ in range(5):
            await failpoint("follower.before_begin")
            async with self.db.begin() as session:
                await queries.lock_recorder(session, reader.chain.id)
                await failpoint("follower.after_lock")
                unknown = await advance(
                    session, reader.chain, batch, self.projector, self._now(), ahead=ahead, final=tip.final
                )
                await failpoint("follower.before_commit")
            if not unknown:
                await failpoint("follower.after_commit")
                return
            ahead |= await self._blocks_ahead(reader, batch[-1].header.number)
        raise BlockSuperseded("Posted trades keep arriving for blocks that are not known yet")

    async def _blocks_ahead(self, reader: Reader, above: int) -> dict[bytes, bool]:
        """Blocks over `above` of which a poster recorded logs: is each canonical now?"""
        async with self.db.begin() as session:
            blocks = await queries.blocks_with_events(session, reader.chain.id, above)
        if not blocks:
            return {}
        tip = await reader.tip(sorted({number for number, _ in blocks}))
        found = {number: header.hash for number, header in tip.at.items() if header is not None}
        return {block_hash: found.get(number) == block_hash for number, block_hash in blocks}

    async def _settle(self, chain: Chain, final: int) -> None:
        async with self.db.begin() as session:
            await queries.lock_recorder(session, chain.id)
            await settle(session, chain, self.projector, self._now(), final=final)
            await failpoint("follower.before_commit")
        await failpoint("follower.after_commit")

    async def _check_history(self, reader: Reader) -> HistoryCheck:
        check, explanation = await check_history(self.db, reader, now=self._now())
        await failpoint("follower.after_history")
        if check is HistoryCheck.DIFFERS:
            await self._halt(reader.chain, explanation)
        return check

    # --- another fork -----------------------------------------------------------------------------------------------

    async def _follow_fork(self, reader: Reader, cursor: Cursor, tip: Tip) -> Step:
        chain = reader.chain
        ancestor = await find_ancestor(self.db, reader, cursor, at_once=self.options.headers_per_request)
        await failpoint("follower.after_ancestor")
        if ancestor is None:
            if await another_node_agrees(reader, cursor):
                self.rpc.shun(tip.node, seconds=30)
                return await self._wait(chain, tip, "A node contradicts what is final; another node is asked")
            return await self._halt(chain, contradiction(cursor))
        ahead = await self._blocks_ahead(reader, ancestor[0])
        keep = {block_hash for block_hash, is_canonical in ahead.items() if is_canonical}
        async with self.db.begin() as session:
            await queries.lock_recorder(session, chain.id)
            undone = await rewind(
                session, chain, self.projector, self._now(), ancestor=ancestor[0], ancestor_hash=ancestor[1], keep=keep
            )
            await failpoint("follower.before_rewind_commit")
        await failpoint("follower.after_rewind_commit")
        metrics.REORGS.labels(chain.id).inc()
        _log.warning("chain.reorganised", ancestor=ancestor[0], cursor=cursor.next_block - 1, logs_undone=undone)
        return Step.REWOUND

    # --- saying where we are ----------------------------------------------------------------------------------------

    async def _locked_step(self) -> Step:
        if self._lock is None or self._lock.is_closed():
            connection = await self.db.connect_direct()
            self._lock = connection
            keys = (queries.FOLLOWER_LOCK, self.chain_key)
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1::int, $2::int)", *keys):
                await self.release()  # another follower is at work; this one stands by
                return Step.WAITING
        return await self.step()

    async def _load(self) -> tuple[Chain, Cursor]:
        async with self.db.begin() as session:
            chain = await queries.find_chain(session, self.chain_key)
            if chain is None:
                raise ChainUnknown(chain=self.chain_key)
            return chain, await queries.get_cursor(session, chain.id)

    async def _wait(self, chain: Chain, tip: Tip, note: str) -> Step:
        await self._say(chain, tip, note)
        return Step.WAITING

    async def _halt(self, chain: Chain, reason: str) -> Step:
        await halt(self.db, chain, reason, now=self._now())
        return Step.HALTED

    async def _say(self, chain: Chain, tip: Tip, note: str | None) -> None:
        """Store head and note when they changed, or as a sign of life."""
        moment = asyncio.get_running_loop().time()
        said = (tip.head.number, note)
        if said == self._said and moment - self._said_at < self.options.heartbeat_s:
            return
        async with self.db.begin() as session:
            now = self._now()
            await queries.say(session, chain.id, head=tip.head.number, note=note, now=now)
        if note is not None and (self._said is None or self._said[1] != note):
            _log.warning("chain.waiting", note=note)
        self._said, self._said_at = said, moment

    def _measure(self, chain: Chain, tip: Tip, indexed: int, target: int) -> None:
        metrics.HEAD_BLOCK.labels(chain.id).set(tip.head.number)
        metrics.INDEXED_BLOCK.labels(chain.id).set(indexed)
        metrics.LAG_BLOCKS.labels(chain.id).set(max(0, target - indexed))
        if tip.final is not None:
            metrics.FINAL_BLOCK.labels(chain.id).set(min(tip.final, indexed))

    async def _report(self, error: Exception, pause_s: float) -> None:
        expected = isinstance(error, (Unavailable, *DATABASE_ERRORS))
        _log.warning("chain.step_failed", why=str(error)[:300], retry_s=pause_s, exc_info=None if expected else error)
        self._said = None
        with suppress(Exception):  # the database itself may be what is away
            async with self.db.begin() as session:
                await queries.say(session, self.chain_key, head=None, note=str(error)[:300], now=self._now())


async def _first_of(*events: asyncio.Event, timeout_s: float) -> None:
    """Return when one of `events` is set or the time is up."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
