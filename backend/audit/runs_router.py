# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of audits that people start and watch, and of the trades whose block lost."""

from typing import Annotated, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response

from backend.accounts.deps import SIGNED_IN, CurrentUser, Db, ServiceDb
from backend.accounts.types import OrgRole, Principal
from backend.audit import orphans, runs
from backend.audit.errors import AuditRunNotFound, AuditUnfinished
from backend.audit.report import csv_of
from backend.audit.schemas import AuditRunOut, AuditRunWithReport, OrphanOut
from backend.core.clock import utc_now
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import Forbidden, refusals

router = APIRouter(prefix="/api/audit", tags=["audit"], route_class=EnvelopeRoute)


def auditor(principal: CurrentUser) -> Principal:
    """Who holds the auditor's role in any organisation, or runs the platform: the audit is over everything."""
    if not principal.is_super_admin and all(held.role != OrgRole.AUDITOR for held in principal.memberships):
        raise Forbidden("Only an auditor may start or read audits")
    return principal


Auditor = Annotated[Principal, Depends(auditor)]
_AUDITING = (*SIGNED_IN, Forbidden)


@router.post("/runs", status_code=202, responses=refusals(*_AUDITING))
async def start_run(who: Auditor, service_db: ServiceDb) -> AuditRunOut:
    """Start an audit; while one waits or runs, that one is the answer."""
    return AuditRunOut.of(await runs.request_run(service_db, by=who.user_id, now=utc_now()))


@router.get("/runs", responses=refusals(*_AUDITING))
async def list_runs(who: Auditor, page: PageQuery, db: Db) -> Paged[AuditRunOut]:
    """Audits that were asked for, the newest first."""
    found, total = await runs.list_runs(db, who.actor(), page)
    items = [AuditRunOut.of(run) for run in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


@router.get("/runs/{run_id}", responses=refusals(*_AUDITING, AuditRunNotFound))
async def get_run(run_id: UUID, who: Auditor, db: Db) -> AuditRunWithReport:
    """One audit: how far it is, and its report once it is done."""
    run, report = await runs.get_run(db, who.actor(), run_id)
    return AuditRunWithReport(run=AuditRunOut.of(run), report=report)


@router.get(
    "/runs/{run_id}/report",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {}, "text/csv": {}}},
        **refusals(*_AUDITING, AuditRunNotFound, AuditUnfinished),
    },
)
async def download_report(
    run_id: UUID, who: Auditor, db: Db, kind: Annotated[Literal["json", "csv"], Query(alias="format")] = "json"
) -> Response:
    """The report as a file: JSON as `gridx audit --json` writes it, or its listed differences as CSV."""
    _, report = await runs.get_run(db, who.actor(), run_id)
    if report is None:
        raise AuditUnfinished(run_id=run_id)
    named = {"Content-Disposition": f'attachment; filename="gridx-audit-{run_id}.{kind}"'}
    if kind == "csv":
        return Response(csv_of(report["listedDifferences"]), media_type="text/csv; charset=utf-8", headers=named)
    content = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Response(content, media_type="application/json; charset=utf-8", headers=named)


@router.get("/orphans")
async def list_orphans(page: PageQuery, db: Db) -> Paged[OrphanOut]:
    """Trades whose block lost, with both block hashes; the last lost first. Public."""
    found, total = await orphans.list_orphans(db, page)
    items = [OrphanOut.model_validate(orphan) for orphan in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)
