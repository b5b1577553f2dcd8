# SPDX-License-Identifier: Apache-2.0
"""Rate limits in Redis (library `limits`, moving window). Without Redis requests go on unlimited and it is logged."""

from collections.abc import Awaitable, Callable
from time import time

import structlog
from fastapi import Request
from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from backend.core.errors import TooMany

log = structlog.get_logger()


class Limiter:
    """Named limits, e.g. {"anonymous": "100/minute"}; a name without a limit is not limited."""

    def __init__(self, redis_url: str, named: dict[str, str]) -> None:
        self._strategy = MovingWindowRateLimiter(RedisStorage(f"async+{redis_url}", implementation="redispy"))
        self._limits = {name: parse(rate) for name, rate in named.items()}

    async def hit(self, name: str, who: str) -> None:
        """Count one request of `who`; raises TooMany with the seconds to wait."""
        rate = self._limits.get(name)
        if rate is None:
            return
        try:
            if await self._strategy.hit(rate, name, who):
                return
            reset_at = (await self._strategy.get_window_stats(rate, name, who)).reset_time
        except (RedisError, OSError) as error:
            log.warning("limits.unavailable", error=str(error))
            return
        raise TooMany(retry_after_s=max(1, int(reset_at - time() + 0.999)), limit=str(rate))


def client_ip(request: Request) -> str:
    """The client's address; X-Forwarded-For counts only from configured proxies, nearest untrusted hop wins."""
    peer = request.client.host if request.client else "unknown"
    trusted: frozenset[str] = request.app.state.trusted_proxies
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    while peer in trusted and hops:
        peer = hops.pop()
    return peer


def limit(name: str) -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency that counts the request by client address under the named limit."""

    async def dependency(request: Request) -> None:
        await request.app.state.limiter.hit(name, client_ip(request))

    return dependency
