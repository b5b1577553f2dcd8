# SPDX-License-Identifier: Apache-2.0
"""History by SQL shows a viewer exactly what would have been sent live, and its pages join without a seam."""

from __future__ import annotations

from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.db import Database
from backend.core.ids import uuid7
from backend.live import queries
from backend.live.types import LiveEvent, Topic, Viewer

ALICE, BOB = UUID(int=1), UUID(int=2)
NORTH, SOUTH = UUID(int=11), UUID(int=12)
VIEWERS = [
    Viewer(),
    Viewer(ALICE),
    Viewer(BOB, operator_of=frozenset([NORTH])),
    Viewer(ALICE, operator_of=frozenset([NORTH, SOUTH])),
    Viewer(BOB, everywhere=True),
]
AUDIENCES = list(product((None, ALICE, BOB), (None, NORTH, SOUTH)))


async def _store(db: Database, topic: Topic) -> None:
    """One published event of each audience, numbered from 1."""
    async with db.begin() as session:
        for number, (audience, audience_org) in enumerate(AUDIENCES, start=1):
            await session.execute(
                text(
                    "INSERT INTO outbox (id, topic, name, payload, sequence, audience, audience_org) "
                    "VALUES (:id, :topic, 'tests.happened.v1', '{}', :number, :audience, :org)"
                ),
                {"id": uuid7(), "topic": topic, "number": number, "audience": audience, "org": audience_org},
            )


@pytest.mark.parametrize("topic", [Topic.TRADES, Topic.ALERTS, Topic.ORDERS])
async def test_page__every_viewer_and_audience__shows_what_is_sent_live(
    service_db: Database, monkeypatch: pytest.MonkeyPatch, topic: Topic
) -> None:
    monkeypatch.setattr(queries, "PAGE", 4)
    await _store(service_db, topic)
    everything = await queries.after(service_db, {topic: 0})
    while more := await queries.after(service_db, {topic: everything[-1].sequence}):
        everything += more

    shown, expected = [], []
    for viewer in VIEWERS:
        pages: list[LiveEvent] = []
        while page := await queries.page(
            service_db, topic, viewer, after=pages[-1].sequence if pages else 0, up_to=len(AUDIENCES) - 1
        ):
            pages += page
        shown.append([event.sequence for event in pages])
        expected.append([event.sequence for event in everything[:-1] if viewer.sees(event)])

    assert [event.sequence for event in everything] == list(range(1, len(AUDIENCES) + 1))
    assert shown == expected


async def test_newest__every_viewer__shows_the_last_that_is_sent_live(service_db: Database) -> None:
    await _store(service_db, Topic.ALERTS)
    everything = await queries.after(service_db, {Topic.ALERTS: 0})

    shown = [await queries.newest(service_db, Topic.ALERTS, viewer, limit=3) for viewer in VIEWERS]

    expected = [[event.sequence for event in reversed(everything) if viewer.sees(event)][:3] for viewer in VIEWERS]
    assert [[event.sequence for event in events] for events in shown] == expected
