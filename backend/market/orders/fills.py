# SPDX-License-Identifier: Apache-2.0
"""What the chain says about direct offers, and what time does to them: fills, cancels, closing.

The chain decides: a fill counts whoever sent it, with or without a reservation, and reservations give way to it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Database
from backend.market.orders.errors import GateClosed
from backend.market.orders.offers import Offer, lock, save
from backend.market.orders.types import OrderState
from backend.market.sql import execute, fetch
from backend.market.types import TradeLogged

CLOSED_AT_ONCE = 500
_FILL = """
INSERT INTO offer_fills AS held (chain, trade_id, order_id, energy_wh, filled_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (chain, trade_id) DO UPDATE SET order_id = excluded.order_id, energy_wh = excluded.energy_wh,
    filled_at = excluded.filled_at, undone_at = NULL
WHERE held.undone_at IS NOT NULL RETURNING order_id
"""
_FILLED = """
SELECT trade_id, order_id, energy_wh FROM offer_fills
WHERE chain = $1 AND trade_id = ANY($2::bytea[]) AND undone_at IS NULL
"""
_UNDO = "UPDATE offer_fills SET undone_at = $3 WHERE chain = $1 AND trade_id = ANY($2::bytea[]) AND undone_at IS NULL"
_RESERVED = """
SELECT id, energy_wh, buyer_address FROM offer_reservations WHERE order_id = $1 AND ended_at IS NULL
ORDER BY buyer_address = $2 DESC, energy_wh = $3 DESC, reserved_at
"""
_END_RESERVATIONS = "UPDATE offer_reservations SET ended_at = $2, trade_id = $3 WHERE id = ANY($1::uuid[])"
_DUE = """
o.id IN (SELECT d.id FROM orders d JOIN books k USING (chain, community, delivery_start)
    WHERE d.venue = 'direct' AND d.state = 'OPEN' AND d.chain = $1 AND least(k.closes_at, d.expiry) <= $2 LIMIT $3)
"""


async def taken(session: AsyncSession, chain: int, trade: TradeLogged, offer_slot: int, *, now: datetime) -> bool:
    """A confirmed trade of kind FILLED took energy of an offer. Repeating the call changes nothing.

    Ends the buyer's reservation if he had one. Returns whether the offer is one of ours.
    """
    assert trade.terms is not None
    start = trade.terms.delivery_start
    found = await lock(
        session, "o.chain = $1 AND o.maker = $2 AND o.slot = $3 AND o.delivery_start = $4",
        chain, trade.seller, offer_slot, start,
    )  # fmt: skip
    if not found:
        return False
    offer = found[0]
    # Another order of the maker's in the same slot may be larger than ours: what does not fit is not ours.
    counted_wh = min(trade.energy_wh, offer.energy_wh - offer.taken_wh)
    if not counted_wh or not await fetch(session, _FILL, chain, trade.trade_id, offer.id, counted_wh, now):
        return True
    await _give_way(session, offer, trade, now)
    offer.taken_wh += counted_wh
    if offer.taken_wh == offer.energy_wh:
        offer.end(OrderState.FILLED, None)
    await save(session, [offer], now=now)
    return True


async def untaken(session: AsyncSession, chain: int, trade_ids: Sequence[bytes], *, now: datetime) -> int:
    """These trades left the chain: what they took is open again, unless gate or expiry have passed.

    Returns how many fills were undone; repeating the call changes nothing.
    """
    order_ids = [row["order_id"] for row in await fetch(session, _FILLED, chain, list(trade_ids))]
    offers = {offer.id: offer for offer in await lock(session, "o.id = ANY($1::uuid[])", order_ids)}
    lost = await fetch(session, _FILLED, chain, list(trade_ids))
    await execute(session, _UNDO, chain, list(trade_ids), now)
    for row in lost:
        offer = offers[row["order_id"]]
        offer.taken_wh -= row["energy_wh"]
        if offer.state is OrderState.FILLED:
            reopens = now < min(offer.closes_at, offer.expiry)
            offer.end(OrderState.OPEN if reopens else OrderState.CLOSED, None if reopens else GateClosed.code)
    await save(session, list(offers.values()), now=now)
    return len(lost)


async def end_offers(
    session: AsyncSession, chain: int, order_ids: Sequence[UUID], *, reason: str, now: datetime
) -> int:
    """The chain said that these open offers are dead; their reservations end. Orders of the book are passed over."""
    offers = await lock(
        session, "o.chain = $1 AND o.id = ANY($2::uuid[]) AND o.state IN ('OPEN', 'CLOSED')", chain, list(order_ids)
    )
    for offer in offers:
        await _end_reservations(session, [row["id"] for row in await _reserved(session, offer)], None, now)
        offer.reserved_wh = 0
        offer.end(OrderState.CANCELLED, reason)
    await save(session, offers, now=now)
    return len(offers)


async def close_orders(db: Database, chain: int, *, now: datetime) -> int:
    """Close the direct offers whose gate or expiry has passed; reservations stand until they lapse.

    Returns how many were closed, at most CLOSED_AT_ONCE a call. Orders of the book are closed with their book.
    """
    async with db.begin() as session:
        offers = await lock(session, _DUE, chain, now, CLOSED_AT_ONCE)
        due = [offer for offer in offers if offer.state is OrderState.OPEN]
        for offer in due:
            offer.end(OrderState.CLOSED, GateClosed.code)
        await save(session, due, now=now)
    return len(due)


async def _give_way(session: AsyncSession, offer: Offer, trade: TradeLogged, now: datetime) -> None:
    """End the buyer's own reservation, and others as far as the fill left nothing for them."""
    reserved = await _reserved(session, offer, trade)
    own = [row for row in reserved if row["buyer_address"] == trade.buyer][:1]
    others = [row for row in reserved if row not in own]
    await _end_reservations(session, [row["id"] for row in own], trade.trade_id, now)
    offer.reserved_wh -= sum(row["energy_wh"] for row in own)
    while others and trade.energy_wh > offer.rest_wh:
        latest = others.pop()
        await _end_reservations(session, [latest["id"]], None, now)
        offer.reserved_wh -= latest["energy_wh"]


async def _reserved(session: AsyncSession, offer: Offer, trade: TradeLogged | None = None) -> list[Any]:
    buyer, energy_wh = (trade.buyer, trade.energy_wh) if trade else (b"", 0)
    return await fetch(session, _RESERVED, offer.id, buyer, energy_wh)


async def _end_reservations(session: AsyncSession, ids: Sequence[UUID], trade_id: bytes | None, now: datetime) -> None:
    if ids:
        await execute(session, _END_RESERVATIONS, list(ids), now, trade_id)
