# SPDX-License-Identifier: Apache-2.0
"""Alerts: something that an operator should look at. Each is a log line, a count, and an entry of a Redis stream.

The stream (`gridx:ai:alerts`) keeps the newest KEPT entries for whoever follows it, with XREAD or `gridx-ai alerts`.
Redis away costs the entry, never the work that raised the alert.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import Counter
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

STREAM = "gridx:ai:alerts"
KEPT = 1_000
ALERTS = Counter("gridx_ai_alerts_total", "Alerts by what they are about", ("code",))


class Alerts:
    """Where alerts go. Without `redis_url` they are logged and counted only."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._redis = (
            Redis.from_url(redis_url, socket_timeout=1.0, socket_connect_timeout=0.5, decode_responses=True)
            if redis_url
            else None
        )

    def tell(self, code: str, **facts: Any) -> None:
        """Raise an alert; `code` keeps its name, `facts` are plain values."""
        log.error("alert", code=code, **facts)
        ALERTS.labels(code).inc()
        if self._redis is None:
            return
        entry = {"code": code, "at": datetime.now(UTC).isoformat(), "facts": json.dumps(facts, default=str)}
        try:
            self._redis.xadd(STREAM, entry, maxlen=KEPT)
        except (RedisError, OSError) as problem:
            log.warning("alert.not_kept", code=code, error=str(problem))

    def newest(self, count: int = 20) -> list[dict[str, Any]]:
        """The newest alerts, newest first. Raises RedisError."""
        if self._redis is None:
            return []
        entries: Any = self._redis.xrevrange(STREAM, count=count)
        return [{"code": kept["code"], "at": kept["at"], "facts": json.loads(kept["facts"])} for _, kept in entries]
