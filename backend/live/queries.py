# SPDX-License-Identifier: Apache-2.0
"""Reads of the outbox as history: by topic and number. They run as gridx_service; audiences are kept here."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from backend.core.db import Database, raw
from backend.live.types import LiveEvent, Topic, Viewer

PAGE = 500
_COLUMNS = "o.topic, o.sequence, o.name, o.created_at, o.payload::text AS payload, o.audience, o.audience_org"
_LATEST = "SELECT topic, last_sequence FROM outbox_topics WHERE topic = ANY($1)"
_OLDEST = """
SELECT t.topic, (SELECT o.sequence FROM outbox AS o WHERE o.topic = t.topic AND o.sequence > 0
                 ORDER BY o.sequence LIMIT 1) AS sequence
FROM unnest($1::text[]) AS t (topic)
"""
_AFTER = f"""
SELECT {_COLUMNS} FROM unnest($1::text[], $2::bigint[]) AS t (topic, after) CROSS JOIN LATERAL (
    SELECT * FROM outbox WHERE outbox.topic = t.topic AND outbox.sequence > t.after
    ORDER BY outbox.sequence LIMIT $3) AS o
ORDER BY o.topic, o.sequence
"""  # noqa: S608 constants of this file
_SEEN = """
(o.audience = $2 OR (o.audience IS NULL AND o.audience_org IS NULL) OR o.audience_org = ANY($3)
    OR ($4 AND o.audience_org IS NOT NULL))
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM outbox AS o WHERE o.topic = $1 AND {_SEEN} AND o.sequence > $5 AND o.sequence <= $6
ORDER BY o.sequence LIMIT $7
"""  # noqa: S608 constants of this file
_NEWEST = f"""
SELECT {_COLUMNS} FROM outbox AS o WHERE o.topic = $1 AND {_SEEN} AND o.sequence > 0
ORDER BY o.sequence DESC LIMIT $5
"""  # noqa: S608 constants of this file
_OWN_PAGE = f"""
SELECT {_COLUMNS} FROM outbox AS o WHERE o.topic = $1 AND o.sequence > $2 AND o.sequence <= $3 AND o.audience = $4
ORDER BY o.sequence LIMIT $5
"""  # noqa: S608 constants of this file


async def latest(db: Database, topics: Sequence[str]) -> dict[str, int]:
    """The last number that the relay gave in each topic; 0 before the first."""
    async with db.begin() as session:
        rows = await (await raw(session)).fetch(_LATEST, list(topics))
    return dict.fromkeys(topics, 0) | {row["topic"]: row["last_sequence"] for row in rows}


async def oldest(db: Database, topics: Sequence[str]) -> dict[str, int | None]:
    """The first number that is still kept in each topic; None where nothing is."""
    async with db.begin() as session:
        rows = await (await raw(session)).fetch(_OLDEST, list(topics))
    return {row["topic"]: row["sequence"] for row in rows}


async def after(db: Database, cursor: Mapping[str, int]) -> list[LiveEvent]:
    """Numbered events behind `cursor`, at most PAGE of each topic, in the order of their numbers."""
    async with db.begin() as session:
        rows = await (await raw(session)).fetch(_AFTER, list(cursor), list(cursor.values()), PAGE)
    return [_event(row) for row in rows]


async def page(db: Database, topic: Topic, viewer: Viewer, *, after: int, up_to: int) -> list[LiveEvent]:
    """Events of one topic that the viewer sees, numbers in (after, up_to], at most PAGE."""
    async with db.begin() as session:
        connection = await raw(session)
        if topic is Topic.ORDERS:
            rows = await connection.fetch(_OWN_PAGE, topic.value, after, up_to, viewer.user_id, PAGE)
        else:
            orgs: list[UUID] = list(viewer.operator_of)
            values = (topic.value, viewer.user_id, orgs, viewer.everywhere, after, up_to, PAGE)
            rows = await connection.fetch(_PAGE, *values)
    return [_event(row) for row in rows]


async def newest(db: Database, topic: Topic, viewer: Viewer, *, limit: int) -> list[LiveEvent]:
    """Events of one topic for all, for operators or for somebody, as far as the viewer sees them; the newest first."""
    async with db.begin() as session:
        connection = await raw(session)
        orgs: list[UUID] = list(viewer.operator_of)
        values = (topic.value, viewer.user_id, orgs, viewer.everywhere, limit)
        rows = await connection.fetch(_NEWEST, *values)
    return [_event(row) for row in rows]


def _event(row: Mapping[str, object]) -> LiveEvent:
    return LiveEvent(
        topic=str(row["topic"]),
        sequence=int(str(row["sequence"])),
        name=str(row["name"]),
        at=row["created_at"],  # type: ignore[arg-type]  # timestamptz
        payload=str(row["payload"]).encode(),
        audience=row["audience"],  # type: ignore[arg-type]  # uuid or NULL
        audience_org=row["audience_org"],  # type: ignore[arg-type]
    )
