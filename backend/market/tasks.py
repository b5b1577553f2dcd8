# SPDX-License-Identifier: Apache-2.0
"""Celery edge of the market: settle delivery intervals."""

from datetime import timedelta

from celery import shared_task

from backend.core.clock import utc_now
from backend.market.settling import settle_due
from backend.worker.runtime import Process, run


@shared_task(name="market.settle_due")
def settle_due_task() -> int:
    """Settle every interval that can be closed now."""

    async def work(process: Process) -> int:
        deadline = timedelta(seconds=process.settings.settlement_deadline_s)
        return await settle_due(
            process.db, await process.chain(), process.operator, now=utc_now(), deadline=deadline
        )

    return run(work)
