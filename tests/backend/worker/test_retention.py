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
    async with db.begin() as session:
        await session.execute(
            text(
                "INSERT INTO outbox (id, topic, name, payload, published_at) "
                "VALUES (:id, 't', 'a.b.v1', '{}', :published)"
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
