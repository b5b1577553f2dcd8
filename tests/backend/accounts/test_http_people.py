# SPDX-License-Identifier: Apache-2.0
"""People, organisations and wallets over HTTP: acting organisations, roles, refusals."""

import pytest

from backend.accounts import service
from backend.accounts.types import OrgRole
from backend.core.units import format_hex
from tests.backend.accounts.helpers import (
    ALICE,
    BOB,
    NOON,
    bearer,
    code,
    make_community,
    make_member,
    make_user,
    sign_in_over_http,
    token_for,
)


async def test_role__changed_meanwhile__counts_for_the_next_request(api, service_db):
    north = await make_community(service_db)
    user_id = await make_member(service_db, north.id, OrgRole.MEMBER)
    headers = token_for(user_id)
    body = {"name": "North side"}
    before = await api.put(f"/api/organizations/{north.id}", json=body, headers=headers)

    await service.add_member(service_db, north.id, user_id, OrgRole.OPERATOR, by=None, now=NOON)
    after = await api.put(f"/api/organizations/{north.id}", json=body, headers=headers)

    assert code(before) == (403, "auth.role_missing")
    assert after.status_code == 200


async def test_acting_organisation__only_membership__needs_no_header(api, service_db):
    north = await make_community(service_db)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    await make_member(service_db, north.id)

    answer = await api.get("/api/users", headers=token_for(operator))

    assert answer.json()["meta"]["pagination"]["total"] == 2


@pytest.mark.parametrize("named", ["other", "not a uuid"])
async def test_acting_organisation__of_others__is_not_found(api, service_db, named):
    north, south = await make_community(service_db), await make_community(service_db, "south", number=2)
    operator = await make_member(service_db, north.id, OrgRole.OPERATOR)
    headers = token_for(operator) | {"X-Org-Id": str(south.id) if named == "other" else named}

    assert code(await api.get("/api/users", headers=headers)) == (404, "organization.not_found")


@pytest.mark.parametrize(
    "settings",
    ['{"a": NaN}', '{"a": 1e999}', '{"\\ud800": 1}', '{"a": 99999999999999999999}', f'{{"a": "{"x" * 20_000}"}}'],
)
async def test_update_organization__settings_that_cannot_be_stored__is_invalid(api, service_db, settings):
    north = await make_community(service_db)
    headers = token_for(await make_member(service_db, north.id, OrgRole.OPERATOR)) | {
        "Content-Type": "application/json"
    }

    answer = await api.put(f"/api/organizations/{north.id}", content=f'{{"settings": {settings}}}', headers=headers)

    assert code(answer) == (422, "request.invalid")


async def test_create_organization__by_super_admin__is_a_community_with_an_operator(api, service_db):
    admin, operator = await make_user(service_db, super_admin=True), await make_user(service_db)
    body = {
        "kind": "community",
        "name": "North",
        "slug": "north",
        "emissionRegion": "CAMX",
        "currency": "USD",
        "timeZone": "America/Los_Angeles",
        "deliveryMinutes": 15,
        "communityNumber": 1,
        "operatorId": str(operator),
    }

    answer = await api.post("/api/organizations", json=body, headers=token_for(admin))

    assert answer.status_code == 201
    org_id = answer.json()["data"]["id"]
    members = await api.get(f"/api/organizations/{org_id}/memberships", headers=token_for(operator))
    shown = [(one["role"], one["userId"], one["name"] is not None) for one in members.json()["data"]]
    assert shown == [("operator", str(operator), True)]


async def test_create_organization__unknown_operator__is_not_found(api, service_db):
    admin = await make_user(service_db, super_admin=True)
    body = {"kind": "company", "name": "X", "slug": "x", "operatorId": "00000000-0000-0000-0000-000000000009"}

    answer = await api.post("/api/organizations", json=body, headers=token_for(admin))

    assert code(answer) == (404, "user.not_found")


async def test_create_organization__by_anyone_else__is_refused(api):
    entered = await sign_in_over_http(api, ALICE)

    answer = await api.post(
        "/api/organizations", json={"kind": "company", "name": "X", "slug": "x"}, headers=bearer(entered)
    )

    assert code(answer) == (403, "auth.forbidden")


