# SPDX-License-Identifier: Apache-2.0
"""What only the lock of a book makes certain about new orders: slot, capacity, cancels on chain, an island's cap."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from backend.core.errors import Refusal
from backend.core.units import wh_to_kwh
from backend.market.book.types import Judge
from backend.market.islands import rules as islands
from backend.market.orders.errors import CancelledOnChain, OrderReplayed, OverCapacity, SlotUsed
from backend.market.orders.lanes import CANCELS_OF, cancel_topics, read_cancel
from backend.market.orders.types import NewOrder
from backend.market.sql import Read

# An open order counts whole; one that has ended counts for what it traded.
_COMMITTED = """
SELECT x.house_id, x.delivery_start, x.is_bid,
    sum(CASE x.state WHEN 'OPEN' THEN x.energy_wh
        ELSE x.matched_wh + x.taken_wh + x.reserved_wh END)::bigint AS energy_wh
FROM (SELECT DISTINCT house_id, delivery_start FROM {wanted}) AS w
JOIN orders x ON x.house_id = w.house_id AND x.delivery_start = w.delivery_start
GROUP BY x.house_id, x.delivery_start, x.is_bid
"""
COMMITTED = _COMMITTED.format(wanted="unnest($1::uuid[], $2::timestamptz[]) AS u (house_id, delivery_start)")
# One statement, because others wait meanwhile. Lateral with LIMIT: one index probe an order, however large the table.
_LOOK = f"""
WITH wanted AS (
    SELECT * FROM unnest($2::bytea[], $3::bytea[], $4::integer[], $5::timestamptz[], $6::uuid[], $7::boolean[],
        $8::bigint[], $9::bytea[]) WITH ORDINALITY
        AS o (order_hash, maker, slot, delivery_start, house_id, is_bid, community, cancel_topics, n)
), committed AS ({_COMMITTED.format(wanted="wanted")})
SELECT known.id AS known, used.id IS NOT NULL AS used, coalesce(c.energy_wh, 0) AS committed_wh,
    ARRAY({CANCELS_OF.format(topics="o.cancel_topics")}) AS cancels, island.id AS island_id,
    island.price_cap_micro_per_kwh
FROM wanted o
LEFT JOIN committed c ON c.house_id = o.house_id AND c.delivery_start = o.delivery_start AND c.is_bid = o.is_bid
LEFT JOIN LATERAL (SELECT x.id FROM orders x WHERE x.chain = $1 AND x.order_hash = o.order_hash LIMIT 1)
    AS known ON true
LEFT JOIN LATERAL (SELECT x.id FROM orders x WHERE x.chain = $1 AND x.maker = o.maker AND x.slot = o.slot
    AND x.delivery_start = o.delivery_start LIMIT 1) AS used ON true
LEFT JOIN LATERAL ({islands.OF_INTERVAL}) AS island ON true
ORDER BY o.n
"""  # noqa: S608  # constants of the market


async def last_look(read: Read, orders: Sequence[NewOrder]) -> Judge:
    """See what only the lock makes certain about `orders`, all of one chain; what it returns judges them.

    The caller holds the lock of their books, and inserts those that are not refused before he lets it go.
    """
    if not orders:
        return lambda judged: {}
    seen = await read(
        _LOOK,
        orders[0].chain,
        [order.order_hash for order in orders],
        [order.maker for order in orders],
        [order.slot for order in orders],
        [order.delivery_start for order in orders],
        [order.house_id for order in orders],
        [order.is_bid for order in orders],
        [order.community for order in orders],
        [cancel_topics(order.maker, order.slot >> 3) for order in orders],
    )
    return partial(_judge, {order.id: row for order, row in zip(orders, seen, strict=True)})


def _judge(seen: Mapping[UUID, Any], orders: Sequence[NewOrder]) -> dict[UUID, Refusal]:
    """Which of `orders` must not be placed, and why, by their ids. The others may be, all of them.

    Orders are judged in their sequence, so that what one takes of a house's capacity or slots is gone for the next.
    """
    refused: dict[UUID, Refusal] = {}
    slots: set[tuple[bytes, int, datetime]] = set()
    taken: dict[tuple[UUID, datetime, bool], int] = {}
    for order in orders:
        row = seen[order.id]
        slot = order.maker, order.slot, order.delivery_start
        side = order.house_id, order.delivery_start, order.is_bid
        refusal = (
            _seen(row["known"], row["used"] or slot in slots, order)
            or _cancelled(row["cancels"], order)
            or islands.above_cap(islands.read_rules(row), order.price_micro_per_kwh)
            or _capacity(order, row["committed_wh"] + taken.get(side, 0))
        )
        if refusal is not None:
            refused[order.id] = refusal
            continue
        slots.add(slot)
        taken[side] = taken.get(side, 0) + order.energy_wh
    return refused


def _seen(known: UUID | None, used: bool, order: NewOrder) -> Refusal | None:
    if known is not None:
        return OrderReplayed(order_id=known)
    return SlotUsed(slot=order.slot, delivery_start=order.delivery_start) if used else None


def _cancelled(cancels: Sequence[bytes], order: NewOrder) -> Refusal | None:
    start = int(order.delivery_start.timestamp())
    if any(read_cancel(data).kills(order.slot & 7, start) for data in cancels):
        return CancelledOnChain(slot=order.slot)
    return None


def _capacity(order: NewOrder, committed_wh: int) -> Refusal | None:
    if committed_wh + order.energy_wh <= order.capacity_wh:
        return None
    return OverCapacity(
        capacity_kwh=wh_to_kwh(order.capacity_wh),
        committed_kwh=wh_to_kwh(committed_wh),
        asked_kwh=wh_to_kwh(order.energy_wh),
    )
