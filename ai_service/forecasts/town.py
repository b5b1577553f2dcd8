# SPDX-License-Identifier: Apache-2.0
"""A community as one series: the sum of its houses, and house forecasts that add up to its own. Pure.

A house whose reading is missing is taken for what is usual for it at that time, never for zero; where more than half
would be supposed that way, the sum stays unknown. Houses with fewer than two days of readings are left out and counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ai_service.forecasting.errors import SeriesEmpty
from ai_service.forecasting.fallback import reconcile
from ai_service.forecasting.quality import MINIMUM_DAYS
from ai_service.forecasting.types import Finding, Floats, Series, regular
from ai_service.houses import Readings

SUPPOSED_SHARE = 0.5  # of a step's energy that may be supposed
USUAL_DAYS = 28
RECENT_DAYS = 7


@dataclass(frozen=True)
class Town:
    """Houses with readings (`kwh`: houses × steps), and their sum. `silent` houses have fewer than two days of them."""

    house_ids: tuple[str, ...]
    kwh: Floats
    total: Series
    silent: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Coherent:
    """Expected kWh of each house (houses × steps) and of the community: exactly their sum."""

    houses: Floats
    community: Floats
    moved: float  # mean absolute move of the community's own forecast, kWh a step


def assemble(readings: Sequence[Readings], *, zone: str) -> Town:
    """The community of these houses, all on the same steps. Raises SeriesEmpty when none has readings enough."""
    there = [one for one in readings if np.isfinite(one.kwh).sum() >= MINIMUM_DAYS * 86_400 // one.step_s]
    if not there:
        raise SeriesEmpty(f"No house of this community has {MINIMUM_DAYS} days of readings", houses=len(readings))
    kwh = np.stack([one.kwh for one in there])
    first = there[0]
    end = _end(kwh)
    begin = int(np.argmax(np.isfinite(kwh[:, :end]).any(axis=0)))
    kwh = kwh[:, begin:end]
    missing = np.isnan(kwh)
    supposed = np.where(missing, _usual_at(kwh, first.step_s), kwh)
    total = supposed.sum(axis=0)
    share = np.where(missing, supposed, 0.0).sum(axis=0) / np.maximum(np.abs(total), 1e-12)
    unknown = np.isnan(total) | (missing.any(axis=0) & (share > SUPPOSED_SHARE)) | missing.all(axis=0)
    start = regular(first.start, first.step_s, []).stamp(begin)
    series = regular(start, first.step_s, np.where(unknown, np.nan, total), zone=zone)
    findings = []
    filled = missing.any(axis=0) & ~unknown
    if filled.any():
        detail = "steps at which some houses have no reading"
        at = series.stamp(int(np.argmax(filled))).isoformat()
        findings.append(Finding("houses_missing", int(filled.sum()), at, detail, "what is usual for them"))
    silent = len(readings) - len(there)
    if silent:
        findings.append(
            Finding("houses_silent", silent, "", f"houses with fewer than {MINIMUM_DAYS} days of readings", "left out")
        )
    return Town(tuple(one.house_id for one in there), kwh, series, silent, tuple(findings))


def coherent(town: Town, median: Floats, variance: float, *, skip: int) -> Coherent:
    """Houses and community brought to tell one sum; `median` begins `skip` steps after the community's last reading."""
    steps = len(median)
    days = _days(town.kwh, town.total.step_s)
    per_slot, spread = _usual(days)
    slot = (np.arange(steps) + skip) % town.total.per_day
    own = per_slot[:, slot]
    known = np.isfinite(own)
    own = np.where(known, own, np.nan_to_num(np.nanmean(town.kwh, axis=1))[:, None])
    houses = reconcile(own, median, house_variance=spread**2, community_variance=variance)
    if np.nanmin(town.kwh) >= 0:
        houses = np.maximum(houses, 0.0)
    community = houses.sum(axis=0)
    return Coherent(houses, community, float(np.abs(community - median).mean()))


def _end(kwh: Floats) -> int:
    """After the last step at which half of the houses have a reading; after the last reading where there is none."""
    share = np.isfinite(kwh).mean(axis=0)
    enough = np.flatnonzero(share >= 0.5)
    return int((enough if len(enough) else np.flatnonzero(share > 0))[-1]) + 1


def _days(kwh: Floats, step_s: int) -> Floats:
    """(houses, days, slots) of the last days, slots counted from the end."""
    slots = 86_400 // step_s
    days = min(USUAL_DAYS, -(-kwh.shape[1] // slots))
    padded = np.full((len(kwh), days * slots), np.nan)
    tail = kwh[:, -days * slots :]
    padded[:, padded.shape[1] - tail.shape[1] :] = tail
    return padded.reshape(len(kwh), days, slots)


def _usual(days: Floats) -> tuple[Floats, Floats]:
    """What each house usually has per slot (half of it from the last week), and how far it strays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a slot without any reading has no mean: NaN is meant
        month = np.nanmean(days, axis=1)
        week = np.nanmean(days[:, -RECENT_DAYS:], axis=1)
        middle = np.where(np.isfinite(week), (month + week) / 2, month)
        spread = np.sqrt(np.nanmean((days - middle[:, None]) ** 2, axis=(1, 2)))
    return middle, np.maximum(np.nan_to_num(spread), 1e-6)


def _usual_at(kwh: Floats, step_s: int) -> Floats:
    """What is usual for each house at each step of its past."""
    per_slot, _ = _usual(_days(kwh, step_s))
    slots = per_slot.shape[1]
    length = kwh.shape[1]
    return np.asarray(per_slot[:, (np.arange(length) - length) % slots])
