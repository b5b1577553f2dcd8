# SPDX-License-Identifier: Apache-2.0
"""What has happened, stored with the change itself and relayed later: nothing is announced that was rolled back."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.ids import uuid7


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened. `topic` is where it is published, `name` is versioned and keeps its meaning.

    `audience` (a user id) restricts who may see it live; None means everybody who may read the topic.
    """

    topic: ClassVar[str]
    name: ClassVar[str]

    def payload(self) -> str:
        """The fields as JSON text; bytes are 0x text, times ISO 8601."""
        return orjson.dumps(self, default=_plain).decode()


_INSERT = text("INSERT INTO outbox (id, topic, name, payload) VALUES (:id, :topic, :name, CAST(:payload AS jsonb))")


async def add(session: AsyncSession, *events: Event) -> None:
    """Store `events` in the caller's transaction; the relay publishes them after the commit."""
    if events:
        await session.execute(
            _INSERT,
            [
                {
                    "id": uuid7(),
                    "topic": event.topic,
                    "name": event.name,
                    "payload": event.payload(),
                }
                for event in events
            ],
        )


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, UUID):  # asyncpg's own subclass, which orjson does not take for one
        return str(value)
    raise TypeError(f"{type(value).__name__} does not travel in an event")
