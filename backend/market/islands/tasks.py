# SPDX-License-Identifier: Apache-2.0
"""Celery edge of islands."""

from celery import shared_task

from backend.core.clock import utc_now
from backend.core.tasks import run
from backend.market.islands.running import run_islands


@shared_task(name="market.run_islands")  # type: ignore[untyped-decorator]
def run_islands_task() -> int:
    """Allocate coming intervals, queue intents, watch the chain, end what is over."""
    return run(lambda db, settings: run_islands(db, now=utc_now()))
