# SPDX-License-Identifier: Apache-2.0
"""API keys: hash only, scopes, expiry, address list, revocation, and what they never do."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.accounts import service
from backend.accounts.errors import ApiKeyInvalid, ApiKeyNotFound
from backend.accounts.types import OrgRole
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.errors import Invalid
from tests.backend.accounts.helpers import (
    ALICE,
    BOB,
    NOON,
    bearer,
    make_community,
    make_member,
    make_user,
    sign_in,
    sign_in_over_http,
)


async def make_key(db, user_id, *, scopes=("read",), ip_allow=(), expires_at=None, org_id=None, now=NOON):
    return await service.create_key(
        db,
        actor=Actor(user_id=user_id, org_id=org_id),
        name="meter uploader",
        scopes=list(scopes),
        ip_allow=list(ip_allow),
        expires_at=expires_at,
        now=now,
    )


async def hold(db, secret, *, ip="10.0.0.1", now=NOON):
    return await service.authenticate_key(db, secret, client_ip=ip, now=now)


async def test_authenticate_key__good__tells_its_owner_and_scopes(db, service_db):
    user_id = await make_user(service_db)
    key, secret = await make_key(db, user_id, scopes=("energy-production:write", "read"))

    holder = await hold(db, secret)

    assert (holder.api_key_id, holder.user_id) == (key.id, user_id)
    assert holder.scopes == {"energy-production:write", "read"}


async def test_create_key__stored__is_only_a_hash_and_a_prefix(db, service_db):
    key, secret = await make_key(db, await make_user(service_db))

    async with service_db.begin() as session:
        connection = await session.connection()
        rows = [(await connection.execute(text(f"SELECT * FROM {table}"))).all() for table in ("api_keys", "audit_log")]

    assert secret.startswith(key.prefix)
    assert secret not in str(rows)
    assert len(key.prefix) == 10


@pytest.mark.parametrize("secret", ["gxk_made_up", "", "gxk_" + "A" * 43])
async def test_authenticate_key__unknown__is_refused(db, secret):
    with pytest.raises(ApiKeyInvalid):
        await hold(db, secret)


async def test_authenticate_key__expired_or_revoked__is_refused(db, service_db):
    user_id = await make_user(service_db)
    _, expiring = await make_key(db, user_id, expires_at=NOON + timedelta(hours=1))
    key, revoked = await make_key(db, user_id)
    await service.revoke_key(db, key.id, user_id=user_id, now=NOON)

    assert await hold(db, expiring, now=NOON + timedelta(minutes=59))
    for secret in (expiring, revoked):
        with pytest.raises(ApiKeyInvalid):
            await hold(db, secret, now=NOON + timedelta(hours=1))


ADDRESSES = {
    "10.1.2.3": True,
    "::ffff:10.1.2.3": True,
    "2001:db8::1": True,
    "192.0.2.7": True,
    "192.0.2.8": False,
    "11.0.0.1": False,
    "2001:db9::1": False,
    "unknown": False,
    "": False,
}


async def test_authenticate_key__address_list__decides(db, service_db):
    _, secret = await make_key(
        db, await make_user(service_db), ip_allow=("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")
    )

    passed = {}
    for ip in ADDRESSES:
        try:
            await hold(db, secret, ip=ip)
            passed[ip] = True
        except ApiKeyInvalid:
            passed[ip] = False

    assert passed == ADDRESSES


async def test_create_key__that_is_expired_already__is_refused(db, service_db):
    with pytest.raises(Invalid):
        await make_key(db, await make_user(service_db), expires_at=NOON)


async def test_revoke_key__of_another_user__is_not_found(db, service_db):
    key, secret = await make_key(db, await make_user(service_db))
    stranger = await make_user(service_db)

    with pytest.raises(ApiKeyNotFound):
        await service.revoke_key(db, key.id, user_id=stranger, now=NOON)

    assert await hold(db, secret)


async def test_authenticate_key__used__notes_when_at_most_once_a_minute(db, service_db):
    user_id = await make_user(service_db)
    _, secret = await make_key(db, user_id)

    for seconds in (0, 30, 61):
        await hold(db, secret, now=NOON + timedelta(seconds=seconds))

    found, total = await service.list_keys(db, user_id, offset=0, limit=10)
    assert (total, found[0].last_used_at) == (1, NOON + timedelta(seconds=61))


async def made_over_http(api, **body):
    headers = bearer(await sign_in_over_http(api, ALICE))
    answer = await api.post("/api/api-keys", json={"name": "k", "scopes": ["read"]} | body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]["key"]


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
async def test_get_me__with_a_key__is_its_owner(api, header):
    secret = await made_over_http(api)

    answer = await api.get(
        "/api/users/me", headers={header: f"Bearer {secret}" if header == "Authorization" else secret}
    )

    assert answer.json()["data"]["walletAddress"] == ALICE.shown


async def test_get_me__key_without_the_scope__is_refused(api):
    secret = await made_over_http(api, scopes=["energy-production:write", "houses:read"])

    answer = await api.get("/api/users/me", headers={"X-API-Key": secret})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "auth.scope_missing")
    assert answer.json()["error"]["details"]["needed"] == ["read", "users:read"]


async def test_get_me__key_outside_its_address_list__is_refused(api, another_client):
    secret = await made_over_http(api, ipAllow=["10.0.0.0/8"])

    async with another_client(ip="10.9.9.9") as inside, another_client(ip="11.9.9.9") as outside:
        codes = [
            (await one.get("/api/users/me", headers={"X-API-Key": secret})).status_code for one in (inside, outside)
        ]

    assert codes == [200, 401]


async def test_key__forwarded_address_from_an_unknown_proxy__does_not_help(api, another_client):
    secret = await made_over_http(api, ipAllow=["10.0.0.0/8"])

    async with another_client(ip="11.9.9.9") as outside:
        answer = await outside.get("/api/users/me", headers={"X-API-Key": secret, "X-Forwarded-For": "10.9.9.9"})

    assert answer.status_code == 401


ACCOUNT_CHANGES = [
    ("POST", "/api/api-keys", {"name": "k2", "scopes": ["write"]}),
    ("PUT", "/api/users/me", {"name": "x"}),
    ("DELETE", "/api/users/me", None),
    ("POST", "/api/users/me/wallets/challenge", {"address": BOB.shown}),
    ("POST", "/api/organizations", {}),
    ("POST", "/api/auth/logout", None),
]


async def test_key__with_write_scope__cannot_change_accounts(api):
    secret = await made_over_http(api, scopes=["read", "write"])

    answers = [
        await api.request(method, path, json=body, headers={"X-API-Key": secret})
        for method, path, body in ACCOUNT_CHANGES
    ]

    codes = [(answer.status_code, answer.json()["error"]["code"]) for answer in answers]
    assert codes == [(403, "auth.forbidden")] * len(ACCOUNT_CHANGES)


async def test_create_key__for_an_organisation_of_others__is_not_found(api, service_db):
    north = await make_community(service_db)
    headers = bearer(await sign_in_over_http(api, ALICE))

    answer = await api.post(
        "/api/api-keys", json={"name": "k", "scopes": ["read"], "orgId": str(north.id)}, headers=headers
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "organization.not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["read"], "ipAllow": ["not an address"]},
        {"scopes": ["READ"]},
    ],
)
async def test_create_key__unknown_scope_or_network__is_invalid(api, body):
    headers = bearer(await sign_in_over_http(api, ALICE))

    answer = await api.post("/api/api-keys", json={"name": "k"} | body, headers=headers)

    assert answer.status_code == 422


async def test_key__bound_to_an_organisation__acts_in_no_other(api, db, service_db):
    north, south = await make_community(service_db), await make_community(service_db, "south", number=2)
    user_id = await make_member(service_db, north.id)
    await service.add_member(service_db, south.id, user_id, OrgRole.MEMBER, by=None, now=NOON)
    _, secret = await make_key(db, user_id, org_id=south.id, now=utc_now())

    codes = [
        (await api.get(f"/api/organizations/{one.id}/memberships", headers={"X-API-Key": secret})).status_code
        for one in (south, north)
    ]

    assert codes == [200, 404]


async def test_introspect_key__by_a_service__tells_what_it_allows(api, db, service_db):
    entered = await sign_in(db, api._transport.app.state.accounts, BOB)
    _, service_key = await make_key(db, entered.user.id, scopes=("api-keys:introspect",), now=utc_now())
    secret = await made_over_http(api, ipAllow=["10.0.0.0/8"])

    answers = [
        (
            await api.post(
                "/api/api-keys/introspection",
                json={"key": key, "clientIp": ip},
                headers={"X-API-Key": service_key},
            )
        ).json()["data"]
        for key, ip in ((secret, "10.0.0.1"), (secret, "11.0.0.1"), ("gxk_no", "10.0.0.1"))
    ]

    assert [answer["active"] for answer in answers] == [True, False, False]
    assert answers[0]["scopes"] == ["read"]
    assert answers[1]["userId"] is None


async def test_introspect_key__by_a_person_or_a_key_without_the_scope__is_refused(api):
    secret = await made_over_http(api, scopes=["read", "write"])
    headers = bearer(await sign_in_over_http(api, ALICE))
    body = {"key": secret, "clientIp": "10.0.0.1"}

    codes = [
        (await api.post("/api/api-keys/introspection", json=body, headers=one)).status_code
        for one in (headers, {"X-API-Key": secret})
    ]

    assert codes == [403, 403]


async def test_key__of_a_super_admin__does_not_carry_that_power(api, db, service_db):
    admin = await make_user(service_db, super_admin=True)
    await make_user(service_db)
    _, secret = await make_key(db, admin, now=utc_now())

    answer = await api.get("/api/users", headers={"X-API-Key": secret})

    assert answer.json()["meta"]["pagination"]["total"] == 1
