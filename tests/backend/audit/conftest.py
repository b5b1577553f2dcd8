# SPDX-License-Identifier: Apache-2.0
"""A chain with trades of every kind, a database in step with it, and the audit of the two."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI

from backend.accounts.deps import current_user
from backend.accounts.types import MembershipOf, Principal
from backend.api import errors
from backend.audit import router, runs_router
from backend.audit.compare import Request, Watch, audit, unwatched
from backend.audit.fetch import Options
from backend.audit.report import Report
from scripts.embedded.anvil import Anvil
from tests.backend.audit.books import Books
from tests.backend.audit.stage import Stage
from tests.support.databases import DatabaseUrls

RunAudit = Callable[..., Awaitable[Report]]
AUDITOR = Principal(UUID(int=7), "both", memberships=(MembershipOf(UUID(int=1), "auditor"),))
STRANGER = Principal(UUID(int=8), "both", memberships=(MembershipOf(UUID(int=1), "operator"),))


@pytest.fixture
def stage(anvil: Anvil) -> Stage:
    """The contract with four meters, and no trade."""
    return Stage.open(anvil)


@pytest.fixture(scope="session")
def shared_anvil() -> Iterator[Anvil]:
    """One chain for all tests that only read it."""
    node = Anvil()
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="session")
def traded(shared_anvil: Anvil) -> Stage:
    """A day of trades: two filled offers, a confirmed and an unconfirmed trade of one party, a batch."""
    stage = Stage.open(shared_anvil)
    stage.ids = {
        "filled": stage.fill(1, 2),
        "second": stage.fill(3, 4, energy_wh=3000),
        "confirmed": stage.log(1, 2),
        "alone": stage.log(3, 4, energy_wh=900),
    }
    stage.confirm(stage.ids["confirmed"], 2, 1, 2)
    stage.log_many(2, 1, 3)
    return stage


@pytest.fixture
async def books(traded: Stage, databases: DatabaseUrls) -> AsyncIterator[Books]:
    """A database that says exactly what `traded`'s chain says, with settled trades, a retirement and a transfer."""
    kept = await Books.open(traded, databases.superuser)
    try:
        await kept.record()
        await kept.settle(traded.ids["filled"], 2000)
        await kept.settle(traded.ids["second"], 1000)
        await kept.retire(2, 100)
        await kept.give(2, 3, 50)
        await kept.retire(2, 7)
        yield kept
    finally:
        await kept.super.close()


@pytest.fixture
def run_audit(traded: Stage, databases: DatabaseUrls) -> RunAudit:
    """Run the audit of the database against `traded`'s chain, all of it final."""

    async def run(*, rpc_url: str = "", finality_depth: int = 1, watch: Watch = unwatched, **options: Any) -> Report:
        request = Request(
            rpc_urls=options.pop("rpc_urls", [rpc_url or traded.anvil.rpc_url]),
            database_url=databases.audit,
            deployment=options.pop("deployment", traded.deployment),
            options=Options(finality_depth=finality_depth, **options.pop("reading", {})),
            wait_s=0,
            **options,
        )
        return await audit(request, clock=lambda: datetime.now(UTC), watch=watch)

    return run


@pytest.fixture
def codes() -> Callable[[Report], set[str]]:
    """The kinds of difference of a report."""
    return lambda report: set(report.findings.counts)


@pytest.fixture
def deployment_file(traded: Stage, tmp_path: Path) -> Path:
    """The deployment record of `traded`."""
    path = tmp_path / "local.json"
    record = traded.deployment.facts() | {"parentHash": "0x" + traded.deployment.parent_hash.hex()}
    path.write_bytes(orjson.dumps(record))
    return path


@pytest.fixture
async def api(
    books: Books, db: Any, service_db: Any, databases: DatabaseUrls, traded: Stage, deployment_file: Path
) -> AsyncIterator[Any]:
    """The audit's routes on their own; `api.asking["principal"]` is who asks: the auditor, who is a member."""
    app = FastAPI()
    errors.install(app)
    app.include_router(router.router)
    app.include_router(runs_router.router)
    app.state.db, app.state.service_db = db, service_db
    app.state.settings = SimpleNamespace(
        rpc_url=(traded.anvil.rpc_url,), database_audit_url=databases.audit, deployment_file=deployment_file
    )
    asking = {"principal": AUDITOR}
    app.dependency_overrides[current_user] = lambda: asking["principal"]

    @app.middleware("http")
    async def name_the_request(request: Any, call_next: Any) -> Any:
        request.state.request_id = "test"
        return await call_next(request)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        client.asking = asking  # type: ignore[attr-defined]
        yield client
