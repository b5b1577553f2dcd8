# SPDX-License-Identifier: Apache-2.0
"""Deletes what has served its time: published events after 72 h, stored answers after 24 h, readings after 2 years."""

from datetime import datetime, timedelta

from celery import shared_task
from sqlalchemy import text

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.core.tasks import run
from backend.sites import service as sites

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
    """Celery edge of `retain`; also forgets old readings."""

    async def work(db: Database, settings: Settings) -> None:
        now = utc_now()
        await retain(db, now)
        await sites.forget_readings(db, now - timedelta(days=settings.readings_kept_days))

    run(work)
