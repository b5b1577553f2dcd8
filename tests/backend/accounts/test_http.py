# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge of accounts: cookies and CSRF, credentials, acting organisations, refusals."""

from datetime import UTC, datetime

import jwt
import pytest

from backend.core.limits import Limiter
from backend.core.redis import connect
from backend.core.units import format_hex
from tests.backend.accounts.helpers import (
    ALICE,
    PASSWORD,
    bearer,
    code,
    count,
    make_user,
    sign_in_over_http,
    siwe_text,
    token_for,
)

BROWSER = {"X-GridX-Client": "browser"}
PERSON = {"name": "Asha", "email": "Asha@Example.org", "password": PASSWORD, "role": "seller"}


async def test_register__program__gets_both_tokens_in_the_body(api):
    answer = await api.post("/api/auth/register", json=PERSON)

    data = answer.json()["data"]
    assert answer.status_code == 201
    assert data["refreshToken"]
    assert data["user"]["email"] == "asha@example.org"
    assert data["user"]["role"] == "seller"
    assert "gridx_refresh" not in answer.headers.get("set-cookie", "")
    assert answer.headers["cache-control"] == "no-store"
    assert "password" not in answer.text.lower()


async def test_register__email_in_other_spelling__is_taken(api):
    await api.post("/api/auth/register", json=PERSON)

    answer = await api.post("/api/auth/register", json=PERSON | {"email": "asha@example.ORG "})

    assert code(answer) == (409, "user.email_taken")


BAD_PEOPLE = [
    {"email": "no at sign"},
    {"email": "a@b"},
    {"email": "a b@example.org"},
    {"email": None},
    {"name": ""},
    {"name": "   "},
    {"name": "a\nb"},
    {"name": "x" * 121},
    {"password": "short"},
    {"password": "x" * 201},
    {"role": "admin"},
    {"isSuperAdmin": True},
    {"walletAddress": "0x123"},
    {"walletAddress": ALICE.shown},
    {"walletAddress": ALICE.shown, "siweMessage": "x"},
    {"siweMessage": "x", "siweSignature": "0x00"},
    {"walletAddress": ALICE.shown, "siweMessage": "x", "siweSignature": "zz"},
    {"walletAddress": ALICE.shown.lower()[:-1] + "g"},
    {"walletAddress": ALICE.shown.replace("0x", "0x").swapcase().replace("0X", "0x")},
]


async def test_register__field_that_does_not_hold__is_invalid_and_makes_nobody(api, service_db):
    codes = [(await api.post("/api/auth/register", json=PERSON | changes)).status_code for changes in BAD_PEOPLE]

    assert codes == [422] * len(BAD_PEOPLE)
    async with service_db.begin() as session:
        assert await count(session, "users") == 0


async def test_register__with_wallet_over_http__owns_it(api):
    nonce = (await api.get("/api/auth/siwe/nonce")).json()["data"]["nonce"]
    message = siwe_text(ALICE.shown, nonce, now=datetime.now(UTC))
    wallet = {
        "walletAddress": ALICE.shown,
        "siweMessage": message,
        "siweSignature": format_hex(ALICE.sign_text(message)),
    }

    answer = await api.post("/api/auth/register", json=PERSON | wallet)

    assert answer.json()["data"]["user"]["walletAddress"] == ALICE.shown


async def test_login__wrong_password_and_unknown_email__look_alike(api):
    await api.post("/api/auth/register", json=PERSON)

    wrong = await api.post("/api/auth/login", json={"email": PERSON["email"], "password": "wrong password"})
    unknown = await api.post("/api/auth/login", json={"email": "no@one.org", "password": PASSWORD})

    assert code(wrong) == code(unknown) == (401, "auth.wrong_credentials")
    assert wrong.json()["error"] == unknown.json()["error"]


async def test_siwe_nonce__cookie__is_strict_and_hidden_from_scripts(api):
    answer = await api.get("/api/auth/siwe/nonce")

    cookie = answer.headers["set-cookie"].lower()
    assert all(
        part in cookie for part in ("gridx_siwe=", "httponly", "samesite=strict", "max-age=300", "path=/api/auth")
    )
    assert answer.json()["data"]["nonce"] not in cookie


