# SPDX-License-Identifier: Apache-2.0
"""Nobody reads or writes another tenant's rows, on any route that the API has."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from backend.core.db import Database
from tests.backend.tenancy_cases import CASES, Case
from tests.backend.tenancy_world import SECRETS, World, make_world

_METHODS = {"get", "post", "put", "patch", "delete"}
_ORDERED = sorted(CASES.items(), key=lambda item: item[1].last)


@pytest.fixture
async def open_app(settings) -> AsyncIterator[FastAPI]:
    """The whole API, with limits that no test reaches."""
    from backend.api.app import create_app

    wide = dict.fromkeys(("limit_anonymous", "limit_user", "limit_sign_in"), "1000000/second")
    app = create_app(settings.model_copy(update=wide))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def http(open_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps no cookies between requests that are compared."""
    transport = httpx.ASGITransport(app=open_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3001") as client:
        yield client


@pytest.fixture
async def world(open_app: FastAPI, http: httpx.AsyncClient) -> World:
    """Two communities."""
    return await make_world(open_app, http)


def shape(route: str) -> str:
    """A route with its parameters and sample values blanked: `GET /api/houses/{}`."""
    return re.sub(r"\{[^}]*\}|0x[0-9a-f]{64}", "{}", route)


def filled(value: Any, ids: dict[str, str]) -> Any:
    """`value` with the world's ids in place of {names}."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], value)
    if isinstance(value, dict):
        return {name: filled(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    return value


async def send(client: httpx.AsyncClient, world: World, route: str, case: Case, who: str | None) -> httpx.Response:
    """The case's request by `who`."""
    method, path = filled(route, world.ids).split(" ", 1)
    return await client.request(
        method,
        path,
        params=filled(case.query, world.ids),
        json=filled(case.body, world.ids),
        headers=world.bearer(who) if who else None,
    )


async def rows_of_south(service_db: Database, world: World) -> dict[str, str]:
    """Every row, as text, that names somebody or something of South, by table."""
    named = [value for name, value in world.ids.items() if name.startswith("south_") and not value.startswith("0x")]
    async with service_db.begin() as session:
        connection = await session.connection()
        tables = (
            await connection.execute(
                text(
                    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
                    " AND has_table_privilege(oid, 'SELECT') ORDER BY relname"
                )
            )
        ).scalars()
        return {
            table: (
                await connection.execute(
                    text(
                        f"SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM {table} AS t"
                        " WHERE t::text LIKE ANY(:named)"
                    ),
                    {"named": [f"%{value}%" for value in named]},
                )
            ).scalar_one()
            or ""
            for table in tables.all()
        }


def test_cases__of_the_openapi_list__are_complete(open_app):
    document = open_app.openapi()
    offered = {
        shape(f"{method.upper()} {path}")
        for path, operations in document["paths"].items()
        for method in operations
        if method in _METHODS
    }
    declared = [shape(route) for route in CASES]

    assert len(declared) == len(set(declared)), "two cases for one route"
    assert offered - set(declared) == set(), "routes without a case in tenancy_cases.py"
    assert set(declared) - offered == set(), "cases without a route"


async def test_every_route__nobody_signed_in__asks_to_sign_in_unless_public(http, world):
    wrong = {}
    for route, case in _ORDERED:
        http.cookies.clear()
        answer = await send(http, world, route, case, None)
        expected = case.stranger if case.public else (401,)
        if answer.status_code not in expected or any(secret in answer.text for secret in SECRETS):
            wrong[route] = (answer.status_code, answer.text[:200])

    assert wrong == {}


async def test_every_route__stranger_names_rows_of_others__learns_and_changes_nothing(http, world, service_db):
    before = await rows_of_south(service_db, world)
    assert before["houses"]
    wrong = {}

    for route, case in _ORDERED:
        http.cookies.clear()
        answer = await send(http, world, route, case, "stranger")
        if answer.status_code not in case.stranger or any(secret in answer.text for secret in SECRETS):
            wrong[route] = (answer.status_code, answer.text[:300])
        if case.last:
            world.tokens["stranger"] = await entered_again(http)

    assert wrong == {}
    assert await rows_of_south(service_db, world) == before


async def entered_again(http: httpx.AsyncClient) -> str:
    """A new access token of the stranger, whose session or account was just ended."""
    person = {"email": "stranger@example.org", "password": "correct horse battery"}
    answer = await http.post("/api/auth/login", json=person)
    if answer.status_code == 401:
        answer = await http.post("/api/auth/register", json=person | {"name": "Stranger"})
    return str(answer.json()["data"]["accessToken"])


async def test_owned_routes__their_owner__is_served(http, world):
    refused = {}
    for route, case in _ORDERED:
        if case.owner:
            answer = await send(http, world, route, case, "south_owner")
            if answer.status_code != 200:
                refused[route] = (answer.status_code, answer.text[:200])

    assert refused == {}
