# SPDX-License-Identifier: Apache-2.0
"""One line for every mutation, written in the transaction of the mutation, and what one may read of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.core.ids import uuid7

_INSERT = text(
    "INSERT INTO audit_log (id, at, user_id, org_id, action, subject_type, subject_id, details, request_id)"
    " VALUES (:id, :at, :user_id, :org_id, :action, :subject_type, :subject_id, CAST(:details AS jsonb), :request_id)"
)
_FOUND = """
FROM audit_log WHERE (CAST(:action AS text) IS NULL OR action = :action)
    AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
    AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
"""
_COUNT = text(f"SELECT count(*) {_FOUND}")
_PAGE = text(
    "SELECT id, at, user_id, org_id, action, subject_type, subject_id, details, request_id "
    f"{_FOUND} ORDER BY at DESC, id DESC LIMIT :limit OFFSET :offset"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One mutation: who did what to what, with plain facts and never names or secrets."""

    id: UUID
    at: datetime
    user_id: UUID | None
    org_id: UUID | None
    action: str
    subject_type: str
    subject_id: str | None
    details: dict[str, Any]
    request_id: str | None


async def entries(
    db: Database, actor: Actor, page: PageParams, *, action: str | None, since: datetime | None, until: datetime | None
) -> tuple[list[Entry], int]:
    """What the actor may see, newest first: one's own acts, those of the community that one oversees, or everything."""
    wanted = {"action": action, "since": since, "until": until}
    async with db.begin(actor) as session:
        total = int(await session.scalar(_COUNT, wanted) or 0)
        rows = (await session.execute(_PAGE, wanted | {"limit": page.limit, "offset": page.offset})).all()
    return [Entry(*row) for row in rows], total


async def record(
    session: AsyncSession,
    action: str,
    *,
    now: datetime,
    user_id: UUID | None,
    org_id: UUID | None = None,
    subject: tuple[str, object] | None = None,
    **details: Any,
) -> None:
    """Note that `user_id` did `action` ("wallet.linked") to `subject` (("wallet", id)); details are plain facts.

    As gridx_api `user_id` must be the acting user; None is for the platform's own work (gridx_service).
    """
    kind, identifier = subject or (action.partition(".")[0], None)
    await session.execute(
        _INSERT,
        {
            "id": uuid7(),
            "at": now,
            "user_id": user_id,
            "org_id": org_id,
            "action": action,
            "subject_type": kind,
            "subject_id": None if identifier is None else _text(identifier),
            "details": orjson.dumps(details, default=_text).decode(),
            "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        },
    )


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
