# SPDX-License-Identifier: Apache-2.0
"""Stored transactions of one signer. Works inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.crypto import keccak
from backend.core.ids import uuid7
from backend.market import sql
from backend.market.relayer.types import Fees, Stored, TransactionState, Unsigned

_OPEN = """
SELECT id, nonce, tx_hash, raw, gas, max_fee_wei, priority_fee_wei, pairs, state, replaced_by, block_number, block_hash,
    refused FROM relay_transactions
WHERE chain = $1 AND signer = $2 AND ended_at IS NULL ORDER BY nonce, created_at, id
"""
_REPLACE = """
UPDATE relay_transactions SET replaced_by = $2, state = 'REPLACED'
WHERE id = $1 AND replaced_by IS NULL AND state IN ('SIGNED', 'SENT') RETURNING id
"""
_INSERT = """
INSERT INTO relay_transactions (id, chain, signer, nonce, tx_hash, raw, gas, max_fee_wei, priority_fee_wei, pairs,
    state, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'SIGNED', $11)
"""
_CARRY = "INSERT INTO relay_matches (transaction_id, match_id) SELECT $1, unnest($2::uuid[])"
_CARRY_ON = """
INSERT INTO relay_matches (transaction_id, match_id) SELECT $1, match_id FROM relay_matches WHERE transaction_id = $2
"""
_TAKEN = """
UPDATE relay_transactions SET state = 'SENT', sent_at = coalesce(sent_at, $2), refused = NULL
WHERE id = $1 AND state IN ('SIGNED', 'SENT') AND (state = 'SIGNED' OR refused IS NOT NULL)
"""
_REFUSED = "UPDATE relay_transactions SET refused = $2 WHERE id = $1 AND refused IS DISTINCT FROM $2"
_MINED = """
UPDATE relay_transactions SET state = $2, block_number = $3, block_hash = $4, gas_used = $5, cost_wei = $6,
    mined_at = $7, refused = NULL
WHERE id = $1
"""
_VANISHED = """
UPDATE relay_transactions SET state = CASE WHEN replaced_by IS NULL THEN 'SENT' ELSE 'REPLACED' END,
    block_number = NULL, block_hash = NULL, gas_used = NULL, cost_wei = NULL, mined_at = NULL
WHERE id = $1
"""
_END = """
UPDATE relay_transactions SET ended_at = $4,
    state = CASE WHEN id = $5 THEN state ELSE 'LOST' END,
    block_number = CASE WHEN id = $5 THEN block_number END,
    block_hash = CASE WHEN id = $5 THEN block_hash END
WHERE chain = $1 AND signer = $2 AND nonce = $3 AND ended_at IS NULL
"""
_NEXT = """
SELECT coalesce(max(nonce) + 1, 0) AS nonce FROM relay_transactions WHERE chain = $1 AND signer = $2 AND state <> 'LOST'
"""
_KNOWN = """
SELECT DISTINCT nonce FROM relay_transactions WHERE chain = $1 AND signer = $2 AND nonce = ANY($3::bigint[])
    AND state <> 'LOST'
