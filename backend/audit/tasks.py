# SPDX-License-Identifier: Apache-2.0
"""The audit as a Celery task: slow, so it never runs inside a request. Event `audit.requested.v1` starts it."""

import asyncio
from uuid import UUID

import orjson
import structlog
from celery import shared_task

from backend.audit import service
from backend.audit.deployment import Deployment
from backend.audit.fetch import WrongChain
from backend.audit.rpc import NodeFailed
from backend.core.clock import utc_now
from backend.core.settings import Settings

log = structlog.get_logger()


@shared_task(  # type: ignore[untyped-decorator]
    name="audit.run", acks_late=True, autoretry_for=(NodeFailed, OSError), retry_backoff=True, max_retries=5
)
def run_audit(payload: str) -> None:
    """Audit the database against the chain and keep the report; nothing happens while another audit runs."""
    requested_by = orjson.loads(payload).get("requested_by")
    settings = Settings()
    try:
        kept = asyncio.run(
            service.run(
                rpc_urls=settings.rpc_url,
                url=settings.database_audit_url,
                deployment=Deployment.from_file(settings.deployment_file),
                finality_depth=settings.finality_depth,
                clock=utc_now,
                requested_by=UUID(requested_by) if requested_by else None,
            )
        )
    except WrongChain as error:
        log.error("audit.impossible", why=str(error))
        return
    log.info("audit.done", report=str(kept) if kept else "another audit runs")
