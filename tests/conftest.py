# SPDX-License-Identifier: Apache-2.0
"""Fixtures over real servers. Each test process has its own PostgreSQL and Redis; each test its own database and chain.

`databases` addresses per role · `db`, `service_db`, `owner_db`, `audit_db` a `Database` per role on the same clone ·
`redis_url` an emptied Redis · `anvil` a fresh chain · `settings`, `app`, `client` the API on them.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from backend.core.db import Database
    from backend.core.settings import Settings
    from scripts.embedded.anvil import Anvil
    from scripts.embedded.redis import RedisServer
    from tests.support.databases import Cluster, DatabaseUrls


MEMORY = "/dev/shm"
ROOM_BYTES = 3 << 30


def _has_room(folder: str) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= ROOM_BYTES


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the servers' unprivileged user can reach; in memory where there is room for it."""
    folder = Path(tempfile.mkdtemp(prefix="gridx-test-", dir=MEMORY if _has_room(MEMORY) else None))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(server_folder: Path) -> Iterator[Cluster]:
    """PostgreSQL with a migrated template, one per test process."""
    from tests.support.databases import Cluster

    running = Cluster(server_folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def databases(cluster: Cluster) -> Iterator[DatabaseUrls]:
    """Addresses of a fresh clone for this test."""
    urls = cluster.clone()
    yield urls
    cluster.drop(urls)


@pytest.fixture
def empty_databases(cluster: Cluster) -> Iterator[DatabaseUrls]:
    """Addresses of a database without any table."""
    urls = cluster.empty()
    yield urls
    cluster.drop(urls)


async def _connected(url: str) -> AsyncIterator[Database]:
    from backend.core.db import Database

    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def db(databases: DatabaseUrls) -> AsyncIterator[Database]:
    """The test's database as gridx_api (row-level security applies)."""
    async for database in _connected(databases.api):
        yield database


@pytest.fixture
async def service_db(databases: DatabaseUrls) -> AsyncIterator[Database]:
    """The same database as gridx_service."""
    async for database in _connected(databases.service):
        yield database


@pytest.fixture
async def owner_db(databases: DatabaseUrls) -> AsyncIterator[Database]:
    """The same database as gridx_owner."""
    async for database in _connected(databases.owner):
        yield database


@pytest.fixture
async def audit_db(databases: DatabaseUrls) -> AsyncIterator[Database]:
    """The same database as gridx_audit, which only reads."""
    async for database in _connected(databases.audit):
        yield database


@pytest.fixture(scope="session")
def redis_server(server_folder: Path) -> Iterator[RedisServer]:
    """Redis, one per test process."""
    from scripts.embedded.redis import RedisServer

    server = RedisServer(server_folder / "redis", password="redis")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Address of an emptied Redis; one that a test stopped is started again."""
    if not redis_server.process.running:
        redis_server.start()
    import redis

    with redis.Redis.from_url(redis_server.url) as connection:
        connection.flushall()
    return redis_server.url


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A fresh chain that mines each transaction at once; `.rpc_url`, `.accounts`, `.rpc(…)`, `.mine(n)`."""
    from scripts.embedded.anvil import Anvil

    node = Anvil()
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def settings(
    databases: DatabaseUrls,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Settings:
    """Settings of a process on this test's servers; its node is the `anvil` fixture's, else one that nobody serves."""
    from backend.core.settings import Settings

    for name in [name for name in os.environ if name.startswith("GRIDX_")]:
        monkeypatch.delenv(name)
    with_chain = "anvil" in request.fixturenames
    rpc_url = request.getfixturevalue("anvil").rpc_url if with_chain else "http://127.0.0.1:9"
    environment = {
        "DATABASE_URL": databases.api,
        "GRIDX_DATABASE_OWNER_URL": databases.owner,
        "GRIDX_DATABASE_SERVICE_URL": databases.service,
        "GRIDX_DATABASE_AUDIT_URL": databases.audit,
        "REDIS_URL": redis_url,
        "RPC_URL": rpc_url,
        "GRIDX_DEPLOYMENT_FILE": str(tmp_path / "deployment.json"),
        "GRIDX_SIGNING_KEY": base64.b64encode(b"s" * 32).decode(),
        "GRIDX_OPERATOR_KEY": "11" * 32,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The API with its lifespan running."""
    from backend.api.app import create_app

    application = create_app(settings)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the API, without a socket between."""
    import httpx

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:3001") as session:
        yield session
