# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.solar [FOLDER]`: daylight error of the solar forecast beside the same hour of yesterday.

Every fifth hour is an origin, the last 864 that have readings; what lies after it is not read, which every run checks
by spoiling it. `hindsight` is what the best weights fitted on the tested hours themselves would have reached without
weather: a limit, not a forecast. JSON is the last line.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ai_service.solar import correction, physics
from ai_service.solar.correction import Learnt
from ai_service.solar.physics import Floats, Site
from tests.bench._solar_data import System, systems
from tests.bench._solar_limit import hindsight, views

FOLDER = Path(__file__).parents[3] / "shared/data/solar"
ORIGINS, EVERY_H, STEPS = 864, 5, 24
ISSUES = 2  # one a day, of the day after
DAYLIGHT = 0.005  # of the capacity
LEAK_EVERY = 50  # origins


def main() -> None:
    """Print one line for each system, then all as JSON."""
    warnings.simplefilter("ignore", RuntimeWarning)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    figures = {}
    for system in systems(folder):
        figures[system.name] = measure(system)
        print(f"{system.name:>14}: {figures[system.name]}")
    print(json.dumps({"solar": figures}))


def measure(system: System) -> dict[str, Any]:
    """Errors in the series' own unit, and by how much they are lower than yesterday's (all leads; the first 6 h)."""
    values = system.power.to_numpy()
    capacity = float(np.nanquantile(values, 0.999))
    site = Site(system.latitude, system.longitude, capacity, system.tilt, system.azimuth)
    clear = physics.clear_kw(site, pd.DatetimeIndex(system.power.index), 3600)
    errors, naive, parts, tested, with_weather = [], [], [], [], 0
    for origin in range(len(values) - STEPS, 4 * STEPS, -EVERY_H):
        if len(tested) == ORIGINS:
            break
        learnt = _learn(values, clear, capacity, origin)
        if learnt is None or not np.isfinite(values[origin : origin + STEPS]).any():
            continue
        by_weather = _weather(system, site, origin)
        with_weather += bool(np.isfinite(by_weather).any())
        found = _forecast(learnt, clear, capacity, origin, by_weather)
        actual, before = values[origin : origin + STEPS], values[origin - STEPS : origin]
        day = (actual > DAYLIGHT * capacity) | (clear[origin : origin + STEPS] > DAYLIGHT * capacity)
        day &= np.isfinite(actual) & np.isfinite(before)
        errors.append(np.where(day, np.abs(found - actual), np.nan))
        naive.append(np.where(day, np.abs(before - actual), np.nan))
        alone = _forecast(learnt, clear, capacity, origin, np.full(STEPS, np.nan))
        parts.append(np.c_[views(values, origin, learnt, alone, clear[origin : origin + STEPS]), actual][day])
        tested.append(origin)
    ours, theirs, rows = np.array(errors), np.array(naive), np.concatenate(parts)

    def ask(seen: Floats, origin: int) -> Floats:
        learnt = _learn(seen, clear, capacity, origin)
        assert learnt is not None
        return _forecast(learnt, clear, capacity, origin, _weather(system, site, origin))

    best = hindsight(rows[:, :-1], rows[:, -1], capacity=capacity)
    return {
        "mae": round(float(np.nanmean(ours)), 4),
        "yesterday": round(float(np.nanmean(theirs)), 4),
        "lower": round(1 - float(np.nanmean(ours) / np.nanmean(theirs)), 3),
        "lowerFirst6h": round(1 - float(np.nanmean(ours[:, :6]) / np.nanmean(theirs[:, :6])), 3),
        "hindsight": round(1 - best / float(np.nanmean(theirs)), 3),
        "origins": len(tested),
        "withWeather": with_weather,
        "leaks": looks_ahead(ask, values, tested[::LEAK_EVERY]),
    }


def looks_ahead(ask: Callable[[Floats, int], Floats], values: Floats, origins: list[int]) -> int:
    """At how many origins the answer changes when everything from the origin on is replaced by noise."""
    noise = np.random.default_rng(7).uniform(0, 1, len(values)) * (np.nanmax(values) + 1)
    found = 0
    for origin in origins:
        spoilt = np.concatenate([values[:origin], noise[origin:]])
        found += not np.array_equal(ask(values, origin), ask(spoilt, origin))
    return found


def _learn(values: Floats, clear: Floats, capacity: float, origin: int) -> Learnt | None:
    days = min(origin // STEPS, correction.WINDOW_DAYS)
    past = slice(origin - days * STEPS, origin)
    return correction.learn(values[past], clear[past], capacity_kwp=capacity, step_s=3600, end_s=0.0)


def _forecast(learnt: Learnt, clear: Floats, capacity: float, origin: int, by_weather: Floats) -> Floats:
    ahead = clear[origin : origin + STEPS]
    power = correction.corrected(learnt, ahead, by_weather, 3600.0 * np.arange(STEPS), step_s=3600)
    return np.where(ahead > 0, np.clip(power, 0, capacity), 0.0)


def _weather(system: System, site: Site, origin: int) -> Floats:
    """By the forecasts that had been issued at the origin: of each hour the newest that reaches it."""
    start = system.power.index[origin]
    times = pd.date_range(start, periods=STEPS, freq="1h")
    middle = start.timestamp() + 3600.0 * np.arange(STEPS) + 1800
    found = np.full(STEPS, np.nan)
    issued = sorted(time for time in system.weather or {} if time <= start)
    for time in issued[-ISSUES:]:
        assert system.weather is not None
        newer = physics.power_kw(site, times, 3600, system.weather[time].at(middle))
        found = np.where(np.isfinite(newer), newer, found)
    return found


if __name__ == "__main__":
    main()
