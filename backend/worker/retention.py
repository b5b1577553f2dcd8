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
_MOST_BATCHES = 1_000
_TOPICS = text("SELECT topic FROM outbox_topics ORDER BY topic")
# The oldest numbers first, so that what is kept has no holes: live clients resume by number.
_EVENTS = text("""
WITH oldest AS (
    SELECT id, published_at FROM outbox WHERE topic = :topic AND sequence > 0 ORDER BY sequence LIMIT :batch
), gone AS (
    DELETE FROM outbox USING oldest WHERE outbox.id = oldest.id AND oldest.published_at < :before RETURNING 1
) SELECT count(*) FROM gone
""")
_ANSWERS = text("DELETE FROM idempotency_keys WHERE created_at < :before")


async def retain(db: Database, now: datetime, *, batch: int = _BATCH) -> None:
    """Delete old events, a transaction for each `batch` of them, and stored answers."""
    async with db.begin() as session:
        await session.execute(_ANSWERS, {"before": now - ANSWERS_KEPT})
        topics = list((await session.execute(_TOPICS)).scalars())
    for topic in topics:
        for _ in range(_MOST_BATCHES):
            async with db.begin() as session:
                values = {"topic": topic, "before": now - EVENTS_KEPT, "batch": batch}
                deleted = await session.scalar(_EVENTS, values)
            if deleted != batch:
                break


@shared_task(name="worker.retain")  # type: ignore[untyped-decorator]
def retain_task() -> None:
    """Celery edge of `retain`; also forgets old readings."""

    async def work(db: Database, settings: Settings) -> None:
        now = utc_now()
        await retain(db, now)
        await sites.forget_readings(db, now - timedelta(days=settings.readings_kept_days))

    run(work)
