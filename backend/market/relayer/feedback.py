# SPDX-License-Identifier: Apache-2.0
"""What the chain says about matches and orders, heard inside the follower's transaction: idempotent and reversible.

A match follows its trade: CONFIRMED with it, FINAL with it, SENT again when its block lost. A skip is only noted here;
the relayer acts once it is final, because until then the pair may still be logged.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain.types import Chain, Log
from backend.core.clock import from_unix
from backend.core.crypto import keccak
from backend.market import sql
from backend.market.book import service as book
from backend.market.errors import LogNotStorable
from backend.market.orders import fills
from backend.market.types import TradeKind, TradeLogged

MATCH_SKIPPED = keccak(b"MatchSkipped(uint80,bytes4)")
ORDERS_CANCELLED = keccak(b"OrdersCancelled(address,uint96,uint32,uint8)")
CANCELLED_ON_CHAIN = "order_cancelled"
_INT64 = 2**63 - 1
_FOREIGN_NONCE = 2**62  # our sequence never comes so far
_log = structlog.get_logger()

_CONFIRM = """
UPDATE matches m SET state = 'CONFIRMED', reason = NULL, updated_at = $3
FROM (SELECT id, state FROM matches WHERE chain = $1 AND trade_id = ANY($2::bytea[]) ORDER BY id FOR UPDATE) AS before
WHERE m.id = before.id AND before.state IN ('MATCHED', 'SENT', 'CANCELLED')
RETURNING m.settlement_nonce, before.state AS was
"""
_LEAP = "SELECT setval('settlement_nonces', $1) FROM settlement_nonces WHERE last_value < $1"
_UNCONFIRM = """
UPDATE matches SET state = 'SENT', updated_at = $3
WHERE chain = $1 AND trade_id = ANY($2::bytea[]) AND state = 'CONFIRMED'
"""
_FINALISE = """
UPDATE matches m SET state = 'FINAL', updated_at = $2 FROM energy_trades t
WHERE m.chain = $1 AND m.state = 'CONFIRMED' AND t.chain = m.chain AND t.trade_id = m.trade_id AND t.status = 'FINAL'
"""
_OFFERS = """
SELECT DISTINCT fill.place FROM unnest($2::integer[], $3::bytea[], $4::integer[], $5::timestamptz[])
    AS fill (place, maker, slot, delivery_start)
JOIN orders o ON o.chain = $1 AND o.maker = fill.maker AND o.slot = fill.slot AND o.delivery_start = fill.delivery_start
WHERE o.venue = 'direct' ORDER BY fill.place
"""
_DEAD = """
SELECT id FROM orders WHERE chain = $1 AND maker = $2 AND slot >> 3 = $3 AND state IN ('OPEN', 'CLOSED')
    AND (delivery_start < $4 OR (delivery_start = $4 AND ($5::integer >> (slot & 7)) & 1 = 1))
ORDER BY id
"""
_NOTE_SKIPS = """
INSERT INTO match_skips (chain, block_hash, log_index, block_number, settlement_nonce, selector, seen_at)
SELECT $1, block_hash, log_index, block_number, nonce, selector, $2
FROM unnest($3::bytea[], $4::integer[], $5::bigint[], $6::bigint[], $7::bytea[])
    AS skip (block_hash, log_index, block_number, nonce, selector)
