# SPDX-License-Identifier: Apache-2.0
"""How long the uniform auction takes for 100,000 offers and 100,000 bids, and how that grows.

`python -m tests.bench.clearing [--orders 100000] [--runs 3] [--no-engines] [--json]`. Value: median seconds from orders
to matches in one process, garbage collection included. `growth` is k of n^k over four sizes (n log n: about 1.1). With
fees and four zones, and with ten owners only, the same. In the same run open engines clear the same books (see
tests/bench/_engines.py), and what they leave untraded of small books is held against ours, which is the most that one
price can carry (pairs priced one by one can trade more, which then shows as a negative loss).
"""

from __future__ import annotations

import argparse

from backend.market.clearing.auctions import clear_pay_as_bid, clear_uniform
from tests.bench._books import FEES, median_s, print_growth, processor_s, random_book
from tests.bench._engines import ENGINES, python_of, run_engine
from tests.bench._ground import report

LIMIT_S = 1.0
COMPARED = (100, 1_000, 3_000)
SMALL_BOOKS = 200


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="gridx bench clearing")
    parser.add_argument("--orders", type=int, default=100_000, help="of each side")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-engines", action="store_true", help="without other engines beside")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds = {}
    for count in (options.orders // 8, options.orders // 4, options.orders // 2, options.orders):
        book = random_book(count, seed=count)
        seconds[2 * count] = median_s(lambda book=book: clear_uniform(book), options.runs)
    growth = print_growth(seconds)
    zoned = random_book(options.orders, seed=1, zones=4)
    owned = random_book(options.orders, seed=2, owners=10)
    more = {
        "growth": growth,
        "processor s": round(processor_s(lambda: clear_uniform(book)), 3),
        "pay-as-bid s": round(median_s(lambda: clear_pay_as_bid(zoned), 1), 3),
        "4 zones with fees s": round(median_s(lambda: clear_uniform(zoned, FEES), options.runs), 3),
        "10 owners s": round(median_s(lambda: clear_uniform(owned), options.runs), 3),
    }
    if not options.no_engines:
        more |= compare()
    report(value=seconds[2 * options.orders], unit="s", limit=LIMIT_S, as_json=options.json, **more)


def compare() -> dict[str, object]:
    """The same books through every engine that can be installed beside us: times, and volume lost of small books."""
    small = [random_book(number % 5 + 2, seed=10_000 + number, owners=10**9) for number in range(SMALL_BOOKS)]
    possible = sum(clear_uniform(book).volume_wh for book in small)
    found: dict[str, object] = {}
    for engine in ENGINES:
        python = python_of(engine)
        for rule, most in engine.rules.items() if python else ():
            sizes = [size for size in COMPARED if size <= most]
            books = [random_book(size, seed=size) for size in sizes]
            times = run_engine(engine, python, rule, books)
            for size, book, theirs in zip(sizes, books, times, strict=True):
                ours = median_s(lambda book=book: clear_uniform(book), 15)
                factor = theirs.seconds / ours
                print(
                    f"{size} x {size}: {engine.name} {rule} {theirs.seconds:.4f} s, ours {ours:.4f} s: x {factor:.1f}"
                )
                if size == COMPARED[0]:
                    found[f"{engine.name} {rule}, times slower at {size} x {size}"] = round(factor, 1)
            traded = sum(ran.volume_wh for ran in run_engine(engine, python, rule, small))
            found[f"{engine.name} {rule}, {sizes[-1]} x {sizes[-1]} s"] = round(times[-1].seconds, 4)
            found[f"{engine.name} {rule}, times slower"] = round(factor, 1)
            found[f"{engine.name} {rule}, volume lost"] = f"{100 * (possible - traded) / possible:.1f} %"
    return found


if __name__ == "__main__":
    main()
