# SPDX-License-Identifier: Apache-2.0
"""Whether intervals of market prices hold what they promise: `python -m tests.bench.prices [FOLDER] [--days 180]`.

Twelve real homes with panels (CityLearn 2022) are a community. At one origin a day, the hour moving on by one, supply
and demand of the next 24 hours are forecast from readings and their prices from both, as market analysis does without a
trained model, knowing the prices of the 14 days before. What came to pass is cleared by the market's own uniform
auction: in a book of many small orders whose limits are spread evenly between the tariffs (`even`, the market that the
model describes), and with limits drawn by chance, ten orders a home or one (`ten`, `one`). Coverage by level and book,
hours without trade left out, mean width in cents. JSON is the last line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ai_service.forecasting import metrics
from ai_service.forecasting.types import Floats, Series, regular
from ai_service.forecasts import engine
from ai_service.market import curve
from ai_service.market.curve import Tariffs
from backend.market.clearing.auctions import clear_uniform
from backend.market.clearing.types import Order, Side

FOLDER = Path(__file__).parents[3] / "shared/data"
FILE = "households/citylearn2022_homes_01_12.csv.gz"
CENT = 10_000
TARIFFS = Tariffs(feed_in=8 * CENT, retail=32 * CENT)
STEPS, HISTORY_DAYS, OBSERVED_DAYS = 24, 98, 14
EVEN = 200
Book = Callable[[Floats, np.random.Generator], Iterator[Order]]


@dataclass(frozen=True, slots=True)
class Homes:
    """Net energy of each home (homes, hours), kWh: what it feeds in is positive. Sums of both sides as series."""

    net: Floats
    supply: Series
    demand: Series


def main() -> None:
    """Print one line a book, then all as JSON."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    options.add_argument("--days", type=int, default=180)
    options.add_argument("--json", action="store_true", help="asked for by `gridx bench`; the last line is JSON anyway")
    asked = options.parse_args()
    homes = read(asked.folder)
    last = homes.net.shape[1] - STEPS
    origins = last - np.arange(asked.days - 1, -1, -1) * (24 + 1)
    sides = {int(origin): _sides(homes, int(origin)) for origin in origins}
    told = {name: _measured(homes, book, sides) for name, book in BOOKS.items()}
    for name, figures in told.items():
        print(f"{name:>6}: {figures}")
    print(json.dumps({"prices": told, "origins": len(origins)}))


def read(folder: Path) -> Homes:
    """The community of the twelve homes."""
    table = pd.read_csv(folder / FILE)
    made = table["solar_generation"] * table["pv_nominal_kw"] / 1000
    table["net"] = made - table["non_shiftable_load"]
    net = table.pivot_table(index="building", columns="t", values="net").to_numpy()
    start = pd.Timestamp("2016-07-31 23:00", tz="UTC").to_pydatetime()
    supply, demand = (regular(start, 3600, np.maximum(side, 0).sum(axis=0)) for side in (net, -net))
    return Homes(net, supply, demand)


def even(net: Floats, random: np.random.Generator) -> Iterator[Order]:
    """Many small orders whose limits are spread evenly between the tariffs."""
    limits = TARIFFS.feed_in + (TARIFFS.retail - TARIFFS.feed_in) * (2 * np.arange(EVEN) + 1) // (2 * EVEN)
    sold, wanted = (round(float(np.maximum(side, 0).sum()) * 1000) // EVEN for side in (net, -net))
    for number, limit in enumerate(limits.tolist()):
        if sold:
            yield Order(f"o{number}", Side.OFFER, sold, limit, number, f"seller {number}")
        if wanted:
            yield Order(f"b{number}", Side.BID, wanted, limit, number, f"buyer {number}")


def by_chance(count: int) -> Book:
    """Every home says `count` limits, drawn evenly between the tariffs."""

    def book(net: Floats, random: np.random.Generator) -> Iterator[Order]:
        limits = random.integers(TARIFFS.feed_in, TARIFFS.retail, (len(net), count), endpoint=True)
        for home, kwh in enumerate(net.tolist()):
            energy_wh = round(abs(kwh) * 1000) // count
            if energy_wh:
                side = Side.OFFER if kwh > 0 else Side.BID
                for number, limit in enumerate(limits[home].tolist()):
                    yield Order(f"{home}-{number}", side, energy_wh, limit, number, f"home {home}")

    return book


BOOKS: dict[str, Book] = {"even": even, "ten": by_chance(10), "one": by_chance(1)}


def _sides(homes: Homes, origin: int) -> tuple[Floats, Floats]:
    """Quantiles (steps, QUANTILES) of supply and demand after `origin`."""
    found = (
        engine.forecast(side.head(origin).tail(HISTORY_DAYS * 24), skip=0, steps=STEPS)
        for side in (homes.supply, homes.demand)
    )
    supply, demand = (each.quantiles for each in found)
    return supply, demand


def _measured(homes: Homes, book: Book, sides: dict[int, tuple[Floats, Floats]]) -> dict[str, Any]:
    random = np.random.default_rng(7)
    first = min(sides) - OBSERVED_DAYS * 24
    prices = np.full(homes.net.shape[1], np.nan)
    for hour in range(first, len(prices)):
        cleared = clear_uniform(book(homes.net[:, hour], random)).price_micro
        prices[hour] = np.nan if cleared is None else cleared
    quantiles = np.stack([_forecast(homes, prices, origin, *found) for origin, found in sides.items()])
    actual = np.stack([prices[origin : origin + STEPS] for origin in sides])
    inside = {level: metrics.inside(quantiles, actual, level) for level in metrics.LEVELS}
    ends = metrics.coverage_interval(inside[90])
    return {
        "hours": int(np.isfinite(actual).sum()),
        **{f"coverage{level}": round(float(np.nanmean(hits)), 3) for level, hits in inside.items()},
        "coverage90In99": [round(ends.low, 3), round(ends.high, 3)],
        "width90Cents": round(float(metrics.width(quantiles, 90)[np.isfinite(actual)].mean()) / CENT, 2),
        "missCents": round(float(np.nanmean(np.abs(quantiles[..., metrics.MEDIAN] - actual))) / CENT, 3),
    }


def _forecast(homes: Homes, prices: Floats, origin: int, supply: Floats, demand: Floats) -> Floats:
    """Quantiles of the price (steps, QUANTILES), knowing what had come to pass by `origin`."""
    past = slice(origin - OBSERVED_DAYS * 24, origin)
    modelled = curve.price(homes.supply.values[past], homes.demand.values[past], TARIFFS)
    return curve.scenarios(supply, demand, TARIFFS, curve.observed(prices[past], modelled))


if __name__ == "__main__":
    main()
