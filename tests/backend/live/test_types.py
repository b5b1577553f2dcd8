# SPDX-License-Identifier: Apache-2.0
"""Cursors, topics, audiences, and that history and live events together give each number once: all without a server."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.live.errors import SinceMalformed, TopicUnknown
from backend.live.memory import REMEMBERED, Memory
from backend.live.messages import event_text, text_frame
from backend.live.types import LiveEvent, Topic, Viewer, decode_cursor, encode_cursor, read_topics

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE, BOB = UUID(int=1), UUID(int=2)
NORTH, SOUTH = UUID(int=11), UUID(int=12)
NUMBERS = st.integers(0, (1 << 63) - 1)


def event(number: int, topic: Topic = Topic.TRADES, **audience: UUID) -> LiveEvent:
    """An event of a topic."""
    return LiveEvent(topic, number, "tests.happened.v1", NOON, b'{"energy_wh": 5}', **audience)


@given(st.dictionaries(st.sampled_from(Topic), NUMBERS))
def test_encode_cursor__any__reads_back_the_same(cursor: dict[Topic, int]) -> None:
    text = encode_cursor(cursor)

    assert decode_cursor(text) == dict.fromkeys(Topic, 0) | cursor
    assert len(text) <= 80
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_decode_cursor__any_text__is_a_cursor_or_refused(text: str) -> None:
    try:
        cursor = decode_cursor(text)
    except SinceMalformed:
        return

    assert decode_cursor(encode_cursor(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "!", "AQ", "Af8", "AgAAAAAAAA", "A" * 1000, "AQAAAAAAAAAA", "ÄQ"])
def test_decode_cursor__not_ours__is_refused(text: str) -> None:
    with pytest.raises(SinceMalformed):
        decode_cursor(text)


def test_decode_cursor__from_before_a_topic_existed__begins_it_at_its_first_event() -> None:
    older = encode_cursor({Topic.TRADES: 7})[:6]  # version, trades, book, prices: four bytes

    assert decode_cursor(older) == dict.fromkeys(Topic, 0) | {Topic.TRADES: 7}


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("trades", {Topic.TRADES}),
        ("market, trades", {Topic.TRADES, Topic.BOOK, Topic.PRICES}),
        ("book,book", {Topic.BOOK}),
    ],
)
def test_read_topics__known__are_found(text: str, topics: set[Topic]) -> None:
    assert read_topics(text) == topics


@pytest.mark.parametrize("text", ["", ",", "accounts", "trades,weather", ",".join(["trades"] * 17)])
def test_read_topics__none_unknown_or_too_many__are_refused(text: str) -> None:
    with pytest.raises(TopicUnknown):
        read_topics(text)


@pytest.mark.parametrize(
    ("viewer", "what", "seen"),
    [
        (Viewer(), event(1), True),
        (Viewer(), event(1, Topic.ORDERS), False),
        (Viewer(ALICE), event(1, Topic.ORDERS), False),
        (Viewer(ALICE), event(1, Topic.ORDERS, audience=ALICE), True),
        (Viewer(BOB, everywhere=True), event(1, Topic.ORDERS, audience=ALICE), False),
        (Viewer(BOB, operator_of=frozenset([NORTH])), event(1, Topic.ORDERS, audience_org=NORTH), False),
        (Viewer(), event(1, Topic.ALERTS), True),
        (Viewer(), event(1, Topic.ALERTS, audience=ALICE), False),
        (Viewer(BOB), event(1, Topic.ALERTS, audience=ALICE), False),
        (Viewer(BOB, operator_of=frozenset([NORTH])), event(1, Topic.ALERTS, audience_org=NORTH), True),
        (Viewer(BOB, operator_of=frozenset([SOUTH])), event(1, Topic.ALERTS, audience_org=NORTH), False),
        (Viewer(BOB, everywhere=True), event(1, Topic.ALERTS, audience_org=NORTH), True),
        (Viewer(ALICE), event(1, Topic.ALERTS, audience=ALICE, audience_org=NORTH), True),
    ],
)
def test_sees__by_topic_and_audience__as_the_rule_says(viewer: Viewer, what: LiveEvent, seen: bool) -> None:
    assert viewer.sees(what) is seen


def test_event_text__any__is_camel_case_with_exact_numbers() -> None:
    big = LiveEvent(Topic.TRADES, 3, "tests.happened.v1", NOON, b'{"max_wh": 9007199254740993, "0xab_c": [{"a_b": 1}]}')

    said = orjson.loads(event_text(big, {Topic.TRADES: 3}))

    assert said["data"] == {"maxWh": "9007199254740993", "0xab_c": [{"aB": 1}]}
    assert (said["topic"], said["sequence"], said["at"]) == ("trades", 3, "2026-06-01T12:00:00Z")
    assert decode_cursor(said["id"])[Topic.TRADES] == 3


@given(st.integers(0, 70_000))
def test_text_frame__any_length__says_it(size: int) -> None:
    frame = text_frame(b"x" * size)

    head = 2 if size < 126 else 4 if size < 1 << 16 else 10
    assert frame[0] == 0x81
    assert len(frame) == head + size


class World:
    """A topic's events in PostgreSQL (`stored`), what Redis brings of them, a memory, and clients that follow it."""

    def __init__(self, begin: int) -> None:
        self.stored = begin
        self.memory = Memory({Topic.TRADES: begin})
        self.redis: deque[LiveEvent] = deque()
        self.joined: list[tuple[int, list[int]]] = []

    def publish(self, count: int, kept: list[bool]) -> None:
        """Number some events; Redis brings only those that are kept."""
        for number in range(self.stored + 1, self.stored + count + 1):
            if kept[number % len(kept)]:
                self.redis.append(event(number))
        self.stored += count

    def pump(self, *, most: int) -> None:
        """Send what follows, then what is missing."""
        batch, is_missing = self.memory.following(self.redis, most=most)
        self._send(batch)
        if is_missing:
            self.refill()

    def refill(self) -> None:
        """Read what is missing from PostgreSQL."""
        self._send([event(number) for number in range(self.memory.cursor[Topic.TRADES] + 1, self.stored + 1)])

    def _send(self, events: list[LiveEvent]) -> None:
        for one in events:
            assert self.memory.remember(one)
        for _, seen in self.joined:
            seen += [one.sequence for one in events]

    def join(self, since: int) -> None:
        """A client reads its history, from memory or PostgreSQL, then follows."""
        reached = self.memory.cursor[Topic.TRADES]
        since = min(since, reached)
        missed = self.memory.missed(Topic.TRADES, since)
        if missed is None:
            missed = [event(number) for number in range(since + 1, reached + 1)]
        self.joined.append((since, [one.sequence for one in missed]))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 20), st.lists(st.booleans(), min_size=1, max_size=7)),
        st.tuples(st.just("pump"), st.integers(1, 5)),
        st.tuples(st.just("refill")),
        st.tuples(st.just("join"), st.integers(0, 200)),
        st.tuples(st.just("repeat"), st.integers(0, 30), st.integers(0, 200)),
    ),
    max_size=30,
)


