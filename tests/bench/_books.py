# SPDX-License-Identifier: Apache-2.0
"""Random books for benchmarks of clearing, the same for the same seed, and how a time grows with the size."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Order, Side

ZONES = ("", "north", "south", "harbour")
FEES = Fees(10_001, {"north": 4_000, "south": 7_500}, {("north", "south"): 2_000, ("south", "north"): 2_500})


def random_book(count: int, seed: int, *, zones: int = 1, owners: int | None = None) -> list[Order]:
    """`count` offers and `count` bids in random order of arrival, prices 0.05 to 0.30 a kWh, 1 Wh to 9 kWh each."""
    chance = random.Random(seed)
    sides = [Side.OFFER] * count + [Side.BID] * count
    chance.shuffle(sides)
    return [
        Order(
            id=f"{number:07d}",
            side=side,
            energy_wh=chance.randint(1, 9_000),
            price_micro=chance.randint(50_000, 300_000),
            time=number,
            house=f"house {chance.randrange(owners or count)}",
            zone=ZONES[chance.randrange(zones)],
        )
        for number, side in enumerate(sides)
    ]


def median_s(work: Callable[[], object], runs: int) -> float:
    """Median time of some runs, each after a full garbage collection."""
    times = []
    for _ in range(runs):
        gc.collect()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def processor_s(work: Callable[[], object]) -> float:
    """Processor time of one run: what a machine without other work would take."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def print_growth(seconds: Mapping[int, float]) -> float:
    """Print times by size; returns the exponent k of n^k between the smallest and the largest (n log n: about 1.1)."""
    print(f"{'orders':>12} {'seconds':>10} {'µs/order':>10} {'ns/(n·log2 n)':>14}")
    for count, taken in seconds.items():
        level = taken / (count * math.log2(count))
        print(f"{count:>12,} {taken:>10.4f} {taken / count * 1e6:>10.2f} {level * 1e9:>14.1f}")
    least, most = min(seconds), max(seconds)
    return round(math.log(seconds[most] / seconds[least]) / math.log(most / least), 2)
