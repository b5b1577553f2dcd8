# SPDX-License-Identifier: Apache-2.0
"""The relay: events leave in their order, each with its number, whatever dies in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import orjson
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from backend.carbon import service as carbon
from backend.core import outbox
from backend.core.db import Database
from backend.core.redis import connect
from backend.worker import relay as relaying
from backend.worker.relay import Relay


@dataclass(frozen=True, slots=True)
class Happened(outbox.Event):
    """An event of this test."""

    topic: ClassVar[str] = "tests"
    name: ClassVar[str] = "tests.happened.v1"
    number: int


async def _add(db: Database, *numbers: int) -> None:
    async with db.begin() as session:
        await outbox.add(session, *(Happened(number) for number in numbers))


async def _published(redis: Redis[bytes]) -> list[tuple[int, int]]:
    entries = await redis.xrange("gridx:events:tests")
    events = [orjson.loads(fields[b"event"]) for _, fields in entries]
    return [(event["sequence"], event["data"]["number"]) for event in events]


@pytest.fixture
def redis(redis_url: str) -> Redis[bytes]:
    return connect(redis_url)


async def test_publish_some__several_transactions__numbers_without_gaps(
    service_db: Database, redis: Redis[bytes]
) -> None:
    relay = Relay(service_db, redis)
    for number in range(5):
        await _add(service_db, number)

    first = await relay.publish_some()
    await _add(service_db, 5, 6)
    second = await relay.publish_some()

    assert (first, second) == (5, 2)
    published = await _published(redis)
    assert [sequence for sequence, _ in published] == [1, 2, 3, 4, 5, 6, 7]
    assert sorted(number for _, number in published) == list(range(7))


async def test_publish_some__committed_in_reverse_order_of_insert__loses_nothing(
    service_db: Database, redis: Redis[bytes]
) -> None:
    relay = Relay(service_db, redis)
    async with service_db.begin() as earlier:
        await outbox.add(earlier, Happened(1))
        await _add(service_db, 2)
        await relay.publish_some()
    await relay.publish_some()

    assert await _published(redis) == [(1, 2), (2, 1)]


async def test_publish_some__died_after_numbering__keeps_the_numbers(service_db: Database, redis: Redis[bytes]) -> None:
    away = Relay(service_db, connect("redis://127.0.0.1:9/0"))
    await _add(service_db, 1, 2)
    before = await away.publish_some()
    await _add(service_db, 3)

    await Relay(service_db, redis).publish_some()

    assert before == 0
    published = await _published(redis)
    assert [sequence for sequence, _ in published] == [1, 2, 3]
    assert published[2][1] == 3


async def test_run__two_relays__one_works_and_the_other_takes_over(service_db: Database, redis: Redis[bytes]) -> None:
    stops = [asyncio.Event(), asyncio.Event()]
    tasks = [asyncio.create_task(Relay(service_db, redis).run(stop)) for stop in stops]
    await _add(service_db, 1)
    await _wait_for(redis, 1)

    stops[0].set()
    await tasks[0]
    await _add(service_db, 2)
    await _wait_for(redis, 2)
    stops[1].set()
    await tasks[1]

    assert [sequence for sequence, _ in await _published(redis)] == [1, 2]


async def test_run__two_relays__only_the_one_that_works_announces_boards(
    service_db: Database, redis: Redis[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: asyncio.Queue[carbon.Announcer] = asyncio.Queue()

    async def noted(self: carbon.Announcer, db: Database, now: datetime, *, moved: bool) -> int:
        announced.put_nowait(self)
        return 0

    async def three_more() -> set[int]:
        while not announced.empty():
            announced.get_nowait()
        async with asyncio.timeout(10):
            return {id(await announced.get()) for _ in range(3)}

    monkeypatch.setattr(carbon.Announcer, "announce", noted)
    monkeypatch.setattr(relaying, "BOARDS_EVERY_S", 0.02)
    stops = [asyncio.Event(), asyncio.Event()]
    tasks = [asyncio.create_task(Relay(service_db, redis).run(stop)) for stop in stops]

    first = await three_more()
    stops[0].set()
    await tasks[0]
    second = await three_more()
    stops[1].set()
    await tasks[1]

    assert (len(first), len(second)) == (1, 1)


async def test_run__a_bug_in_the_boards__ends_the_relay(
    service_db: Database, redis: Redis[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refresh(db: Database) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(carbon, "refresh_boards", refresh)

    with pytest.raises(ExceptionGroup) as ended:
        async with asyncio.timeout(10):
            await Relay(service_db, redis).run(asyncio.Event())

    assert ended.group_contains(ZeroDivisionError)


async def test_add__rolled_back__announces_nothing(service_db: Database, redis: Redis[bytes]) -> None:
    async def fail() -> None:
        async with service_db.begin() as session:
            await outbox.add(session, Happened(1))
            raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError):
        await fail()

    assert await Relay(service_db, redis).publish_some() == 0
    async with service_db.begin() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox")) == 0


async def _wait_for(redis: Redis[bytes], count: int) -> None:
    for _ in range(100):
        if len(await _published(redis)) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{count} events were not published")
