# SPDX-License-Identifier: Apache-2.0
"""Who is written what, in which order: the id of a message covers exactly what its receiver was sent before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from backend.live.client import Client
from backend.live.hub import Hub, write_all
from backend.live.memory import Memory
from backend.live.types import LiveEvent, Topic, Viewer, decode_cursor

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PEOPLE = [None, UUID(int=1), UUID(int=2)]
ORGS = [None, UUID(int=11), UUID(int=12)]
TOPICS = [Topic.TRADES, Topic.ALERTS, Topic.ORDERS]
VIEWERS = st.builds(
    Viewer,
    user_id=st.sampled_from(PEOPLE),
    operator_of=st.frozensets(st.sampled_from(ORGS[1:])),
    everywhere=st.booleans(),
)
FACTS = st.tuples(st.sampled_from(TOPICS), st.sampled_from(PEOPLE), st.sampled_from(ORGS))
BATCHES = st.lists(st.lists(FACTS, max_size=6), max_size=6)


class Taken:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        raise AssertionError("nobody is ended here")

    def messages(self) -> list[dict[str, Any]]:
        """The JSON in the frames."""
        found, rest = [], self.data
        while rest:
            size, head = rest[1], 2
            if size == 126:
                size, head = int.from_bytes(rest[2:4], "big"), 4
            found.append(orjson.loads(rest[head : head + size]))
            rest = rest[head + size :]
        return found


def _numbered(batches: list[list[tuple[Topic, UUID | None, UUID | None]]]) -> list[list[LiveEvent]]:
    count = dict.fromkeys(TOPICS, 0)
    numbered = []
    for batch in batches:
        events = []
        for topic, audience, audience_org in batch:
            count[topic] += 1
            event = LiveEvent(topic, count[topic], "tests.happened.v1", NOON, b"{}", audience, audience_org)
            events.append(event)
        numbered.append(events)
    return numbered


@given(st.lists(st.tuples(VIEWERS, st.frozensets(st.sampled_from(TOPICS), min_size=1)), max_size=5), BATCHES)
def test_advance__any_events_and_clients__each_is_sent_what_it_may_see_under_true_ids(
    wanted: list[tuple[Viewer, frozenset[Topic]]], batches: list[list[tuple[Topic, UUID | None, UUID | None]]]
) -> None:
    hub = Hub(None)  # type: ignore[arg-type]  # nothing is missing, so PostgreSQL is not asked
    hub.memory = Memory(dict.fromkeys(Topic, 0))
    clients = []
    for viewer, topics in wanted:
        pipe = Taken()
        client = Client(None, pipe, address="192.0.2.1", topics=topics, viewer=viewer)  # type: ignore[arg-type]
        hub.enter(client)
        hub.join(client)
        clients.append((client, pipe))
    everything = _numbered(batches)

    for events in everything:
        asyncio.run(write_all(hub.advance(events)))
    for client, _ in clients:
        hub.leave(client)

    for client, pipe in clients:
        visible = [
            event for events in everything for event in events
            if event.topic in client.topics and client.viewer.sees(event)
        ]  # fmt: skip
        sent = pipe.messages()
        assert [(one["topic"], one["sequence"]) for one in sent] == [(e.topic, e.sequence) for e in visible]
        for place, message in enumerate(sent):
            covered = decode_cursor(message["id"])
            assert [event.sequence <= covered[Topic(event.topic)] for event in visible] == [
                number <= place for number in range(len(visible))
            ]
