# SPDX-License-Identifier: Apache-2.0
"""What sellers have sold: trades, energy and revenue of eligible trades, added when booked, subtracted when orphaned.

Revenue of a trade is floor(Wh × micro-units per kWh / 1000) micro-units.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.market import sql


def revenue_micro(energy_wh: int, price_micro_per_kwh: int) -> int:
    """What the energy costs, in whole micro-units of currency, rounded down."""
    return energy_wh * price_micro_per_kwh // 1000


class Sale(NamedTuple):
    """What one trade adds to its seller's figures."""

    seller: bytes
    energy_wh: int
    price_micro_per_kwh: int


async def add(session: AsyncSession, sales: Sequence[Sale]) -> None:
    """Count sales for their sellers."""
    await _apply(session, sql.ADD_STATISTICS, sales)


async def subtract(session: AsyncSession, sales: Sequence[Sale]) -> None:
    """Take sales back that were counted."""
    await _apply(session, sql.SUBTRACT_STATISTICS, sales)


async def _apply(session: AsyncSession, statement: str, rows: Sequence[Sale]) -> None:
    if rows:
        await sql.fetch(
            session,
            statement,
            [seller for seller, _, _ in rows],
            [1] * len(rows),
            [energy for _, energy, _ in rows],
            [Decimal(revenue_micro(energy, price)) for _, energy, price in rows],
        )
