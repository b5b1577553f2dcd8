# SPDX-License-Identifier: Apache-2.0
"""Verbs of the emissions domain: mirror the factors that the chain registers, and look them up."""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.emissions import queries
from backend.emissions.errors import FactorNotFound
from backend.emissions.queries import page_of_factors
from backend.emissions.types import Factor, FactorRow, chain_time

__all__ = ["factor", "factors", "forget_above", "page_of_factors", "record_factors"]

_RECORD = text("""
INSERT INTO emission_factors AS f (chain, factor_id, region, basis, mg_per_kwh, valid_from, valid_to, effective_at,
    source, vintage, document_hash, block_number, log_index)
VALUES (:chain, :factor_id, :region, :basis, :mg_per_kwh, :valid_from, :valid_to, :effective_at,
    :source, :vintage, :document_hash, :block_number, :log_index)
ON CONFLICT (chain, factor_id) DO UPDATE SET
    region = excluded.region, basis = excluded.basis, mg_per_kwh = excluded.mg_per_kwh,
    valid_from = excluded.valid_from, valid_to = excluded.valid_to, effective_at = excluded.effective_at,
    source = excluded.source, vintage = excluded.vintage, document_hash = excluded.document_hash,
    block_number = excluded.block_number, log_index = excluded.log_index
""")
_FORGET = text("DELETE FROM emission_factors WHERE chain = :chain AND block_number > :block")


async def record_factors(session: AsyncSession, chain: int, rows: Sequence[FactorRow]) -> None:
    """Store what `EmissionFactorRegistered` events said. Repeating the call changes nothing; a factor that a
    reorganisation registered anew takes the new event's content."""
    if rows:
        await session.execute(_RECORD, [_values(chain, row) for row in rows])


async def forget_above(session: AsyncSession, chain: int, block: int) -> None:
    """Remove factors whose event stood in a block after `block`: those blocks left the canonical chain."""
    await session.execute(_FORGET, {"chain": chain, "block": block})


async def factor(session: AsyncSession, chain: int, factor_id: int) -> Factor:
    """The factor of that number; raises FactorNotFound."""
    found = await queries.factors(session, chain, [factor_id])
    if factor_id not in found:
        raise FactorNotFound(chain=chain, factor_id=factor_id)
    return found[factor_id]


async def factors(session: AsyncSession, chain: int, factor_ids: Iterable[int]) -> dict[int, Factor]:
    """The factors of those numbers in one query; numbers that are not registered are left out."""
    return await queries.factors(session, chain, sorted(set(factor_ids)))


def _values(chain: int, row: FactorRow) -> dict[str, object]:
    return {
        "chain": chain,
        "factor_id": row.factor_id,
        "region": _storable(row.region),
        "basis": row.basis,
        "mg_per_kwh": row.mg_per_kwh,
        "valid_from": chain_time(row.valid_from),
        "valid_to": chain_time(row.valid_to),
        "effective_at": chain_time(row.effective_at),
        "source": _storable(row.source),
        "vintage": _storable(row.vintage),
        "document_hash": row.document_hash,
        "block_number": row.block_number,
        "log_index": row.log_index,
    }


def _storable(value: str) -> str:
    # PostgreSQL text holds neither NUL nor lone surrogates; an event may carry either.
    return value.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()
