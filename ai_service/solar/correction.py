# SPDX-License-Identifier: Apache-2.0
"""What a system's readings say about it: how far it is from the physics, and how clear its sky has been. Pure.

`clearness` is reading over clear-sky power. For each time of day its upper quantile over the last weeks is what the
system gives under a clear sky (shade, dirt, a wrong tilt), its median what is usual. What has just been measured counts
for the hours that follow and fades into the usual.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ai_service.solar.physics import Floats

DAY_S = 86_400
WINDOW_DAYS = 28
LEAST_DAYS = 3
DAYLIGHT = 0.03  # of the capacity: below it a ratio says nothing
CLEAR_QUANTILE = 0.85
MOST = 2.0
FADE_H = 5.0
RECENT_H = 2.0


@dataclass(frozen=True, slots=True)
class Learnt:
    """Per time of day (`slots` of a day): the clear-sky factor and the usual clearness; and the sky just measured."""

    clear: Floats
    usual: Floats
    recent: float  # recent reading over what is usual at that time; NaN: nothing recent by day
    recent_at_s: float
    days: int


def learn(readings_kw: Floats, clear_kw: Floats, *, capacity_kwp: float, step_s: int, end_s: float) -> Learnt | None:
    """What the last weeks of `readings_kw` (to `end_s`, NaN unknown) tell beside clear-sky power of the same intervals.

    None with fewer than three days of daylight readings. The first reading must begin a whole number of days before
    `end_s`.
    """
    slots = DAY_S // step_s
    days = min(len(readings_kw) // slots, WINDOW_DAYS)
    if days < LEAST_DAYS:
        return None
    recent, sky = (values[-days * slots :].reshape(days, slots) for values in (readings_kw, clear_kw))
    bright = (sky > DAYLIGHT * capacity_kwp) & np.isfinite(recent)
    ratio = np.where(bright, np.clip(recent / np.maximum(sky, 1e-9), 0.0, MOST), np.nan)
    if int(np.isfinite(ratio).any(axis=1).sum()) < LEAST_DAYS:
        return None
    whole = np.nanmedian(ratio)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # times of day that are always dark have no median
        usual = np.nanmedian(ratio, axis=0)
        clear = np.nanquantile(ratio, CLEAR_QUANTILE, axis=0)
    usual = np.where(np.isfinite(usual), usual, whole)
    clear = np.where(np.isfinite(clear), clear, np.nanquantile(ratio, CLEAR_QUANTILE))
    last = max(1, int(RECENT_H * 3600 / step_s))
    expected = (usual[None, :] * sky).ravel()[-last:]
    measured = np.where(bright, recent, np.nan).ravel()[-last:]
    known = np.isfinite(measured) & (expected > DAYLIGHT * capacity_kwp)
    now = float(measured[known].sum() / expected[known].sum()) if known.any() else float("nan")
    return Learnt(clear, usual, min(now, MOST), end_s, days)


def corrected(learnt: Learnt, clear_kw: Floats, weather_kw: Floats, time_s: Floats, *, step_s: int) -> Floats:
    """Power in kW: the weather's where it is known, else the usual; drawn towards what was just measured.

    `time_s` are the beginnings of the intervals, after `learnt.recent_at_s`.
    """
    slots = DAY_S // step_s
    slot = ((time_s - learnt.recent_at_s) // step_s).astype(np.int64) % slots
    usual = clear_kw * learnt.usual[slot]
    by_weather = weather_kw * learnt.clear[slot]
    expected = np.where(np.isfinite(by_weather), by_weather, usual)
    if not np.isfinite(learnt.recent):
        return expected
    ahead_h = (time_s - learnt.recent_at_s) / 3600
    drawn: Floats = expected * (1.0 + (learnt.recent - 1.0) * np.exp(-ahead_h / FADE_H))
    return drawn
