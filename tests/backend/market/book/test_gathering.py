# SPDX-License-Identifier: Apache-2.0
"""Orders gather while a group is on its way: they join it as long as it waits for its lock, and no longer."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from backend.market.book import engine as engines
from backend.market.book import queries
from tests.support.square import Square


async def _settled(task: asyncio.Task[None]) -> bool:
    """Whether a task ends without anything else having to happen."""
    for _ in range(20):
        await asyncio.sleep(0)
    return task.done()


async def test_place__lock_held_by_another_process__who_comes_meanwhile_joins_the_same_transaction(
    square: Square,
) -> None:
    engine = square.engine()
    await square.sell(engine, 1)
    async with square.db.begin() as session:
        await queries.lock_books(session, [square.key])
        first = asyncio.ensure_future(square.buy(engine, 2, energy_wh=400))
        while not await _is_waited_for(square):
            pass
        await asyncio.wait_for(engine.ready(), 10)
        second = asyncio.ensure_future(square.buy(engine, 3, energy_wh=400))

    placed = await asyncio.gather(first, second)

    rows = await square.rows("SELECT xmin::text AS wrote FROM orders WHERE is_bid")
    assert [order.version for order in placed] == [2, 3]
    assert len({row.wrote for row in rows}) == 1


async def test_ready__a_group_is_being_written_and_another_waits__returns_once_that_is_taken(
    square: Square, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = square.engine()
    matched, go_on = asyncio.Event(), asyncio.Event()

    async def pause(name: str) -> None:
        if name == "book.after_match":
            matched.set()
            await go_on.wait()

    monkeypatch.setattr(engines, "failpoint", pause)
    first = asyncio.ensure_future(square.sell(engine, 1))
    await matched.wait()
    await asyncio.wait_for(engine.ready(), 10)
    second = asyncio.ensure_future(square.sell(engine, 2))
    await asyncio.sleep(0)
    ready = asyncio.ensure_future(engine.ready())

    early = await _settled(ready)
    go_on.set()
    await asyncio.gather(first, second, ready)

    assert not early


async def _is_waited_for(square: Square) -> bool:
    """Whether a transaction waits for a lock."""
    async with square.db.begin() as session:
        waiting = await session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        return bool(waiting.scalar_one())
