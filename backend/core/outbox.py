# SPDX-License-Identifier: Apache-2.0
"""What has happened, stored with the change itself and relayed later: nothing is announced that was rolled back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import orjson
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import bulk
from backend.core.db import raw
from backend.core.ids import uuid7_batch


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened. `topic` is where it is published, `name` is versioned and keeps its meaning.

    A subclass may say who sees it live, as a field or for the whole class: `audience` (a user id) and `audience_org`
    (an organisation's id: its operators). With neither, everybody who may read the topic sees it.
    """

    topic: ClassVar[str]
    name: ClassVar[str]

    def payload(self) -> str:
        """The fields as JSON text; bytes are 0x text, times ISO 8601."""
        return orjson.dumps(self, default=_plain).decode()


COLUMNS = (
    ("id", "uuid"), ("topic", "text"), ("name", "text"), ("payload", "text"), ("audience", "uuid"),
    ("audience_org", "uuid"),
)  # fmt: skip
INSERT = """
INSERT INTO outbox (id, topic, name, payload, audience, audience_org)
SELECT id, topic, name, payload::jsonb, audience, audience_org FROM {rows}
"""
"""For a larger statement: `rows` are those of COLUMNS, their values those of `values_of`."""
_ADD = INSERT.format(rows=bulk.arrays(COLUMNS, first=1))


async def add(session: AsyncSession, *events: Event) -> None:
    """Store `events` in the caller's transaction, in one statement; the relay publishes them after the commit."""
    if not events:
        return
    await session.flush()
    connection = await raw(session)
    await connection.execute(_ADD, *values_of(events))


def values_of(events: Sequence[Event]) -> list[list[Any]]:
    """The rows that store `events`, a column at a time."""
    return [
        uuid7_batch(len(events)),
        [event.topic for event in events],
        [event.name for event in events],
        [event.payload() for event in events],
        [getattr(event, "audience", None) for event in events],
        [getattr(event, "audience_org", None) for event in events],
    ]


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, UUID):  # asyncpg's own subclass, which orjson does not take for one
        return str(value)
    raise TypeError(f"{type(value).__name__} does not travel in an event")
