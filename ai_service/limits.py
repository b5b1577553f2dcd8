# SPDX-License-Identifier: Apache-2.0
"""Rate limits shared by all processes through Redis (cell rates). Without Redis requests go on and it is logged."""

from __future__ import annotations

from time import monotonic

import structlog
from limits import parse
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ai_service.errors import TooMany

log = structlog.get_logger()

ADVANCE_SHARE = 20
ADVANCE_S = 1.0
REMEMBERED = 10_000

# A key holds the moment (µs) up to which its requests are paid for; the answer is how many ms to wait (0: go on).
_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local window = tonumber(ARGV[2]) * 1000
local cost = window / tonumber(ARGV[1]) * tonumber(ARGV[3])
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + cost
if paid > now + window then
    return math.ceil((paid - window - now) / 1000)
end
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return 0
"""


class Limiter:
    """Named limits such as {"anonymous": "100/minute"}; a name without a limit is not limited.

    A process takes up to a twentieth of a limit in advance, for a moment, so that large limits cost few exchanges.
    """

    def __init__(self, redis: Redis[bytes], named: dict[str, str]) -> None:
        self._script = redis.register_script(_SCRIPT)
        items = {name: parse(text) for name, text in named.items()}
        self._rates = {name: (item.amount, item.get_expiry() * 1000) for name, item in items.items()}
        self._taken: dict[str, tuple[float, int]] = {}  # key: until when, and how many are left

    async def hit(self, name: str, who: str) -> None:
        """Count one request; raises TooMany with the seconds to wait. A refused request does not count."""
        rate = self._rates.get(name)
        if rate is None:
            return
        key = f"gridx:ai:limit:{name}:{who}"
        until, left = self._taken.get(key, (0.0, 0))
        if left and monotonic() < until:
            self._taken[key] = (until, left - 1)
            return
        try:
            await self._take(key, rate)
        except (RedisError, OSError) as error:
            log.warning("limits.unavailable", error=str(error))

    async def _take(self, key: str, rate: tuple[int, int]) -> None:
        advance = max(1, rate[0] // ADVANCE_SHARE)
        wait_ms = int(await self._script(keys=[key], args=[*rate, advance]))
        if wait_ms > 0 and advance > 1:
            advance = 1
            wait_ms = int(await self._script(keys=[key], args=[*rate, advance]))
        if wait_ms > 0:
            raise TooMany(retry_after_s=-(-wait_ms // 1000), limit=f"{rate[0]} per {rate[1] // 1000} s")
        if advance > 1:
            if len(self._taken) >= REMEMBERED:
                self._taken.clear()
            self._taken[key] = (monotonic() + ADVANCE_S, advance - 1)
