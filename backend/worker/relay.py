# SPDX-License-Identifier: Apache-2.0
"""Moves events from the outbox to Redis, and keeps the week and month boards up to date.

The relay alone numbers events, per topic and as it publishes: row ids become visible out of order, numbers do not. A
number is committed before its event is published, so that an event keeps its number when the relay dies in between;
readers drop what they have seen. Redis away: events wait in PostgreSQL.
"""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.carbon import service as carbon
from backend.core.clock import utc_now
from backend.core.db import DATABASE_ERRORS, Database, raw
from backend.core.failpoints import failpoint
from backend.worker.handlers import dispatch

log = structlog.get_logger()

FAILPOINTS = ("relay.after_number", "relay.after_publish", "relay.after_mark")
RELAY_LOCK = 0x47520003
STREAM_LENGTH = 200_000
POLL_S = 1.0
BOARDS_EVERY_S = 0.5
_BATCH = 500
REDIS_AWAY = (RedisError, OSError, RuntimeError)  # uvloop says RuntimeError of a connection that has just been closed

_NUMBER = """
WITH waiting AS (
    SELECT id, topic, row_number() OVER (PARTITION BY topic ORDER BY created_at, id) AS place FROM (
        SELECT id, topic, created_at FROM outbox WHERE published_at IS NULL AND sequence IS NULL
        ORDER BY created_at, id LIMIT $1) AS oldest
), counted AS (
    INSERT INTO outbox_topics AS held (topic, last_sequence) SELECT topic, count(*) FROM waiting GROUP BY topic
    ON CONFLICT (topic) DO UPDATE SET last_sequence = held.last_sequence + excluded.last_sequence
    RETURNING topic, last_sequence
)
UPDATE outbox SET sequence = counted.last_sequence - (SELECT count(*) FROM waiting w WHERE w.topic = waiting.topic)
    + waiting.place
FROM waiting JOIN counted USING (topic) WHERE outbox.id = waiting.id
"""
_NUMBERED = """
SELECT id, topic, name, payload::text AS payload, sequence, created_at, audience::text, audience_org::text FROM outbox
WHERE published_at IS NULL AND sequence IS NOT NULL ORDER BY topic, sequence LIMIT $1
"""
_MARK = "UPDATE outbox SET published_at = now() WHERE id = ANY($1::uuid[])"


class Relay:
    """One relay works at a time (a session lock); others stand by."""

    def __init__(self, db: Database, redis: "Redis[bytes]") -> None:
        self._db = db
        self._redis = redis
        self._wake = asyncio.Event()
        self._leads = False

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set; failures of PostgreSQL or Redis are waited out, a bug of either part ends both."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_boards(stop))
            tasks.create_task(self._keep_relaying(stop))

    async def _keep_relaying(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._lead(stop)
            except DATABASE_ERRORS as error:
                log.warning("relay.waiting", error=str(error))
                await pause(stop, POLL_S)

    async def _lead(self, stop: asyncio.Event) -> None:
        connection = await self._db.connect_direct()
        try:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK):
                await pause(stop, POLL_S)
                return
            await connection.add_listener("gridx_outbox", lambda *_: self._wake.set())
            self._leads = True
            while not stop.is_set():
                await connection.fetchval("SELECT 1")  # the lock lives as long as this connection
                if not await self.publish_some():
                    await pause(self._wake, POLL_S)
                self._wake.clear()
        finally:
            self._leads = False
            await connection.close()

    async def publish_some(self) -> int:
        """Number and publish what waits, a batch at most; returns how many were published."""
        async with self._db.begin() as session:
            await (await raw(session)).execute(_NUMBER, _BATCH)
        await failpoint("relay.after_number")
        async with self._db.begin() as session:
            rows = await (await raw(session)).fetch(_NUMBERED, _BATCH)
        if not rows:
            return 0
        try:
            await self._publish(rows)
        except REDIS_AWAY as error:
            log.warning("relay.redis_away", error=str(error), waiting=len(rows))
            await asyncio.sleep(POLL_S)
            return 0
        await failpoint("relay.after_publish")
        async with self._db.begin() as session:
            await (await raw(session)).execute(_MARK, [row["id"] for row in rows])
        await failpoint("relay.after_mark")
        return len(rows)

    async def _publish(self, rows: list[Any]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for row in rows:
                message = orjson.dumps(
                    {
                        "topic": row["topic"],
                        "sequence": row["sequence"],
                        "name": row["name"],
                        "at": row["created_at"],
                        "audience": row["audience"],
                        "audienceOrg": row["audience_org"],
                        "data": orjson.Fragment(row["payload"]),
                    }
                )
                pipe.xadd(f"gridx:events:{row['topic']}", {"event": message}, maxlen=STREAM_LENGTH, approximate=True)
                pipe.publish(f"gridx:live:{row['topic']}", message)
            await pipe.execute()
        await asyncio.to_thread(dispatch, [(row["name"], row["payload"]) for row in rows])

    async def _keep_boards(self, stop: asyncio.Event) -> None:
        announcer = carbon.Announcer()
        while not stop.is_set():
            try:
                if self._leads:
                    moved = await carbon.refresh_boards(self._db)
                    await announcer.announce(self._db, utc_now(), moved=moved > 0)
            except DATABASE_ERRORS as error:
                log.warning("boards.waiting", error=str(error))
            await pause(stop, BOARDS_EVERY_S)


async def pause(until: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or until the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()