async def test_siwe_verify__without_the_cookie__is_refused(api, another_client):
    nonce = (await api.get("/api/auth/siwe/nonce")).json()["data"]["nonce"]
    message = siwe_text(ALICE.shown, nonce, now=datetime.now(UTC))
    body = {"message": message, "signature": format_hex(ALICE.sign_text(message))}

    async with another_client() as elsewhere:
        answer = await elsewhere.post("/api/auth/siwe/verify", json=body)

    assert code(answer) == (401, "auth.siwe_nonce")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": "2"}, (422, "auth.siwe_malformed")),
        ({"chain_id": "1"}, (401, "auth.siwe_refused")),
        ({"domain": "evil.example"}, (401, "auth.siwe_refused")),
        ({"nonce": "0123456789abcdef"}, (401, "auth.siwe_nonce")),
    ],
)
async def test_siwe_verify__message_that_does_not_hold__is_refused_by_name(api, changes, expected):
    nonce = (await api.get("/api/auth/siwe/nonce")).json()["data"]["nonce"]
    message = siwe_text(ALICE.shown, changes.pop("nonce", nonce), now=datetime.now(UTC), **changes)

    answer = await api.post(
        "/api/auth/siwe/verify", json={"message": message, "signature": format_hex(ALICE.sign_text(message))}
    )

    assert code(answer) == expected


async def test_refresh__browser__needs_cookie_and_header(api):
    entered = await sign_in_over_http(api, ALICE, headers=BROWSER)
    assert entered["refreshToken"] is None

    without = await api.post("/api/auth/refresh")
    wrong = await api.post("/api/auth/refresh", headers={"X-CSRF-Token": "0" * 64})
    odd = await api.post("/api/auth/refresh", headers={"X-CSRF-Token": b"\xff\xfe"})
    right = await api.post("/api/auth/refresh", headers={"X-CSRF-Token": entered["csrfToken"]})

    assert [code(one) for one in (without, wrong, odd)] == [(403, "auth.csrf")] * 3
    assert right.status_code == 200
    assert right.json()["data"]["refreshToken"] is None
    assert right.json()["data"]["csrfToken"] != entered["csrfToken"]


async def test_refresh__browser_cookie__is_strict_and_hidden_from_scripts(api):
    answer = await api.post("/api/auth/register", json=PERSON, headers=BROWSER)

    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("gridx_refresh="))
    assert all(part in cookie.lower() for part in ("httponly", "samesite=strict", "path=/api/auth"))


async def test_refresh__browser__its_scripts_can_read_the_csrf_value(api):
    answer = await api.post("/api/auth/register", json=PERSON, headers=BROWSER)

    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("gridx_csrf="))
    assert cookie.startswith(f"gridx_csrf={answer.json()['data']['csrfToken']};")
    assert "httponly" not in cookie.lower()
    assert all(part in cookie.lower() for part in ("samesite=strict", "path=/;"))


async def test_refresh__https_site__marks_its_cookies_secure(accounts_app, another_client):
    from tests.backend.accounts.helpers import make_test_accounts

    accounts_app.state.accounts = make_test_accounts(public_url="https://gridx.example")
    async with another_client() as client:
        answer = await client.get("/api/auth/siwe/nonce")

    assert "secure" in answer.headers["set-cookie"].lower()


async def test_refresh__old_csrf_value_after_rotation__is_refused(api):
    entered = await sign_in_over_http(api, ALICE, headers=BROWSER)
    await api.post("/api/auth/refresh", headers={"X-CSRF-Token": entered["csrfToken"]})

    again = await api.post("/api/auth/refresh", headers={"X-CSRF-Token": entered["csrfToken"]})

    assert code(again) == (403, "auth.csrf")


async def test_refresh__program_uses_a_token_twice__loses_the_session(api):
    entered = await sign_in_over_http(api, ALICE)
    body = {"refreshToken": entered["refreshToken"]}
    successor = (await api.post("/api/auth/refresh", json=body)).json()["data"]

    reused = await api.post("/api/auth/refresh", json=body)
    next_one = await api.post("/api/auth/refresh", json={"refreshToken": successor["refreshToken"]})
    access = await api.get("/api/users/me", headers=bearer(successor))

    assert code(reused) == (401, "auth.refresh_reused")
    assert code(next_one) == (401, "auth.refresh_invalid")
    assert code(access) == (401, "auth.token_invalid")


@pytest.mark.parametrize("body", [None, {}, {"refreshToken": "made up"}, {"refreshToken": None}])
async def test_refresh__without_a_token_that_holds__is_refused(api, body):
    assert code(await api.post("/api/auth/refresh", json=body)) == (401, "auth.refresh_invalid")


@pytest.mark.parametrize("way", ["access token", "refresh token", "cookie"])
async def test_logout__in_each_way__ends_the_access_token_at_once(api, way):
    entered = await sign_in_over_http(api, ALICE, headers=BROWSER if way == "cookie" else None)
    headers, body = {}, None
    if way == "access token":
        headers = bearer(entered)
    elif way == "refresh token":
        body = {"refreshToken": entered["refreshToken"]}
    else:
        headers = {"X-CSRF-Token": entered["csrfToken"]}

    answer = await api.post("/api/auth/logout", json=body, headers=headers)

    assert answer.status_code == 204
    assert code(await api.get("/api/users/me", headers=bearer(entered))) == (401, "auth.token_invalid")


