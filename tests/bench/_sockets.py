# SPDX-License-Identifier: Apache-2.0
"""Many WebSocket clients in one process: raw sockets, and of each frame only the moment at which it came.

`python -m tests.bench._sockets PORT PATH COUNT` connects, prints `ready`, then answers each line `N` on its input with
the times (CLOCK_MONOTONIC, ns) of the next N events, as one line of JSON. A marker in the frame tells events from
signs of life; frames are whole in one segment, because each is far shorter than a segment.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast

import uvloop

MARK = b'"type":"event"'
PATIENCE_S = 30.0
_AT_ONCE = 100


class Client(asyncio.Protocol):
    """One connection; `stamps` is shared by all."""

    def __init__(self, request: bytes, stamps: list[int]) -> None:
        self.request = request
        self.stamps = stamps
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self.request)

    def data_received(self, data: bytes) -> None:
        if MARK in data:
            self.stamps.append(time.monotonic_ns())
        if not self.open.done():
            if data.startswith(b"HTTP/1.1 101"):
                self.open.set_result(None)
            else:
                self.open.set_exception(ConnectionError(data[:300]))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(ConnectionError("closed before it was open"))


async def work(port: int, path: str, count: int) -> None:
    """Connect, then answer what the input asks."""
    loop = asyncio.get_running_loop()
    stamps: list[int] = []
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()

    async def one() -> None:
        _, client = await loop.create_connection(lambda: Client(request, stamps), "127.0.0.1", port)
        await asyncio.wait_for(client.open, PATIENCE_S)

    for start in range(0, count, _AT_ONCE):
        await asyncio.gather(*(one() for _ in range(min(_AT_ONCE, count - start))))
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wanted = int(line)
        deadline = loop.time() + PATIENCE_S
        while len(stamps) < wanted and loop.time() < deadline:  # noqa: ASYNC110 (nobody waits on stamps in between)
            await asyncio.sleep(0.05)
        print(json.dumps(stamps), flush=True)
        stamps.clear()


if __name__ == "__main__":
    uvloop.run(work(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
