# SPDX-License-Identifier: Apache-2.0
"""Raw SQL as each role: nobody sees or writes what the policies do not give, whatever the code above does."""

import re
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from backend.accounts import service
from backend.accounts.tokens import hash_secret
from backend.accounts.types import SUPER_ADMIN, OrgRole
from backend.core.db import Actor
from tests.backend.accounts.helpers import ALICE, BOB, CAROL, NOON, PASSWORD, make_community, register, sign_in

REFUSAL = re.compile("row-level security|permission denied|must be owner")
TABLES = (
    "users",
    "wallets",
    "wallet_nonces",
    "wallet_replacements",
    "organizations",
    "memberships",
    "invitations",
    "refresh_tokens",
    "siwe_nonces",
    "api_keys",
    "audit_log",
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A community, its operator, a member, and somebody invited."""

    org_id: UUID
    operator: UUID
    member: UUID
    invited: UUID


async def _tenant(db, service_db, accounts, slug, number, wallets):
    org = await make_community(service_db, slug, number=number)
    operator, member, invited = [(await sign_in(db, accounts, wallet)).user.id for wallet in wallets]
    await service.add_member(service_db, org.id, operator, OrgRole.OPERATOR, by=None, now=NOON)
    await service.add_member(service_db, org.id, member, OrgRole.MEMBER, by=None, now=NOON)
    actor = Actor(user_id=operator, org_id=org.id, org_role="operator")
    await service.invite_member(db, org.id, user_id=invited, email=None, role=OrgRole.MEMBER, actor=actor, now=NOON)
    for one in (operator, member):
        await service.challenge(db, accounts, user_id=one, address=b"\x09" * 20, now=NOON)
        await service.create_key(
            db, actor=Actor(user_id=one), name="k", scopes=["read"], ip_allow=[], expires_at=None, now=NOON
        )
    async with service_db.begin() as session:
        await (await session.connection()).execute(
            text(
                "INSERT INTO wallet_replacements (id, user_id, old_address, new_address, requested_at, effective_at)"
                " VALUES (gen_random_uuid(), :user_id, :a, :b, now(), now() + interval '24 hours')"
            ),
            {"user_id": member, "a": b"\x01" * 20, "b": b"\x02" * 20},
        )
    return Tenant(org.id, operator, member, invited)


@pytest.fixture
async def tenants(db, service_db, accounts):
    """Two communities with everything that accounts knows of them."""
    await service.new_nonce(db, now=NOON)
    north = await _tenant(db, service_db, accounts, "north", 1, (ALICE, BOB, CAROL))
    south = await _tenant(
        db, service_db, accounts, "south", 2, [type(ALICE)(bytes([number]) * 32) for number in (4, 5, 6)]
    )
    return north, south


async def seen(database, actor=None, **settings):
    """How many rows of each table the transaction sees."""
    async with database.begin(actor, **settings) as session:
        connection = await session.connection()
        return {
            table: (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() for table in TABLES
        }


async def refusal_of(database, actor, statement, *, first="SELECT 1"):
    """Why PostgreSQL refused `statement`; empty if it did not."""
    try:
        async with database.begin(actor) as session:
            connection = await session.connection()
            await connection.execute(text(first))
            await connection.execute(text(statement))
    except DBAPIError as error:
        return str(error.orig)
    return ""


async def run(database, actor, statement, **values):
    """Execute one statement as `actor`; how many rows it touched."""
    async with database.begin(actor) as session:
        return (await (await session.connection()).execute(text(statement), values)).rowcount


async def test_select__api_with_nobody_acting__sees_nothing(db, service_db, tenants):
    assert set((await seen(db)).values()) == {0}

    assert 0 not in (await seen(service_db)).values()


async def test_select__api_after_a_transaction_of_somebody__sees_nothing(db, tenants):
    north, _ = tenants

    for _ in range(12):  # more than the pool has connections: each was somebody's
        await seen(db, Actor(user_id=north.member, org_id=north.org_id, org_role="operator"))
        assert set((await seen(db)).values()) == {0}


async def test_select__owner_of_the_tables__sees_nothing(owner_db, tenants):
    assert set((await seen(owner_db)).values()) == {0}


async def test_select__member__sees_the_own_rows_only(db, tenants):
    north, _ = tenants

    found = await seen(db, Actor(user_id=north.member, org_id=north.org_id, org_role="member"))

    assert found == {
        "users": 1,
        "wallets": 1,
        "wallet_nonces": 1,
        "wallet_replacements": 1,
        "organizations": 1,
        "memberships": 1,
        "invitations": 0,
        "refresh_tokens": 1,
        "siwe_nonces": 0,
        "api_keys": 1,
        "audit_log": 4,
    }


async def test_select__operator__sees_the_members_but_no_secrets_of_theirs(db, tenants):
    north, _ = tenants

    found = await seen(db, Actor(user_id=north.operator, org_id=north.org_id, org_role="operator"))

    assert (found["users"], found["wallets"], found["memberships"], found["invitations"]) == (2, 2, 2, 1)
    assert (found["refresh_tokens"], found["wallet_nonces"], found["wallet_replacements"]) == (1, 1, 0)
    assert found["organizations"] == 1


async def test_select__operator_naming_another_community__sees_nothing_of_it_without_its_role(db, tenants):
    north, south = tenants

    found = await seen(db, Actor(user_id=north.operator, org_id=south.org_id, org_role="member"))

    assert (found["users"], found["memberships"], found["organizations"]) == (1, 1, 1)


async def test_select__super_admin__sees_people_and_organisations_but_no_secrets(db, tenants):
    found = await seen(db, Actor(user_id=uuid4(), org_role=SUPER_ADMIN))

    assert (found["users"], found["organizations"], found["memberships"]) == (6, 2, 4)
    assert (found["refresh_tokens"], found["api_keys"], found["siwe_nonces"], found["wallet_nonces"]) == (0, 0, 0, 0)


async def test_select__sign_in_email__shows_that_row_only(db, service_db, accounts, tenants):
    await register(db, accounts)

    found = await seen(db, sign_in_email="asha@example.org")

    assert {table for table, rows in found.items() if rows} == {"users"}
    assert found["users"] == 1


async def test_select__sign_in_wallet__shows_that_wallet_only(db, tenants):
    found = await seen(db, sign_in_wallet=ALICE.address.hex())

    assert {table: rows for table, rows in found.items() if rows} == {"wallets": 1}


async def test_select__sign_in_token__shows_that_token_only(db, accounts, tenants):
    entered = await sign_in(db, accounts, ALICE)

    found = await seen(db, sign_in_token=hash_secret(entered.tokens.refresh_token).hex())

    assert {table: rows for table, rows in found.items() if rows} == {"refresh_tokens": 1}


@pytest.mark.parametrize("value", ["", "%", "a@b.c' OR true --"])
async def test_select__sign_in_email_that_names_nobody__sees_nothing(db, tenants, value):
    assert set((await seen(db, sign_in_email=value)).values()) == {0}


def written_out(statement, north, south):
    """The statement by the member of `north`, with ids in place of names."""
    values = {"other_org": south.org_id, "other": south.member, "org": north.org_id, "me": north.member}
    for name, value in values.items():
        statement = statement.replace(f":{name}", f"'{value}'")
    return statement


FORBIDDEN_WRITES = {
    "another's name": "UPDATE users SET name = 'x' WHERE id = :other",
    "another's wallet": "UPDATE wallets SET valid_to = now() WHERE user_id = :other",
    "another's session": "UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = :other",
    "another's key": "UPDATE api_keys SET revoked_at = now() WHERE user_id = :other",
    "another's membership": "DELETE FROM memberships WHERE user_id = :other",
    "another's role": "UPDATE memberships SET role = 'operator' WHERE user_id = :other",
    "another's invitation": "DELETE FROM invitations WHERE org_id = :other_org",
    "another's nonce": "DELETE FROM wallet_nonces WHERE user_id = :other",
    "another's replacement": "UPDATE wallet_replacements SET cancelled_at = now() WHERE user_id = :other",
    "another community": "UPDATE organizations SET name = 'x' WHERE id = :other_org",
    "the own role": "UPDATE memberships SET role = 'operator' WHERE user_id = :me",
}


async def test_write__member_to_rows_of_others__touches_nothing(db, tenants):
    north, south = tenants
    actor = Actor(user_id=north.member, org_id=north.org_id, org_role="member")

    touched = {
        name: await run(db, actor, written_out(statement, north, south)) for name, statement in FORBIDDEN_WRITES.items()
    }

    assert touched == dict.fromkeys(FORBIDDEN_WRITES, 0)


REFUSED_WRITES = {
    "a user for somebody else": "INSERT INTO users (id, name, created_at) VALUES (gen_random_uuid(), 'x', now())",
    "a wallet without its proof": (
        "INSERT INTO wallets (id, address, user_id, valid_from)"
        " VALUES (gen_random_uuid(), decode(repeat('ab', 20), 'hex'), :me, now())"
    ),
    "a wallet for somebody else": (
        "INSERT INTO wallets (id, address, user_id, valid_from)"
        " VALUES (gen_random_uuid(), decode(repeat('ab', 20), 'hex'), :other, now())"
    ),
    "giving the own wallet away": "UPDATE wallets SET user_id = :other WHERE user_id = :me",
    "being super admin": "UPDATE users SET is_super_admin = true WHERE id = :me",
    "being somebody else": "UPDATE users SET id = :other WHERE id = :me",
    "a membership without invitation": (
        "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES (:other_org, :me, 'operator', now())"
    ),
    "an invitation by a member": (
        "INSERT INTO invitations (org_id, user_id, role, invited_by, created_at)"
        " VALUES (:org, :me, 'operator', :me, now())"
    ),
    "an organisation": (
        "INSERT INTO organizations (id, kind, name, slug, created_at, updated_at)"
        " VALUES (gen_random_uuid(), 'company', 'x', 'x', now(), now())"
    ),
    "a session of somebody else": (
        "INSERT INTO refresh_tokens (id, user_id, family_id, token_hash, issued_at, expires_at)"
        " VALUES (gen_random_uuid(), :other, gen_random_uuid(), sha256('x'), now(), now())"
    ),
    "an audit entry of somebody else": (
        "INSERT INTO audit_log (id, at, user_id, action, subject_type)"
        " VALUES (gen_random_uuid(), now(), :other, 'user.updated', 'user')"
    ),
    "changing the audit log": "UPDATE audit_log SET action = 'user.nothing' WHERE user_id = :me",
    "deleting from the audit log": "DELETE FROM audit_log WHERE user_id = :me",
    "deleting a user": "DELETE FROM users WHERE id = :me",
    "deleting a wallet": "DELETE FROM wallets WHERE user_id = :me",
    "moving a wallet in time": "UPDATE wallets SET valid_from = now() WHERE user_id = :me",
    "completing a replacement": "UPDATE wallet_replacements SET completed_at = now() WHERE user_id = :me",
    "giving a community a number": "UPDATE organizations SET community_number = 9",
    "emptying a table": "TRUNCATE users",
    "switching row security off": "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
    "a table of its own": "CREATE TABLE mine (id int)",
    "another role": "SET ROLE gridx_service",
}


async def test_write__member_beyond_the_policies__is_refused(db, tenants):
    north, south = tenants
    actor = Actor(user_id=north.member, org_id=north.org_id, org_role="member")

    refused = {
        name: await refusal_of(db, actor, written_out(statement, north, south))
        for name, statement in REFUSED_WRITES.items()
    }

    assert {name: why for name, why in refused.items() if not REFUSAL.search(why)} == {}


async def test_write__new_user_as_super_admin__is_refused(db):
    user_id = uuid4()

    with pytest.raises(ProgrammingError, match="row-level security"):
        await run(
            db,
            Actor(user_id=user_id),
            "INSERT INTO users (id, name, is_super_admin, created_at) VALUES (:id, 'x', true, now())",
            id=user_id,
        )


async def test_write__role_set_without_row_security__is_refused_instead_of_passing_by(db, tenants):
    async with db.begin() as session:
        connection = await session.connection()
        await connection.execute(text("SET LOCAL row_security = off"))
        with pytest.raises(ProgrammingError, match="row-level security"):
            await connection.execute(text("SELECT * FROM users"))


async def test_select__audit_role__sees_the_facts_but_no_secrets(audit_db, tenants):
    async with audit_db.begin() as session:
        connection = await session.connection()
        assert (await connection.execute(text("SELECT count(id) FROM users"))).scalar_one() == 6
        assert (await connection.execute(text("SELECT count(*) FROM wallets"))).scalar_one() == 6


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM users",
        "SELECT email FROM users",
        "SELECT * FROM refresh_tokens",
        "SELECT * FROM api_keys",
        "SELECT * FROM siwe_nonces",
        "SELECT * FROM wallet_nonces",
    ],
)
async def test_select__audit_role_secrets__is_refused(audit_db, tenants, statement):
    with pytest.raises(ProgrammingError, match="permission denied"):
        await run(audit_db, None, statement)


async def test_write__audit_role__is_refused(audit_db, tenants):
    refused = {table: await refusal_of(audit_db, None, f"DELETE FROM {table}") for table in TABLES}

    assert {table: why for table, why in refused.items() if "read-only" not in why} == {}


async def test_write__audit_role_that_leaves_read_only__is_refused_still(audit_db, tenants):
    refused = {
        table: await refusal_of(audit_db, None, f"DELETE FROM {table}", first="SET TRANSACTION READ WRITE")
        for table in TABLES
    }

    assert {table: why for table, why in refused.items() if "permission denied" not in why} == {}


async def test_write__service_role_to_the_audit_log__cannot_change_it(service_db, tenants):
    with pytest.raises(ProgrammingError, match="permission denied"):
        await run(service_db, None, "UPDATE audit_log SET action = 'user.nothing'")


async def test_write__deleted_user_that_keeps_a_name__is_refused(service_db, db, accounts):
    entered = await register(db, accounts)

    with pytest.raises(Exception, match="users_deleted_forgets_the_person"):
        await run(service_db, None, "UPDATE users SET deleted_at = now() WHERE id = :id", id=entered.user.id)


async def test_password__in_the_database__is_only_its_hash(service_db, db, accounts):
    await register(db, accounts)

    async with service_db.begin() as session:
        rows = (await (await session.connection()).execute(text("SELECT * FROM users"))).all()

    assert PASSWORD not in str(rows)
