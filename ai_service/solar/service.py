# SPDX-License-Identifier: Apache-2.0
"""The verb of solar forecasts: physics, weather and readings when there are some, and what was missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from ai_service.solar import correction, physics
from ai_service.solar.correction import DAY_S
from ai_service.solar.physics import Floats, Site
from ai_service.solar.weather import Forecast

USUAL_CLOUDS = 0.5  # when neither weather nor readings are known


@dataclass(frozen=True)
class Readings:
    """Measured output in kW, one value per step up to `end`; NaN is unknown."""

    kw: Floats
    end: datetime


@dataclass(frozen=True)
class SolarForecast:
    """Expected and clear-sky power in kW of each interval, what it rests on, and what a reader should know."""

    start: list[datetime]
    power_kw: Floats
    clear_kw: Floats
    basis: list[str]
    findings: list[str] = field(default_factory=list)


def forecast(
    site: Site,
    *,
    start: datetime,
    steps: int,
    step_s: int,
    weather: Forecast | None = None,
    readings: Readings | None = None,
) -> SolarForecast:
    """Power in the `steps` intervals from `start`. Zero at night, never negative, never above the capacity."""
    times = pd.date_range(start.astimezone(UTC), periods=steps, freq=pd.Timedelta(seconds=step_s))
    begin_s = start.timestamp() + np.arange(steps, dtype=np.float64) * step_s
    clear = physics.clear_kw(site, times, step_s)
    basis, findings = ["clearSky"], []
    if not clear.any():
        findings.append("the sun stays below the horizon")
    unknown = np.full(steps, np.nan)
    by_weather = unknown
    if weather is not None:
        by_weather = physics.power_kw(site, times, step_s, weather.at(begin_s + step_s / 2))
        known = np.isfinite(by_weather) & (clear > 0)
        if known.any():
            basis.append("weather")
        if (clear > 0).any() and not known[clear > 0].all():
            findings.append("the weather forecast is stale" if not known.any() else "the weather forecast ends earlier")
    else:
        findings.append("no weather forecast")
    learnt = _learn(site, readings, step_s) if readings is not None else None
    if learnt is None:
        findings.append("no readings to learn from" if readings is None else "fewer than three days of readings")
        cloudy = physics.power_kw(site, times, step_s, physics.Weather(np.full(steps, USUAL_CLOUDS), unknown, unknown))
        power = np.where(np.isfinite(by_weather), by_weather, cloudy)
    else:
        basis.append("readings")
        if learnt.still:
            findings.append("no output for a day: taken to stand still")
        power = correction.corrected(learnt, clear, by_weather, begin_s, step_s=step_s)
    power = np.where(clear > 0, np.clip(power, 0.0, site.capacity_kwp), 0.0)
    return SolarForecast([time.to_pydatetime() for time in times], power, clear, basis, findings)


def _learn(site: Site, readings: Readings, step_s: int) -> correction.Learnt | None:
    slots = DAY_S // step_s
    days = min(len(readings.kw) // slots, correction.WINDOW_DAYS)
    if days == 0:
        return None
    count = days * slots
    step = pd.Timedelta(seconds=step_s)
    end = pd.Timestamp(readings.end.astimezone(UTC))
    times = pd.date_range(end - count * step, periods=count, freq=step)
    return correction.learn(
        readings.kw[-count:],
        physics.clear_kw(site, times, step_s),
        capacity_kwp=site.capacity_kwp,
        step_s=step_s,
        end_s=readings.end.timestamp(),
    )
