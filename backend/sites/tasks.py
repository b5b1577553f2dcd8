# SPDX-License-Identifier: Apache-2.0
"""Celery edge of the sites domain. Every task may be repeated."""

from datetime import datetime
from uuid import UUID

import orjson
from celery import shared_task

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.tasks import PATIENT, run
from backend.sites import service


async def on_user_deleted(db: Database, payload: str, now: datetime) -> int:
    """Make the user's houses anonymous; returns how many. `payload` is the JSON text of accounts.user_deleted.v1."""
    return await service.forget_owner(db, UUID(orjson.loads(payload)["audience"]), now=now)


@shared_task(name="sites.forget_owner", **PATIENT)  # type: ignore[untyped-decorator]
def forget_owner(payload: str) -> None:
    """Celery edge of `on_user_deleted`."""
    run(lambda db, settings: on_user_deleted(db, payload, utc_now()))
