# SPDX-License-Identifier: Apache-2.0
"""A street of live updates: api instances on real sockets, a relay, and clients that keep what they were sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from backend.accounts.config import Accounts
from backend.api.__main__ import configure
from backend.api.app import create_app
from backend.core import outbox, redis
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.ids import uuid7
from backend.core.settings import Settings
from backend.worker.relay import Relay
from scripts.embedded.process import free_port
from scripts.embedded.redis import RedisServer

PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Traded(outbox.Event):
    """A public event of these tests."""

    topic: ClassVar[str] = "trades"
    name: ClassVar[str] = "tests.traded.v1"
    number: int
    filling: str = ""


@dataclass(frozen=True, slots=True)
class OrderMoved(outbox.Event):
    """An event for one user."""

    topic: ClassVar[str] = "orders"
    name: ClassVar[str] = "tests.order_moved.v1"
    audience: UUID | None
    number: int


@dataclass(frozen=True, slots=True)
class Warned(outbox.Event):
    """An alert, for a user, for an organisation's operators, or for all."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "tests.warned.v1"
    number: int
    audience: UUID | None = None
    audience_org: UUID | None = None


@dataclass
class Ear:
    """A client that reads until it has what it waits for; `seen` is everything that it was sent."""

    socket: ClientConnection
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Messages of a type, once there are `count` of them. Raises TimeoutError, ConnectionClosed."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := [one for one in self.seen if one["type"] == kind]) < count:
                self.seen.append(json.loads(await self.socket.recv()))
        return found

    async def numbers(self, count: int) -> list[int]:
        """The numbers in the first `count` events."""
        return [event["data"]["number"] for event in await self.until("event", count)]

    async def closing(self) -> int | None:
        """The close code, once the server has closed."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionClosed):
                while True:
                    self.seen.append(json.loads(await self.socket.recv()))
        return self.socket.close_code

    async def refusal(self) -> tuple[int | None, str]:
        """Close code, and the code in the last message."""
        close_code = await self.closing()
        return close_code, self.seen[-1]["code"]

    @property
    def last_id(self) -> str:
        """The id to go on from."""
        return str(next(one["id"] for one in reversed(self.seen) if "id" in one))


@dataclass
class Street:
    """The running parts. `stop_relay` and `start_relay` say when events are numbered."""

    db: Database
    settings: Settings
    accounts: Accounts
    ports: list[int] = field(default_factory=list)
    servers: list[uvicorn.Server] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    relay: Relay | None = None

    async def serve(self, **changes: Any) -> int:
        """Another instance of the api, its settings changed; returns its port."""
        settings = self.settings.model_copy(update={"api_port": free_port(), **changes})
        port = settings.api_port
        config = configure(create_app(settings), settings)
        server = uvicorn.Server(config)
        server.capture_signals = suppress  # type: ignore[method-assign,assignment]  # signals are the test runner's
        self.tasks.append(asyncio.create_task(server.serve()))
        for _ in range(100 * PATIENCE_S):
            if server.started and config.app.state.live.hub.is_open:
                break
            await asyncio.sleep(0.01)
        self.servers.append(server)
        self.ports.append(port)
        return port

    async def add(self, *events: outbox.Event) -> None:
        """Commit events in one transaction and have them published."""
        async with self.db.begin() as session:
            await outbox.add(session, *events)
        await self.publish()

    async def publish(self) -> None:
        """Let the relay number and publish what is committed."""
        assert self.relay is not None
        while await self.relay.publish_some():
            continue

    @asynccontextmanager
    async def ear(self, query: str, *, port: int | None = None, **options: Any) -> AsyncIterator[Ear]:
        """A connection with this query."""
        async with connect(f"ws://127.0.0.1:{port or self.ports[0]}/api/events?{query}", **options) as socket:
            yield Ear(socket)

    def token(self, user_id: UUID, session_id: UUID | None = None) -> dict[str, str]:
        """Headers of a signed-in user."""
        token, _ = self.accounts.signer.issue(user_id=user_id, session_id=session_id or uuid7(), now=utc_now())
        return {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, headers: dict[str, str], port: int | None = None) -> httpx.Response:
        """One request over HTTP."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port or self.ports[0]}") as client:
            return await client.request(method, path, headers=headers)

    async def ticket(self, user_id: UUID, session_id: UUID | None = None) -> str:
        """A ticket of a user."""
        answer = await self.ask("POST", "/api/events/ticket", self.token(user_id, session_id))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["ticket"])

    async def close(self) -> None:
        """End every instance."""
        for server in self.servers:
            server.should_exit = True
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def street(
    settings: Settings, service_db: Database, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Street]:
    """One instance of the api, and a relay that publishes when asked."""
    monkeypatch.setenv("GRIDX_LIMIT_ANONYMOUS", "1000/second")
    monkeypatch.setenv("GRIDX_LIMIT_USER", "1000/second")
    ready = Settings()
    connection = redis.connect(ready.redis_url)
    place = Street(service_db, ready, None, relay=Relay(service_db, connection))  # type: ignore[arg-type]
    await place.serve()
    place.accounts = place.servers[0].config.app.state.accounts  # type: ignore[union-attr]
    try:
        yield place
    finally:
        await place.close()
        await connection.aclose()
