# SPDX-License-Identifier: Apache-2.0
"""Matched pairs on their way: which wait, which are sent, which are taken out. Works inside the caller's transaction.

Rows are locked in this order everywhere: matches, then their book, then its orders.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.market import sql
from backend.market.book import service as book
from backend.market.orders.typed_data import Order
from backend.market.relayer.metrics import CANCELLED
from backend.market.relayer.types import Pair, PairedOrder, Refused

_SIGNED = tuple(field.name for field in fields(Order))
_ORDER = ["id", "order_hash", "signature", "placed_version", *_SIGNED]
_PAIR = f"""
SELECT m.id AS match_id, m.trade_id, m.settlement_nonce AS nonce, m.energy_wh AS matched_wh,
    m.price_micro_per_kwh AS matched_price, m.matched_at,
    {", ".join(f"o.{name} AS offer_{name}" for name in _ORDER)},
    {", ".join(f"b.{name} AS bid_{name}" for name in _ORDER)}
FROM matches m JOIN orders o ON o.id = m.offer_id JOIN orders b ON b.id = m.bid_id
"""  # noqa: S608 (our own column names)
_WAITING = f"""{_PAIR} WHERE m.chain = $1 AND m.state = 'MATCHED'
ORDER BY m.settlement_nonce LIMIT $2 FOR UPDATE OF m SKIP LOCKED"""
_EXPIRED = f"""{_PAIR} WHERE m.chain = $1 AND m.state = 'MATCHED' AND least(o.expiry, b.expiry) <= $2
ORDER BY m.settlement_nonce LIMIT $3"""
_HOLD = """
SELECT id FROM matches WHERE id = ANY($1::uuid[]) AND state = $2
ORDER BY settlement_nonce FOR UPDATE SKIP LOCKED
"""
_MOVE = "UPDATE matches SET state = $2, updated_at = $3 WHERE id = ANY($1::uuid[])"
_CANCEL = """
UPDATE matches SET state = 'CANCELLED', reason = $2, updated_at = $3
WHERE id = $1 AND state = $4 RETURNING id
"""
_LOOSE = """
UPDATE matches m SET state = 'MATCHED', updated_at = $2 WHERE m.chain = $1 AND m.state = 'SENT' AND NOT EXISTS (
    SELECT FROM relay_matches c JOIN relay_transactions t ON t.id = c.transaction_id
    WHERE c.match_id = m.id AND (t.ended_at IS NULL OR t.state = 'MINED'))
"""
_SKIPPED = f"""{_PAIR} WHERE m.chain = $1 AND m.state = 'SENT' AND EXISTS (
    SELECT FROM match_skips s WHERE s.chain = m.chain AND s.settlement_nonce = m.settlement_nonce
        AND s.final_at IS NOT NULL AND s.resolved_at IS NULL)
ORDER BY m.settlement_nonce LIMIT $2"""
_SKIPS = """
SELECT settlement_nonce, count(*) AS times, (array_agg(selector ORDER BY block_number DESC))[1] AS selector
FROM match_skips WHERE chain = $1 AND settlement_nonce = ANY($2::bigint[]) GROUP BY settlement_nonce
"""
_RESOLVE = """
UPDATE match_skips SET resolved_at = $3
WHERE chain = $1 AND settlement_nonce = ANY($2::bigint[]) AND resolved_at IS NULL AND final_at IS NOT NULL
"""
_SHARED = """
SELECT DISTINCT order_id FROM (
    SELECT unnest(ARRAY[offer_id, bid_id]) AS order_id, settlement_nonce AS nonce FROM matches
    WHERE chain = $1 AND state = 'SENT') AS sent
