# SPDX-License-Identifier: Apache-2.0
"""The verbs of the carbon ledger. Balances and the day and all-time boards move in the transaction of each call.

Every verb may be repeated: what is booked already is passed over.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon import ledger
from backend.carbon.types import Reduction, TradeCycle, Transfer, holder_of
from backend.core.db import Database, raw

REFRESH_ROWS = 20_000


async def post(session: AsyncSession, transfers: Sequence[Transfer]) -> int:
    """Book transfers in one statement; returns how many were new.

    Raises InsufficientCarbon when a balance would fall below zero, TransferContradicts when the natural key
    (chain, trade, kind, cycle, document) of one is booked with other content.
    """
    return await ledger.insert(await raw(session), transfers) if transfers else 0


async def reverse_trades(session: AsyncSession, chain: int, trades: Sequence[TradeCycle], now: datetime) -> int:
    """Undo the pending carbon of orphaned trades, each transfer linked to the one it reverses; returns their number.

    Carbon that was released stays: release needs finality, past which nothing is rolled back.
    """
    return await ledger.reverse(await raw(session), chain, trades, now) if trades else 0


async def release(session: AsyncSession, chain: int, trades: Sequence[TradeCycle], now: datetime) -> int:
    """Make available what is left pending of trades that are final and whose interval closed on readings."""
    return await ledger.release(await raw(session), chain, trades, now) if trades else 0


async def reduce(
    session: AsyncSession, chain: int, reductions: Sequence[Reduction], *, document_id: UUID, now: datetime
) -> int:
    """Take pending carbon back because less was metered than traded, as a reduction document says.

    Raises TradeCarbonTooSmall when a trade has less pending than its reduction.
    """
    return await ledger.reduce(await raw(session), chain, reductions, document_id, now) if reductions else 0


async def refresh_boards(db: Database, now: datetime) -> int:
    """Bring the week and month boards up to every transfer committed before the call; returns movements counted.

    The relay calls it every 500 ms as gridx_service. `now` is the caller's time; boards follow delivery days alone.
    """
    counted = 0
    while True:
        async with db.begin() as session:
            taken = int(await session.scalar(text("SELECT carbon_refresh_boards(:n)"), {"n": REFRESH_ROWS}) or 0)
        counted += taken
        if taken < REFRESH_ROWS:
            return counted


async def claim(session: AsyncSession, address: bytes, user_id: UUID) -> bool:
    """Move what a wallet earned before it was known to its user's board rows; False when it was claimed before."""
    claimed = await session.scalar(
        text("SELECT carbon_claim(:holder, :user)"), {"holder": holder_of(address), "user": user_id}
    )
    return bool(claimed)
