# SPDX-License-Identifier: Apache-2.0
"""The audit as a Celery task: slow, so it never runs inside a request. Event `audit.requested.v1` starts it."""

from datetime import datetime, timedelta
from uuid import UUID

import orjson
import structlog
from celery import shared_task

from backend.audit import runs, service
from backend.audit.database import DatabaseLacksChain
from backend.audit.deployment import Deployment
from backend.audit.fetch import WrongChain
from backend.audit.rpc import NodeFailed
from backend.core.clock import utc_now
from backend.core.db import DATABASE_ERRORS, Database
from backend.core.settings import Settings
from backend.core.tasks import run

log = structlog.get_logger()
TOLD_EVERY = timedelta(milliseconds=250)
_CANNOT = (WrongChain, NodeFailed, DatabaseLacksChain, ValueError, KeyError, *DATABASE_ERRORS)


@shared_task(name="audit.run", acks_late=True)  # type: ignore[untyped-decorator]
def run_audit(payload: str) -> None:
    """Audit the database against the chain and keep the report. A run that has ended is not made again."""
    asked = orjson.loads(payload)
    run(
        lambda db, settings: make_run(
            db, settings, run_id=UUID(asked["run_id"]), requested_by=UUID(asked["requested_by"])
        )
    )


async def make_run(db: Database, settings: Settings, *, run_id: UUID, requested_by: UUID) -> None:
    """Make the audit `run_id`, noting its progress; a failure is noted with its reason, and is not tried again."""
    if not await runs.begin(db, run_id, now=utc_now()):
        return
    try:
        report = await service.run(
            rpc_urls=settings.rpc_url,
            url=settings.database_audit_url,
            deployment=Deployment.from_file(settings.deployment_file),
            finality_depth=settings.finality_depth,
            clock=utc_now,
            requested_by=requested_by,
            watch=_Progress(db, run_id),
        )
    except _CANNOT as error:
        log.error("audit.impossible", run=str(run_id), why=str(error))
        await runs.fail(db, run_id, why=str(error) or type(error).__name__, now=utc_now())
        return
    if report is None:
        await runs.fail(db, run_id, why="another audit was running; start this one again", now=utc_now())
        return
    await runs.finish(db, run_id, report_id=report, now=utc_now())
    log.info("audit.done", run=str(run_id), report=str(report))


class _Progress:
    """Notes each step, and within a step at most every quarter of a second."""

    def __init__(self, db: Database, run_id: UUID) -> None:
        self._db = db
        self._run_id = run_id
        self._told: tuple[str | None, datetime] = (None, utc_now())

    async def __call__(self, step: str, done: int, total: int) -> None:
        last_step, last_time = self._told
        now = utc_now()
        if step == last_step and done < total and now - last_time < TOLD_EVERY:
            return
        self._told = (step, now)
        await runs.note_progress(self._db, self._run_id, step=step, done=done, total=total, now=now)
