# SPDX-License-Identifier: Apache-2.0
"""Celery edge of the market: settle delivery intervals, hand over wallets whose hold is over."""

from datetime import timedelta

from celery import shared_task

from backend.accounts import service as accounts
from backend.carbon.signing import OperatorKey
from backend.chain import service as chains
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.settings import Settings
from backend.core.tasks import run
from backend.market.settlement.settling import settle_due
from backend.market.wallet_use import has_unfinished_trades


@shared_task(name="market.settle_due")  # type: ignore[untyped-decorator]
def settle_due_task() -> int:
    """Settle every interval that can be closed now."""

    async def work(db: Database, settings: Settings) -> int:
        async with db.begin() as session:
            chain = await chains.find_chain(session)
        if chain is None:
            return 0
        operator = OperatorKey.from_hex(settings.operator_key.get_secret_value())
        deadline = timedelta(seconds=settings.settlement_deadline_s)
        return await settle_due(db, chain, operator, now=utc_now(), deadline=deadline)

    return run(work)


@shared_task(name="market.complete_replacements")  # type: ignore[untyped-decorator]
def complete_replacements_task() -> int:
    """Replace the wallets whose 24 hours are over and whose trades are final."""
    return run(lambda db, settings: accounts.complete_replacements(db, has_unfinished_trades, now=utc_now()))
