# SPDX-License-Identifier: Apache-2.0
"""A process that does one thing for an island and dies at a named place; forked from one that imported everything."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from backend.core import failpoints
from backend.core.db import Actor, Database
from backend.market.islands import service
from backend.market.islands.documents import Declaration, Ending

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


async def declare(db: Database, declaration: Declaration, signature: bytes, actor: Actor, now: datetime) -> None:
    """Declare an island."""
    await service.declare(db, declaration, signature, actor=actor, call_contract=None, now=now)


async def end(db: Database, island_id: UUID, ending: Ending, signature: bytes, actor: Actor, now: datetime) -> None:
    """End an island."""
    await service.end(db, island_id, ending, signature, actor=actor, call_contract=None, now=now)


async def run_islands(db: Database, now: datetime) -> None:
    """The periodic run."""
    await service.run_islands(db, now=now)


async def _work(database_url: str, verb: Callable[..., Awaitable[object]], arguments: tuple[object, ...]) -> None:
    db = Database(database_url, pool_size=2)
    await verb(db, *arguments)
    await db.close()


def _run(failpoint: str, database_url: str, verb: Callable[..., Awaitable[object]], *arguments: object) -> None:
    failpoints._armed[failpoint] = 1
    asyncio.run(_work(database_url, verb, arguments))


async def killed_at(
    failpoint: str, database_url: str, verb: Callable[..., Awaitable[object]], *arguments: object
) -> int | None:
    """Exit code of a process that calls `verb(db, *arguments)` with `failpoint` armed."""
    process = _context.Process(target=_run, args=(failpoint, database_url, verb, *arguments))
    process.start()
    await asyncio.to_thread(process.join, 20)
    return process.exitcode
