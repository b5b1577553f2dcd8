# SPDX-License-Identifier: Apache-2.0
"""Celery edge of the book: gates close."""

from celery import shared_task

from backend.chain import service as chains
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.core.tasks import run
from backend.market.book.auctions import clear_due


@shared_task(name="market.clear_due")  # type: ignore[untyped-decorator]
def clear_due_task() -> int:
    """Auction and close every book whose gate has closed."""

    async def work(db: Database, settings: Settings) -> int:
        async with db.begin() as session:
            chain = await chains.find_chain(session)
        return 0 if chain is None else await clear_due(db, chain.id, utc_now())

    return run(work)
