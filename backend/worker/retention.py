# SPDX-License-Identifier: Apache-2.0
"""Deletes what has served its time: published events after 72 h, stored answers after 24 h."""

from datetime import datetime, timedelta

from celery import shared_task
from sqlalchemy import text

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.worker.runtime import run

EVENTS_KEPT = timedelta(hours=72)
ANSWERS_KEPT = timedelta(hours=24)
_BATCH = 10_000


async def retain(db: Database, now: datetime) -> int:
    """Delete old events and answers in bounded batches; returns how many rows went."""
    async with db.begin() as session:
        events = await session.execute(
            text(
                "DELETE FROM outbox WHERE id IN "
                "(SELECT id FROM outbox WHERE published_at < :before ORDER BY published_at LIMIT :batch)"
            ),
            {"before": now - EVENTS_KEPT, "batch": _BATCH},
        )
        answers = await session.execute(
            text("DELETE FROM idempotency_keys WHERE created_at < :before"), {"before": now - ANSWERS_KEPT}
        )
    return int(events.rowcount) + int(answers.rowcount)


@shared_task(name="worker.retain")
def retain_task() -> int:
    """Celery edge of `retain`."""
    return run(lambda process: retain(process.db, utc_now()))
