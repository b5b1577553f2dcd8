# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL, Redis and any process of GridX on them, without a chain: for what trades are not needed for."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.core.db import Database
from scripts.embedded.postgres import PostgresServer
from scripts.embedded.process import ROOT, free_port
from scripts.embedded.redis import RedisServer
from tests.bench._ground import RAISED_LIMIT, SIGNING_SEED, wait_for_port
from tests.support.databases import PASSWORDS


@dataclass
class Services:
    """`db` works as gridx_service; `environment` starts processes."""

    folder: Path
    db: Database
    environment: dict[str, str]

    @asynccontextmanager
    async def process(self, *module: str) -> AsyncIterator[int]:
        """Run `python -m …`; yields the port of its api or of its metrics, once it listens."""
        port = free_port()
        ports = {"GRIDX_API_PORT": str(port)} if module[0] == "backend.api" else {"GRIDX_METRICS_PORT": str(port)}
        with (self.folder / f"{module[-1]}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *module, env={**self.environment, **ports}, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            await asyncio.to_thread(wait_for_port, port)
            yield port
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def services() -> AsyncIterator[Services]:
    """Start both in a temporary folder, migrated; nothing is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="gridx-bench-"))
    folder.chmod(0o711)  # noqa: ASYNC240 before anything runs
    postgres = PostgresServer(folder, PASSWORDS, port=free_port(), durable=True, log=folder / "postgres.log")
    redis = RedisServer(folder / "redis", password="redis")
    db: Database | None = None
    try:
        postgres.start()
        redis.start()
        from backend.migrations import upgrade

        await asyncio.to_thread(upgrade, postgres.url("owner"))
        db = Database(postgres.url("service"), pool_size=4)
        yield Services(folder, db, _environment(folder, postgres, redis))
    finally:
        if db is not None:
            await db.close()
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, postgres: PostgresServer, redis: RedisServer) -> dict[str, str]:
    return {
        **os.environ,
        **{f"GRIDX_LIMIT_{name}": RAISED_LIMIT for name in ("ANONYMOUS", "USER", "SIGN_IN")},
        "GRIDX_LIMIT_SOCKETS_ADDRESS": "100000",
        "DATABASE_URL": postgres.url("api"),
        "GRIDX_DATABASE_OWNER_URL": postgres.url("owner"),
        "GRIDX_DATABASE_SERVICE_URL": postgres.url("service"),
        "GRIDX_DATABASE_AUDIT_URL": postgres.url("audit"),
        "REDIS_URL": redis.url,
        "RPC_URL": "http://127.0.0.1:9",
        "GRIDX_DEPLOYMENT_FILE": str(folder / "none.json"),
        "GRIDX_SIGNING_KEY": base64.b64encode(SIGNING_SEED).decode(),
        "GRIDX_OPERATOR_KEY": "07" * 32,
        "GRIDX_LOG_LEVEL": "ERROR",
    }
