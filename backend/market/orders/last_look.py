# SPDX-License-Identifier: Apache-2.0
"""What only the lock of a book makes certain about new orders: slot, capacity, cancels on chain, an island's cap."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.errors import Refusal
from backend.core.units import wh_to_kwh
from backend.market.islands import rules as islands
from backend.market.orders.errors import CancelledOnChain, OrderReplayed, OverCapacity, SlotUsed
from backend.market.orders.lanes import cancels_of
from backend.market.orders.types import NewOrder
from backend.market.sql import fetch

# An open order counts whole; one that has ended counts for what it traded.
# Lateral with LIMIT: one index probe an order, however large the table grows.
_STATE = """
SELECT known.id AS known, used.id IS NOT NULL AS used
FROM unnest($2::bytea[], $3::bytea[], $4::integer[], $5::timestamptz[]) WITH ORDINALITY
    AS o (order_hash, maker, slot, delivery_start, n)
LEFT JOIN LATERAL (SELECT x.id FROM orders x WHERE x.chain = $1 AND x.order_hash = o.order_hash LIMIT 1)
    AS known ON true
LEFT JOIN LATERAL (SELECT x.id FROM orders x WHERE x.chain = $1 AND x.maker = o.maker AND x.slot = o.slot
    AND x.delivery_start = o.delivery_start LIMIT 1) AS used ON true
ORDER BY o.n
"""
COMMITTED = """
SELECT x.house_id, x.delivery_start, x.is_bid,
    sum(CASE x.state WHEN 'OPEN' THEN x.energy_wh
        ELSE x.matched_wh + x.taken_wh + x.reserved_wh END)::bigint AS energy_wh
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::timestamptz[]) AS u (house_id, delivery_start)) AS w
JOIN orders x ON x.house_id = w.house_id AND x.delivery_start = w.delivery_start
GROUP BY x.house_id, x.delivery_start, x.is_bid
"""


async def last_look(session: AsyncSession, orders: Sequence[NewOrder]) -> dict[UUID, Refusal]:
    """Which of `orders`, all of one chain, must not be placed, and why, by their ids. The others may be, all of them.

    The caller holds the lock of their books and inserts the others in the same transaction; orders are judged in their
    sequence, so that what one takes of a house's capacity or slots is gone for the next.
    """
    if not orders:
        return {}
    chain = orders[0].chain
    starts = [order.delivery_start for order in orders]
    states = await fetch(
        session, _STATE, chain, [order.order_hash for order in orders], [order.maker for order in orders],
        [order.slot for order in orders], starts,
    )  # fmt: skip
    committed = {
        (row["house_id"], row["delivery_start"], row["is_bid"]): row["energy_wh"]
        for row in await fetch(session, COMMITTED, [order.house_id for order in orders], starts)
    }
    cancels = await cancels_of(session, chain, sorted({(order.maker, order.slot >> 3) for order in orders}))
    rules = await islands.rules_of(session, [(order.community, order.delivery_start) for order in orders])
    refused: dict[UUID, Refusal] = {}
    slots: set[tuple[bytes, int, datetime]] = set()
    for order, state, island in zip(orders, states, rules, strict=True):
        slot = order.maker, order.slot, order.delivery_start
        side = order.house_id, order.delivery_start, order.is_bid
        start = int(order.delivery_start.timestamp())
        dead = any(cancel.kills(order.slot & 7, start) for cancel in cancels.get((order.maker, order.slot >> 3), ()))
        refusal = (
            _seen(state["known"], state["used"] or slot in slots, order)
            or (CancelledOnChain(slot=order.slot) if dead else None)
            or islands.above_cap(island, order.price_micro_per_kwh)
            or _capacity(order, committed.get(side, 0))
        )
        if refusal is not None:
            refused[order.id] = refusal
            continue
        slots.add(slot)
        committed[side] = committed.get(side, 0) + order.energy_wh
    return refused


def _seen(known: UUID | None, used: bool, order: NewOrder) -> Refusal | None:
    if known is not None:
        return OrderReplayed(order_id=known)
    return SlotUsed(slot=order.slot, delivery_start=order.delivery_start) if used else None


def _capacity(order: NewOrder, committed_wh: int) -> Refusal | None:
    if committed_wh + order.energy_wh <= order.capacity_wh:
        return None
    return OverCapacity(
        capacity_kwh=wh_to_kwh(order.capacity_wh),
        committed_kwh=wh_to_kwh(committed_wh),
        asked_kwh=wh_to_kwh(order.energy_wh),
    )
