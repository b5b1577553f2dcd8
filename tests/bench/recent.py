# SPDX-License-Identifier: Apache-2.0
"""The model of recent days on the public data sets, 24 h ahead: `python -m tests.bench.recent [FOLDER] [--days 60]`.

One origin a day, the last `days` of each series, asked as the service asks without a trained model: with the 100 days
before the origin, homes also with the last 3 and 7 days only, as of a new house. MASE by the weekly naive error before
the first origin, coverage of the 90 % interval; means over the series of a set. Victoria with and without its public
holidays. JSON is the last line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ai_service.forecasting import features, metrics, sets
from ai_service.forecasting.errors import ForecastRefused
from ai_service.forecasting.types import Floats, Series
from ai_service.forecasts import engine

FOLDER = Path(__file__).parents[3] / "shared/data"
HISTORY_DAYS = 100
YOUNG_DAYS = (7, 3)
HOMES = ("citylearn", "sgsc")
STEPS = 24
LEVEL = 90


def main() -> None:
    """Print one line a set and history, then all as JSON."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    options.add_argument("--days", type=int, default=60)
    options.add_argument("--json", action="store_true", help="asked for by `gridx bench`; the last line is JSON anyway")
    asked = options.parse_args()
    told = {}
    for name, series in _sets(asked.folder):
        for history in (HISTORY_DAYS, *(YOUNG_DAYS if name in HOMES else ())):
            key = name if history == HISTORY_DAYS else f"{name}, {history} days"
            told[key] = measure(series, days=asked.days, history=history)
            print(f"{key:>28}: {told[key]}", flush=True)
    print(json.dumps({"recent": told}))


def measure(group: list[Series], *, days: int, history: int) -> dict[str, float]:
    """Means over the series of a set."""
    rows = np.array([_measured(one, days=days, history=history) for one in group])
    mase, inside, answered = rows.mean(axis=0)
    return {
        "series": len(group),
        "mase": round(mase, 3),
        "coverage90": round(inside, 3),
        "answered": round(answered, 3),
    }


def _sets(folder: Path) -> Iterator[tuple[str, list[Series]]]:
    for one in sets.SETS:
        group = [read.series for read in one.load(folder).values()]
        yield one.name, group
        if one.name == "victoria":
            yield "victoria, no holidays", [replace(each, holidays=frozenset()) for each in group]


def _measured(raw: Series, *, days: int, history: int) -> tuple[float, float, float]:
    """MASE, coverage, and the share of origins that were answered."""
    slots = raw.per_day
    steps = STEPS * slots // 24
    origins = len(raw) - steps - np.arange(days - 1, -1, -1) * slots
    quantiles = np.stack([_asked(raw.head(int(origin)).tail(history * slots), steps) for origin in origins])
    actual = features.targets(raw, origins, steps)
    scale = metrics.mase_scale(raw.values[: origins[0]], slots)
    miss = np.abs(quantiles[..., metrics.MEDIAN] - actual)
    there = np.isfinite(quantiles).all(axis=(1, 2))
    inside = metrics.inside(quantiles[there], actual[there], LEVEL)
    return float(np.nanmean(miss)) / scale, float(np.nanmean(inside)), float(there.mean())


def _asked(known: Series, steps: int) -> Floats:
    try:
        return engine.forecast(known, skip=0, steps=steps).quantiles
    except ForecastRefused:
        return np.full((steps, len(metrics.QUANTILES)), np.nan)


if __name__ == "__main__":
    main()
