# SPDX-License-Identifier: Apache-2.0
"""What a system's readings say about it: how far it is from the physics, and how clear its sky has been. Pure.

For each time of day the upper quantile of reading over clear-sky power is what the system gives under a clear sky
(shade, dirt, a wrong tilt). What is usual is a mean of yesterday, the medians of the last 3, 7, 14 and 28 days and the
mean of 7, each carried to the season by clear-sky power: of what was measured beside it (tests/bench/solar.py) no
single one of them was as good on every system. What has just been measured counts for the hours that follow and fades
away. Beside it stands what followed earlier days like the last one (alike.py), the more the more of them there were.
A system that has given nothing for a day is taken to stand still for another, then to come back slowly.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ai_service.forecasting.types import Flags
from ai_service.solar.alike import Alike, follow
from ai_service.solar.physics import Floats

DAY_S = 86_400
WINDOW_DAYS = 28
LEAST_DAYS = 3
DAYLIGHT = 0.03  # of the capacity: below it a ratio says nothing
CLEAR_QUANTILE = 0.85
MOST = 2.0
CARRIED = (0.5, 2.0)  # by at most so much
MEDIANS_DAYS = (3, 7, 14, 28)
MEAN_DAYS = 7
FADE_H = 3.0
WEATHER_WEIGHT = 0.7
RECENT_H = 1.0
DAY_H = 24.0
KEEPS_H = 36.0  # what the last day tells of the coming ones
STILL = 0.005  # of clear-sky energy
STILL_H = 5.0  # of daylight that have to be known


@dataclass(frozen=True, slots=True)
class Learnt:
    """Per time of day: clear-sky factor, usual power and the clear-sky power beside it; and the sky just measured."""

    clear_factor: Floats
    usual_kw: Floats
    clear_kw: Floats
    alike: Alike
    recent: float  # recent reading over what is usual at that time; NaN: nothing recent by day
    until_s: float
    days: int
    still: bool  # nothing came in the last day


def learn(readings_kw: Floats, clear_kw: Floats, *, capacity_kwp: float, step_s: int, end_s: float) -> Learnt | None:
    """What the last weeks of `readings_kw` (to `end_s`, NaN unknown) tell beside clear-sky power of the same intervals.

    None with fewer than three days of daylight readings.
    """
    slots = DAY_S // step_s
    days = min(len(readings_kw) // slots, WINDOW_DAYS)
    if days < LEAST_DAYS:
        return None
    past, sky = (values[-days * slots :].reshape(days, slots) for values in (readings_kw, clear_kw))
    bright = (sky > DAYLIGHT * capacity_kwp) & np.isfinite(past)
    if int(bright.any(axis=1).sum()) < LEAST_DAYS:
        return None
    ratio = np.where(bright, np.clip(past / np.maximum(sky, 1e-9), 0.0, MOST), np.nan)
    carried = past * _season(sky[-1], sky)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # times of day that are always dark or unknown
        clear_factor = np.nanquantile(ratio, CLEAR_QUANTILE, axis=0)
        medians = [np.nanmedian(carried[-count:], axis=0) for count in MEDIANS_DAYS]
        usual = np.nanmean([carried[-1], *medians, np.nanmean(carried[-MEAN_DAYS:], axis=0)], axis=0)
    whole = float(np.nanquantile(ratio, CLEAR_QUANTILE))
    usual = np.where(np.isfinite(usual), usual, np.nanmedian(ratio) * sky[-1])
    clear_factor = np.where(np.isfinite(clear_factor), clear_factor, whole)
    recent = _recent(past, usual, sky, capacity_kwp=capacity_kwp, steps=max(1, int(RECENT_H * 3600 / step_s)))
    alike = follow(carried, capacity_kwp=capacity_kwp, step_s=step_s)
    return Learnt(
        clear_factor, usual, sky[-1], alike, recent, end_s, days, _still(past[-1], sky[-1], bright[-1], step_s)
    )


def corrected(learnt: Learnt, clear_kw: Floats, weather_kw: Floats, time_s: Floats, *, step_s: int) -> Floats:
    """Power in kW: mostly the weather where it is known, else the usual, drawn towards what was just measured.

    `time_s` are the beginnings of the intervals, at `learnt.until_s` or later.
    """
    slot = ((time_s - learnt.until_s) // step_s).astype(np.int64) % (DAY_S // step_s)
    ahead_h = (time_s - learnt.until_s) / 3600
    season = _season(clear_kw, learnt.clear_kw[slot])
    drawn = 1.0
    if np.isfinite(learnt.recent):
        drawn = 1.0 + (learnt.recent - 1.0) * np.exp(-ahead_h / FADE_H)
    trust = learnt.alike.trust * np.exp(-np.maximum(ahead_h - DAY_H, 0.0) / KEEPS_H)
    usual = (1.0 - trust) * learnt.usual_kw[slot] * drawn + trust * learnt.alike.power_kw[slot]
    usual = (usual + learnt.alike.shift_kw[slot] * np.exp(-ahead_h / KEEPS_H)) * season
    by_weather = weather_kw * learnt.clear_factor[slot] * drawn
    found = np.where(np.isfinite(by_weather), WEATHER_WEIGHT * by_weather + (1 - WEATHER_WEIGHT) * usual, usual)
    back = 1.0 - np.exp(-np.maximum(ahead_h - DAY_H, 0.0) / KEEPS_H) if learnt.still else 1.0
    return np.asarray(found * back)


def _still(day: Floats, sky: Floats, bright: Flags, step_s: int) -> bool:
    known = int(bright.sum()) * step_s / 3600 >= STILL_H
    return known and float(day[bright].sum()) < STILL * float(sky[bright].sum())


def _season(target: Floats, of: Floats) -> Floats:
    scale: Floats = np.clip(np.maximum(target, 1e-9) / np.maximum(of, 1e-9), *CARRIED)
    return scale


def _recent(past: Floats, usual: Floats, sky: Floats, *, capacity_kwp: float, steps: int) -> float:
    expected = (usual[None, :] * _season(sky, sky[-1][None, :])).ravel()[-steps:]
    measured = past.ravel()[-steps:]
    known = np.isfinite(measured) & (expected > DAYLIGHT * capacity_kwp)
    return min(float(measured[known].sum() / expected[known].sum()), MOST) if known.any() else float("nan")
