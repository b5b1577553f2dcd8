# SPDX-License-Identifier: Apache-2.0
"""The periodic run: what every open island needs done, one step after the other. Any step may be repeated."""

from datetime import datetime

import structlog

from backend.core.db import Database
from backend.core.errors import Refusal
from backend.market.islands import capping, declaring, queries
from backend.market.islands.allocating import AT_ONCE, allocate_due
from backend.market.islands.queueing import queue_intents, report_conflicts, watch_chain
from backend.market.islands.types import Island

FAILPOINTS = (
    "islands.declare.before_commit",
    "islands.end.before_commit",
    "islands.allocate.before_commit",
    "islands.queue.before_commit",
)
log = structlog.get_logger()


async def run_islands(db: Database, *, now: datetime) -> int:
    """Look after every island that is open or whose intents are not all at their end; returns how many.

    What goes wrong on one island keeps no other waiting: a refusal is logged, the first bug raised when all had a turn.
    """
    async with db.begin() as session:
        found = await queries.unfinished_islands(session, now)
    bugs: list[Exception] = []
    for island in found:
        try:
            await _run(db, island, now)
        except Refusal as refusal:
            log.warning("island.waiting", island=str(island.id), why=str(refusal))
        except Exception as bug:
            bugs.append(bug)
    if bugs:
        raise bugs[0]
    return len(found)


async def _run(db: Database, island: Island, now: datetime) -> None:
    away = await watch_chain(db, island, now=now)
    allocated = 0
    if island.starts_at <= now:
        await queue_intents(db, island, away=away, now=now)
    await report_conflicts(db, island, now=now)
    if island.starts_at <= now:
        allocated = await allocate_due(db, island, now=now)
    if island.closed_at is not None:
        return
    async with db.begin() as session:
        await queries.lock_community(session, island.community)
        locked = await queries.island(session, island.id, lock=True)
        if locked is None or locked.closed_at is not None:
            return
        if allocated == AT_ONCE or not await declaring.expire(session, locked, now):  # open while there is more to do
            await capping.close_above_cap(session, locked, now)
