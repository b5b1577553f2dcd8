# SPDX-License-Identifier: Apache-2.0
"""Listens to Redis for the hub. While Redis is away the hub reads PostgreSQL every two seconds and nothing is lost."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.core.db import DATABASE_ERRORS
from backend.live.hub import CHANNELS, Hub
from backend.live.types import LiveEvent

log = structlog.get_logger()

CHANNEL = "gridx:live:"
_CANCEL_AGAIN_S = 0.5
_RETRY_S = 0.5
_SILENCE_S = 5.0


class Feed:
    """Opens the hub as soon as PostgreSQL answers, then brings it what Redis publishes."""

    def __init__(self, hub: Hub, redis: "Redis[bytes]") -> None:
        self._hub = hub
        self._redis = redis
        self._away = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Work in the background until `stop`."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop listening and close the hub."""
        if self._task is not None:
            await end(self._task)
        await self._hub.close()

    async def _run(self) -> None:
        while not self._hub.is_open:
            try:
                await self._hub.open()
            except DATABASE_ERRORS as error:
                log.warning("live.waiting", why=str(error)[:300])
                await asyncio.sleep(_RETRY_S)
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                self._note_away(error)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as channels:
            await channels.subscribe(*(CHANNEL + name for name in CHANNELS))
            asked = False
            while True:
                message = await channels.get_message(timeout=_SILENCE_S)
                if message is None:
                    if asked:
                        raise ConnectionError(f"Redis has not answered for {_SILENCE_S:.0f} s")
                    asked = True
                    await channels.ping()
                    continue
                asked = False
                if message["type"] == "subscribe":
                    self._note_back()
                elif message["type"] == "message":
                    self._take(message["data"])

    def _take(self, data: bytes) -> None:
        try:
            self._hub.take(read_event(data))
        except (KeyError, TypeError, ValueError):
            log.exception("live.unreadable")
            self._hub.ask_refill()  # PostgreSQL has it as it was meant

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            log.warning("live.redis_away", error=str(error)[:300])
            self._hub.tell("live.delayed", "Live events come up to two seconds late for now; none is lost")
        self._away = True

    def _note_back(self) -> None:
        """Subscribed, perhaps again: what was published before that is in PostgreSQL."""
        self._hub.ask_refill()
        if self._away:
            log.info("live.redis_back")
            self._hub.tell("live.restored", "Live events come at once again")
        self._away = False


async def end(task: "asyncio.Task[None]") -> None:
    """Cancel a task until it has ended: a cancellation that meets the end of a library's own wait can get lost there
    (`asyncio.wait_for` before Python 3.12)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CANCEL_AGAIN_S)


def read_event(data: bytes) -> LiveEvent:
    """An event as the relay publishes it."""
    said: dict[str, Any] = orjson.loads(data)
    audience, audience_org = said.get("audience"), said.get("audienceOrg")
    return LiveEvent(
        topic=said["topic"],
        sequence=said["sequence"],
        name=said["name"],
        at=datetime.fromisoformat(said["at"]),
        payload=orjson.dumps(said["data"]),
        audience=UUID(audience) if audience else None,
        audience_org=UUID(audience_org) if audience_org else None,
    )