BAD_ORGANIZATIONS = [
    {"kind": "club"},
    {"slug": "No Spaces"},
    {"timeZone": "Mars/Olympus"},
    {"currency": "usd"},
    {"deliveryMinutes": 20},
    {"communityNumber": 0},
    {"kind": "community"},
]


async def test_create_organization__field_that_does_not_hold__is_invalid(api, service_db):
    headers = token_for(await make_user(service_db, super_admin=True))
    good = {"kind": "company", "name": "X", "slug": "x"}

    codes = [
        (await api.post("/api/organizations", json=good | changes, headers=headers)).status_code
        for changes in BAD_ORGANIZATIONS
    ]

    assert codes == [422] * len(BAD_ORGANIZATIONS)


async def test_invite_and_accept__over_http__makes_a_member(api, service_db):
    north = await make_community(service_db)
    operator, person = await make_member(service_db, north.id, OrgRole.OPERATOR), await make_user(service_db)
    offered = await api.post(
        f"/api/organizations/{north.id}/memberships",
        json={"userId": str(person), "role": "funder"},
        headers=token_for(operator),
    )

    mine = await api.get("/api/users/me/memberships", headers=token_for(person))
    accepted = await api.post(f"/api/users/me/memberships/{north.id}/acceptance", headers=token_for(person))

    assert offered.status_code == 201
    assert [one["role"] for one in mine.json()["data"]["invitations"]] == ["funder"]
    assert (accepted.status_code, accepted.json()["data"]["role"]) == (201, "funder")


async def test_remove_member__invited_person_declines__ends_the_invitation(api, service_db):
    north = await make_community(service_db)
    operator, person = await make_member(service_db, north.id, OrgRole.OPERATOR), await make_user(service_db)
    await api.post(
        f"/api/organizations/{north.id}/memberships", json={"userId": str(person)}, headers=token_for(operator)
    )

    answer = await api.delete(f"/api/organizations/{north.id}/memberships/{person}", headers=token_for(person))

    assert answer.status_code == 204
    mine = await api.get("/api/users/me/memberships", headers=token_for(person))
    assert mine.json()["data"]["invitations"] == []


async def test_update_me__null_for_a_name__is_invalid_but_clears_the_leaderboard_name(api):
    headers = bearer(await sign_in_over_http(api, ALICE))
    await api.put("/api/users/me", json={"leaderboardName": "Sun"}, headers=headers)

    refused = await api.put("/api/users/me", json={"name": None}, headers=headers)
    cleared = await api.put("/api/users/me", json={"leaderboardName": None}, headers=headers)

    assert refused.status_code == 422
    assert cleared.json()["data"]["leaderboardName"] is None


async def test_update_user__another_by_member_and_by_super_admin(api, service_db):
    victim, admin = await make_user(service_db), await make_user(service_db, super_admin=True)
    member = bearer(await sign_in_over_http(api, ALICE))

    refused = await api.put(f"/api/users/{victim}", json={"name": "X"}, headers=member)
    done = await api.put(f"/api/users/{victim}", json={"name": "X"}, headers=token_for(admin))

    assert code(refused) == (404, "user.not_found")
    assert done.json()["data"]["name"] == "X"


async def test_delete_user__by_super_admin__even_itself(api, service_db):
    victim, admin = await make_user(service_db), await make_user(service_db, super_admin=True)

    codes = [(await api.delete(f"/api/users/{one}", headers=token_for(admin))).status_code for one in (victim, admin)]

    assert codes == [204, 204]


async def test_link_wallet__over_http__follows_the_challenge(api):
    from tests.backend.accounts.test_wallets import sign_typed

    headers = bearer(await sign_in_over_http(api, ALICE))
    typed = (await api.post("/api/users/me/wallets/challenge", json={"address": BOB.shown}, headers=headers)).json()[
        "data"
    ]

    body = {
        "nonce": typed["message"]["nonce"],
        "signature": format_hex(sign_typed(BOB, typed)),
        "replaces": ALICE.shown,
    }
    answer = await api.post("/api/users/me/wallets", json=body, headers=headers)

    waiting = answer.json()["data"]["replacements"]
    assert answer.status_code == 202
    assert [one["newAddress"] for one in waiting] == [BOB.shown]
    gone = await api.delete(f"/api/users/me/wallets/replacements/{waiting[0]['id']}", headers=headers)
    assert gone.status_code == 204
