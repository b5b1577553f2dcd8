# SPDX-License-Identifier: Apache-2.0
"""Rate limits shared by all processes through Redis (cell rates). Without Redis requests go on and it is logged."""

from __future__ import annotations

import structlog
from limits import parse
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ai_service.errors import TooMany

log = structlog.get_logger()

# A key holds the moment (µs) up to which its requests are paid for; the answer is how many ms to wait (0: go on).
_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local window = tonumber(ARGV[2]) * 1000
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + window / tonumber(ARGV[1])
if paid > now + window then
    return math.ceil((paid - window - now) / 1000)
end
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.ceil((paid - now) / 1000))
return 0
"""


class Limiter:
    """Named limits such as {"anonymous": "100/minute"}; a name without a limit is not limited."""

    def __init__(self, redis: Redis[bytes], named: dict[str, str]) -> None:
        self._script = redis.register_script(_SCRIPT)
        items = {name: parse(text) for name, text in named.items()}
        self._rates = {name: (item.amount, item.get_expiry() * 1000) for name, item in items.items()}

    async def hit(self, name: str, who: str) -> None:
        """Count one request; raises TooMany with the seconds to wait. A refused request does not count."""
        rate = self._rates.get(name)
        if rate is None:
            return
        try:
            wait_ms = int(await self._script(keys=[f"gridx:ai:limit:{name}:{who}"], args=list(rate)))
        except (RedisError, OSError) as error:
            log.warning("limits.unavailable", error=str(error))
            return
        if wait_ms > 0:
            raise TooMany(retry_after_s=-(-wait_ms // 1000), limit=f"{rate[0]} per {rate[1] // 1000} s")
