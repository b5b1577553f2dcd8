# SPDX-License-Identifier: Apache-2.0
"""A load generator over plain keep-alive connections: prepared requests out, status and latency back.

`closed` keeps a number of requests in flight; `paced` sends at a fixed rate whatever the answers do, and counts the
latency from the moment a request was due (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httptools


@dataclass
class Outcome:
    """Latencies in seconds, answers by status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """Latency that `share` of the requests stayed below, seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[int] | None = None
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a TCP connection has a full transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(0)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        self.parser = httptools.HttpResponseParser(self)
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(status)

    async def ask(self, request: bytes) -> int:
        assert self.transport is not None
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answer


def get(path: str, **headers: str) -> bytes:
    """Bytes of a GET."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name.replace('_', '-')}: {v}" for name, v in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path: str, body: bytes, **headers: str) -> bytes:
    """Bytes of a POST of JSON."""
    lines = [
        f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json",
        f"Content-Length: {len(body)}", *(f"{name.replace('_', '-')}: {v}" for name, v in headers.items()),
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def closed(requests: Sequence[bytes], *, ports: Sequence[int], connections: int) -> Outcome:
    """Send all requests, `connections` at a time, spread over the ports."""
    outcome, queue = Outcome(), iter(requests)
    loop = asyncio.get_running_loop()

    async def work(port: int) -> None:
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        for request in queue:
            started = time.perf_counter()
            outcome.statuses[await connection.ask(request)] += 1
            outcome.latencies.append(time.perf_counter() - started)
        if connection.transport is not None:
            connection.transport.close()

    started = time.perf_counter()
    await asyncio.gather(*(work(ports[number % len(ports)]) for number in range(connections)))
    outcome.seconds = time.perf_counter() - started
    return outcome


async def paced(requests: Sequence[bytes], *, ports: Sequence[int], rate: float, connections: int) -> Outcome:
    """Send the requests at `rate` a second over a pool of connections."""
    outcome, loop = Outcome(), asyncio.get_running_loop()
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    for number in range(connections):
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", ports[number % len(ports)])
        idle.put_nowait(connection)

    async def one(request: bytes, due: float) -> None:
        connection = await idle.get()
        outcome.statuses[await connection.ask(request)] += 1
        idle.put_nowait(connection)
        outcome.latencies.append(time.perf_counter() - due)

    started, tasks = time.perf_counter(), []
    for number, request in enumerate(requests):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    outcome.seconds = time.perf_counter() - started
    while not idle.empty():
        connection = idle.get_nowait()
        if connection.transport is not None:
            connection.transport.close()
    return outcome
