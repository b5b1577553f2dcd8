# SPDX-License-Identifier: Apache-2.0
"""A process that trades: random orders of everybody in two books, and owners who cancel some of them.

Each order is named on standard output when its placement was answered. It reads a JSON line from standard input:
databaseUrl, deliveryStart, firstSlot, seed, orders. Books whose gates have closed are closed at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from random import Random

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.errors import Refusal
from backend.market.book import service
from backend.market.book.auctions import clear_due
from backend.market.book.engine import Engine
from backend.market.book.errors import OrderEnded
from backend.market.orders.types import OrderState
from tests.support.square import Square, enter_square

AT_ONCE = 25


async def _trade(square: Square, engine: Engine, seed: Random, left: list[int]) -> None:
    while left:
        left.pop()
        order = square.random(seed, interval=seed.randrange(2))
        try:
            placed = await engine.place(order)
        except Refusal as refusal:
            print("refused", order.id, refusal.code, flush=True)
            continue
        print("placed", order.id, flush=True)
        if placed.state is OrderState.OPEN and seed.random() < 0.2:
            try:
                await service.cancel_order(square.db, engine, order.id, user_id=order.user_id)
                print("cancelled", order.id, flush=True)
            except OrderEnded:
                pass


async def main() -> None:
    """Trade until the orders are used up."""
    told = json.loads(sys.stdin.readline())
    db = Database(told["databaseUrl"], pool_size=15)
    start = datetime.fromisoformat(told["deliveryStart"])
    square = await enter_square(db, delivery_start=start, first_slot=told["firstSlot"])
    engine, seed, left = square.engine(), Random(told["seed"]), list(range(told["orders"]))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(_trade(square, engine, seed, left))
    print("closed", await clear_due(db, square.chain.id, utc_now()), flush=True)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main())
