# SPDX-License-Identifier: Apache-2.0
"""A program that runs a stack until it is told to stop or killed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from scripts.stack import Stack


def hold(folder: str, *processes: str) -> None:
    """Open the stack, print `up`, close it in order at SIGTERM."""
    asyncio.run(_hold(Path(folder), processes))


async def _hold(folder: Path, processes: tuple[str, ...]) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Stack(folder, processes):
        print("up", flush=True)
        await ended.wait()
