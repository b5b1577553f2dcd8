# SPDX-License-Identifier: Apache-2.0
"""The routers of accounts alone, on the real database, with the wallets' contracts and the market as values."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from backend.accounts.config import Accounts
from backend.accounts.deps import current_user
from backend.accounts.principals import PrincipalReader
from backend.accounts.router import router
from backend.api import errors
from backend.core.db import Database
from tests.backend.accounts.helpers import ORIGIN, make_test_accounts


class Unlimited:
    """A limiter without limits."""

    async def hit(self, name: str, who: str) -> None:
        """Let it pass."""


@pytest.fixture
def accounts() -> Accounts:
    """How the tests' installation signs people in."""
    return make_test_accounts()


@pytest.fixture
def accounts_app(db: Database, service_db: Database, accounts: Accounts) -> FastAPI:
    """The application with nothing but accounts."""
    app = FastAPI()
    errors.install(app)
    app.include_router(router)

    @app.middleware("http")
    async def name_the_request(request, call_next):
        request.state.request_id = "test"
        return await call_next(request)

    async def nothing_unfinished(session, address):
        return False

    app.state.db = db
    app.state.service_db = service_db
    app.state.accounts = accounts
    app.state.principals = PrincipalReader(service_db)
    app.state.require_user = current_user
    app.state.limiter = Unlimited()
    app.state.trusted_proxies = frozenset()
    app.state.unfinished_trades = nothing_unfinished
    return app


@pytest.fixture
async def api(accounts_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client with its own cookies."""
    async with client_of(accounts_app) as session:
        yield session


def client_of(app: FastAPI, *, ip: str = "127.0.0.1") -> httpx.AsyncClient:
    """Another client, from another address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app, client=(ip, 40_000)), base_url=ORIGIN)


@pytest.fixture
def another_client(accounts_app: FastAPI):
    """Makes further clients: `another_client(ip="10.0.0.1")`."""
    return lambda **facts: client_of(accounts_app, **facts)
