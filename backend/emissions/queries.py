# SPDX-License-Identifier: Apache-2.0
"""Reads of the emissions domain. Factors are public: they stand on the chain."""

from collections.abc import Sequence

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.emissions.models import EmissionFactor
from backend.emissions.types import Basis, Factor


async def factors(session: AsyncSession, chain: int, factor_ids: Sequence[int]) -> dict[int, Factor]:
    """Registered factors among `factor_ids`."""
    found = await session.exec(
        select(EmissionFactor).where(col(EmissionFactor.chain) == chain, col(EmissionFactor.factor_id).in_(factor_ids))
    )
    return {row.factor_id: row.value() for row in found}


async def page_of_factors(
    session: AsyncSession, *, region: str | None, basis: Basis | None, offset: int, limit: int
) -> tuple[list[Factor], int]:
    """One page of factors by region, validity (latest first) and number, and how many there are in all."""
    wanted = select(EmissionFactor)
    if region is not None:
        wanted = wanted.where(col(EmissionFactor.region) == region)
    if basis is not None:
        wanted = wanted.where(col(EmissionFactor.basis) == basis.value)
    total = (await session.exec(select(func.count()).select_from(wanted.subquery()))).one()
    ordered = wanted.order_by(
        col(EmissionFactor.region),
        col(EmissionFactor.valid_from).desc(),
        col(EmissionFactor.chain),
        col(EmissionFactor.factor_id),
    )
    rows = await session.exec(ordered.offset(offset).limit(limit))
    return [row.value() for row in rows], total
