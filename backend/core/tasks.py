# SPDX-License-Identifier: Apache-2.0
"""The bridge from a Celery task to asynchronous verbs: one event loop and one small pool a worker process."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TypeVar

from backend.core.db import Database
from backend.core.observability import configure_logging, configure_tracing, observe_database
from backend.core.settings import Settings

T = TypeVar("T")


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
