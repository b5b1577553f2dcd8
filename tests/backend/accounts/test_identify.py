# SPDX-License-Identifier: Apache-2.0
"""Whom a request is counted for, and what happens to requests that wait for a database that fails."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from starlette.requests import Request

from backend.accounts.config import RecentKeys
from backend.accounts.deps import identify
from backend.accounts.principals import PrincipalReader
from backend.core.db import Database
from tests.backend.accounts.helpers import ALICE, NOON, bearer, sign_in_over_http


def request_with(app, **headers):
    """A request that reached no route yet."""
    raw = [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "app": app, "headers": raw, "state": {}})


async def test_identify__good_token__names_the_user_without_the_database(accounts_app, api):
    entered = await sign_in_over_http(api, ALICE)
    accounts_app.state.principals = accounts_app.state.db = accounts_app.state.service_db = None

    assert identify(request_with(accounts_app, **bearer(entered))) == entered["user"]["id"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x.y.z"}, {"X_API_Key": "gxk_made_up"}])
async def test_identify__nothing_that_holds__is_counted_by_address(accounts_app, headers):
    assert identify(request_with(accounts_app, **headers)) is None


async def test_identify__key_that_was_accepted__names_its_owner_from_then_on(accounts_app, api):
    entered = await sign_in_over_http(api, ALICE)
    made = await api.post("/api/api-keys", json={"name": "k", "scopes": ["read"]}, headers=bearer(entered))
    secret = made.json()["data"]["key"]
    before = identify(request_with(accounts_app, X_API_Key=secret))

    await api.get("/api/users/me", headers={"X-API-Key": secret})

    assert (before, identify(request_with(accounts_app, X_API_Key=secret))) == (None, entered["user"]["id"])


def test_recent_keys__after_a_minute__are_forgotten():
    recent, owner = RecentKeys(), uuid4()

    recent.remember("gxk_a", owner, NOON)

    assert recent.owner_of("gxk_a", NOON + timedelta(seconds=59)) == owner
    assert recent.owner_of("gxk_a", NOON + timedelta(seconds=60)) is None
    assert recent.owner_of("gxk_b", NOON) is None


async def test_read_principal__database_away__fails_every_waiting_request_and_recovers(service_db):
    gone = Database("postgresql://nobody:x@127.0.0.1:9/x", pool_size=1)
    reader = PrincipalReader(gone)

    outcomes = await asyncio.gather(*(reader.read(uuid4()) for _ in range(5)), return_exceptions=True)
    reader._db = service_db

    assert [isinstance(outcome, OSError) for outcome in outcomes] == [True] * 5
    assert await reader.read(uuid4()) is None
    await gone.close()


async def test_list_organizations__over_http__shows_the_own_ones_only(api, service_db):
    from tests.backend.accounts.helpers import make_community, make_member, token_for

    north, _ = await make_community(service_db), await make_community(service_db, "south", number=2)
    member = await make_member(service_db, north.id)

    answer = await api.get("/api/organizations", headers=token_for(member))

    assert [one["slug"] for one in answer.json()["data"]] == ["north"]
    assert answer.json()["meta"]["pagination"] == {"page": 1, "limit": 20, "total": 1}


async def test_sign_in__many_at_once__all_get_their_own_session(another_client):
    from tests.backend.accounts.helpers import key

    async def enter(number):
        async with another_client() as client:
            entered = await sign_in_over_http(client, key(number))
            me = await client.get("/api/users/me", headers=bearer(entered))
            return entered["user"]["id"] == me.json()["data"]["id"]

    assert all(await asyncio.gather(*(enter(number) for number in range(200, 240))))
