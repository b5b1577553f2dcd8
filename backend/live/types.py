# SPDX-License-Identifier: Apache-2.0
"""What travels live: topics, who watches, events with their audience, cursors. No database, no clock."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from backend.live.errors import SinceMalformed, TopicUnknown


class Topic(StrEnum):
    """What a client may follow. The order is the cursor's: new topics are added at the end."""

    TRADES = "trades"
    BOOK = "book"
    PRICES = "prices"
    LEADERBOARD = "leaderboard"
    ALERTS = "alerts"
    ORDERS = "orders"


ACCOUNTS = "accounts"
"""Followed by the server alone: sessions that end, rights that change."""
ALIASES = {"market": (Topic.BOOK, Topic.PRICES)}
MOST_TOPICS = 16
_BY_NAME = {topic.value: topic for topic in Topic}
Cursor = Mapping[Topic, int]
"""The number of the last event that was seen, per topic; a missing topic is 0."""

_VERSION = 1
_MOST_DIGITS = 400


def read_topics(text: str) -> frozenset[Topic]:
    """Topics from text like `trades,market`; `market` is book and prices. Raises TopicUnknown, also for none at all."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(names) > MOST_TOPICS:
        raise TopicUnknown(f"Name 1 to {MOST_TOPICS} topics in `topics`", known=[*Topic, *ALIASES])
    found: set[Topic] = set()
    for name in names:
        if name in ALIASES:
            found.update(ALIASES[name])
        elif name in _BY_NAME:
            found.add(_BY_NAME[name])
        else:
            raise TopicUnknown(topic=name[:50], known=[*Topic, *ALIASES])
    return frozenset(found)


def encode_cursor(cursor: Cursor) -> str:
    """The event id that carries `cursor`: opaque, URL-safe, at most 74 characters."""
    out = bytearray([_VERSION])
    for topic in Topic:
        number = cursor.get(topic, 0)
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return base64.urlsafe_b64encode(out).rstrip(b"=").decode()


def decode_cursor(text: str) -> dict[Topic, int]:
    """The cursor in an event id; topics that it does not know yet are 0. Raises SinceMalformed."""
    try:
        if len(text) > _MOST_DIGITS:
            raise ValueError(text)
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise SinceMalformed(since=text[:80]) from error
    numbers, place, shift = [0], 0, 0
    for byte in raw[1:]:
        numbers[place] |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(0)
            place, shift = place + 1, 0
    whole = numbers[:-1]
    if raw[:1] != bytes([_VERSION]) or shift or not whole or len(whole) > len(Topic) or max(whole) >= 1 << 63:
        raise SinceMalformed(since=text[:80])
    return dict.fromkeys(Topic, 0) | dict(zip(Topic, whole, strict=False))


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who watches; without `user_id` nobody in particular. `everywhere`: a super admin, who operates all."""

    user_id: UUID | None = None
    session_id: UUID | None = None
    operator_of: frozenset[UUID] = field(default_factory=frozenset)
    everywhere: bool = False

    def sees(self, event: "LiveEvent") -> bool:
        """Whether the event is for this viewer, by the rule of its topic."""
        if event.audience is not None and event.audience == self.user_id:
            return True
        if event.topic == Topic.ORDERS:
            return False
        if event.audience_org is not None:
            return self.everywhere or event.audience_org in self.operator_of
        return event.audience is None


@dataclass(slots=True)
class LiveEvent:
    """One event as the relay numbered it. `payload` is its JSON as it was stored."""

    topic: str
    sequence: int
    name: str
    at: datetime
    payload: bytes
    audience: UUID | None = None
    audience_org: UUID | None = None
    tail: bytes = b""

    @property
    def is_public(self) -> bool:
        """Whether everybody who follows the topic sees it."""
        return self.audience is None and self.audience_org is None and self.topic != Topic.ORDERS
