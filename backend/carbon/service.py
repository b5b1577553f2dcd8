# SPDX-License-Identifier: Apache-2.0
"""The verbs of the carbon ledger. Balances and the day and all-time boards move in the transaction of each call."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon import ledger
from backend.carbon.adjustments import correct, reduce, settle_claims
from backend.carbon.announcing import Announcer
from backend.carbon.boards import claim, refresh_boards
from backend.carbon.orders import prepare, retire, transfer
from backend.carbon.reading import (
    around,
    balances,
    certificate,
    credited,
    document,
    documents,
    issued,
    leaderboard,
    movements,
    named_holder,
)
from backend.carbon.types import TradeCycle, Transfer
from backend.core.db import raw

__all__ = [
    "Announcer",
    "around",
    "balances",
    "certificate",
    "claim",
    "correct",
    "credited",
    "document",
    "documents",
    "issued",
    "leaderboard",
    "movements",
    "named_holder",
    "post",
    "prepare",
    "reduce",
    "refresh_boards",
    "release",
    "retire",
    "reverse_trades",
    "settle_claims",
    "transfer",
]


async def post(session: AsyncSession, transfers: Sequence[Transfer]) -> int:
    """Book transfers in one statement; returns how many were new. What is booked already is passed over.

    Raises InsufficientCarbon when a balance would fall below zero, TransferContradicts when the natural key
    (chain, trade, kind, cycle, document) of one is booked with other content.
    """
    return await ledger.insert(await raw(session), transfers) if transfers else 0


async def reverse_trades(session: AsyncSession, chain: int, trades: Sequence[TradeCycle], now: datetime) -> int:
    """Undo the pending carbon of orphaned trades, each transfer linked to the one it reverses; returns their number.

    Carbon that was released stays: release needs finality, past which nothing is rolled back. May be repeated.
    """
    return await ledger.reverse(await raw(session), chain, trades, now) if trades else 0


async def release(session: AsyncSession, chain: int, trades: Sequence[TradeCycle], now: datetime) -> int:
    """Make available what is left pending of trades that are final and whose interval closed on readings.

    Returns the transfers booked. May be repeated.
    """
    return await ledger.release(await raw(session), chain, trades, now) if trades else 0
