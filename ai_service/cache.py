# SPDX-License-Identifier: Apache-2.0
"""Answers kept in Redis for a while. A cold key is computed once by one process; without Redis each one computes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import orjson
import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

LOCK_S = 30
POLL_S = 0.02
HELD_S = 1.0  # in this process, so that a hot answer costs no exchange with Redis
HELD = 2_000
HELD_BYTES = 100_000
_AWAY = (RedisError, OSError, TimeoutError)
ANSWERS = Counter("gridx_ai_cached_answers_total", "Answers by where they came from", ("kind", "source"))


def key_of(kind: str, asked: Any) -> str:
    """The key of a question: its kind and a hash of its JSON, in which order does not count."""
    text = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)
    return f"gridx:ai:{kind}:{hashlib.sha256(text).hexdigest()}"


class Cache:
    """`answer(...)` gives the bytes kept for a key, or computes and keeps them. Errors are never kept."""

    def __init__(self, redis: Redis[bytes]) -> None:
        self._redis = redis
        self._running: dict[str, asyncio.Task[bytes]] = {}
        self._held: dict[str, tuple[float, bytes]] = {}

    async def answer(self, kind: str, asked: Any, *, ttl_s: int, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        """The answer to `asked`; raises what `compute` raises."""
        key = key_of(kind, asked)
        held = self._held.get(key)
        if held is not None and monotonic() < held[0]:
            ANSWERS.labels(kind, "memory").inc()
            return held[1]
        kept = await self._get(key)
        if kept is not None:
            ANSWERS.labels(kind, "cache").inc()
            self._hold(key, kept, ttl_s)
            return kept
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._compute(kind, key, ttl_s, compute))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)

    def _hold(self, key: str, answer: bytes, ttl_s: int) -> None:
        if len(answer) <= HELD_BYTES:
            if len(self._held) >= HELD:
                self._held.clear()
            self._held[key] = (monotonic() + min(HELD_S, ttl_s), answer)

    async def _compute(self, kind: str, key: str, ttl_s: int, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        lock = f"{key}:lock"
        mine = await self._lock(lock)
        if not mine:
            other = await self._wait(key, lock)
            if other is not None:
                ANSWERS.labels(kind, "other process").inc()
                return other
        try:
            found = await compute()
            ANSWERS.labels(kind, "computed").inc()
            await self._keep(key, found, ttl_s)
            return found
        finally:
            if mine:
                await self._release(lock)

    async def _wait(self, key: str, lock: str) -> bytes | None:
        """What another process computes; None when it gave up."""
        for _ in range(int(LOCK_S / POLL_S)):
            await asyncio.sleep(POLL_S)
            kept = await self._get(key)
            if kept is not None:
                return kept
            try:
                if not await self._redis.exists(lock):
                    return await self._get(key)
            except _AWAY:
                return None
        return None

    async def _get(self, key: str) -> bytes | None:
        try:
            return await self._redis.get(key)
        except _AWAY as error:
            log.warning("cache.unavailable", error=str(error))
            return None

    async def _lock(self, lock: str) -> bool:
        try:
            return bool(await self._redis.set(lock, b"1", nx=True, ex=LOCK_S))
        except _AWAY:
            return True

    async def _keep(self, key: str, found: bytes, ttl_s: int) -> None:
        try:
            await self._redis.set(key, found, ex=ttl_s)
        except _AWAY as error:
            log.warning("cache.unavailable", error=str(error))

    async def _release(self, lock: str) -> None:
        try:
            await self._redis.delete(lock)
        except _AWAY:
            log.warning("cache.lock_left", lock=lock, ends_in_s=LOCK_S)
