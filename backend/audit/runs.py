# SPDX-License-Identifier: Apache-2.0
"""Audits that somebody asked for: one at a time, with progress, kept with their report or the reason of their failure.

Auditors of any organisation and super admins read them (row-level security); writing is the service's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from backend.accounts import service as accounts
from backend.audit.errors import AuditRunNotFound
from backend.audit.events import AuditRequested
from backend.core import outbox
from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.core.ids import uuid7

GIVEN_UP_AFTER = timedelta(minutes=10)
STEPS = (
    "chain", "registers", "observations", "trades", "receipts", "documents", "balances", "intervals", "transfers",
)  # fmt: skip
"""What an audit does, in order. Of `chain` the blocks are counted; the others are single comparisons."""

_COLUMNS = """
r.id, r.requested_by, r.requested_at, r.state, r.step, r.step_done, r.step_total, r.started_at, r.finished_at,
r.report_id, r.failure, p.final_block, p.differences, p.report->>'verdict' AS verdict
"""
_FROM = "FROM audit_runs AS r LEFT JOIN audit_reports AS p ON p.id = r.report_id"
_PAGE = text(f"SELECT {_COLUMNS} {_FROM} ORDER BY r.requested_at DESC, r.id LIMIT :limit OFFSET :offset")
_COUNT = text("SELECT count(*) FROM audit_runs")
_ONE = text(f"SELECT {_COLUMNS}, p.report {_FROM} WHERE r.id = :id")
_UNFINISHED = text(f"SELECT {_COLUMNS} {_FROM} WHERE r.state IN ('QUEUED', 'RUNNING')")
_GIVE_UP = text("""
UPDATE audit_runs SET state = 'FAILED', finished_at = :now, failure = 'no sign of life; start another one'
WHERE state IN ('QUEUED', 'RUNNING') AND seen_at < :silent_since
""")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4711, 2)")
_ADD = text("""
INSERT INTO audit_runs (id, requested_by, requested_at, state, seen_at)
SELECT CAST(:id AS uuid), CAST(:by AS uuid), CAST(:now AS timestamptz), 'QUEUED', :now
WHERE NOT EXISTS (SELECT FROM audit_runs WHERE state IN ('QUEUED', 'RUNNING'))
RETURNING id
""")
_BEGIN = text("""
UPDATE audit_runs SET state = 'RUNNING', started_at = coalesce(started_at, :now), seen_at = :now
WHERE id = :id AND state IN ('QUEUED', 'RUNNING') RETURNING id
""")
_PROGRESS = text("""
UPDATE audit_runs SET step = :step, step_done = :done, step_total = :total, seen_at = :now
WHERE id = :id AND state = 'RUNNING'
""")
_END = text("""
UPDATE audit_runs SET state = CAST(:state AS text), finished_at = :now, seen_at = :now, report_id = :report,
    failure = CAST(:failure AS text)
WHERE id = :id AND state <> 'DONE'
""")


@dataclass(frozen=True, slots=True)
class Run:
    """One audit. `differences`, `final_block` and `verdict` are those of its report; None before it is done."""

    id: UUID
    requested_by: UUID
    requested_at: datetime
    state: str
    step: str | None
    step_done: int
    step_total: int
    started_at: datetime | None
    finished_at: datetime | None
    report_id: UUID | None
    failure: str | None
    final_block: int | None
    differences: int | None
    verdict: str | None


async def request_run(service_db: Database, *, by: UUID, now: datetime) -> Run:
    """Ask for an audit; while one waits or runs, that one is the answer. One that fell silent is given up first."""
    async with service_db.begin() as session:
        await session.execute(_ONE_AT_A_TIME)
        await session.execute(_GIVE_UP, {"now": now, "silent_since": now - GIVEN_UP_AFTER})
        added = (await session.execute(_ADD, {"id": uuid7(), "by": by, "now": now})).scalar_one_or_none()
        if added is not None:
            await outbox.add(session, AuditRequested(requested_by=by, run_id=added))
            await accounts.record(session, "audit.requested", now=now, user_id=by, subject=("audit", added))
        return Run(*(await session.execute(_UNFINISHED)).one())


async def list_runs(db: Database, actor: Actor, page: PageParams) -> tuple[list[Run], int]:
    """Audits, the newest first, and how many there are; none for who is no auditor."""
    async with db.begin(actor) as session:
        total = int(await session.scalar(_COUNT) or 0)
        rows = (await session.execute(_PAGE, {"limit": page.limit, "offset": page.offset})).all()
    return [Run(*row) for row in rows], total


async def get_run(db: Database, actor: Actor, run_id: UUID) -> tuple[Run, dict[str, Any] | None]:
    """One audit with its report once it is done. Raises AuditRunNotFound."""
    async with db.begin(actor) as session:
        row = (await session.execute(_ONE, {"id": run_id})).one_or_none()
    if row is None:
        raise AuditRunNotFound(run_id=run_id)
    *fields, report = row
    return Run(*fields), orjson.loads(report) if isinstance(report, str) else report


async def begin(service_db: Database, run_id: UUID, *, now: datetime) -> bool:
    """Mark that the audit runs; False when it has ended already, so that repeating the task does nothing."""
    async with service_db.begin() as session:
        return (await session.execute(_BEGIN, {"id": run_id, "now": now})).scalar_one_or_none() is not None


async def note_progress(service_db: Database, run_id: UUID, *, step: str, done: int, total: int, now: datetime) -> None:
    """Note how far an audit is: a sign of life."""
    async with service_db.begin() as session:
        await session.execute(_PROGRESS, {"id": run_id, "step": step, "done": done, "total": total, "now": now})


async def finish(service_db: Database, run_id: UUID, *, report_id: UUID, now: datetime) -> None:
    """The audit is done. Repeating it changes nothing."""
    await _end(service_db, run_id, state="DONE", report=report_id, failure=None, now=now)


async def fail(service_db: Database, run_id: UUID, *, why: str, now: datetime) -> None:
    """The audit could not be done, for this reason."""
    await _end(service_db, run_id, state="FAILED", report=None, failure=why[:500], now=now)


async def _end(service_db: Database, run_id: UUID, **facts: Any) -> None:
    async with service_db.begin() as session:
        await session.execute(_END, {"id": run_id, **facts})
