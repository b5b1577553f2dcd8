# SPDX-License-Identifier: Apache-2.0
"""Several processes trade in the same books and may be killed at any moment: the rows are as one run makes them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from random import Random

from backend.core.clock import utc_now
from backend.market.book.auctions import clear_due
from scripts.embedded.process import ROOT
from tests.backend.market.book.replay import check_book
from tests.support.databases import DatabaseUrls
from tests.support.square import Square

DEATHS = ("book.after_lock:3", "book.after_match:4", "book.before_commit:5", "book.after_commit:6")


async def trade(databases: DatabaseUrls, square: Square, number: int, *, orders: int, dies: str = "") -> set[str]:
    """Run a trading process to its end; ids of the orders whose placement was answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.backend.market.book.trader",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "GRIDX_FAILPOINTS": dies, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    told = {
        "databaseUrl": databases.service, "deliveryStart": square.delivery_start.isoformat(),
        "firstSlot": 5_000 * number, "seed": number, "orders": orders,
    }  # fmt: skip
    said, _ = await process.communicate(json.dumps(told).encode() + b"\n")
    assert process.returncode == (-signal.SIGKILL if dies else 0)
    return {line.split()[1] for line in said.decode().splitlines() if line.startswith("placed ")}


async def stored(square: Square) -> set[str]:
    """Ids of all orders."""
    return {str(row.id) for row in await square.rows("SELECT id FROM orders")}


async def test_two_processes__under_load__never_match_an_order_twice(databases: DatabaseUrls, square: Square) -> None:
    answered = await asyncio.gather(*(trade(databases, square, number, orders=400) for number in (1, 2)))

    matches = [await check_book(square, square.key_of(interval)) for interval in (0, 1)]
    assert await stored(square) == answered[0] | answered[1]
    assert len(answered[0] | answered[1]) == 800
    assert min(matches) > 50


async def test_processes__killed_at_each_step__lose_and_double_nothing(databases: DatabaseUrls, square: Square) -> None:
    deaths = [trade(databases, square, number, orders=2_000, dies=dies) for number, dies in enumerate(DEATHS, start=1)]
    answered = set().union(*await asyncio.gather(*deaths))

    engine, seed = square.engine(), Random(9)
    square.slots = itertools.count(5_000 * 9)
    orders = [square.random(seed, interval=seed.randrange(2)) for _ in range(100)]
    after = {str(placed.order_id) for placed in await asyncio.gather(*map(engine.place, orders))}

    for interval in (0, 1):
        await check_book(square, square.key_of(interval))
    assert answered | after <= await stored(square)
    assert len(after) == 100


async def test_auction__worker_killed_before_or_after_the_commit__happens_once(
    databases: DatabaseUrls, square: Square
) -> None:
    await square.set_rules("uniform")
    engine = square.engine()
    for interval in (0, 1):
        await square.sell(engine, 1, interval=interval)
        await square.buy(engine, 2, interval=interval)
        await square.pass_gate(interval)

    await trade(databases, square, 1, orders=0, dies="book.auction_before_commit")
    undone = await square.matches()
    await trade(databases, square, 1, orders=0, dies="book.auction_after_commit")
    half = await square.matches()
    closed = await clear_due(square.db, square.chain.id, utc_now())

    assert (len(undone), len(half), closed) == (0, 1, 1)
    assert {match.delivery_start for match in await square.matches()} == {
        square.key_of(interval).delivery_start for interval in (0, 1)
    }
    assert {row.state for row in await square.rows("SELECT state FROM orders")} == {"FILLED"}
