# SPDX-License-Identifier: Apache-2.0
"""How many orders a second the continuous book takes and matches in one process, without input or output.

`python -m tests.bench.orderbook [--orders 100000] [--runs 3] [--no-engines] [--json]`. Value: orders a second for a
random book of that many offers and bids, many of which cross. `growth` is k of n^k over four sizes (n log n: about
1.1). `4 zones` has fees, pair fees and 1,000 owners; `with receipts` writes a receipt for each placement that matches.
In the same run open engines match smaller books (see tests/bench/_engines.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.fees import NO_FEES, Fees
from backend.market.clearing.receipts import receipt_of
from backend.market.clearing.types import Order, Rule
from tests.bench._books import FEES, median_s, print_growth, processor_s, random_book
from tests.bench._engines import ENGINES, python_of, run_engine
from tests.bench._ground import report

LIMIT = 100_000
RECEIPTED = 10_000


def play(orders: Sequence[Order], fees: Fees = NO_FEES) -> int:
    """Place all orders into an empty book; returns how many matches that made."""
    book = ContinuousBook(fees)
    return sum(len(book.place(order)) for order in orders)


def play_with_receipts(orders: Sequence[Order]) -> None:
    """Place all orders and write the receipts."""
    book = ContinuousBook()
    for order in orders:
        around = book.around(order)
        if book.place(order):
            receipt_of(Rule.CONTINUOUS, around, NO_FEES, incoming=order)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="gridx bench orderbook")
    parser.add_argument("--orders", type=int, default=100_000, help="of each side")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-engines", action="store_true", help="without other engines beside")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds = {}
    for count in (options.orders // 8, options.orders // 4, options.orders // 2, options.orders):
        book = random_book(count, seed=count)
        seconds[2 * count] = median_s(lambda book=book: play(book), options.runs)
    growth = print_growth(seconds)
    zoned = random_book(options.orders, seed=1, zones=4, owners=1_000)
    small = random_book(RECEIPTED, seed=2)
    more = {
        "growth": growth,
        "orders per processor second": round(2 * options.orders / processor_s(lambda: play(book))),
        "matches": play(book),
        "4 zones with fees, orders/s": round(2 * options.orders / median_s(lambda: play(zoned, FEES), options.runs)),
        "with receipts, orders/s": round(2 * RECEIPTED / median_s(lambda: play_with_receipts(small), 1)),
    }
    if not options.no_engines:
        more |= compare()
    value = 2 * options.orders / seconds[2 * options.orders]
    report(value=value, unit="orders/s", limit=LIMIT, as_json=options.json, **more)


def compare() -> dict[str, object]:
    """Orders a second of every engine that can be installed beside us, with the largest book that it can take."""
    found: dict[str, object] = {}
    for engine in ENGINES:
        python = python_of(engine)
        for rule, size in engine.rules.items() if python else ():
            book = random_book(size, seed=size)
            [theirs] = run_engine(engine, python, rule, [book])
            speed, ours = 2 * size / theirs.seconds, 2 * size / median_s(lambda book=book: play(book), 5)
            print(
                f"{size} x {size}: {engine.name} {rule} {speed:,.0f} orders/s, ours {ours:,.0f}: x {ours / speed:.0f}"
            )
            found[f"{engine.name} {rule}, orders/s of {size} x {size}"] = round(speed)
            found[f"ours, orders/s of {size} x {size}"] = round(ours)
    return found


if __name__ == "__main__":
    main()
