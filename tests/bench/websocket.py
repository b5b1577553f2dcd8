# SPDX-License-Identifier: Apache-2.0
"""How long one trade takes to reach every connected client: 5,000 WebSockets on one process of the api.

`python -m tests.bench.websocket [--connections 5000] [--trades 20] [--servers] [--json]`. A trade's event is committed
to PostgreSQL; the relay numbers and publishes it, the api sends it. Value: p99 over all receipts of all trades, from
just before the commit to the moment a client has the message; clients are raw sockets in a process of their own. In the
same run, trade by trade, a bare loop sends a frame of the same size to as many sockets (`bare p99 ms`, from the request
that starts the loop); wanted is < 100 ms, or <= 1.5 x the bare loop. `--servers` measures what the choice of the
server was made by: the same frame through uvicorn, granian, and uvicorn's transports.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from os import urandom
from typing import Any

from backend.core import outbox
from backend.core.db import Database
from backend.market.events import TradeSeen, TradesRecorded
from scripts.embedded.process import ROOT, free_port
from tests.bench._ground import report, wait_for_port
from tests.bench._servers import SERVERS
from tests.bench._services import Services, services

LIMIT_MS = 100.0
SHARE = 1.5
EVENT_BYTES = 480
PAUSE_S = 0.3


class Crowd:
    """A process full of clients of one server."""

    def __init__(self, process: asyncio.subprocess.Process, size: int) -> None:
        self.process = process
        self.size = size

    async def stamps(self, count: int) -> list[int]:
        """Moments at which events came, once there are `count` of them (or 30 s have passed), ns."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{count}\n".encode())
        await self.process.stdin.drain()
        found: list[int] = json.loads(await self.process.stdout.readline())
        if len(found) != count:
            raise RuntimeError(f"{len(found)} of {count} messages came")
        return found


@asynccontextmanager
async def crowd(port: int, path: str, size: int) -> AsyncIterator[Crowd]:
    """Connect `size` clients."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench._sockets", str(port), path, str(size),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT, limit=1 << 24,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if (await process.stdout.readline()).strip() != b"ready":
            raise RuntimeError("the clients could not connect")
        yield Crowd(process, size)
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def server(name: str) -> AsyncIterator[int]:
    """One of the servers that only send; yields its port."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench._servers", name, str(port), str(EVENT_BYTES), cwd=ROOT
    )
    try:
        await asyncio.to_thread(wait_for_port, port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def go(port: int, clients: Crowd) -> list[float]:
    """Make a sending server send once; milliseconds to each client."""
    begun = time.monotonic_ns()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /go HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        stamps = await clients.stamps(clients.size)
    return [(stamp - begun) / 1e6 for stamp in stamps]


async def trade(db: Database, clients: Crowd) -> list[float]:
    """Commit one trade's event; milliseconds from just before the commit to each client."""
    seen = TradeSeen(urandom(32), urandom(20), urandom(20), 1_000, 240_000, 470, True, 1)
    async with db.begin() as session:
        await outbox.add(session, TradesRecorded((seen,)))
        begun = time.monotonic_ns()
    return [(stamp - begun) / 1e6 for stamp in await clients.stamps(clients.size)]


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


async def compare(size: int, trades: int) -> dict[str, Any]:
    """p99 of each candidate server, one after the other."""
    found = {}
    for name in SERVERS:
        async with server(name) as port, crowd(port, "/", size) as clients:
            taken: list[float] = []
            for _ in range(trades):
                taken += await go(port, clients)
                await asyncio.sleep(PAUSE_S)
        found[f"{name} alone"] = round(p99(taken), 1)
        print(f"{name:>24}  p99 {p99(taken):.1f} ms", flush=True)
    return found


async def measure(size: int, trades: int, *, servers: bool, as_json: bool) -> None:
    """Run all of it and print."""
    more = await compare(size, trades) if servers else {}
    async with AsyncExitStack() as stack:
        parts: Services = await stack.enter_async_context(services())
        port = await stack.enter_async_context(parts.process("backend.api"))
        await stack.enter_async_context(parts.process("backend.worker", "relay"))
        bare = await stack.enter_async_context(server("bare"))
        begun = time.monotonic()
        clients = await stack.enter_async_context(crowd(port, "/api/events?topics=trades", size))
        connecting = time.monotonic() - begun
        others = await stack.enter_async_context(crowd(bare, "/", size))
        await trade(parts.db, clients)
        await go(bare, others)
        ours: list[float] = []
        least: list[float] = []
        for _ in range(trades):
            ours += await trade(parts.db, clients)
            await asyncio.sleep(PAUSE_S)
            least += await go(bare, others)
            await asyncio.sleep(PAUSE_S)
    limit = max(LIMIT_MS, SHARE * p99(least))
    report(
        value=p99(ours), unit="ms p99", limit=limit, as_json=as_json, connections=size, trades=trades,
        **{"median ms": round(statistics.median(ours), 2), "bare p99 ms": round(p99(least), 2),
           "of bare": round(p99(ours) / p99(least), 2), "connects/s": round(size / connecting), **more},
    )  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=5_000)
    parser.add_argument("--trades", type=int, default=20)
    parser.add_argument("--servers", action="store_true", help="measure the candidate servers as well")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < 2 * given.connections:
        raise SystemExit(f"{given.connections} connections need more than the {most} open files allowed: `ulimit -n`")
    asyncio.run(measure(given.connections, given.trades, servers=given.servers, as_json=given.json))


if __name__ == "__main__":
    main()
