# SPDX-License-Identifier: Apache-2.0
"""The bridge from a Celery task to asynchronous verbs: one event loop and one small pool a worker process."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.core.db import Database
from backend.core.errors import Unavailable
from backend.core.observability import configure_logging, configure_tracing, observe_database
from backend.core.settings import Settings

T = TypeVar("T")
_AWAY = (
    Unavailable, OSError, InterfaceError, OperationalError, PoolTimeout, asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
)  # fmt: skip
PATIENT: Final[dict[str, Any]] = {
    "acks_late": True, "autoretry_for": _AWAY, "retry_backoff": True, "retry_backoff_max": 60, "max_retries": None,
}  # fmt: skip
"""Options of a task that handles an event: while something is away it is tried again, however long that takes, because
the event is handed over once."""


@cache
def _worker() -> tuple[asyncio.Runner, Database, Settings]:
    settings = Settings()
    configure_logging("worker", settings.log_level)
    configure_tracing("worker", settings.otlp_endpoint)
    db = Database(settings.database_service_url, pool_size=2)
    observe_database(db, "gridx_service")
    return asyncio.Runner(), db, settings


def run(work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Run `work(db, settings)` to its end; `db` works as gridx_service."""
    runner, db, settings = _worker()

    async def call() -> T:
        return await work(db, settings)

    return runner.run(call())
