# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of the audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.accounts import service
from backend.accounts.deps import SIGNED_IN, Acting, CurrentUser, Db
from backend.accounts.schemas import AuditEntryOut
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import refusals
from backend.core.units import Moment

router = APIRouter(prefix="/api/audit-log", tags=["users"], route_class=EnvelopeRoute)


@router.get("", responses=refusals(*SIGNED_IN))
async def list_entries(
    actor: Acting,
    principal: CurrentUser,
    page: PageQuery,
    db: Db,
    action: Annotated[str | None, Query(max_length=80, description="for example wallet.linked")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="inclusive")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="exclusive")] = None,
) -> Paged[AuditEntryOut]:
    """Mutations, newest first: one's own; for operators and auditors their organisation's; for super admins all."""
    by = principal.actor() if principal.is_super_admin else actor
    found, total = await service.audit_entries(db, by, page, action=action, since=since, until=until)
    items = [AuditEntryOut.model_validate(entry) for entry in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)
