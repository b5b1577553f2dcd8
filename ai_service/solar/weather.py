# SPDX-License-Identifier: Apache-2.0
"""OpenWeatherMap 2.5 forecasts (three-hour steps) read with care: units, codes and gaps as they really come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ai_service.errors import Unavailable
from ai_service.solar.physics import Floats, Weather

STEP_S = 10_800
ABSOLUTE_ZERO_C = -273.15
KEPT_STEPS = 200


class WeatherUnusable(Unavailable):
    """The weather service answered with an error or with something that is no forecast."""

    code = "weather.unusable"
    title = "The weather forecast cannot be used"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Values at `time_s` (epoch seconds, rising): share of clouds, °C, m/s; NaN where the step does not say."""

    time_s: Floats
    clouds: Floats
    air_c: Floats
    wind_ms: Floats

    def at(self, time_s: Floats) -> Weather:
        """Values between the steps, straight lines; NaN more than one step before the first and after the last."""
        inside = (time_s >= self.time_s[0] - STEP_S) & (time_s <= self.time_s[-1] + STEP_S)
        return Weather(*(self._between(values, time_s, inside) for values in (self.clouds, self.air_c, self.wind_ms)))

    def _between(self, values: Floats, time_s: Floats, inside: np.ndarray[Any, Any]) -> Floats:
        known = np.isfinite(values)
        if not known.any():
            return np.full(len(time_s), np.nan)
        return np.where(inside, np.interp(time_s, self.time_s[known], values[known]), np.nan)


def read_forecast(answer: object) -> Forecast:
    """The forecast in a body of `data/2.5/forecast`; raises WeatherUnusable.

    `cod` is text on success here and a number elsewhere; temperatures are Kelvin.
    """
    if not isinstance(answer, Mapping) or str(answer.get("cod")) != "200":
        said = answer.get("message") if isinstance(answer, Mapping) else None
        raise WeatherUnusable(said=str(said)[:200])
    steps = answer.get("list")
    if not isinstance(steps, list) or not steps:
        raise WeatherUnusable(said="no steps")
    rows = sorted({row[0]: row for row in map(_row, steps[:KEPT_STEPS]) if row is not None}.values())
    if not rows:
        raise WeatherUnusable(said="no step with a time")
    time_s, clouds, air_c, wind_ms = np.array(rows, dtype=np.float64).T
    return Forecast(time_s, clouds, air_c, wind_ms)


def _row(step: object) -> tuple[float, float, float, float] | None:
    if not isinstance(step, Mapping) or not np.isfinite(time := _number(step, "dt")):
        return None
    clouds = _number(step.get("clouds"), "all") / 100
    air = _number(step.get("main"), "temp") + ABSOLUTE_ZERO_C
    wind = _number(step.get("wind"), "speed")
    return (
        time,
        clouds if 0 <= clouds <= 1 else np.nan,
        air if -90 <= air <= 60 else np.nan,
        wind if 0 <= wind <= 120 else np.nan,
    )


def _number(part: object, name: str) -> float:
    value = part.get(name) if isinstance(part, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
