# SPDX-License-Identifier: Apache-2.0
"""The bridge from a Celery task to asynchronous verbs: one event loop and one small pool a worker process."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final, TypeVar

from backend.core.db import DATABASE_ERRORS, Database, is_away
from backend.core.errors import DatabaseAway, Unavailable
from backend.core.observability import configure_logging, configure_tracing, observe_database
from backend.core.settings import Settings

T = TypeVar("T")
PATIENT: Final[dict[str, Any]] = {
    "acks_late": True, "autoretry_for": (Unavailable,), "retry_backoff": True, "retry_backoff_max": 60,
    "max_retries": None,
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
    """Run `work(db, settings)` to its end; `db` works as gridx_service.

    Raises what the work raises; DatabaseAway instead of what PostgreSQL and its driver raise while they are away.
    """
    runner, db, settings = _worker()

    async def call() -> T:
        try:
            return await work(db, settings)
        except DATABASE_ERRORS as error:
            if is_away(error):
                raise DatabaseAway(str(error)) from error
            raise

    return runner.run(call())
