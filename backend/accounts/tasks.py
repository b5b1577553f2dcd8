# SPDX-License-Identifier: Apache-2.0
"""Celery edge of accounts: forgetting on time."""

from celery import shared_task

from backend.accounts import service
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.core.tasks import run


@shared_task(name="accounts.expire_credentials")  # type: ignore[untyped-decorator]
def expire_credentials_task() -> None:
    """Delete nonces, refresh tokens and audit entries whose time is over."""

    async def work(db: Database, settings: Settings) -> None:
        await service.expire_credentials(db, utc_now())
        await service.expire_audit_log(db, utc_now())

    run(work)
