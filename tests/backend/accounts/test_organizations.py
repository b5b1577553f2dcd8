# SPDX-License-Identifier: Apache-2.0
"""Organisations, communities and memberships."""

import asyncio

import pytest

from backend.accounts import service
from backend.accounts.errors import (
    LastOperator,
    MembershipExists,
    MembershipNotFound,
    OrganizationNotFound,
    OrganizationRegistered,
    OrganizationTaken,
    UserNotFound,
)
from backend.accounts.types import SUPER_ADMIN, OrgKind, OrgRole
from backend.core.db import Actor
from backend.core.errors import Invalid
from tests.backend.accounts.helpers import NOON, make_community, make_member, make_user, register


def as_operator(user_id, org_id):
    return Actor(user_id=user_id, org_id=org_id, org_role="operator")


async def test_communities__registered_ones__are_given_by_number(service_db):
    north = await make_community(service_db, "north", number=7)
    await make_community(service_db, "planned", number=None)

    async with service_db.begin() as session:
        found = await service.communities(session)

    assert list(found) == [7]
    assert (found[7].org_id, found[7].currency, found[7].time_zone) == (north.id, "USD", "America/Los_Angeles")
    assert found[7].delivery_minutes == 15


async def test_communities__deactivated__are_left_out(db, service_db):
    north = await make_community(service_db)
    admin = await make_user(service_db, super_admin=True)

    await service.update_organization(
        db, north.id, {"active": False}, actor=Actor(user_id=admin, org_role=SUPER_ADMIN), now=NOON
    )

    async with service_db.begin() as session:
        assert await service.communities(session) == {}


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": OrgKind.COMMUNITY, "emission_region": "CAMX"},
        {"kind": OrgKind.COMMUNITY, "delivery_minutes": 15},
        {"kind": OrgKind.COMPANY, "community_number": 1},
        {"kind": OrgKind.COMPANY, "emission_region": "CAMX"},
    ],
)
async def test_create_organization__fields_that_do_not_fit_its_kind__is_refused(service_db, facts):
    new = service.NewOrganization(name="X", slug="x", **facts)

    with pytest.raises(Invalid):
        await service.create_organization(service_db, new, operator_id=None, by=None, now=NOON)


@pytest.mark.parametrize(("slug", "number", "field"), [("north", 2, "slug"), ("south", 1, "community_number")])
async def test_create_organization__slug_or_number_in_use__is_refused_by_name(service_db, slug, number, field):
    await make_community(service_db, "north", number=1)

    with pytest.raises(OrganizationTaken) as refused:
        await make_community(service_db, slug, number=number)

    assert refused.value.details["field"] == field


async def test_update_organization__registered_on_chain__keeps_its_calendar(db, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)

    with pytest.raises(OrganizationRegistered) as refused:
        await service.update_organization(
            db, north.id, {"time_zone": "UTC", "name": "N"}, actor=as_operator(operator, north.id), now=NOON
        )

    assert refused.value.details["fields"] == ["time_zone"]


async def test_update_organization__name_and_settings__are_set(db, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    actor = as_operator(operator, north.id)

    await service.update_organization(
        db, north.id, {"name": "North", "settings": {"a": 1}, "time_zone": "America/Los_Angeles"}, actor=actor, now=NOON
    )

    found = await service.get_organization(db, north.id, actor=actor)
    assert (found.name, found.settings) == ("North", {"a": 1})


async def test_get_organization__stranger__is_not_found(db, service_db):
    north = await make_community(service_db)
    stranger = await make_user(service_db)

    with pytest.raises(OrganizationNotFound):
        await service.get_organization(db, north.id, actor=Actor(user_id=stranger))


async def test_invite__then_accept__makes_a_member(db, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    person = await make_user(service_db)

    await service.invite_member(
        db, north.id, user_id=person, email=None, role=OrgRole.AUDITOR, actor=as_operator(operator, north.id), now=NOON
    )
    before, offered = await service.list_memberships(db, person)
    accepted = await service.accept_invitation(db, north.id, user_id=person, now=NOON)

    assert (before, [one.role for one in offered], accepted.role) == ([], ["auditor"], "auditor")
    held, offered = await service.list_memberships(db, person)
    assert ([one.org_id for one in held], offered) == ([north.id], [])


async def test_invite__by_email__finds_the_user(db, service_db, accounts):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    person = (await register(db, accounts)).user

    offer = await service.invite_member(
        db,
        north.id,
        user_id=None,
        email="asha@example.org",
        role=OrgRole.MEMBER,
        actor=as_operator(operator, north.id),
        now=NOON,
    )

    assert offer.user_id == person.id


@pytest.mark.parametrize(
    "named",
    [{"user_id": "00000000-0000-0000-0000-000000000001", "email": None}, {"user_id": None, "email": "no@one.org"}],
)
async def test_invite__nobody__is_refused(db, service_db, named):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)

    with pytest.raises(UserNotFound):
        await service.invite_member(
            db, north.id, role=OrgRole.MEMBER, actor=as_operator(operator, north.id), now=NOON, **named
        )


async def test_invite__member_or_invited__is_refused(db, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    member, invited = await make_member(service_db, north.id), await make_user(service_db)
    facts = {"email": None, "role": OrgRole.MEMBER, "actor": as_operator(operator, north.id), "now": NOON}
    await service.invite_member(db, north.id, user_id=invited, **facts)

    for user_id in (member, invited):
        with pytest.raises(MembershipExists):
            await service.invite_member(db, north.id, user_id=user_id, **facts)


async def test_accept_invitation__not_invited__is_not_found(db, service_db):
    north = await make_community(service_db)
    stranger = await make_user(service_db)

    with pytest.raises(MembershipNotFound):
        await service.accept_invitation(db, north.id, user_id=stranger, now=NOON)


async def test_set_member_role__last_operator__keeps_the_role(db, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)

    with pytest.raises(LastOperator):
        await service.set_member_role(
            db, north.id, operator, OrgRole.MEMBER, actor=as_operator(operator, north.id), now=NOON
        )


async def test_remove_member__two_operators_leave_at_once__one_stays(db, service_db):
    north = await make_community(service_db)
    pair = [await make_member(service_db, north.id, OrgRole.OPERATOR) for _ in range(2)]

    outcomes = await asyncio.gather(
        *(service.remove_member(db, north.id, one, actor=as_operator(one, north.id), now=NOON) for one in pair),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOperator", "NoneType"]


async def test_remove_member__leaving__ends_the_own_membership(db, service_db):
    north = await make_community(service_db)
    member = await make_member(service_db, north.id)

    await service.remove_member(
        db, north.id, member, actor=Actor(user_id=member, org_id=north.id, org_role="member"), now=NOON
    )

    assert await service.list_memberships(db, member) == ([], [])


async def test_list_members__member__sees_only_the_own_membership(db, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    member = await make_member(service_db, north.id)

    by_operator, total = await service.list_members(
        db, north.id, actor=as_operator(operator, north.id), offset=0, limit=10
    )
    by_member, own = await service.list_members(
        db, north.id, actor=Actor(user_id=member, org_id=north.id, org_role="member"), offset=0, limit=10
    )

    assert (len(by_operator), total) == (2, 2)
    assert ([one.user_id for one in by_member], own) == ([member], 1)
