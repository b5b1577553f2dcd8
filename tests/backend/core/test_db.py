# SPDX-License-Identifier: Apache-2.0
"""Single reads outside a transaction: they see what is public, write nothing, and never queue for ever."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text


async def test_read__a_statement_that_writes__is_refused_by_the_database(service_db):
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await service_db.read("INSERT INTO outbox (id, topic, name, payload) VALUES (uuidv7(), 't', 'n', '{}')")


async def test_read__as_the_api__shows_no_row_that_belongs_to_somebody(db, service_db):
    async with service_db.begin() as session:
        await session.execute(text("INSERT INTO users (id, name, created_at) VALUES (uuidv7(), 'Asha', now())"))

    assert await service_db.read("SELECT name FROM users") == [("Asha",)]
    assert await db.read("SELECT name FROM users") == []


async def test_read__many_at_once__share_a_few_connections(service_db):
    rows = await asyncio.gather(
        *(service_db.read("SELECT $1::int AS n, pg_backend_pid() AS pid", n) for n in range(40))
    )

    assert [row[0]["n"] for row in rows] == list(range(40))
    assert len({row[0]["pid"] for row in rows}) <= 5


async def test_read__the_connection_was_ended_by_the_server__takes_a_new_one(service_db, databases, cluster):
    before = (await service_db.read("SELECT pg_backend_pid() AS pid"))[0]["pid"]
    cluster.server.psql(f"SELECT pg_terminate_backend({before})")

    for _ in range(50):  # the driver hears of the end when the socket does
        try:
            after = (await service_db.read("SELECT pg_backend_pid() AS pid"))[0]["pid"]
            break
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.AdminShutdownError):
            await asyncio.sleep(0)

    assert after != before