WHERE order_id = ANY($2::uuid[])
"""
_TAKEN = "SELECT trade_id FROM energy_trades WHERE chain = $1 AND trade_id = ANY($2::bytea[]) AND status = 'FINAL'"
_COUNT = "SELECT count(*) AS pairs FROM matches WHERE chain = $1 AND state = 'MATCHED'"


async def waiting(session: AsyncSession, chain: int, limit: int) -> list[Pair]:
    """Pairs to be sent, in the order of their nonces; those that another relayer is just storing are passed over."""
    return [_pair(row) for row in await sql.fetch(session, _WAITING, chain, limit)]


async def expired(session: AsyncSession, chain: int, at: datetime, limit: int) -> list[Pair]:
    """Waiting pairs of which an order has expired by `at`: the contract would not log them any more."""
    return [_pair(row) for row in await sql.fetch(session, _EXPIRED, chain, at, limit)]


async def hold(session: AsyncSession, matches: Sequence[UUID], state: str = "MATCHED") -> set[UUID]:
    """Lock those of `matches` that are still in `state` and that nobody else holds."""
    return {UUID(str(row["id"])) for row in await sql.fetch(session, _HOLD, list(matches), state)}


async def move(session: AsyncSession, matches: Sequence[UUID], state: str, now: datetime) -> None:
    """Set the state of matches that the caller holds."""
    await sql.execute(session, _MOVE, list(matches), state, now)


async def cancel(session: AsyncSession, pair: Pair, refused: Refused, now: datetime, *, was: str) -> bool:
    """Take a pair out for good: blamed orders end, the other one re-opens. False: it is not in state `was` any more."""
    done = await sql.fetch(session, _CANCEL, pair.match_id, refused.reason, now, was)
    if not done:
        return False
    await book.undo_match(session, pair.match_id, ended=refused.blamed, now=now)
    CANCELLED.labels(refused.reason).inc()
    return True


async def requeue_loose(session: AsyncSession, chain: int, now: datetime) -> int:
    """Sent pairs that no transaction carries any more wait again: theirs was reverted or lost. Returns how many."""
    return await sql.execute(session, _LOOSE, chain, now)


async def skipped(session: AsyncSession, chain: int, limit: int) -> list[Pair]:
    """Sent pairs that the chain passed over for good, and of which nobody has seen to the consequences."""
    return [_pair(row) for row in await sql.fetch(session, _SKIPPED, chain, limit)]


async def skips(session: AsyncSession, chain: int, nonces: Sequence[int]) -> dict[int, tuple[int, bytes]]:
    """How often each nonce was skipped, and the last selector."""
    rows = await sql.fetch(session, _SKIPS, chain, list(nonces))
    return {row["settlement_nonce"]: (row["times"], row["selector"]) for row in rows}


async def resolve_skips(session: AsyncSession, chain: int, nonces: Sequence[int], now: datetime) -> None:
    """The consequences of these skips were seen to."""
    await sql.execute(session, _RESOLVE, chain, list(nonces), now)


async def with_sent_pairs(session: AsyncSession, chain: int, orders: Sequence[UUID]) -> set[UUID]:
    """Those of `orders` of which other pairs are under way: the chain has not counted their energy yet."""
    return {UUID(str(row["order_id"])) for row in await sql.fetch(session, _SHARED, chain, list(orders))}


async def with_foreign_nonces(session: AsyncSession, chain: int, pairs: Sequence[Pair]) -> list[Pair]:
    """Those of waiting pairs whose id on chain is another trade's for good: it was logged before they were matched."""
    taken = {row["trade_id"] for row in await sql.fetch(session, _TAKEN, chain, [pair.trade_id for pair in pairs])}
    return [pair for pair in pairs if pair.trade_id in taken]


async def count_waiting(session: AsyncSession, chain: int) -> int:
    """Pairs that wait to be sent."""
    return int((await sql.fetch(session, _COUNT, chain))[0]["pairs"])


def _pair(row: Any) -> Pair:
    return Pair(
        match_id=UUID(str(row["match_id"])),
        nonce=row["nonce"],
        trade_id=row["trade_id"],
        energy_wh=row["matched_wh"],
        price_micro_per_kwh=row["matched_price"],
        matched_at=row["matched_at"],
        offer=_order(row, "offer"),
        bid=_order(row, "bid"),
    )


def _order(row: Any, side: str) -> PairedOrder:
    values = {name: row[f"{side}_{name}"] for name in _SIGNED}
    for time in ("delivery_start", "expiry"):
        values[time] = int(values[time].timestamp())
    return PairedOrder(
        id=UUID(str(row[f"{side}_id"])),
        order=Order(**values),
        order_hash=row[f"{side}_order_hash"],
        signature=row[f"{side}_signature"],
        placed_version=row[f"{side}_placed_version"],
    )
