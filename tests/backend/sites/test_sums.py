# SPDX-License-Identifier: Apache-2.0
"""Sums over readings: exact where everything is known, unknown where anything is missing."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from backend.sites import service
from backend.sites.errors import RangeRefused
from backend.sites.types import BucketSum

from .conftest import NOON, NOW, Home, draft

if TYPE_CHECKING:
    from backend.core.db import Database

METER = 2**62 + 5
QUARTER = timedelta(minutes=15)


async def fill(db: Database, home: Home, *rows: dict[str, Any], as_operator: bool = False) -> None:
    outcome = await service.record_readings(
        db,
        [draft(home, line=line, **row) for line, row in enumerate(rows, 1)],
        actor=home.operator if as_operator else home.owner,
        as_operator=as_operator,
        correct=False,
        now=datetime(2030, 1, 1, tzinfo=UTC),
    )
    assert outcome.problems == ()


async def sums(
    db: Database, home: Home, since: datetime, until: datetime, *, resolution: str, zone: str = "UTC", limit: int = 100
) -> list[BucketSum]:
    house = await service.get_house(db, home.id, actor=home.owner)
    async with db.begin(home.owner) as session:
        found, _ = await service.reading_sums(
            session, house, since=since, until=until, resolution=resolution, time_zone=zone, offset=0, limit=limit
        )
    return found


async def test_reading_sums__all_known__adds_up(db, make_house):
    home = await make_house()
    await fill(db, home, *({"start": NOON + n * QUARTER, "production_wh": 100 + n, "export_wh": 0} for n in range(4)))

    [hour] = await sums(db, home, NOON, NOON + timedelta(hours=1), resolution="1h")

    assert (hour.production_wh, hour.export_wh, hour.consumption_wh, hour.import_wh) == (406, 0, None, None)
    assert hour.complete
    assert hour.known_minutes == {"production": 60, "export": 60, "consumption": 0, "import": 0}


async def test_reading_sums__one_quantity_unknown_once__its_sum_alone_is_unknown(db, make_house):
    home = await make_house()
    rows = [{"start": NOON + n * QUARTER, "production_wh": 100, "export_wh": None if n == 2 else 50} for n in range(4)]
    await fill(db, home, *rows)

    [hour] = await sums(db, home, NOON, NOON + timedelta(hours=1), resolution="1h")

    assert (hour.production_wh, hour.export_wh, hour.known_minutes["export"]) == (400, None, 45)
    assert hour.complete


async def test_reading_sums__a_reading_missing__nothing_is_guessed(db, make_house):
    home = await make_house()
    await fill(db, home, *({"start": NOON + n * QUARTER} for n in (0, 1, 3)))

    hour, empty = await sums(db, home, NOON, NOON + timedelta(hours=2), resolution="1h")

    assert (hour.production_wh, hour.complete, hour.known_minutes["production"]) == (None, False, 45)
    assert (empty.production_wh, empty.complete, empty.attestation) == (None, False, None)


async def test_reading_sums__mixed_attestations__the_weakest_is_named(db, make_house):
    home = await make_house()
    await fill(db, home, {"start": NOON}, as_operator=True)
    await fill(db, home, {"start": NOON + QUARTER, "temperature_c": Decimal("20.25")})

    first, both = (
        *await sums(db, home, NOON, NOON + QUARTER, resolution="15m"),
        *await sums(db, home, NOON, NOON + 2 * QUARTER, resolution="30m"),
    )

    assert (first.attestation, both.attestation) == ("operator", "declared")
    assert both.temperature_c == Decimal("20.25")


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 8, 23), (11, 1, 25), (6, 1, 24)])
async def test_reading_sums__day_of_a_clock_change__is_the_sum_of_its_hours(db, make_house, month, day, hours):
    zone = "America/Los_Angeles"
    home = await make_house(time_zone=zone)
    around = datetime(2026, month, day, tzinfo=UTC) - timedelta(hours=6)
    chance = random.Random(day)
    await fill(
        db, home, *({"start": around + n * QUARTER, "production_wh": chance.randrange(1250)} for n in range(4 * 60))
    )
    noon = datetime(2026, month, day, 20, tzinfo=UTC)

    [whole] = await sums(db, home, noon, noon + QUARTER, resolution="1d", zone=zone)
    parts = await sums(db, home, whole.start, whole.end, resolution="1h", zone=zone)

    assert (whole.minutes, len(parts)) == (hours * 60, hours)
    assert whole.production_wh is not None
    assert whole.production_wh == sum(part.production_wh for part in parts if part.production_wh is not None)


async def test_reading_sums__finer_than_the_readings__is_refused(db, make_house):
    home = await make_house(reading_minutes=60)

    with pytest.raises(RangeRefused):
        await sums(db, home, NOON, NOW, resolution="30m")


async def test_interval_readings__attested_in_full__gives_sums(db, service_db, make_house):
    home = await make_house(meter=METER, reading_minutes=5)
    rows = [{"start": NOON + timedelta(minutes=5 * n), "production_wh": 10, "export_wh": 4} for n in range(3)]
    await fill(db, home, *rows, as_operator=True)

    async with service_db.begin() as session:
        found = await service.interval_readings(session, [METER, METER, 99], [NOON, NOON + QUARTER, NOON], 15)

    reading = found[METER, NOON]
    assert (reading.production_wh, reading.export_wh, reading.import_wh, reading.complete) == (30, 12, None, True)
    assert (found[METER, NOON + QUARTER].production_wh, found[METER, NOON + QUARTER].complete) == (None, False)
    assert not found[99, NOON].complete


async def test_interval_readings__declared__back_nothing(db, service_db, make_house):
    home = await make_house(meter=METER)
    await fill(db, home, {"start": NOON})

    async with service_db.begin() as session:
        found = await service.interval_readings(session, [METER], [NOON], 15)

    assert (found[METER, NOON].production_wh, found[METER, NOON].complete) == (None, False)


async def test_interval_readings__one_part_missing__gives_no_sum(db, service_db, make_house):
    home = await make_house(meter=METER, reading_minutes=5)
    await fill(db, home, {"start": NOON, "production_wh": 10}, as_operator=True)

    async with service_db.begin() as session:
        found = await service.interval_readings(session, [METER], [NOON], 15)

    assert (found[METER, NOON].production_wh, found[METER, NOON].complete) == (None, False)


async def test_interval_readings__readings_longer_than_the_interval__give_nothing(db, service_db, make_house):
    home = await make_house(meter=METER, reading_minutes=60)
    await fill(db, home, {"start": NOON}, as_operator=True)

    async with service_db.begin() as session:
        found = await service.interval_readings(session, [METER], [NOON], 15)

    assert found[METER, NOON].production_wh is None


async def test_interval_readings__unequal_sequences__is_refused(service_db):
    async with service_db.begin() as session:
        with pytest.raises(ValueError, match="pairs"):
            await service.interval_readings(session, [METER], [], 15)


async def test_energy_production__latest_first__is_read_from_the_key_without_sorting(db, make_house, stored):
    home = await make_house()
    await fill(db, home, *({"start": NOON + n * QUARTER} for n in range(500)))
    await stored("ANALYZE energy_production")

    plan = await stored(
        "EXPLAIN SELECT * FROM energy_production WHERE house_id = $1 ORDER BY start_at DESC LIMIT 10", home.id
    )

    text = "\n".join(row[0] for row in plan)
    assert "Index Scan Backward using energy_production_pkey" in text
    assert "Sort" not in text
