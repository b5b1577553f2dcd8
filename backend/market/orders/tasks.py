# SPDX-License-Identifier: Apache-2.0
"""Celery edge of orders: close what has expired, let reservations lapse."""

from celery import shared_task

from backend.chain import service as chains
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.core.tasks import run
from backend.market.orders.fills import close_orders
from backend.market.orders.reservations import release_lapsed


@shared_task(name="market.close_orders")  # type: ignore[untyped-decorator]
def close_orders_task() -> int:
    """Close direct offers whose gate or expiry has passed, and end reservations whose ten minutes are over."""

    async def work(db: Database, settings: Settings) -> int:
        async with db.begin() as session:
            chain = await chains.find_chain(session)
        closed = 0 if chain is None else await close_orders(db, chain.id, now=utc_now())
        return closed + await release_lapsed(db, now=utc_now())

    return run(work)
