# SPDX-License-Identifier: Apache-2.0
"""One line for every mutation, written in the transaction of the mutation."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.ids import uuid7

_INSERT = text(
    "INSERT INTO audit_log (id, at, user_id, org_id, action, subject_type, subject_id, details, request_id)"
    " VALUES (:id, :at, :user_id, :org_id, :action, :subject_type, :subject_id, CAST(:details AS jsonb), :request_id)"
)


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