ON CONFLICT (chain, block_hash, log_index) DO NOTHING
"""
_FORGET_SKIPS = "DELETE FROM match_skips WHERE chain = $1 AND block_hash = ANY($2::bytea[])"
_FINAL_SKIPS = """
UPDATE match_skips SET final_at = $3 WHERE chain = $1 AND block_number <= $2 AND final_at IS NULL
"""


async def apply(
    session: AsyncSession, chain: Chain, logs: Sequence[Log], trades: Sequence[TradeLogged], now: datetime
) -> None:
    """Hear `logs`, whose trades are decoded in `trades`. Raises LogNotStorable for a log of another shape."""
    matched = [trade.trade_id for trade in trades if trade.kind is TradeKind.MATCHED]
    if matched:
        await _confirm(session, chain, matched, now)
    await _count_fills(session, chain, [trade for trade in trades if trade.kind is TradeKind.FILLED], now)
    await _note_skips(session, chain, [log for log in logs if log.topics[0] == MATCH_SKIPPED], now)
    for log in logs:
        if log.topics[0] == ORDERS_CANCELLED:
            await _end_orders(session, chain, log, now)


async def orphan(
    session: AsyncSession, chain: Chain, lost: Sequence[bytes], orphaned: Sequence[bytes], now: datetime
) -> None:
    """Take back what blocks `lost` said; `orphaned` are the ids of their trades.

    Orders that their maker cancelled stay cancelled: that he does not want them any more needs no proof.
    """
    if orphaned:
        await fills.untaken(session, chain.id, orphaned, now=now)
        await sql.execute(session, _UNCONFIRM, chain.id, list(orphaned), now)
    await sql.execute(session, _FORGET_SKIPS, chain.id, list(lost))


async def finalise(session: AsyncSession, chain: Chain, up_to_block: int, now: datetime) -> None:
    """Matches of final trades are final; final skips wait for the relayer."""
    await sql.execute(session, _FINALISE, chain.id, now)
    await sql.execute(session, _FINAL_SKIPS, chain.id, up_to_block, now)


async def _confirm(session: AsyncSession, chain: Chain, trade_ids: Sequence[bytes], now: datetime) -> None:
    """Matches of these trades are confirmed, one that was taken out too: the chain decides.

    Nonces that the chain has seen are never drawn again, though our database be made anew.
    """
    for row in await sql.fetch(session, _CONFIRM, chain.id, list(trade_ids), now):
        if row["was"] == "CANCELLED":
            _log.error("match.logged_after_cancel", nonce=row["settlement_nonce"])
    ours = [nonce for trade_id in trade_ids if (nonce := int.from_bytes(trade_id[20:30], "big")) < _FOREIGN_NONCE]
    if ours:
        await sql.fetch(session, _LEAP, max(ours))


async def _count_fills(session: AsyncSession, chain: Chain, trades: Sequence[TradeLogged], now: datetime) -> None:
    """Direct offers of ours among the filled ones shrink."""
    known = [(trade, trade.terms) for trade in trades if trade.terms is not None]
    if not known:
        return
    slots = [int.from_bytes(trade.log.data[-32:], "big") >> 8 & 0xFFFF for trade, _ in known]
    ours = await sql.fetch(
        session,
        _OFFERS,
        chain.id,
        list(range(len(known))),
        [trade.seller for trade, _ in known],
        slots,
        [terms.delivery_start for _, terms in known],
    )
    for row in ours:
        trade, _ = known[row["place"]]
        await fills.taken(session, chain.id, trade, slots[row["place"]], now=now)


async def _end_orders(session: AsyncSession, chain: Chain, log: Log, now: datetime) -> None:
    """Orders in the cancelled positions end, and those of earlier intervals in that lane; matched energy waits for the
    relayer, which finds their pairs refused. Raises LogNotStorable for a log of another shape."""
    if len(log.topics) != 3 or len(log.data) != 64:
        raise LogNotStorable("The log does not have the shape of a cancel", log_index=log.log_index)
    start, mask = int.from_bytes(log.data[:32], "big"), int.from_bytes(log.data[32:], "big")
    lane = int.from_bytes(log.topics[2], "big")
    dead = await sql.fetch(session, _DEAD, chain.id, log.topics[1][12:], lane, from_unix(start), mask)
    if dead:
        ids = [UUID(str(row["id"])) for row in dead]
        await book.end_orders(session, chain.id, ids, reason=CANCELLED_ON_CHAIN, now=now)
        await fills.end_offers(session, chain.id, ids, reason=CANCELLED_ON_CHAIN, now=now)


async def _note_skips(session: AsyncSession, chain: Chain, logs: Sequence[Log], now: datetime) -> None:
    if not logs:
        return
    nonces = [_nonce(log) for log in logs]
    await sql.execute(
        session,
        _NOTE_SKIPS,
        chain.id,
        now,
        [log.block_hash for log in logs],
        [log.log_index for log in logs],
        [log.block_number for log in logs],
        nonces,
        [log.data[:4] for log in logs],
    )


def _nonce(log: Log) -> int:
    """Settlement nonce of a skip. Raises LogNotStorable for one that is not ours: ours are drawn from a sequence."""
    nonce = int.from_bytes(log.topics[1], "big") if len(log.topics) == 2 else -1
    if not 0 <= nonce <= _INT64 or len(log.data) != 32:
        raise LogNotStorable("The log does not have the shape of a skip", log_index=log.log_index)
    return nonce
