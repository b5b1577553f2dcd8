# SPDX-License-Identifier: Apache-2.0
"""What readings said before they were corrected, and how long they are kept."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from backend.core.db import Actor, Database
from backend.sites import service

from .conftest import NOON, NOW, Home, draft


@pytest.fixture
async def home(make_house) -> Home:
    """A house."""
    return await make_house()


async def _record(db: Database, home: Home, energy_wh: int, *, days: int = 0, minutes: int = 0) -> None:
    reading = draft(home, production_wh=energy_wh, start=NOON - timedelta(days=days), temperature_c=Decimal("20.50"))
    await service.record_readings(
        db, [reading], actor=home.operator, as_operator=True, correct=True, now=NOW + timedelta(minutes=minutes)
    )


async def test_corrections__of_a_reading_corrected_twice__show_before_and_after(
    db: Database, home: Home, make_user
) -> None:
    for minutes, energy_wh in enumerate((500, 300, 400)):
        await _record(db, home, energy_wh, minutes=minutes)
    await _record(db, home, 100, days=1)

    async def seen(actor: Actor, **asked) -> tuple[list, int]:
        async with db.begin(actor) as session:
            wanted = {"since": None, "until": None, "offset": 0, "limit": 10} | asked
            return await service.corrections(session, home.id, **wanted)

    found, total = await seen(home.owner)

    assert total == 2
    assert [(item.before.production_wh, item.after and item.after.production_wh) for item in found] == [
        (300, 400), (500, 300),
    ]  # fmt: skip
    assert (found[0].start, found[0].replaced_at, found[0].replaced_by) == (
        NOON, NOW + timedelta(minutes=2), home.owner_id,
    )  # fmt: skip
    assert found[0].before.temperature_c == Decimal("20.50")
    assert await seen(home.owner, limit=1, offset=1) == (found[1:], 2)
    assert await seen(home.owner, limit=1, offset=2) == ([], 2)
    assert await seen(home.owner, since=NOON + timedelta(minutes=15)) == ([], 0)
    assert await seen(Actor(user_id=await make_user())) == ([], 0)


async def test_forget_readings__older_than_they_are_kept__go_with_their_history(
    db: Database, home: Home, service_db: Database
) -> None:
    for days in (0, 3):
        await _record(db, home, 500, days=days)
        await _record(db, home, 300, days=days, minutes=1)

    gone = [await service.forget_readings(service_db, NOON - timedelta(days=1)) for _ in range(2)]

    async with service_db.begin() as session:
        left = [
            (await session.execute(text(f"SELECT start_at FROM {table}"))).scalars().all()
            for table in ("energy_production", "energy_production_history")
        ]
    assert gone == [2, 0]
    assert left == [[NOON], [NOON]]
