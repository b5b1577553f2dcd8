# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: one pool a process, transactions that know who acts, and direct connections for locks and LISTEN."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession as PlainSession
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

UtcDateTime = DateTime(timezone=True)
CONNECT_TIMEOUT_S = 2
LOST_AFTER_S = 30
"""So long a peer may leave data unacknowledged, or a silent one its probes: then the connection counts as broken."""
_PROBE_AFTER_S, _PROBE_EVERY_S, _PROBES = 15, 5, 3
_CLIENT_SIDE = {
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): _PROBE_AFTER_S,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): _PROBE_EVERY_S,
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): _PROBES,
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): LOST_AFTER_S * 1000,
}
_SERVER_SIDE = {
    "timezone": "UTC",
    "application_name": "gridx",
    "tcp_keepalives_idle": str(_PROBE_AFTER_S),
    "tcp_keepalives_interval": str(_PROBE_EVERY_S),
    "tcp_keepalives_count": str(_PROBES),
    "tcp_user_timeout": str(LOST_AFTER_S * 1000),
}
_OWN = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver says of itself; the second when PostgreSQL has just told an idle connection to go."""
DATABASE_ERRORS = (OSError, SQLAlchemyError, asyncpg.PostgresError, *_OWN)
"""All that PostgreSQL, its driver and the pool raise."""
_PASSING = ("08", "40", "53", "57")  # classes of SQLSTATE: connection, rollback, resources, an operator's intervention
FREE_TIMEOUT_S = 5  # a burst waits for a free connection; longer would only make a queue that nobody waits out


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in a transaction; row-level security reads it. Roles come from the membership, per request."""

    user_id: UUID | None = None
    org_id: UUID | None = None
    org_role: str | None = None


def sqlstate_of(error: BaseException) -> str | None:
    """The SQLSTATE of an error of PostgreSQL or its driver, also when SQLAlchemy wrapped it; None: it has none."""
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    return state if isinstance(state, str) else None


def is_away(error: BaseException) -> bool:
    """Whether the database is away or busy, so that the same call may work later; False: what was asked is at fault."""
    state = sqlstate_of(error)
    if state is not None:
        return state.startswith(_PASSING)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, (OSError, InterfaceError, PoolTimeout, *_OWN))


class _Probed(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """A connection whose end is noticed although the peer said nothing: both sides probe each other."""

    __slots__ = ()

    def __init__(self, protocol: Any, transport: asyncio.Transport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        carrier = transport.get_extra_info("socket")
        if carrier is None or carrier.family not in (socket.AF_INET, socket.AF_INET6):
            return  # a Unix socket has no peer that could be cut off
        with socket.fromfd(carrier.fileno(), carrier.family, carrier.type) as same:  # uvloop's own takes no options
            for (level, option), value in _CLIENT_SIDE.items():
                same.setsockopt(level, option, value)


class Session(AsyncSession):
    """SQLModel's session, whose `execute` is SQLAlchemy's own: plain SQL is no mistake here."""

    execute = PlainSession.execute


class Database:
    """A pool of connections as one PostgreSQL role.

    `begin` opens one transaction and commits it at the end of the block, or rolls back when the block raises. `read`
    is for what everybody may see: one statement, no transaction around it. `statement_timeout_s` ends statements of the
    pool that take longer (SQLSTATE 57014); None lets them run.
    """

    def __init__(self, url: str, *, pool_size: int = 20, statement_timeout_s: float | None = None) -> None:
        self.dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self.watch_read: Callable[[str], AbstractContextManager[None]] = lambda statement: nullcontext()
        self.holding = asyncio.Semaphore(max(1, pool_size // 4))
        """Taken by who holds a transaction open while others are needed, so that some connections are always free."""
        self._reading = max(1, pool_size // 4)
        self._readers: asyncpg.Pool | None = None
        self._settings = dict(_SERVER_SIDE)
        if statement_timeout_s is not None:
            self._settings["statement_timeout"] = str(round(statement_timeout_s * 1000))
        self._opening = asyncio.Lock()
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=max(1, pool_size - self._reading),
            max_overflow=0,
            pool_timeout=FREE_TIMEOUT_S,
            pool_recycle=1800,
            pool_pre_ping=False,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "server_settings": self._settings,
                "connection_class": _Probed,
            },
        )

    @asynccontextmanager
    async def begin(self, actor: Actor | None = None, **settings: str) -> AsyncIterator[AsyncSession]:
        """A transaction as `actor`; `settings` are further `gridx.*` values for policies, e.g. sign_in_email=…"""
        async with Session(self.engine, expire_on_commit=False) as session, session.begin():
            values = dict(settings)
            if actor is not None:
                named = {"user_id": actor.user_id, "org_id": actor.org_id, "org_role": actor.org_role}
                values |= {name: str(value) for name, value in named.items() if value is not None}
            if values:
                calls = ", ".join(f"set_config('gridx.{name}', :{name}, true)" for name in values)
                await session.execute(text(f"SELECT {calls}"), values)
            yield session

    async def read(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of one statement as nobody in particular: a policy that asks who acts shows it nothing.

        Raises asyncpg's errors, TimeoutError when no connection is free in time.
        """
        if self._readers is None:
            async with self._opening:
                self._readers = self._readers or await self._open_readers()
        async with self._readers.acquire(timeout=FREE_TIMEOUT_S) as connection:
            with self.watch_read(statement):
                return list(await connection.fetch(statement, *arguments))

    async def _open_readers(self) -> asyncpg.Pool:
        async def keep(connection: asyncpg.Connection) -> None:
            """Nothing to reset: single statements leave no state behind."""

        return await asyncpg.create_pool(
            self.dsn,
            min_size=0,
            max_size=self._reading,
            max_inactive_connection_lifetime=30,
            timeout=CONNECT_TIMEOUT_S,
            reset=keep,
            server_settings=self._settings | {"default_transaction_read_only": "on"},
            connection_class=_Probed,
        )

    async def connect_direct(self) -> asyncpg.Connection:
        """A connection outside the pool, for session locks and LISTEN; the caller closes it."""
        return await asyncpg.connect(
            self.dsn, timeout=CONNECT_TIMEOUT_S, server_settings=_SERVER_SIDE, connection_class=_Probed
        )

    async def close(self) -> None:
        """Close every connection of the pool."""
        if self._readers is not None:
            self._readers.terminate()
        await self.engine.dispose()


async def raw(session: AsyncSession) -> asyncpg.Connection:
    """The asyncpg connection under `session`, inside the same transaction: for COPY and bulk arrays."""
    connection = await session.connection()
    adapted = await connection.get_raw_connection()
    driver = adapted.driver_connection
    assert driver is not None
    if not driver.is_in_transaction():  # SQLAlchemy begins with its first statement, and none has passed through it yet
        await connection.execute(text("SELECT 1"))
    return driver
