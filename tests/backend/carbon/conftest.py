# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the carbon tests: a registered chain, and the carbon routes alone on the real database."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request

from backend.accounts.deps import current_user, optional_user
from backend.accounts.types import Principal
from backend.api import errors
from backend.carbon.aliases import Aliases
from backend.carbon.router import router
from backend.core.db import Database
from backend.core.errors import Unauthenticated
from tests.backend.carbon.helpers import Person, make_chain, make_person


@pytest.fixture
async def chain(service_db: Database) -> int:
    """A registered chain."""
    return await make_chain(service_db)


@pytest.fixture
async def ada(service_db: Database, chain: int) -> Person:
    """A user with a wallet."""
    return await make_person(service_db)


@pytest.fixture
async def http(db: Database, service_db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The carbon routes; the header `X-Test-User` says who is signed in."""
    app = FastAPI()
    errors.install(app)
    app.include_router(router)
    app.state.db, app.state.service_db = db, service_db
    app.state.aliases = Aliases(b"a secret")
    app.state.settings = SimpleNamespace(public_url="https://gridx.example")

    @app.middleware("http")
    async def name_the_request(request: Request, call_next):
        request.state.request_id = "test"
        return await call_next(request)

    async def signed_in(request: Request) -> Principal | None:
        named = request.headers.get("x-test-user")
        return Principal(user_id=UUID(named), role="both") if named else None

    async def must_be_signed_in(request: Request) -> Principal:
        principal = await signed_in(request)
        if principal is None:
            raise Unauthenticated
        return principal

    app.dependency_overrides[optional_user] = signed_in
    app.dependency_overrides[current_user] = must_be_signed_in
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gridx.example") as client:
        yield client
