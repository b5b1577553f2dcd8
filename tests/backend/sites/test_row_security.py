# SPDX-License-Identifier: Apache-2.0
"""What raw SQL can do to houses and readings as each database role."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db import Actor, raw
from backend.sites import service

from .conftest import NOON, NOW, Home, draft

if TYPE_CHECKING:
    from backend.core.db import Database

TABLES = ("houses", "energy_production", "energy_production_history")
_READING = text("""
INSERT INTO energy_production (house_id, start_at, end_at, minutes, production_wh, attestation, recorded_at)
VALUES (:house, :start, :end, 15, 1, :attestation, :now)
""")


@pytest.fixture
async def home(db, make_house) -> Home:
    """A house with one reading that was corrected once."""
    made = await make_house()
    for wh, correct in ((500, False), (600, True)):
        await service.record_readings(
            db, [draft(made, production_wh=wh)], actor=made.operator, as_operator=True, correct=correct, now=NOW
        )
    return made


async def counts(database: Database, actor: Actor | None) -> list[int]:
    async with database.begin(actor) as session:
        return [(await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() for table in TABLES]


def reading(home: Home, *, attestation: str = "declared") -> dict[str, Any]:
    start = NOON + timedelta(hours=1)
    return {
        "house": home.id, "start": start, "end": start + timedelta(minutes=15), "attestation": attestation, "now": NOW,
    }  # fmt: skip


async def refused(database: Database, actor: Actor | None, statement: Any, values: dict[str, Any]) -> str:
    with pytest.raises(DBAPIError) as error:
        async with database.begin(actor) as session:
            await session.execute(statement, values)
    return str(error.value.orig)


async def test_select__nobody_is_named__sees_nothing(db, home):
    assert await counts(db, None) == [0, 0, 0]


async def test_select__owner_and_operator__see_their_own(db, home, make_user):
    operator = Actor(user_id=await make_user(), org_id=home.org_id, org_role="operator")

    assert await counts(db, Actor(user_id=home.owner_id)) == [1, 1, 1]
    assert await counts(db, operator) == [1, 1, 1]


async def test_select__forecaster_of_the_community__sees_houses_and_readings_and_changes_nothing(
    db, home, make_user, make_community
):
    forecaster = Actor(user_id=await make_user(), org_id=home.org_id, org_role="forecaster")

    assert await counts(db, forecaster) == [1, 1, 0]
    assert "row-level security" in await refused(db, forecaster, _READING, reading(home))
    assert (
        await counts(db, Actor(user_id=forecaster.user_id, org_id=await make_community(), org_role="forecaster"))
        == [0] * 3
    )


async def test_select__others__see_nothing(db, home, make_user, make_community):
    stranger = await make_user()
    elsewhere = await make_community()

    for actor in (
        Actor(user_id=stranger),
        Actor(user_id=stranger, org_id=home.org_id, org_role="member"),
        Actor(user_id=stranger, org_id=home.org_id, org_role="auditor"),
        Actor(user_id=stranger, org_id=elsewhere, org_role="operator"),
    ):
        assert await counts(db, actor) == [0, 0, 0]


async def test_select__service_and_audit__see_all(service_db, audit_db, home):
    assert await counts(service_db, None) == [1, 1, 1]
    assert await counts(audit_db, None) == [1, 1, 1]


async def test_insert__reading_of_a_strangers_house__is_refused(db, home, make_user):
    message = await refused(db, Actor(user_id=await make_user()), _READING, reading(home))

    assert "row-level security" in message


async def test_insert__owner_vouches_as_operator__is_refused(db, home):
    message = await refused(db, home.owner, _READING, reading(home, attestation="operator"))

    assert "row-level security" in message


async def test_update__owner_makes_a_reading_the_operators__is_refused(db, home):
    async with db.begin(home.owner) as session:
        await session.execute(_READING, reading(home))

    message = await refused(db, home.owner, text("UPDATE energy_production SET attestation = 'operator'"), {})

    assert "row-level security" in message


async def test_insert__house_for_somebody_else__is_refused(db, home, make_user):
    statement = text("""INSERT INTO houses (id, owner_id, org_id, name, capacity_w, latitude, longitude,
        reading_minutes, created_at, updated_at) VALUES (uuidv7(), :owner, :org, 'x', 1, 0, 0, 15, :now, :now)""")

    message = await refused(db, home.owner, statement, {"owner": await make_user(), "org": home.org_id, "now": NOW})

    assert "row-level security" in message


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM houses", "DELETE FROM energy_production", "DELETE FROM energy_production_history",
     "UPDATE energy_production_history SET production_wh = 1", "UPDATE houses SET owner_id = uuidv7()",
     "UPDATE energy_production SET start_at = start_at", "DELETE FROM chain_meters", "TRUNCATE energy_production"],
)  # fmt: skip
async def test_api_role__what_it_may_never_do__is_refused(db, home, statement):
    assert "permission denied" in await refused(db, home.operator, text(statement), {})


async def test_audit_role__writes__is_refused(audit_db, home):
    assert "read-only" in await refused(audit_db, None, _READING, reading(home))


async def test_owner_role__table_owner__is_held_by_the_policies_too(owner_db, home):
    assert await counts(owner_db, None) == [0, 0, 0]


async def test_copy__straight_into_the_table__is_refused(db, home):
    async with db.begin(home.owner) as session:
        connection = await raw(session)
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="COPY FROM not supported with row-level security"):
            await connection.copy_records_to_table("energy_production", records=[], columns=["house_id"])


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("start_at = start_at + interval '1 minute', end_at = end_at + interval '1 minute'", "on_grid"),
        ("end_at = end_at + interval '15 minutes'", "on_grid"),
        ("minutes = 30, end_at = start_at + interval '30 minutes'", "on_the_house_grid"),
        ("production_wh = NULL", "knows_something"),
        ("production_wh = -1", "production_wh_check"),
        ("attestation = 'device'", "device_signs"),
        ("attestation = 'guess'", "attestation_check"),
    ],
)
async def test_energy_production__row_that_cannot_be__is_refused_by_the_table(service_db, home, change, constraint):
    assert constraint in await refused(service_db, None, text(f"UPDATE energy_production SET {change}"), {})


async def test_houses__grid_changed_under_readings__is_refused_by_the_table(service_db, home):
    message = await refused(service_db, None, text("UPDATE houses SET reading_minutes = 5"), {})

    assert "energy_production_on_the_house_grid" in message
