# SPDX-License-Identifier: Apache-2.0
"""What the sequences stand on: PostgreSQL, Redis, a chain mined by hand, a misbehaving node, the processes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.audit.deployment import Deployment
from backend.chain.deployment import ensure_registered
from backend.core.db import Database
from scripts.embedded.anvil import Anvil
from scripts.embedded.postgres import PostgresServer
from scripts.embedded.process import LOOPBACK
from scripts.embedded.redis import RedisServer
from tests.backend.audit.stage import Stage
from tests.faults.chain import Chain
from tests.faults.node import Node
from tests.faults.processes import Processes
from tests.faults.town import ACCOUNTS, RELAYER, SIGNING_SEED, Town, settle_in
from tests.support.databases import PASSWORDS

CONFIRMATIONS = 2
FINALITY_DEPTH = 8
OPERATOR_KEY = "07" * 32
POOL_SIZE = 10
NO_DEADLINE_S = str(20 * 365 * 86_400)


def steady_port() -> int:
    """A free port below those that the system gives to outgoing connections: it is still free after a restart."""
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) != 0:
                return port


@dataclass
class Ground:
    """The running parts. `db` works as gridx_service, `chain_key` is the row of the chain."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    anvil: Anvil
    node: Node
    chain: Chain
    processes: Processes
    db: Database
    chain_key: int
    town: Town
    deployment: Deployment

    @property
    def api_url(self) -> str:
        """Base address of the api."""
        return self.processes.environment["GRIDX_PUBLIC_URL"]

    async def reconnect(self) -> None:
        """Give up our own connections to the database; the next use makes new ones."""
        await self.db.close()
        self.db = Database(self.postgres.url("service"), pool_size=POOL_SIZE)


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Start everything but the product's processes, which `Ground.processes` starts.

    PostgreSQL gives up fsync (the machine survives) but not its commits: a killed server comes back with all of them.
    """
    folder = _make_folder()
    settings = {"synchronous_commit": "on", "shared_buffers": "64MB", "max_wal_size": "256MB"}
    postgres = PostgresServer(folder, PASSWORDS, port=steady_port(), durable=False, settings=settings)
    redis = RedisServer(folder / "redis", password="redis", port=steady_port(), durable=True)
    free = ("--block-base-fee-per-gas", "0", "--gas-price", "0", "--order", "fifo")
    anvil = Anvil(options=free, account_count=ACCOUNTS)
    node: Node | None = None
    processes: Processes | None = None
    db: Database | None = None
    made: Ground | None = None
    try:
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in (postgres, redis, anvil)))
        from backend.migrations import upgrade

        await asyncio.to_thread(upgrade, postgres.url("owner"))
        stage = Stage.open(anvil)
        (folder / "deployment.json").write_text(json.dumps(_record(stage.deployment)))
        node = Node(anvil.rpc_url)
        await node.start()
        environment = _environment(folder, postgres, redis, node.url, anvil.rpc_url)
        environment["GRIDX_RELAYER_KEY"] = anvil.accounts[RELAYER].key.removeprefix("0x")
        processes = Processes(folder, environment)
        db = Database(postgres.url("service"), pool_size=POOL_SIZE)
        registered = await ensure_registered(db, folder / "deployment.json", confirmations=CONFIRMATIONS)
        town = await settle_in(db, stage)
        chain = Chain(stage, FINALITY_DEPTH)
        made = Ground(folder, postgres, redis, anvil, node, chain, processes, db, registered.id, town, stage.deployment)
        yield made
    finally:
        if processes is not None:
            processes.close()
        if db is not None:
            await (made.db if made else db).close()
        if node is not None:
            await node.stop()
        for server in (anvil, redis, postgres):
            await asyncio.to_thread(server.stop)
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder() -> Path:
    """A folder that PostgreSQL's unprivileged user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="gridx-faults-"))
    folder.chmod(0o711)
    return folder


def _record(place: Deployment) -> dict[str, object]:
    return {
        "network": place.network,
        "chainId": place.chain_id,
        "genesisHash": "0x" + place.genesis_hash.hex(),
        "address": "0x" + place.address.hex(),
        "blockNumber": place.block_number,
        "blockHash": "0x" + place.block_hash.hex(),
        "parentHash": "0x" + place.parent_hash.hex(),
    }


def _environment(
    folder: Path, postgres: PostgresServer, redis: RedisServer, rpc_url: str, heads: str
) -> dict[str, str]:
    port = steady_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRIDX_")}
    return {
        **inherited,
        "DATABASE_URL": postgres.url("api"),
        "GRIDX_DATABASE_OWNER_URL": postgres.url("owner"),
        "GRIDX_DATABASE_SERVICE_URL": postgres.url("service"),
        "GRIDX_DATABASE_AUDIT_URL": postgres.url("audit"),
        "REDIS_URL": redis.url,
        "RPC_URL": rpc_url,
        "GRIDX_WEBSOCKET_URL": heads.replace("http", "ws", 1),
        "GRIDX_DEPLOYMENT_FILE": str(folder / "deployment.json"),
        "GRIDX_SIGNING_KEY": base64.b64encode(SIGNING_SEED).decode(),
        "GRIDX_OPERATOR_KEY": OPERATOR_KEY,
        "GRIDX_CONFIRMATIONS": str(CONFIRMATIONS),
        "GRIDX_FINALITY_DEPTH": str(FINALITY_DEPTH),
        "GRIDX_POLL_INTERVAL_S": "0.05",
        "GRIDX_WATCH_INTERVAL_S": "0.25",
        "GRIDX_SETTLEMENT_DEADLINE_S": NO_DEADLINE_S,
        "GRIDX_RELAYER_INTERVAL_S": "0.05",
        "GRIDX_RELAYER_BUMP_BLOCKS": "3",
        "GRIDX_API_HOST": LOOPBACK,
        "GRIDX_API_PORT": str(port),
        "GRIDX_PUBLIC_URL": f"http://{LOOPBACK}:{port}",
        "GRIDX_LOG_LEVEL": "INFO",
        **{f"GRIDX_LIMIT_{name}": "1000000/second" for name in ("ANONYMOUS", "USER", "SIGN_IN")},
    }
