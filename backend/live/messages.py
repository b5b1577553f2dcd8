# SPDX-License-Identifier: Apache-2.0
"""The messages of the WebSocket as JSON, and as frames: what all clients share is made once. Pure.

Each message has a `type`: `hello`, `event`, `beat`, `resync` (reload through the API, then go on from its `id`),
`notice` and `refused` or `closing` (the last before the server closes). `id` is what `since` takes after a drop.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from pydantic.alias_generators import to_camel
from websockets.frames import Frame, Opcode

from backend.live.types import Cursor, LiveEvent, Topic, encode_cursor

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")  # other keys are data, such as ids
_EXACT = 1 << 53  # above it a browser's numbers are no longer whole


def text_frame(text: bytes) -> bytes:
    """A whole WebSocket message as a server sends it; the same bytes serve every client."""
    return Frame(Opcode.TEXT, text).serialize(mask=False)


def event_text(event: LiveEvent, cursor: Cursor) -> bytes:
    """The event's message under the id of `cursor`; all but the id is made once."""
    if not event.tail:
        body = {
            "topic": event.topic,
            "sequence": event.sequence,
            "name": event.name,
            "at": event.at,
            "data": shown(orjson.loads(event.payload)),
        }
        event.tail = orjson.dumps(body, option=orjson.OPT_UTC_Z)[1:]
    return b'{"type":"event","id":"' + encode_cursor(cursor).encode() + b'",' + event.tail


def hello_text(cursor: Cursor, topics: Iterable[Topic], *, user: str | None, heartbeat_s: float) -> bytes:
    """The first message: what is followed from which id on."""
    return orjson.dumps(
        {
            "type": "hello",
            "id": encode_cursor(cursor),
            "topics": sorted(topics),
            "userId": user,
            "heartbeatS": heartbeat_s,
        }
    )


def beat_text(cursor: Cursor, now: datetime) -> bytes:
    """A sign of life, and an id as new as can be."""
    return orjson.dumps({"type": "beat", "id": encode_cursor(cursor), "at": now}, option=orjson.OPT_UTC_Z)


def resync_text(cursor: Cursor, topics: Iterable[Topic]) -> bytes:
    """What lies between the client's `since` and this id is no longer there."""
    why = "Events since then are no longer kept; load these topics through the API, then go on from this id"
    return orjson.dumps({"type": "resync", "id": encode_cursor(cursor), "topics": sorted(topics), "message": why})


def notice_text(code: str, message: str) -> bytes:
    """Something about the service itself."""
    return orjson.dumps({"type": "notice", "code": code, "message": message})


def last_text(kind: str, code: str, message: str, details: dict[str, Any] | None = None) -> bytes:
    """Why the server closes: `refused` before anything was sent, else `closing`."""
    return orjson.dumps({"type": kind, "code": code, "message": message, "details": details or {}}, default=str)


def shown(value: Any) -> Any:
    """A payload as clients see it: camelCase names; whole numbers beyond a browser's precision as text."""
    if isinstance(value, dict):
        return {to_camel(name) if _NAME.fullmatch(name) else name: shown(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    if isinstance(value, int) and not -_EXACT < value < _EXACT:
        return str(value)
    return value