"""
_SPENT = """
SELECT coalesce(sum(gas), 0)::bigint AS gas, coalesce(sum(wei), 0) AS wei, coalesce(sum(open_wei), 0) AS open_wei FROM (
    SELECT coalesce(max(gas_used), max(gas)) AS gas, coalesce(max(cost_wei), max(gas * max_fee_wei::numeric)) AS wei,
        CASE WHEN max(gas_used) IS NULL THEN max(gas * max_fee_wei::numeric) ELSE 0 END AS open_wei
    FROM relay_transactions
    WHERE chain = $1 AND signer = $2 AND state <> 'LOST' AND (created_at >= $3 OR ended_at IS NULL)
    GROUP BY nonce) AS slots
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What today's transactions cost: what they used once mined, until then the most they may. `open_wei`: of those
    that are not mined."""

    gas: int
    wei: int
    open_wei: int


async def open_ones(session: AsyncSession, chain: int, signer: bytes) -> list[Stored]:
    """Transactions of which something may still be heard, by nonce, oldest first."""
    return [_stored(row) for row in await sql.fetch(session, _OPEN, chain, signer)]


async def store(
    session: AsyncSession,
    chain: int,
    signer: bytes,
    *,
    unsigned: Unsigned,
    raw: bytes,
    matches: Sequence[UUID],
    now: datetime,
) -> Stored:
    """Store a signed transaction with the matches that it carries."""
    stored = await _insert(session, chain, signer, unsigned, raw, len(matches), now)
    await sql.execute(session, _CARRY, stored.id, list(matches))
    return stored


async def replace(
    session: AsyncSession, chain: int, signer: bytes, old: Stored, *, unsigned: Unsigned, raw: bytes, now: datetime
) -> Stored | None:
    """Store the successor of `old`; None: `old` was mined or replaced meanwhile.

    It carries the same matches when it makes the same call, none when it makes another one.
    """
    key = uuid7()
    if not await sql.fetch(session, _REPLACE, old.id, key):
        return None
    pairs = old.pairs if unsigned.data else 0
    stored = await _insert(session, chain, signer, unsigned, raw, pairs, now, key=key)
    if pairs:
        await sql.execute(session, _CARRY_ON, stored.id, old.id)
    return stored


async def taken(session: AsyncSession, stored: Stored, now: datetime) -> None:
    """A node has it."""
    await sql.execute(session, _TAKEN, stored.id, now)


async def refused(session: AsyncSession, stored: Stored, message: str) -> None:
    """A node did not take it, and why."""
    await sql.execute(session, _REFUSED, stored.id, message[:300])


async def mined(
    session: AsyncSession,
    stored: Stored,
    *,
    succeeded: bool,
    block_number: int,
    block_hash: bytes,
    gas_used: int,
    cost_wei: int,
    now: datetime,
) -> None:
    """It stands in this block."""
    state = TransactionState.MINED if succeeded else TransactionState.REVERTED
    await sql.execute(session, _MINED, stored.id, state, block_number, block_hash, gas_used, cost_wei, now)


async def vanished(session: AsyncSession, stored: Stored) -> None:
    """Its block lost its place; it waits again."""
    await sql.execute(session, _VANISHED, stored.id)


async def end(
    session: AsyncSession, chain: int, signer: bytes, nonce: int, *, winner: UUID | None, now: datetime
) -> None:
    """The nonce is used for good: by `winner`, or (None) by a transaction that is not ours."""
    await sql.execute(session, _END, chain, signer, nonce, now, winner)


async def next_nonce(session: AsyncSession, chain: int, signer: bytes) -> int:
    """The nonce after the highest that is stored; 0 when there is none."""
    return int((await sql.fetch(session, _NEXT, chain, signer))[0]["nonce"])


async def missing(session: AsyncSession, chain: int, signer: bytes, nonces: Sequence[int]) -> list[int]:
    """Those of `nonces` for which no transaction is stored."""
    known = {row["nonce"] for row in await sql.fetch(session, _KNOWN, chain, signer, list(nonces))}
    return [nonce for nonce in nonces if nonce not in known]


async def spent_since(session: AsyncSession, chain: int, signer: bytes, since: datetime) -> Spent:
    """What transactions stored since then, or still open, cost."""
    row = (await sql.fetch(session, _SPENT, chain, signer, since))[0]
    return Spent(int(row["gas"]), int(row["wei"]), int(row["open_wei"]))


async def _insert(
    session: AsyncSession,
    chain: int,
    signer: bytes,
    unsigned: Unsigned,
    raw: bytes,
    pairs: int,
    now: datetime,
    *,
    key: UUID | None = None,
) -> Stored:
    key = key or uuid7()
    tx_hash, fees = keccak(raw), unsigned.fees
    await sql.execute(
        session, _INSERT, key, chain, signer, unsigned.nonce, tx_hash, raw, unsigned.gas, fees.max_fee_wei,
        fees.priority_fee_wei, pairs, now,
    )  # fmt: skip
    return Stored(
        key, unsigned.nonce, tx_hash, raw, unsigned.gas, fees, pairs, TransactionState.SIGNED, None, None, None, None
    )


def _stored(row: Any) -> Stored:
    return Stored(
        id=UUID(str(row["id"])),
        nonce=row["nonce"],
        tx_hash=row["tx_hash"],
        raw=row["raw"],
        gas=row["gas"],
        fees=Fees(row["max_fee_wei"], row["priority_fee_wei"]),
        pairs=row["pairs"],
        state=TransactionState(row["state"]),
        replaced_by=UUID(str(row["replaced_by"])) if row["replaced_by"] else None,
        block_number=row["block_number"],
        block_hash=row["block_hash"],
        refused=row["refused"],
    )
