# SPDX-License-Identifier: Apache-2.0
"""The database as the audit sees it: one repeatable-read, read-only snapshot, streamed with plain SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

from backend.audit.deployment import Deployment
from backend.audit.encoding import bytes_of

PREFETCH = 1000
CONNECT_TIMEOUT_S = 10
Row = Any

CHAIN = """
SELECT id FROM chains WHERE chain_id = $1 AND genesis_hash = $2 AND contract_address = $3 AND deployment_block_hash = $4
"""
REACHED = f"SELECT next_block > $5 FROM chain_cursor WHERE chain = ({CHAIN})"  # noqa: S608 built from constants
LATEST_DEPLOYMENT = """
SELECT network, chain_id, genesis_hash, contract_address, deployment_block, deployment_block_hash, salt
FROM chains ORDER BY id DESC LIMIT 1
"""


class DatabaseLacksChain(Exception):
    """The database has no row of this deployment: it belongs to another chain, or to one that was reset."""


def plain_url(url: str) -> str:
    """A database URL as asyncpg takes it (without SQLAlchemy's driver)."""
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest


async def connect(url: str) -> asyncpg.Connection:
    """A connection of its own. Raises OSError, asyncpg.PostgresError."""
    connection = await asyncpg.connect(plain_url(url), timeout=CONNECT_TIMEOUT_S)
    await connection.set_type_codec("jsonb", encoder=_dumps, decoder=orjson.loads, schema="pg_catalog")
    return connection


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


@asynccontextmanager
async def snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Everything read inside the block is as of one moment."""
    connection = await connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("SET LOCAL timezone = 'UTC'")
            await connection.execute("SET LOCAL jit = off")
            yield Snapshot(connection)
    finally:
        await connection.close()


class Snapshot:
    """Reads of one transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def stream(self, query: str, *arguments: Any, prefetch: int = PREFETCH) -> AsyncIterator[Row]:
        """Rows of `query` through a server-side cursor, `prefetch` at a time."""
        async for row in self._connection.cursor(query, *arguments, prefetch=prefetch):
            yield row

    async def rows(self, query: str, *arguments: Any) -> list[Row]:
        """All rows of a query whose answer is small."""
        return list(await self._connection.fetch(query, *arguments))

    async def value(self, query: str, *arguments: Any) -> Any:
        """The first column of the first row, None without one."""
        return await self._connection.fetchval(query, *arguments)

    async def chain_key(self, deployment: Deployment) -> int:
        """The key in table `chains` of a deployment. Raises DatabaseLacksChain."""
        key = await self.value(
            CHAIN, deployment.chain_id, deployment.genesis_hash, deployment.address, deployment.block_hash
        )
        if key is None:
            raise DatabaseLacksChain("the database knows no such deployment: another chain, or one that was reset")
        return int(key)


async def deployment_in(url: str) -> Deployment:
    """The newest deployment that the database names; only for want of a record. Raises DatabaseLacksChain."""
    connection = await connect(url)
    try:
        row = await connection.fetchrow(LATEST_DEPLOYMENT)
    finally:
        await connection.close()
    if row is None:
        raise DatabaseLacksChain("the database knows no deployment")
    return Deployment(
        row["network"], row["chain_id"], row["genesis_hash"], row["contract_address"], row["deployment_block"],
        row["deployment_block_hash"], row["salt"],
    )  # fmt: skip


async def wait_until_indexed(url: str, deployment: Deployment, block: int, *, timeout_s: float) -> bool:
    """Give the follower a moment to reach `block`; whether it did."""
    connection = await connect(url)
    try:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            reached = await connection.fetchval(
                REACHED,
                deployment.chain_id, deployment.genesis_hash, deployment.address, deployment.block_hash, block,
            )  # fmt: skip
            if reached or asyncio.get_running_loop().time() > deadline:
                return bool(reached)
            await asyncio.sleep(0.2)
    finally:
        await connection.close()


def json_bytes(text: str | None) -> bytes | None:
    """A `bytea` as it stands inside JSON that PostgreSQL made ("\\\\x…")."""
    return None if text is None else bytes_of("0x" + text[2:])
