# SPDX-License-Identifier: Apache-2.0
"""What followed earlier days that looked like the last one. Pure.

Days are compared by the share of clear-sky output in each interval, the newest hours counting most. The median of the
days that followed, each weighed by how alike its day before was, is what is to be expected: after a clear afternoon
another answer than after a dull one, without any training. How many such days there were tells how far to trust it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ai_service.solar.physics import Floats

CEILING_QUANTILE = 0.9
LEAST_CEILING = 0.02  # of the capacity
FORGETS_H = 3.0  # hours of the day compared: the newest count most
WIDTH = 0.2  # in share of clear-sky output
ANY_DAY = 0.02  # weight of a day that is not alike at all
FORGETS_DAYS = 60.0
LEAST_OVERLAP = 0.3  # of the weight of the hours that both days must know
TRUST, TRUSTED_DAYS = 0.65, 3.0
LEVEL_H, LEVEL_WEIGHT, LEVEL_DAYS = 12.0, 0.3, 14


@dataclass(frozen=True, slots=True)
class Alike:
    """Per time of day, kW: what followed days alike; and how far the level of the last hours shifts the next ones."""

    power_kw: Floats
    shift_kw: Floats
    trust: float  # 0 … TRUST, by the number of days alike


def follow(carried_kw: Floats, *, capacity_kwp: float, step_s: int) -> Alike:
    """From days (rows) that end now, each value carried to the season of the coming day; NaN is unknown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # times of day that are always dark or unknown
        ceiling = np.nan_to_num(np.nanquantile(carried_kw, CEILING_QUANTILE, axis=0))
        usual = np.nan_to_num(np.nanmedian(carried_kw[-LEVEL_DAYS:], axis=0))
        likeness = _likeness(carried_kw, ceiling, LEAST_CEILING * capacity_kwp, step_s)
        power = _median(carried_kw[1:], likeness)
    shift = LEVEL_WEIGHT * _level(carried_kw[-1], usual, ceiling, LEAST_CEILING * capacity_kwp, step_s) * ceiling
    count = float(likeness.sum())
    return Alike(np.where(np.isfinite(power), power, usual), shift, TRUST * count / (count + TRUSTED_DAYS))


def _likeness(carried: Floats, ceiling: Floats, least: float, step_s: int) -> Floats:
    """Of each day but the last with the last one: 1 the same, 0 nothing in common or nothing known."""
    slots = carried.shape[1]
    age_h = (slots - 0.5 - np.arange(slots)) * step_s / 3600
    weight = np.where(ceiling > least, ceiling * np.exp(-age_h / FORGETS_H), 0.0)
    share = carried / np.maximum(ceiling, least)
    apart = np.abs(share[:-1] - share[-1])
    shared = np.where(np.isfinite(apart), weight, 0.0)
    overlap = shared.sum(axis=1)
    distance = (np.nan_to_num(apart) * shared).sum(axis=1) / np.maximum(overlap, 1e-12)
    enough = overlap > LEAST_OVERLAP * weight.sum()
    found: Floats = np.where(enough, np.exp(-0.5 * (distance / WIDTH) ** 2), 0.0)
    return found


def _median(values: Floats, likeness: Floats) -> Floats:
    """Weighted median of each column; NaN where nothing is known."""
    recent = np.exp(-np.arange(len(values) - 1, -1, -1) / FORGETS_DAYS)
    weight = np.where(np.isfinite(values), ((likeness + ANY_DAY) * recent)[:, None], 0.0)
    order = np.argsort(np.where(np.isfinite(values), values, np.inf), axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    below = np.cumsum(np.take_along_axis(weight, order, axis=0), axis=0)
    middle = np.argmax(below >= 0.5 * below[-1], axis=0)
    median: Floats = np.where(below[-1] > 0, ranked[middle, np.arange(values.shape[1])], np.nan)
    return median


def _level(day: Floats, usual: Floats, ceiling: Floats, least: float, step_s: int) -> float:
    """How far the last hours lay above what is usual, as a share of a clear day's energy."""
    last = slice(-max(1, int(LEVEL_H * 3600 / step_s)), None)
    known = np.isfinite(day[last]) & (ceiling[last] > least)
    if not known.any():
        return 0.0
    above = float((day[last] - usual[last])[known].sum() / ceiling.sum())
    return min(max(above, -1.0), 1.0)
