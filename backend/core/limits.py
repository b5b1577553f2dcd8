# SPDX-License-Identifier: Apache-2.0
"""Rate limits, shared by all processes through Redis: cell rates, many requests counted in one exchange.

A library asks Redis once a request, which cost more than answering most requests; requests that arrive together are
counted by one script here (backend/decisions/rate-limits.md). Without Redis requests go on and it is logged.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from fastapi import Request
from limits import parse
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import HTTPConnection

from backend.core.errors import TooMany

log = structlog.get_logger()

AT_ONCE = 500
# The generic cell rate algorithm: a key holds the moment (µs) up to which its requests are paid for. For each request:
# how many milliseconds to wait (0: go on).
_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local waits = {}
for i = 1, #KEYS do
    local window = tonumber(ARGV[2 * i]) * 1000
    local cost = window / tonumber(ARGV[2 * i - 1])
    local paid = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), now)
    local wait = paid + cost - window - now
    if wait > 0 then
        waits[i] = math.ceil(wait / 1000)
    else
        redis.call('SET', KEYS[i], string.format('%.0f', paid + cost), 'PX', math.ceil((paid + cost - now) / 1000))
        waits[i] = 0
    end
end
return waits
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """`amount` requests at once, regained evenly over `window_ms`."""

    amount: int
    window_ms: int

    @classmethod
    def read(cls, text: str) -> "Rate":
        """From text like `100/minute` or `10/second`. ValueError for anything else."""
        item = parse(text)
        return cls(item.amount, item.get_expiry() * 1000)


@dataclass(slots=True)
class _Hit:
    key: str
    rate: Rate
    answer: "asyncio.Future[int]"


class Limiter:
    """Named limits, e.g. {"anonymous": "100/minute"}; a name without a limit is not limited."""

    def __init__(self, redis: "Redis[bytes]", named: dict[str, str]) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._rates = {name: Rate.read(text) for name, text in named.items()}
        self._waiting: list[_Hit] = []
        self._task: asyncio.Task[None] | None = None

    async def hit(self, name: str, who: str) -> None:
        """Count one request of `who`; raises TooMany with the seconds to wait. A refused request does not count."""
        rate = self._rates.get(name)
        if rate is None:
            return
        hit = _Hit(f"gridx:limit:{name}:{who}", rate, asyncio.get_running_loop().create_future())
        self._waiting.append(hit)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._ask_all())
        wait_ms = await hit.answer
        if wait_ms > 0:
            per = f"{rate.amount} per {rate.window_ms // 1000} s"
            raise TooMany(retry_after_s=max(1, -(-wait_ms // 1000)), limit=per)

    async def _ask_all(self) -> None:
        while self._waiting:
            hits, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            try:
                waits = await self._ask(hits)
            except (RedisError, OSError) as error:
                log.warning("limits.unavailable", error=str(error), requests=len(hits))
                waits = [0] * len(hits)
            for hit, wait_ms in zip(hits, waits, strict=True):
                if not hit.answer.done():
                    hit.answer.set_result(wait_ms)

    async def _ask(self, hits: list[_Hit]) -> list[int]:
        rates = [number for hit in hits for number in (hit.rate.amount, hit.rate.window_ms)]
        answer: list[int] = await self._script(keys=[hit.key for hit in hits], args=rates)
        return answer


def client_ip(request: HTTPConnection) -> str:
    """The client's address; X-Forwarded-For counts only from configured proxies, nearest untrusted hop wins."""
    peer = request.client.host if request.client else "unknown"
    trusted: frozenset[str] = request.app.state.trusted_proxies
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))  # a proxy may add a line instead of to the line
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while peer in trusted and hops:
        peer = hops.pop()
    return peer


def counted_address(address: str) -> str:
    """Whom to count a client's address as: one IPv6 customer has a whole /64, whose addresses change at will."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(known), 64), strict=False))


def limit(name: str) -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency that counts the request by client address under the named limit."""

    async def dependency(request: Request) -> None:
        await request.app.state.limiter.hit(name, counted_address(client_ip(request)))

    return dependency
