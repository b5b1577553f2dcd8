# SPDX-License-Identifier: Apache-2.0
"""Readings come in: recorded once, repeated without effect, contradicted visibly, corrected on request."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from backend.core.db import Actor
from backend.sites import service
from backend.sites.attestation import sign_reading
from backend.sites.errors import OperatorOnly
from backend.sites.types import Outcome

from .conftest import METER_KEY, NOON, NOW, Home, draft

if TYPE_CHECKING:
    from backend.core.db import Database

METER = 2**62 + 5


async def record(
    db: Database, home: Home, *drafts: Any, actor: Actor | None = None, as_operator: bool = False, correct: bool = False
) -> Outcome:
    return await service.record_readings(
        db, drafts, actor=actor or home.owner, as_operator=as_operator, correct=correct, now=NOW
    )


def signed(home: Home, *, key: bytes = METER_KEY, line: int = 1, revision: int = 0, **values: Any) -> Any:
    made = draft(home, line=line, revision=revision, **values)
    quantities = (made.production_wh, made.consumption_wh, made.export_wh, made.import_wh)
    assert home.meter is not None
    signature = sign_reading(
        key, meter=home.meter, start=made.start, minutes=15, revision=revision, quantities=quantities
    )
    return made._replace(signature=signature)


async def test_record_readings__new__are_stored_and_announced(db, make_house, stored):
    home = await make_house(meter=METER)

    outcome = await record(db, home, draft(home, temperature_c=None, export_wh=400))

    assert (outcome.received, outcome.recorded, outcome.problems) == (1, 1, ())
    [row] = await stored("SELECT * FROM energy_production")
    assert (row["production_wh"], row["export_wh"], row["import_wh"]) == (500, 400, None)
    assert (row["attestation"], row["end_at"], row["recorded_by"]) == (
        "declared",
        NOON + timedelta(minutes=15),
        home.owner_id,
    )
    [event] = await stored("SELECT name, payload FROM outbox")
    assert event["name"] == "sites.readings_recorded.v1"
    assert orjson.loads(event["payload"]) == {
        "houses": [str(home.id)],
        "meters": [METER],
        "start": "2026-06-01T12:00:00+00:00",
        "end": "2026-06-01T12:15:00+00:00",
        "corrected": False,
    }


async def test_record_readings__sent_again__changes_nothing(db, make_house, stored):
    home = await make_house()
    await record(db, home, draft(home))

    outcome = await record(db, home, draft(home))

    assert (outcome.recorded, outcome.repeated, outcome.problems) == (0, 1, ())
    assert len(await stored("SELECT FROM energy_production")) == 1
    assert len(await stored("SELECT FROM outbox")) == 1


async def test_record_readings__other_value__is_refused_and_shown(db, make_house, stored):
    home = await make_house()
    await record(db, home, draft(home))

    outcome = await record(db, home, draft(home, line=4, production_wh=501))

    assert outcome.recorded == 0
    [problem] = outcome.problems
    assert (problem.line, problem.field, problem.value, problem.code) == (
        4, "productionKwh", "0.501 kWh", "reading.contradicts",
    )  # fmt: skip
    assert problem.message == "recorded as declared: 0.5 kWh; send correct=true if the new value is right"
    [row] = await stored("SELECT production_wh FROM energy_production")
    assert row["production_wh"] == 500


async def test_record_readings__unknown_made_zero__is_a_contradiction(db, make_house):
    home = await make_house()
    await record(db, home, draft(home))

    outcome = await record(db, home, draft(home, export_wh=0))

    assert [(problem.field, problem.code) for problem in outcome.problems] == [("exportKwh", "reading.contradicts")]


async def test_record_readings__declared_correction__is_refused(db, make_house, stored):
    home = await make_house()
    await record(db, home, draft(home))

    outcome = await record(db, home, draft(home, production_wh=900), correct=True)

    assert [problem.code for problem in outcome.problems] == ["reading.cannot_correct"]
    [row] = await stored("SELECT production_wh FROM energy_production")
    assert row["production_wh"] == 500


async def test_record_readings__operator_corrects__keeps_the_previous_value(db, make_house, stored):
    home = await make_house()
    await record(db, home, draft(home))

    outcome = await record(
        db, home, draft(home, production_wh=600), actor=home.operator, as_operator=True, correct=True
    )

    assert (outcome.corrected, outcome.problems) == (1, ())
    [row] = await stored("SELECT production_wh, attestation, revision FROM energy_production")
    assert tuple(row) == (600, "operator", 1)
    [old] = await stored("SELECT production_wh, attestation, replaced_by FROM energy_production_history")
    assert tuple(old) == (500, "declared", home.owner_id)
    events = await stored("SELECT payload FROM outbox ORDER BY id")
    assert [orjson.loads(event["payload"])["corrected"] for event in events] == [False, True]


async def test_record_readings__signed_by_the_meter__is_attested_by_the_device(db, make_house, stored):
    home = await make_house(meter=METER, signed=True)

    outcome = await record(db, home, signed(home, export_wh=100))

    assert (outcome.recorded, outcome.problems) == (1, ())
    [row] = await stored("SELECT attestation, octet_length(signature) FROM energy_production")
    assert tuple(row) == ("device", 65)


@pytest.mark.parametrize(
    "forged",
    [
        lambda home: signed(home, key=b"\x22" * 32),
        lambda home: signed(home)._replace(production_wh=501),
        lambda home: signed(home)._replace(export_wh=0),
        lambda home: signed(home)._replace(start=NOON + timedelta(minutes=15)),
        lambda home: signed(home)._replace(revision=1),
        lambda home: signed(home)._replace(signature=bytes(65)),
    ],
    ids=["other key", "other value", "unknown made zero", "other start", "other revision", "no signature at all"],
)
async def test_record_readings__signature_not_over_these_values__is_refused(db, make_house, stored, forged):
    home = await make_house(meter=METER, signed=True)

    outcome = await record(db, home, forged(home))

    assert [problem.code for problem in outcome.problems] == ["reading.signature"]
    assert await stored("SELECT FROM energy_production") == []


async def test_record_readings__signed_without_a_device_key__is_refused(db, make_house):
    home = await make_house(meter=METER)

    outcome = await record(db, home, signed(home))

    assert [problem.code for problem in outcome.problems] == ["reading.no_device_key"]


async def test_record_readings__device_confirms_a_declared_value__raises_the_attestation(db, make_house, stored):
    home = await make_house(meter=METER, signed=True)
    await record(db, home, draft(home))

    outcome = await record(db, home, signed(home))
    again = await record(db, home, draft(home))

    assert (outcome.raised, again.repeated) == (1, 1)
    [row] = await stored("SELECT attestation FROM energy_production")
    assert row["attestation"] == "device"


async def test_record_readings__old_signed_reading_replayed_as_correction__is_stale(db, make_house, stored):
    home = await make_house(meter=METER, signed=True)
    first = signed(home)
    await record(db, home, first)
    corrected = await record(db, home, signed(home, production_wh=300, revision=1), correct=True)

    outcome = await record(db, home, first, correct=True)

    assert corrected.corrected == 1
    assert [problem.code for problem in outcome.problems] == ["reading.stale_revision"]
    [row] = await stored("SELECT production_wh, revision FROM energy_production")
    assert tuple(row) == (300, 1)


async def test_record_readings__member_claims_to_be_operator__is_refused(db, make_house):
    home = await make_house()

    with pytest.raises(OperatorOnly):
        await record(db, home, draft(home), as_operator=True)


async def test_record_readings__operator_elsewhere_vouches_for_own_house__is_refused(
    db, make_house, make_community, stored
):
    home = await make_house()
    elsewhere = Actor(user_id=home.owner_id, org_id=await make_community(), org_role="operator")

    outcome = await record(db, home, draft(home), actor=elsewhere, as_operator=True)

    assert [problem.code for problem in outcome.problems] == ["reading.not_operated"]
    assert await stored("SELECT FROM energy_production") == []


async def test_record_readings__strangers_house__is_not_found(db, make_house, make_user, stored):
    home = await make_house(meter=METER)
    stranger = Actor(user_id=await make_user())

    outcome = await record(
        db, home, draft(home), draft(None, line=2, meter=METER, start=NOON + timedelta(minutes=15)), actor=stranger
    )

    assert [problem.code for problem in outcome.problems] == ["sites.house_not_found"] * 2
    assert await stored("SELECT FROM energy_production") == []


async def test_record_readings__house_and_meter_name_two_houses__is_not_found(db, make_house):
    home = await make_house(meter=METER)
    other = await make_house(owner_id=home.owner_id, org_id=home.org_id, meter=METER + 1)

    outcome = await record(db, home, draft(home, meter=other.meter))

    assert [problem.code for problem in outcome.problems] == ["sites.house_not_found"]


async def test_record_readings__repeated_and_contradicted_within_a_request__first_row_counts(db, make_house, stored):
    home = await make_house()

    outcome = await record(db, home, draft(home, line=1), draft(home, line=2), draft(home, line=3, production_wh=7))

    assert (outcome.received, outcome.recorded, outcome.repeated) == (3, 1, 1)
    [problem] = outcome.problems
    assert (problem.line, problem.code, problem.message) == (
        3, "reading.contradicts", "row 1 of this request says: 0.5 kWh",
    )  # fmt: skip
    [row] = await stored("SELECT production_wh FROM energy_production")
    assert row["production_wh"] == 500


async def test_record_readings__same_reading_from_many_at_once__one_records(db, make_house, stored):
    home = await make_house()

    outcomes = await asyncio.gather(*(record(db, home, draft(home)) for _ in range(8)))

    assert sum(outcome.recorded for outcome in outcomes) == 1
    assert sum(outcome.repeated for outcome in outcomes) == 7
    assert len(await stored("SELECT FROM energy_production")) == 1


async def test_record_readings__two_values_at_once__one_wins_and_one_is_told(db, make_house, stored):
    home = await make_house()

    outcomes = await asyncio.gather(*(record(db, home, draft(home, production_wh=wh)) for wh in (100, 200)))

    assert sorted(outcome.recorded for outcome in outcomes) == [0, 1]
    assert [problem.code for outcome in outcomes for problem in outcome.problems] == ["reading.contradicts"]


async def test_record_readings__bad_row_among_good__good_ones_land(db, make_house, stored):
    home = await make_house()

    outcome = await record(
        db, home, draft(home, line=1), draft(home, line=2, start=NOON + timedelta(minutes=7)),
        draft(home, line=3, start=NOON + timedelta(minutes=15)),
    )  # fmt: skip

    assert (outcome.recorded, [problem.line for problem in outcome.problems]) == (2, [2])
    assert len(await stored("SELECT FROM energy_production")) == 2
