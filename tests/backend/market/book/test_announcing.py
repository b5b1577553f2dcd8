# SPDX-License-Identifier: Apache-2.0
"""Events of the book: levels that changed, prices that were made, and to each owner his own orders, nobody else's."""

import asyncio
from typing import Any

from backend.core.clock import utc_now
from backend.market.book.auctions import clear_due
from tests.support.square import Square


async def announced(square: Square, topic: str) -> list[Any]:
    """Rows of the outbox, in their sequence."""
    return await square.rows("SELECT name, payload, audience FROM outbox WHERE topic = :topic ORDER BY id", topic=topic)


async def test_group__of_many_orders__announces_each_book_once_with_changed_levels_only(square: Square) -> None:
    engine = square.engine()
    await square.sell(engine, 1, price_micro_per_kwh=250_000)

    await asyncio.gather(*(square.sell(engine, person) for person in (2, 3, 4)), square.sell(engine, 5, interval=1))

    _, *events = await announced(square, "book")
    here, there = sorted((event.payload for event in events), key=lambda payload: payload["delivery_start"])
    level = {"side": "offer", "zone": "", "price_micro_per_kwh": 240_000}
    assert here["levels"] == [level | {"energy_wh": 3_000, "orders": 3}]
    assert there["levels"] == [level | {"energy_wh": 1_000, "orders": 1}]
    assert (here["version"], here["is_closed"], there["version"]) == (4, False, 1)


async def test_match__of_two_owners__tells_each_of_his_own_order_and_everybody_the_price(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    bid = await square.buy(engine, 2, energy_wh=400)

    placed, *orders = await announced(square, "orders")
    prices = await announced(square, "prices")
    assert placed.audience == square.people[1]
    assert {row.audience: row.payload["orders"] for row in orders} == {
        square.people[1]: [
            {"order_id": str(offer.order_id), "state": "OPEN", "reason": None, "rest_wh": 600, "matched_wh": 400}
        ],
        square.people[2]: [
            {"order_id": str(bid.order_id), "state": "FILLED", "reason": None, "rest_wh": 0, "matched_wh": 400}
        ],
    }
    assert [(row.payload["price_micro_per_kwh"], row.payload["energy_wh"], row.audience) for row in prices] == [
        (240_000, 400, None)
    ]


async def test_level__emptied__is_announced_with_nothing_left(square: Square) -> None:
    engine = square.engine()
    await square.sell(engine, 1)
    await square.buy(engine, 2)

    last = (await announced(square, "book"))[-1].payload
    assert [(level["energy_wh"], level["orders"]) for level in last["levels"]] == [(0, 0)]


async def test_gate__closed__announces_the_end_of_the_book(square: Square) -> None:
    engine = square.engine()
    await square.sell(engine, 1)
    await square.pass_gate()
    await clear_due(square.db, square.chain.id, utc_now())

    last = (await announced(square, "book"))[-1].payload
    orders = (await announced(square, "orders"))[-1]
    assert (last["is_closed"], last["levels"]) == (True, [])
    assert (orders.audience, orders.payload["orders"][0]["reason"]) == (square.people[1], "order.gate_closed")
