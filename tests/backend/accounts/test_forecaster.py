# SPDX-License-Identifier: Apache-2.0
"""The forecasting service among a community's members."""

import pytest

from backend.accounts import service
from backend.accounts.errors import ApiKeyInvalid
from backend.accounts.types import OrgKind, OrgRole
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.errors import Invalid
from tests.backend.accounts.helpers import make_user

KEY, NEXT = "gxk_" + "a" * 43, "gxk_" + "b" * 43


def community(slug):
    return service.NewOrganization(
        kind=OrgKind.COMMUNITY, name=slug, slug=slug, emission_region="CAMX", delivery_minutes=15
    )


async def roles_in(service_db, org_id):
    found, _ = await service.list_members(service_db, org_id, actor=Actor(), offset=0, limit=100)
    return {member.user_id: member.role for member in found}


async def test_equip_forecaster__twice_and_with_a_new_key__is_one_user_with_the_newest_key(service_db, db):
    old = await service.create_organization(service_db, community("old"), operator_id=None, by=None, now=utc_now())
    for key in (KEY, KEY, NEXT):
        await service.equip_forecaster(service_db, key, now=utc_now())
    new = await service.create_organization(service_db, community("new"), operator_id=None, by=None, now=utc_now())

    held = await service.authenticate_key(db, NEXT, client_ip="127.0.0.1", now=utc_now())

    assert held.user_id == service.FORECASTER_ID
    assert "write" not in held.scopes
    for one in (old, new):
        assert await roles_in(service_db, one.id) == {service.FORECASTER_ID: OrgRole.FORECASTER}
    with pytest.raises(ApiKeyInvalid):
        await service.authenticate_key(db, KEY, client_ip="127.0.0.1", now=utc_now())


@pytest.mark.parametrize("key", ["secret", "gxk_short", ""])
async def test_equip_forecaster__no_secret__is_refused(service_db, key):
    with pytest.raises(Invalid):
        await service.equip_forecaster(service_db, key, now=utc_now())


async def test_membership__ended_and_offered_again__is_taken_at_once(service_db, db):
    await service.equip_forecaster(service_db, KEY, now=utc_now())
    operator_id = await make_user(service_db)
    made = await service.create_organization(
        service_db, community("c"), operator_id=operator_id, by=None, now=utc_now()
    )
    operator = Actor(user_id=operator_id, org_id=made.id, org_role="operator")
    who = service.FORECASTER_ID

    await service.remove_member(db, made.id, who, actor=operator, now=utc_now())
    await service.equip_forecaster(service_db, KEY, now=utc_now())
    ended = await roles_in(service_db, made.id)
    await service.invite_member(
        db, made.id, user_id=who, email=None, role=OrgRole.FORECASTER, actor=operator, now=utc_now()
    )

    assert who not in ended
    assert (await roles_in(service_db, made.id))[who] == OrgRole.FORECASTER