async def test_logout__cookie_without_csrf_header__is_refused(api):
    entered = await sign_in_over_http(api, ALICE, headers=BROWSER)

    assert code(await api.post("/api/auth/logout")) == (403, "auth.csrf")
    assert (await api.get("/api/users/me", headers=bearer(entered))).status_code == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": 1}, "auth.token_expired"),
        ({"aud": "elsewhere"}, "auth.token_invalid"),
        ({"iss": "https://evil.example"}, "auth.token_invalid"),
        ({"sub": "00000000-0000-0000-0000-000000000009"}, "auth.token_invalid"),
    ],
)
async def test_get_me__token_that_does_not_hold__is_refused(api, service_db, changes, expected):
    user_id = await make_user(service_db)
    assert (await api.get("/api/users/me", headers=token_for(user_id))).status_code == 200

    answer = await api.get("/api/users/me", headers=token_for(user_id, **changes))

    assert code(answer) == (401, expected)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}, {"X-API-Key": ""}]
)
async def test_get_me__nobody__is_asked_to_sign_in(api, headers):
    assert code(await api.get("/api/users/me", headers=headers)) == (401, "auth.required")


async def test_get_me__deleted_meanwhile__is_refused(api):
    entered = await sign_in_over_http(api, ALICE)
    assert (await api.delete("/api/users/me", headers=bearer(entered))).status_code == 204

    assert code(await api.get("/api/users/me", headers=bearer(entered))) == (401, "auth.token_invalid")


async def test_change_password__over_http__keeps_this_session(api):
    entered = (await api.post("/api/auth/register", json=PERSON)).json()["data"]
    body = {"currentPassword": PASSWORD, "newPassword": "a whole new password"}

    answer = await api.put("/api/users/me/password", json=body, headers=bearer(entered))

    assert answer.status_code == 204
    assert (await api.get("/api/users/me", headers=bearer(entered))).status_code == 200


async def test_sign_in__faster_than_its_limit__is_told_to_wait(accounts_app, api, redis_url):
    accounts_app.state.limiter = Limiter(connect(redis_url), {"sign-in": "1/second"})
    body = {"email": "no@one.org", "password": "wrong password"}

    answers = [await api.post("/api/auth/login", json=body) for _ in range(3)]

    assert answers[0].status_code == 401
    assert code(answers[-1]) == (429, "request.too_many")
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_change_password__guessing_faster_than_signing_in__is_told_to_wait(accounts_app, api, redis_url):
    entered = (await api.post("/api/auth/register", json=PERSON)).json()["data"]
    accounts_app.state.limiter = Limiter(connect(redis_url), {"sign-in": "1/minute"})
    guess = {"currentPassword": "a wrong guess", "newPassword": "a whole new password"}
    change = {"email": "other@example.org", "password": "a wrong guess"}

    first = await api.put("/api/users/me/password", json=guess, headers=bearer(entered))
    others = [
        await api.put("/api/users/me/password", json=guess, headers=bearer(entered)),
        await api.put("/api/users/me/email", json=change, headers=bearer(entered)),
    ]

    assert code(first) == (401, "auth.wrong_credentials")
    assert [code(answer) for answer in others] == [(429, "request.too_many")] * 2


async def test_jwks__published__checks_a_token_that_we_gave(api):
    entered = await sign_in_over_http(api, ALICE)

    keys = (await api.get("/.well-known/jwks.json")).json()["keys"]

    said = jwt.decode(entered["accessToken"], jwt.PyJWK(keys[0]), algorithms=["EdDSA"], audience="gridx")
    assert said["sub"] == entered["user"]["id"]
    assert said["exp"] - said["iat"] <= 3600


async def test_sign_in__forty_wallets__are_forty_users(another_client):
    from tests.backend.accounts.helpers import key

    async def enter(number):
        async with another_client() as client:
            return await sign_in_over_http(client, key(number))

    entered = [await enter(number) for number in range(100, 140)]

    assert len({one["user"]["id"] for one in entered}) == 40


@pytest.mark.parametrize(
    ("sent", "told"),
    [("Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (X11; Linux x86_64)"), ("", None), ("x" * 400, "x" * 300)],
)
async def test_list_sessions__over_http__tells_what_they_are_used_from(api, sent, told):
    entered = await sign_in_over_http(api, ALICE, headers={"User-Agent": sent})

    answer = await api.get("/api/users/me/sessions", headers=bearer(entered))

    assert [(one["userAgent"], one["isCurrent"]) for one in answer.json()["data"]] == [(told, True)]
