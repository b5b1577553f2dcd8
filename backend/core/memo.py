# SPDX-License-Identifier: Apache-2.0
"""Keeps an answer for a moment and computes it once, however many ask: for figures that may be a second old."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """Answers by key, each for `seconds`; at most `size` of them, the oldest go first."""

    def __init__(self, *, seconds: float, size: int = 1000) -> None:
        self._seconds = seconds
        self._size = size
        self._held: OrderedDict[Hashable, tuple[float, asyncio.Future[T]]] = OrderedDict()

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[T]]) -> T:
        """The answer for `key`; a failed computation is raised to all who waited and not kept."""
        until, answer = self._held.get(key, (0.0, None))
        if answer is None or (answer.done() and monotonic() >= until):
            answer = asyncio.ensure_future(compute())
            self._held[key] = (monotonic() + self._seconds, answer)
            self._held.move_to_end(key)
            while len(self._held) > self._size:
                self._held.popitem(last=False)
        try:
            return await asyncio.shield(answer)
        except Exception:
            if self._held.get(key, (0.0, None))[1] is answer:
                del self._held[key]
            raise
