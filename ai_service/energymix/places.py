# SPDX-License-Identifier: Apache-2.0
"""Places at the solver: few programmes are solved at a time, and nobody takes all places."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from ai_service.energymix.errors import MixBusy, MixesUnderWay

T = TypeVar("T")
AT_ONCE = 2  # programmes, for that takes processor time
EACH = 1  # of one user, solved or waited for: fewer than there are places
WAIT_S = 10.0  # for a place


class Places:
    """See the module."""

    def __init__(self, at_once: int = AT_ONCE, *, each: int = EACH, wait_s: float = WAIT_S) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._each, self._wait_s = each, wait_s
        self._held: Counter[str] = Counter()

    async def solve(self, user_id: str, work: Callable[[], T]) -> T:
        """What `work` answers, in a thread. A place is taken until it ends, also when its asker has left.

        Raises MixesUnderWay, MixBusy, and what `work` raises.
        """
        if self._held[user_id] >= self._each:
            raise MixesUnderWay(most=self._each)
        self._held[user_id] += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            self._leave(user_id)
            raise MixBusy(retry_after_s=max(1, int(self._wait_s))) from None
        except asyncio.CancelledError:
            self._leave(user_id)
            raise
        running = asyncio.ensure_future(asyncio.to_thread(work))
        running.add_done_callback(lambda done: self._ended(user_id, done))
        return await asyncio.shield(running)

    def _ended(self, user_id: str, done: asyncio.Future[T]) -> None:
        if not done.cancelled():
            done.exception()  # an asker who has left does not read it
        self._free.release()
        self._leave(user_id)

    def _leave(self, user_id: str) -> None:
        self._held[user_id] -= 1
        if not self._held[user_id]:
            del self._held[user_id]
