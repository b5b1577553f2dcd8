# SPDX-License-Identifier: Apache-2.0
"""What has happened, stored with the change itself and relayed later: nothing is announced that was rolled back."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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

    def payload(self) -> dict[str, Any]:
        """The fields as plain values; bytes become 0x text."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}


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
                    "payload": orjson.dumps(event.payload()).decode(),
                }
                for event in events
            ],
        )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