@given(st.integers(0, 30), STEPS)
def test_memory__redis_loses_repeats_and_reorders__every_client_gets_each_number_once_in_order(
    begin: int, steps: list[tuple[object, ...]]
) -> None:
    world = World(begin)
    for name, *values in steps:
        if name == "publish":
            world.publish(*values)  # type: ignore[arg-type]
        elif name == "pump":
            world.pump(most=values[0])  # type: ignore[arg-type]
        elif name == "refill":
            world.refill()
        elif name == "join":
            world.join(values[0])  # type: ignore[arg-type]
        else:  # an event comes again, somewhere in the queue
            place, number = values
            world.redis.insert(place, event(min(number, world.stored)))  # type: ignore[arg-type, type-var]
    while world.redis:
        world.pump(most=3)
    world.refill()

    for since, seen in world.joined:
        assert seen == list(range(since + 1, world.stored + 1))


def test_missed__further_back_than_memory__is_left_to_the_history() -> None:
    memory = Memory({Topic.TRADES: 0})
    for number in range(1, REMEMBERED + 3):
        memory.remember(event(number))

    assert memory.missed(Topic.TRADES, 1) is None
    assert [one.sequence for one in memory.missed(Topic.TRADES, REMEMBERED) or []] == [REMEMBERED + 1, REMEMBERED + 2]


def test_remember__events_before_it_are_gone__says_so_and_forgets_the_gap() -> None:
    memory = Memory({Topic.TRADES: 0})
    memory.remember(event(1))

    assert memory.remember(event(5)) is False
    assert memory.missed(Topic.TRADES, 4) is not None
    assert memory.missed(Topic.TRADES, 3) is None
