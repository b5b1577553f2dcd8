# SPDX-License-Identifier: Apache-2.0
"""Deletes what has served its time: published events after 72 h, stored answers after 24 h."""

from datetime import datetime, timedelta

from celery import shared_task
from sqlalchemy import text

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.tasks import run

EVENTS_KEPT = timedelta(hours=72)
ANSWERS_KEPT = timedelta(hours=24)
_BATCH = 10_000
_EVENTS = text(
    "DELETE FROM outbox WHERE id IN "
    "(SELECT id FROM outbox WHERE published_at < :before ORDER BY published_at LIMIT :batch)"
)
_ANSWERS = text("DELETE FROM idempotency_keys WHERE created_at < :before")


async def retain(db: Database, now: datetime) -> None:
    """Delete old events (a bounded batch) and stored answers."""
    async with db.begin() as session:
        await session.execute(_EVENTS, {"before": now - EVENTS_KEPT, "batch": _BATCH})
        await session.execute(_ANSWERS, {"before": now - ANSWERS_KEPT})


@shared_task(name="worker.retain")  # type: ignore[untyped-decorator]
def retain_task() -> None:
    """Celery edge of `retain`."""
    run(lambda db, settings: retain(db, utc_now()))
