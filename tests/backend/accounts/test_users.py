# SPDX-License-Identifier: Apache-2.0
"""Reading, changing and forgetting users."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.accounts import service
from backend.accounts.errors import (
    EmailTaken,
    LastOperator,
    PasswordWeak,
    RefreshInvalid,
    UserNotFound,
    WrongCredentials,
)
from backend.accounts.principals import PrincipalReader
from backend.accounts.types import SUPER_ADMIN, MarketRole, OrgRole
from backend.core.db import Actor
from backend.core.envelope import PageParams
from tests.backend.accounts.helpers import (
    ALICE,
    NOON,
    PASSWORD,
    events,
    make_community,
    make_member,
    make_user,
    register,
    sign_in,
    wallet_proof,
)

LATER = NOON + timedelta(hours=1)
NEW_PASSWORD = "another good password"


async def test_get_user__oneself__with_wallets(db, accounts):
    entered = await sign_in(db, accounts, ALICE)

    user, wallets = await service.get_user(db, entered.user.id, actor=Actor(user_id=entered.user.id))

    assert (user.id, wallets) == (entered.user.id, [ALICE.address])


async def test_get_user__operator_of_the_community__sees_members_only(db, service_db):
    north, south = await make_community(service_db), await make_community(service_db, "south", number=2)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    neighbour, stranger = await make_member(service_db, north.id), await make_member(service_db, south.id)
    actor = Actor(user_id=operator, org_id=north.id, org_role="operator")

    found, _ = await service.get_user(db, neighbour, actor=actor)

    assert found.id == neighbour
    with pytest.raises(UserNotFound):
        await service.get_user(db, stranger, actor=actor)


@pytest.mark.parametrize("role", ["member", "auditor", "customer", "funder", "om"])
async def test_get_user__other_role__does_not_see_neighbours(db, service_db, role):
    north = await make_community(service_db)
    me, neighbour = await make_member(service_db, north.id, OrgRole(role)), await make_member(service_db, north.id)

    with pytest.raises(UserNotFound):
        await service.get_user(db, neighbour, actor=Actor(user_id=me, org_id=north.id, org_role=role))


async def test_list_users__operator_member_and_super_admin__see_their_part(db, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    member = await make_member(service_db, north.id)
    admin = await make_user(service_db, super_admin=True)

    totals = [
        (await service.list_users(db, actor=actor, offset=0, limit=2))[1]
        for actor in (
            Actor(user_id=operator, org_id=north.id, org_role="operator"),
            Actor(user_id=member, org_id=north.id, org_role="member"),
            Actor(user_id=admin, org_role=SUPER_ADMIN),
        )
    ]

    assert totals == [2, 1, 3]


async def test_update_user__name_and_leaderboard_name__are_set(db, accounts):
    entered = await register(db, accounts)

    user, _ = await service.update_user(
        db, entered.user.id, {"name": "A", "leaderboard_name": "Sun"}, by=entered.user.id, now=LATER
    )

    assert (user.name, user.leaderboard_name, user.role) == ("A", "Sun", "both")


async def test_change_password__right__ends_the_other_sessions(db, service_db, accounts):
    entered = await register(db, accounts)
    other = await service.sign_in_with_password(db, accounts, email="asha@example.org", password=PASSWORD, now=NOON)

    await service.change_password(
        db,
        entered.user.id,
        current=PASSWORD,
        new=NEW_PASSWORD,
        keep_session=entered.tokens.session_id,
        now=LATER,
    )

    reader = PrincipalReader(service_db)
    assert await reader.read(entered.user.id, entered.tokens.session_id) is not None
    assert await reader.read(entered.user.id, other.tokens.session_id) is None
    with pytest.raises(WrongCredentials):
        await service.sign_in_with_password(db, accounts, email="asha@example.org", password=PASSWORD, now=LATER)


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [("wrong", NEW_PASSWORD, WrongCredentials), (PASSWORD, "asha@example.org", PasswordWeak)],
)
async def test_change_password__wrong_or_weak__is_refused(db, accounts, current, new, refusal):
    entered = await register(db, accounts)

    with pytest.raises(refusal):
        await service.change_password(db, entered.user.id, current=current, new=new, keep_session=None, now=LATER)


async def test_set_email__user_who_signs_in_by_wallet__can_sign_in_with_the_password_then(db, accounts):
    entered = await sign_in(db, accounts, ALICE)
    kept = entered.tokens.session_id

    await service.set_email(
        db, entered.user.id, email="asha@example.org", password=PASSWORD, keep_session=kept, now=LATER
    )

    again = await service.sign_in_with_password(db, accounts, email="asha@example.org", password=PASSWORD, now=LATER)
    assert again.user.id == entered.user.id


@pytest.mark.parametrize(
    ("email", "password", "refusal"),
    [("asha@new.example", "not the password", WrongCredentials), ("ravi@example.org", PASSWORD, EmailTaken)],
)
async def test_set_email__wrong_password_or_taken__stays_as_it_was(db, accounts, email, password, refusal):
    await register(db, accounts, email="ravi@example.org")
    entered = await register(db, accounts)

    with pytest.raises(refusal):
        await service.set_email(db, entered.user.id, email=email, password=password, keep_session=None, now=LATER)

    user, _ = await service.get_user(db, entered.user.id, actor=Actor(user_id=entered.user.id))
    assert user.email == "asha@example.org"


async def test_audit_entries__of_others__are_not_shown(db, service_db, accounts):
    mine, other = await register(db, accounts), await register(db, accounts, email="ravi@example.org")
    await service.update_user(db, mine.user.id, {"name": "Asha R"}, by=mine.user.id, now=LATER)

    page = PageParams(1, 20)
    found, total = await service.audit_entries(
        db, Actor(user_id=mine.user.id), page, action=None, since=None, until=None
    )
    updates, _ = await service.audit_entries(
        db, Actor(user_id=mine.user.id), page, action="user.updated", since=LATER, until=None
    )
    everything, _ = await service.audit_entries(
        db, Actor(user_id=other.user.id, org_role=SUPER_ADMIN), page, action=None, since=None, until=None
    )

    assert [entry.action for entry in found] == ["user.updated", "session.opened", "user.registered"]
    assert total == 3
    assert [entry.details for entry in updates] == [{"fields": ["name"]}]
    assert len(everything) == 5


async def test_delete_user__with_everything__forgets_the_person_and_ends_access(db, service_db, accounts):
    north = await make_community(service_db)
    new = service.NewUser("Asha Rao", "asha@example.org", PASSWORD, MarketRole.BOTH, ALICE.address)
    entered = await service.register(
        db, accounts, new, await wallet_proof(db, ALICE), call_contract=None, now=NOON, user_agent="Asha's telephone"
    )
    user_id = entered.user.id
    await service.add_member(service_db, north.id, user_id, OrgRole.MEMBER, by=None, now=NOON)
    await service.update_user(db, user_id, {"leaderboard_name": "Asha R"}, by=user_id, now=NOON)
    await service.create_key(
        db, actor=Actor(user_id=user_id), name="k", scopes=["read"], ip_allow=[], expires_at=None, now=NOON
    )

    await service.delete_user(db, user_id, by=user_id, now=LATER)

    async with service_db.begin() as session:
        connection = await session.connection()
        row = (await connection.execute(text("SELECT * FROM users"))).one()
        everything = [
            (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            for table in ("users", "audit_log", "outbox", "memberships", "invitations", "refresh_tokens")
        ]
        owners = await service.owners_at(session, [ALICE.address] * 2, [NOON, LATER])
    assert (row.id, row.name, row.email, row.password_hash, row.deleted_at) == (
        user_id,
        "deleted user",
        None,
        None,
        LATER,
    )
    assert "asha" not in str(everything).lower()
    assert owners == [user_id, None]
    assert await PrincipalReader(service_db).read(user_id, entered.tokens.session_id) is None
    with pytest.raises(RefreshInvalid):
        await service.refresh(db, accounts, entered.tokens.refresh_token, now=LATER)
    with pytest.raises(WrongCredentials):
        await service.sign_in_with_password(db, accounts, email="asha@example.org", password=PASSWORD, now=LATER)
    assert (await events(service_db))[-1] == "accounts.user_deleted.v1"


async def test_delete_user__twice__is_not_found(db, accounts):
    entered = await register(db, accounts)
    await service.delete_user(db, entered.user.id, by=entered.user.id, now=LATER)

    with pytest.raises(UserNotFound):
        await service.delete_user(db, entered.user.id, by=entered.user.id, now=LATER)


async def test_delete_user__only_operator__is_refused_until_another_is_named(db, service_db):
    north, south = await make_community(service_db), await make_community(service_db, "south", number=2)
    only = await make_member(service_db, north.id, OrgRole.OPERATOR)
    await service.add_member(service_db, south.id, only, OrgRole.MEMBER, by=None, now=NOON)
    neighbour = await make_member(service_db, north.id)

    refusals = []
    for writable in (db, service_db):  # oneself, and a super admin
        with pytest.raises(LastOperator) as refused:
            await service.delete_user(writable, only, by=only, now=LATER)
        refusals.append(refused.value.details)
    await service.add_member(service_db, north.id, neighbour, OrgRole.OPERATOR, by=None, now=NOON)
    await service.delete_user(db, only, by=only, now=LATER)

    assert refusals == [{"org_ids": [north.id]}] * 2
    assert await _members(service_db) == [(neighbour, "operator")]


async def test_delete_user__both_operators_at_once__one_stays(db, service_db):
    north = await make_community(service_db)
    pair = [await make_member(service_db, north.id, OrgRole.OPERATOR) for _ in range(2)]

    outcomes = await asyncio.gather(
        *(service.delete_user(db, one, by=one, now=LATER) for one in pair), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOperator", "NoneType"]
    assert len(await _members(service_db)) == 1


async def _members(service_db):
    async with service_db.begin() as session:
        rows = await session.execute(text("SELECT user_id, role FROM memberships WHERE role <> 'forecaster'"))
        return [tuple(row) for row in rows]


async def test_delete_user__then_register_with_the_same_email__is_a_new_user(db, accounts):
    first = await register(db, accounts)
    await service.delete_user(db, first.user.id, by=first.user.id, now=LATER)

    second = await register(db, accounts, now=LATER)

    assert second.user.id != first.user.id


async def test_create_super_admin__once__signs_in_with_all_rights(db, service_db, accounts):
    user_id = await service.create_super_admin(
        service_db, name="Root", email="root@example.org", password=PASSWORD, now=NOON
    )

    entered = await service.sign_in_with_password(db, accounts, email="root@example.org", password=PASSWORD, now=NOON)

    assert entered.user.id == user_id
    assert (await PrincipalReader(service_db).read(user_id)).is_super_admin
    with pytest.raises(EmailTaken):
        await service.create_super_admin(service_db, name="Root", email="root@example.org", password=PASSWORD, now=NOON)
