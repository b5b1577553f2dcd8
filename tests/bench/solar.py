# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.solar [FOLDER]`: daylight error of the solar forecast beside the same hour of yesterday.

Every fifth hour is an origin, the last 864 that have readings; what lies after it is not read. JSON is the last line.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ai_service.solar import correction, physics
from ai_service.solar.physics import Floats, Site
from tests.bench._solar_data import System, systems

FOLDER = Path(__file__).parents[3] / "shared/data/solar"
ORIGINS, EVERY_H, STEPS = 864, 5, 24
DAYLIGHT = 0.005  # of the capacity


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
    errors, naive, with_weather = [], [], 0
    for origin in range(len(values) - STEPS, 4 * STEPS, -EVERY_H):
        if len(errors) == ORIGINS:
            break
        if not np.isfinite(values[origin : origin + STEPS]).any():
            continue
        by_weather = _weather(system, site, origin)
        with_weather += bool(np.isfinite(by_weather).any())
        found = _forecast(system, values, clear, capacity, origin, by_weather)
        if found is None:
            continue
        actual, before = values[origin : origin + STEPS], values[origin - STEPS : origin]
        day = (actual > DAYLIGHT * capacity) | (clear[origin : origin + STEPS] > DAYLIGHT * capacity)
        day &= np.isfinite(actual) & np.isfinite(before)
        errors.append(np.where(day, np.abs(found - actual), np.nan))
        naive.append(np.where(day, np.abs(before - actual), np.nan))
    ours, theirs = np.array(errors), np.array(naive)
    return {
        "mae": round(float(np.nanmean(ours)), 4),
        "yesterday": round(float(np.nanmean(theirs)), 4),
        "lower": round(1 - float(np.nanmean(ours) / np.nanmean(theirs)), 3),
        "lowerFirst6h": round(1 - float(np.nanmean(ours[:, :6]) / np.nanmean(theirs[:, :6])), 3),
        "origins": len(errors),
        "withWeather": with_weather,
    }


def _forecast(
    system: System, values: Floats, clear: Floats, capacity: float, origin: int, by_weather: Floats
) -> Floats | None:
    days = min(origin // STEPS, correction.WINDOW_DAYS)
    past = slice(origin - days * STEPS, origin)
    end_s = system.power.index[origin].timestamp()
    learnt = correction.learn(values[past], clear[past], capacity_kwp=capacity, step_s=3600, end_s=end_s)
    if learnt is None:
        return None
    ahead = clear[origin : origin + STEPS]
    power = correction.corrected(learnt, ahead, by_weather, end_s + 3600.0 * np.arange(STEPS), step_s=3600)
    return np.where(ahead > 0, np.clip(power, 0, capacity), 0.0)


def _weather(system: System, site: Site, origin: int) -> Floats:
    """By the last forecast that had been issued at the origin."""
    start = system.power.index[origin]
    issued = [time for time in system.weather or {} if time <= start]
    if not issued:
        return np.full(STEPS, np.nan)
    times = pd.date_range(start, periods=STEPS, freq="1h")
    assert system.weather is not None
    middle = start.timestamp() + 3600.0 * np.arange(STEPS) + 1800
    return physics.power_kw(site, times, 3600, system.weather[max(issued)].at(middle))


if __name__ == "__main__":
    main()
