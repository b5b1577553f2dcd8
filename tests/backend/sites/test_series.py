# SPDX-License-Identifier: Apache-2.0
"""Readings of many houses as regular series."""

from datetime import timedelta

import pytest

from backend.core.db import Actor
from backend.sites import service
from backend.sites.errors import HouseNotFound, RangeRefused

from .conftest import NOON, NOW, draft

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
ALL = {"quantity": "production", "house_id": None, "offset": 0, "limit": 100}


async def fill(db, home, *rows):
    drafts = [draft(home, line=line, **row) for line, row in enumerate(rows, 1)]
    await service.record_readings(db, drafts, actor=home.owner, as_operator=False, correct=False, now=NOW)


async def ask(db, actor, since, until, **changes):
    found, total = await service.house_series(
        db, actor=actor, **(ALL | {"since": since, "until": until, "step_minutes": 60} | changes)
    )
    return {one.house_id: one.energy_wh for one in found}, total


async def test_house_series__a_reading_is_missing__its_step_is_unknown(db, make_house):
    home = await make_house()
    rows = [{"start": NOON + n * QUARTER, "production_wh": 100 + n} for n in range(8) if n != 6]
    await fill(db, home, *rows)

    found, total = await ask(db, home.operator, NOON - HOUR, NOON + 2 * HOUR)

    assert (found, total) == ({home.id: [None, 406, None]}, 1)


async def test_house_series__a_range_within_steps__is_widened(db, make_house):
    home = await make_house()
    await fill(db, home, *({"start": NOON + n * QUARTER, "production_wh": 100} for n in range(4)))

    [one], _ = await service.house_series(
        db, actor=home.owner, **(ALL | {"house_id": home.id}), since=NOON + QUARTER, until=NOON + 2 * QUARTER,
        step_minutes=60,
    )  # fmt: skip

    assert (one.start, one.energy_wh) == (NOON, [400])


async def test_house_series__many_houses__come_by_pages_and_only_those_that_the_actor_sees(db, make_house):
    homes = [await make_house()]
    homes += [await make_house(org_id=homes[0].org_id) for _ in range(2)]
    await make_house()
    operator = Actor(user_id=homes[0].owner_id, org_id=homes[0].org_id, org_role="operator")

    first, total = await ask(db, operator, NOON, NOON + HOUR, limit=2)
    rest, _ = await ask(db, operator, NOON, NOON + HOUR, limit=2, offset=2)
    own, _ = await ask(db, homes[1].owner, NOON, NOON + HOUR)

    assert total == 3
    assert {*first, *rest} == {home.id for home in homes}
    assert set(own) == {homes[1].id}
    with pytest.raises(HouseNotFound):
        await ask(db, homes[1].owner, NOON, NOON + HOUR, house_id=homes[2].id)


@pytest.mark.parametrize("hours", [0, -5, 500_000])
async def test_house_series__range_that_does_not_hold__is_refused(db, make_house, hours):
    home = await make_house()

    with pytest.raises(RangeRefused):
        await ask(db, home.owner, NOON, NOON + hours * HOUR)
