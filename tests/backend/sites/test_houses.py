# SPDX-License-Identifier: Apache-2.0
"""Houses: whose they are, which meter they may name, and who vouches for a device key."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from backend.core.db import Actor
from backend.core.ids import uuid7
from backend.sites import service
from backend.sites.errors import (
    DeviceKeyRefused,
    HouseInUse,
    HouseNotFound,
    MeterNotEnrolled,
    MeterTaken,
    NotACommunity,
    OperatorOnly,
    OwnerNotMember,
    ReadingInterval,
)
from backend.sites.service import HouseFields
from backend.sites.types import MeterRow

from .conftest import CHAIN, NOON, NOW, draft

if TYPE_CHECKING:
    from uuid import UUID

    from backend.core.db import Database

METER = 2**62 + 5
WALLET = b"\xaa" * 20
KEY, OTHER_KEY = b"\xdd" * 20, b"\xee" * 20


def fields(**changes: Any) -> HouseFields:
    known: dict[str, Any] = {
        "name": "Blue door", "capacity_w": 5_000, "latitude": Decimal("37.5"), "longitude": Decimal("-122.1"),
    }  # fmt: skip
    return HouseFields(**(known | changes))


async def enrol(
    service_db: Database, *, owner: bytes = WALLET, community: int = 7, device_key: bytes | None = None
) -> None:
    async with service_db.begin() as session:
        row = MeterRow(METER, owner, community, "CAMX", 15, device_key, 10, 0)
        await service.record_meters(session, CHAIN, [row])


@pytest.fixture
async def member(service_db, make_user, make_community) -> Actor:
    """A member, with a wallet, of community 7 (delivery interval 15 minutes)."""
    actor = Actor(user_id=await make_user(), org_id=await make_community(number=7), org_role="member")
    await join(service_db, actor)
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO wallets (id, address, user_id, valid_from) VALUES (:id, :address, :user, :now)"),
            {"id": uuid7(), "address": WALLET, "user": actor.user_id, "now": NOON},
        )
    return actor


async def join(service_db: Database, actor: Actor) -> None:
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO memberships (org_id, user_id, role, created_at) VALUES (:org, :user, :role, :now)"),
            {"org": actor.org_id, "user": actor.user_id, "role": actor.org_role, "now": NOON},
        )


@pytest.fixture
async def operator(service_db, make_user, member) -> Actor:
    """An operator of the same community."""
    actor = Actor(user_id=await make_user(), org_id=member.org_id, org_role="operator")
    await join(service_db, actor)
    return actor


async def test_create_house__member__owns_it_on_the_communitys_grid(db, member, stored):
    house = await service.create_house(db, fields(), actor=member, now=NOW)

    assert (house.owner_id, house.org_id, house.reading_minutes) == (member.user_id, member.org_id, 15)
    assert await service.get_house(db, house.id, actor=Actor(user_id=member.user_id)) == house
    [entry] = await stored("SELECT action, subject_id FROM audit_log")
    assert tuple(entry) == ("house.created", str(house.id))


async def test_update_house__connection_told_once__stays_until_it_is_told_again(db, member):
    made = await service.create_house(db, fields(), actor=member, now=NOW)

    told = await service.update_house(db, made.id, fields(connection_w=11_000), actor=member, now=NOW)
    left = await service.update_house(db, made.id, fields(name="Red door"), actor=member, now=NOW)

    assert (made.connection_w, told.connection_w, left.connection_w) == (None, 11_000, 11_000)


@pytest.mark.parametrize("minutes", [30, 60, 7])
async def test_create_house__interval_does_not_divide_the_markets__is_refused(db, member, minutes):
    with pytest.raises(ReadingInterval):
        await service.create_house(db, fields(reading_minutes=minutes), actor=member, now=NOW)


async def test_create_house__in_a_company__is_refused(db, service_db, make_user, member):
    async with service_db.begin() as session:
        await session.execute(text("UPDATE organizations SET kind = 'company', community_number = NULL"))

    with pytest.raises(NotACommunity):
        await service.create_house(db, fields(), actor=member, now=NOW)


async def test_create_house__for_another_member__needs_an_operator(db, member, operator):
    assert member.user_id is not None
    made = await service.create_house(db, fields(), actor=operator, owner_id=member.user_id, now=NOW)

    assert made.owner_id == member.user_id
    with pytest.raises(OperatorOnly):
        await service.create_house(db, fields(), actor=member, owner_id=operator.user_id, now=NOW)


async def test_create_house__for_a_stranger__is_refused(db, operator, make_user):
    with pytest.raises(OwnerNotMember):
        await service.create_house(db, fields(), actor=operator, owner_id=await make_user(), now=NOW)


async def test_create_house__meter_enrolled_for_the_owner__is_taken(db, service_db, member):
    await enrol(service_db)

    house = await service.create_house(db, fields(meter=METER), actor=member, now=NOW)

    assert house.meter == METER


@pytest.mark.parametrize("enrolment", [None, {"owner": b"\xbb" * 20}, {"community": 8}])
async def test_create_house__meter_of_somebody_else__is_refused(db, service_db, member, enrolment):
    if enrolment is not None:
        await enrol(service_db, **enrolment)

    with pytest.raises(MeterNotEnrolled):
        await service.create_house(db, fields(meter=METER), actor=member, now=NOW)


async def test_create_house__operator_names_the_meter_in_advance__is_taken_once(db, operator, member):
    await service.create_house(db, fields(meter=METER), actor=operator, owner_id=member.user_id, now=NOW)

    with pytest.raises(MeterTaken):
        await service.create_house(db, fields(meter=METER), actor=operator, owner_id=member.user_id, now=NOW)


async def test_update_house__meter_of_another_house__is_refused(db, operator, member):
    await service.create_house(db, fields(meter=METER), actor=operator, owner_id=member.user_id, now=NOW)
    house = await service.create_house(db, fields(), actor=operator, owner_id=member.user_id, now=NOW)

    with pytest.raises(MeterTaken):
        await service.update_house(db, house.id, fields(meter=METER), actor=operator, now=NOW)


async def test_update_house__without_readings__changes_grid_and_name(db, member):
    house = await service.create_house(db, fields(), actor=member, now=NOON)

    changed = await service.update_house(
        db, house.id, fields(name="Red door", reading_minutes=5), actor=member, now=NOW
    )

    assert (changed.name, changed.reading_minutes, changed.updated_at) == ("Red door", 5, NOW)


@pytest.mark.parametrize("change", [{"reading_minutes": 5}, {"meter": METER + 1}, {"meter": None}])
async def test_update_house__under_readings__meter_and_grid_stay(db, operator, member, change):
    house = await service.create_house(db, fields(meter=METER), actor=operator, owner_id=member.user_id, now=NOW)
    await record_one(db, house.id, member)

    with pytest.raises(HouseInUse):
        await service.update_house(db, house.id, fields(**({"meter": METER} | change)), actor=operator, now=NOW)


async def record_one(db: Database, house_id: UUID, actor: Actor) -> None:
    outcome = await service.record_readings(
        db, [draft(house_id=house_id)], actor=actor, as_operator=False, correct=False, now=NOW
    )
    assert outcome.recorded == 1


async def test_update_house__of_a_stranger__is_not_found(db, member, make_house):
    home = await make_house()

    with pytest.raises(HouseNotFound):
        await service.update_house(db, home.id, fields(), actor=member, now=NOW)


async def test_delete_house__with_readings__keeps_them_and_the_meters_name(db, operator, member, stored):
    house = await service.create_house(db, fields(meter=METER), actor=operator, owner_id=member.user_id, now=NOW)
    await record_one(db, house.id, member)

    await service.delete_house(db, house.id, actor=member, now=NOW)

    with pytest.raises(HouseNotFound):
        await service.get_house(db, house.id, actor=member)
    assert await service.list_houses(db, actor=member, owner_id=None, offset=0, limit=10) == ([], 0)
    [row] = await stored("SELECT h.meter, e.production_wh FROM houses h JOIN energy_production e ON e.house_id = h.id")
    assert tuple(row) == (METER, 500)


async def test_delete_house__never_read__sets_its_meter_free(db, operator, member):
    house = await service.create_house(db, fields(meter=METER), actor=operator, owner_id=member.user_id, now=NOW)

    await service.delete_house(db, house.id, actor=operator, now=NOW)

    again = await service.create_house(db, fields(meter=METER), actor=operator, owner_id=member.user_id, now=NOW)
    assert again.meter == METER


async def test_register_device_key__by_the_owner__only_what_the_chain_says(db, service_db, member):
    await enrol(service_db, device_key=KEY)
    house = await service.create_house(db, fields(meter=METER), actor=member, now=NOW)

    registered = await service.register_device_key(db, house.id, KEY, actor=member, now=NOW)

    assert registered.device_key == KEY
    with pytest.raises(DeviceKeyRefused):
        await service.register_device_key(db, house.id, OTHER_KEY, actor=member, now=NOW)


async def test_register_device_key__chain_names_none__needs_an_operator(db, service_db, member, operator):
    await enrol(service_db)
    house = await service.create_house(db, fields(meter=METER), actor=member, now=NOW)

    with pytest.raises(OperatorOnly):
        await service.register_device_key(db, house.id, KEY, actor=member, now=NOW)

    assert (await service.register_device_key(db, house.id, KEY, actor=operator, now=NOW)).device_key == KEY


async def test_register_device_key__operator_against_the_chain__is_refused(db, service_db, member, operator):
    await enrol(service_db, device_key=KEY)
    house = await service.create_house(db, fields(meter=METER), actor=member, now=NOW)

    with pytest.raises(DeviceKeyRefused):
        await service.register_device_key(db, house.id, OTHER_KEY, actor=operator, now=NOW)


async def test_register_device_key__house_without_meter__is_refused(db, member, operator):
    house = await service.create_house(db, fields(), actor=member, now=NOW)

    with pytest.raises(MeterNotEnrolled):
        await service.register_device_key(db, house.id, KEY, actor=operator, now=NOW)


async def test_set_zone__by_operator_and_owner__only_the_operator_may(db, member, operator):
    house = await service.create_house(db, fields(), actor=member, now=NOW)

    with pytest.raises(OperatorOnly):
        await service.set_zone(db, house.id, "north", actor=member, now=NOW)

    assert (await service.set_zone(db, house.id, "north", actor=operator, now=NOW)).zone == "north"
