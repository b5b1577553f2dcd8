# SPDX-License-Identifier: Apache-2.0
"""Single reads outside a transaction: they see what is public, write nothing, and never queue for ever."""

import asyncio
import socket

import asyncpg
import pytest
import uvloop
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.core.db import DATABASE_ERRORS, Database, is_away, raw


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


async def test_any_statement__longer_than_the_pool_allows__is_stopped(databases):
    pool = Database(databases.api, pool_size=4, statement_timeout_s=0.05)

    with pytest.raises(asyncpg.QueryCanceledError):
        await pool.read("SELECT pg_sleep(60)")
    with pytest.raises(DBAPIError, match="statement timeout"):
        async with pool.begin() as session:
            await session.execute(text("SELECT pg_sleep(60)"))
    async with pool.begin() as session:
        await session.execute(text("SET LOCAL statement_timeout = 0"))
        slept = await session.scalar(text("SELECT pg_sleep(0.1)::text"))

    await pool.close()
    assert slept == ""


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_connection__of_any_kind__both_sides_notice_a_peer_that_is_gone(databases, loop):
    async def options():
        pool = Database(databases.api, pool_size=4)
        direct = await pool.connect_direct()
        asked = "SELECT current_setting('tcp_user_timeout'), current_setting('tcp_keepalives_idle')"
        server = [tuple(await direct.fetchrow(asked)), tuple((await pool.read(asked))[0])]
        async with pool.begin() as session:
            server.append(tuple((await session.execute(text(asked))).one()))
            client = [_client_side(direct), _client_side(await raw(session))]
        await direct.close()
        await pool.close()
        return server, client

    with asyncio.Runner(loop_factory=loop) as runner:
        server, client = runner.run(options())

    assert server == [("30000", "15")] * 3
    assert client == [(1, 15, 30_000)] * 2


def _client_side(connection):
    carrier = connection._transport.get_extra_info("socket")
    with socket.fromfd(carrier.fileno(), carrier.family, carrier.type) as same:
        return (
            same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            same.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        )


async def test_read__the_connection_was_ended_by_the_server__takes_a_new_one(service_db, databases, cluster):
    before = (await service_db.read("SELECT pg_backend_pid() AS pid"))[0]["pid"]
    cluster.server.psql(f"SELECT pg_terminate_backend({before})")

    for _ in range(50):  # the driver hears of the end when the socket does
        try:
            after = (await service_db.read("SELECT pg_backend_pid() AS pid"))[0]["pid"]
            break
        except DATABASE_ERRORS:
            await asyncio.sleep(0)

    assert after != before


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (PoolTimeout(), True),
        (asyncpg.AdminShutdownError("going"), True),
        (asyncpg.TooManyConnectionsError("full"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InternalClientError("another operation (2) is in progress"), True),
        (DBAPIError("SELECT 1", None, asyncpg.AdminShutdownError("going")), True),
        (asyncpg.UniqueViolationError("twice"), False),
        (DBAPIError("SELECT 1", None, asyncpg.UndefinedTableError("nothing")), False),
        (InvalidRequestError("a mistake of ours"), False),
    ],
    ids=repr,
)
def test_is_away__errors_of_database_driver_and_pool__are_told_from_mistakes(error, expected):
    assert isinstance(error, DATABASE_ERRORS)
    assert is_away(error) is expected
