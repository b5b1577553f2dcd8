# SPDX-License-Identifier: Apache-2.0
"""What has served its time goes, and only that."""

from datetime import timedelta

from sqlalchemy import text

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.ids import uuid7
from backend.worker.retention import ANSWERS_KEPT, EVENTS_KEPT, retain

NOW = utc_now()


async def _event(db: Database, *, age: timedelta | None) -> None:
    """The next event of its topic; one without age has not been published."""
    async with db.begin() as session:
        await session.execute(
            text(
                "WITH n AS (INSERT INTO outbox_topics AS t VALUES ('t', 1) "
                "ON CONFLICT (topic) DO UPDATE SET last_sequence = t.last_sequence + 1 RETURNING last_sequence) "
                "INSERT INTO outbox (id, topic, name, payload, published_at, sequence) "
                "SELECT :id, 't', 'a.b.v1', '{}', :published, last_sequence FROM n"
            ),
            {"id": uuid7(), "published": None if age is None else NOW - age},
        )


async def _count(db: Database, table: str) -> int:
    async with db.begin() as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def test_retain__old_and_new_events__deletes_only_published_old_ones(service_db: Database) -> None:
    for age in (EVENTS_KEPT + timedelta(minutes=1), EVENTS_KEPT - timedelta(minutes=1), None):
        await _event(service_db, age=age)

    await retain(service_db, NOW)

    assert await _count(service_db, "outbox") == 2


async def test_retain__more_than_a_batch__deletes_all_of_them(service_db: Database) -> None:
    for _ in range(5):
        await _event(service_db, age=EVENTS_KEPT + timedelta(minutes=1))

    await retain(service_db, NOW, batch=2)

    assert await _count(service_db, "outbox") == 0


async def test_retain__old_answers__are_forgotten(service_db: Database) -> None:
    for age in (ANSWERS_KEPT + timedelta(minutes=1), timedelta(0)):
        async with service_db.begin() as session:
            await session.execute(
                text(
                    "INSERT INTO idempotency_keys (user_id, route, key, body_hash, status, answer, created_at) "
                    "VALUES (:user, '/r', 'k', '\\x00', 201, '{}', :at)"
                ),
                {"user": uuid7(), "at": NOW - age},
            )

    await retain(service_db, NOW)

    assert await _count(service_db, "idempotency_keys") == 1
