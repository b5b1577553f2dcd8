# SPDX-License-Identifier: Apache-2.0
"""What a process without HTTP holds: settings, a pool as gridx_service, the chain it follows. One event loop each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from backend.carbon.documents import OperatorKey
from backend.chain import service as chains
from backend.chain.rpc import RpcClient
from backend.chain.types import Chain
from backend.core.db import Database
from backend.core.observability import configure_logging, configure_tracing, observe_database
from backend.core.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Process:
    """The parts of a running process. `db` works as gridx_service."""

    settings: Settings
    db: Database
    rpc: RpcClient
    operator: OperatorKey

    async def chain(self) -> Chain:
        """The chain of the deployment file, registered when it is new."""
        deployment = chains.read_deployment(self.settings.deployment_file)
        return await chains.ensure_registered(
            self.db, self.rpc, deployment, confirmations=self.settings.confirmations
        )


def open_process(name: str, *, pool_size: int = 10) -> Process:
    """Set up logging, tracing, database and node of the process `name` from the environment."""
    settings = Settings()  # type: ignore[call-arg]  # values come from the environment
    configure_logging(name, settings.log_level)
    configure_tracing(name, settings.otlp_endpoint)
    db = Database(settings.database_service_url, pool_size=pool_size)
    observe_database(db, "gridx_service")
    return Process(
        settings=settings,
        db=db,
        rpc=RpcClient(settings.rpc_url),
        operator=OperatorKey.from_hex(settings.operator_key.get_secret_value()),
    )


@cache
def _celery_process() -> tuple[asyncio.Runner, Process]:
    return asyncio.Runner(), open_process("worker", pool_size=2)


def run(work: Callable[[Process], Awaitable[T]]) -> T:
    """Run asynchronous work inside a Celery task, on the worker's own loop and pool."""
    runner, process = _celery_process()

    async def call() -> T:
        return await work(process)

    return runner.run(call())
