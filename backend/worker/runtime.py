# SPDX-License-Identifier: Apache-2.0
"""What follower and relay hold: settings, a pool as gridx_service, nodes, the operator's key."""

from dataclasses import dataclass

from backend.carbon.signing import OperatorKey
from backend.chain.deployment import ensure_registered
from backend.chain.rpc import RpcClient
from backend.chain.types import Chain
from backend.core.db import Database
from backend.core.observability import configure_logging, configure_tracing, observe_database
from backend.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Process:
    """The parts of a running process. `db` works as gridx_service."""

    settings: Settings
    db: Database
    rpc: RpcClient
    operator: OperatorKey

    async def chain(self) -> Chain:
        """The chain of the deployment file, registered when it is new."""
        return await ensure_registered(
            self.db, self.settings.deployment_file, confirmations=self.settings.confirmations
        )


def open_process(name: str, *, pool_size: int = 10) -> Process:
    """Set up logging, tracing, database and nodes of the process `name` from the environment."""
    settings = Settings()
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
