# SPDX-License-Identifier: Apache-2.0
"""The AI service beside a real backend and Redis, without a socket: the fixture `ai` is a `Service`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ai_service.app import create_app
from ai_service.settings import Settings
from backend.accounts.service import equip_forecaster
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.limits import Limiter
from tests.ai_service.towns import Town, make_town

BACKEND = "http://127.0.0.1:3001"
SERVICE_KEY = "gxk_" + "s" * 43
PERSON = {"email": "asha@example.org", "password": "correct horse battery", "name": "Asha", "role": "both"}


class Wire(httpx.AsyncBaseTransport):
    """Carries requests to the backend; counts them by path, and can be cut."""

    def __init__(self, app: FastAPI) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self.asked: dict[str, int] = {}
        self.cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request; ConnectError while cut."""
        path = request.url.path
        self.asked[path] = self.asked.get(path, 0) + 1
        if self.cut:
            raise httpx.ConnectError("cut", request=request)
        return await self._inner.handle_async_request(request)


@dataclass
class Service:
    """The running service: `http` with nobody's credential, `user` and `key` as headers, `wire` to the backend."""

    app: FastAPI
    http: httpx.AsyncClient
    wire: Wire
    user: dict[str, str]
    key: dict[str, str]

    async def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """POST as the user."""
        return await self.http.post(path, json=body, headers=self.user, **more)


async def made_key(client: httpx.AsyncClient, user: dict[str, str], *scopes: str) -> str:
    """The text of a new API key."""
    answer = await client.post("/api/api-keys", json={"name": "k", "scopes": list(scopes)}, headers=user)
    key: str = answer.json()["data"]["key"]
    return key


@pytest.fixture
async def ai(app: FastAPI, client: httpx.AsyncClient, redis_url: str) -> AsyncIterator[Service]:
    """The service with a signed-in user and an API key that may read."""
    registered = await client.post("/api/auth/register", json=PERSON)
    user = {"Authorization": f"Bearer {registered.json()['data']['accessToken']}"}
    read = await made_key(client, user, "read")
    await equip_forecaster(app.state.service_db, SERVICE_KEY, now=utc_now())
    wire = Wire(app)
    settings = Settings(redis_url=redis_url, backend_url=BACKEND, issuer=BACKEND, service_key=SERVICE_KEY)
    service = create_app(settings, backend=wire)
    async with service.router.lifespan_context(service):
        transport = httpx.ASGITransport(app=service, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            yield Service(service, http, wire, user, {"X-API-Key": read})


@pytest.fixture
async def town(ai: Service, app: FastAPI, client: httpx.AsyncClient, service_db: Database) -> Town:
    """A community operated by the service's user, without houses. The backend counts no requests."""
    app.state.limiter = Limiter(app.state.redis, {})
    me = (await client.get("/api/users/me", headers=ai.user)).json()["data"]
    return await make_town(service_db, me["id"])
