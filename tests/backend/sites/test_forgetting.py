# SPDX-License-Identifier: Apache-2.0
"""A deleted user's houses stay for what rests on them, and name nobody."""

from decimal import Decimal

import orjson

from backend.sites import service
from backend.sites.tasks import on_user_deleted
from tests.backend.sites.conftest import NOW

METER = 4_611_686_018_427_387_909


async def test_forget_owner__house_with_a_meter__keeps_the_meter_and_names_nobody(
    service_db, db, make_house, make_user
):
    home = await make_house(meter=METER)
    neighbour = await make_house(owner_id=await make_user())
    payload = orjson.dumps({"audience": str(home.owner_id)}).decode()

    first = await on_user_deleted(service_db, payload, NOW)
    again = await on_user_deleted(service_db, payload, NOW)

    forgotten = await service.get_house(db, home.id, actor=home.operator)
    other = await service.get_house(db, neighbour.id, actor=neighbour.owner)
    assert (first, again) == (1, 0)
    assert (forgotten.name, forgotten.meter) == ("House of a deleted user", METER)
    assert (forgotten.latitude, forgotten.longitude) == (Decimal(38), Decimal(-122))
    assert (other.name, other.latitude) == ("Blue door", Decimal("37.5"))
