# SPDX-License-Identifier: Apache-2.0
"""Celery edge of forecasts. Every task may be repeated."""

from uuid import UUID

import orjson
from celery import shared_task

from backend.core.db import Database
from backend.core.tasks import PATIENT, run
from backend.forecasts import queries


async def on_user_deleted(db: Database, payload: str) -> None:
    """Forget the answers that were kept for the user. `payload` is the JSON text of accounts.user_deleted.v1."""
    async with db.begin() as session:
        await queries.forget_all(session, user_id=UUID(orjson.loads(payload)["audience"]))


@shared_task(name="forecasts.forget_user", **PATIENT)  # type: ignore[untyped-decorator]
def forget_user(payload: str) -> None:
    """Celery edge of `on_user_deleted`."""
    run(lambda db, settings: on_user_deleted(db, payload))
