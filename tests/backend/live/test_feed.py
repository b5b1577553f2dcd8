# SPDX-License-Identifier: Apache-2.0
"""The feed ends when it is asked to."""

import asyncio
from contextlib import suppress

from backend.live.feed import end


async def test_end__a_cancellation_gets_lost__is_repeated() -> None:
    started = asyncio.Event()

    async def loses_one() -> None:
        with suppress(asyncio.CancelledError):
            started.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(loses_one())
    await started.wait()

    await end(task)

    assert task.cancelled()
