# SPDX-License-Identifier: Apache-2.0
"""Intervals that keep their promise: split-conformal quantiles by hour, steered by their own record.

A miss is `(actual - median) / spread`, with one spread below the median and one above it. At each origin only misses
whose targets were known by then count:

1. Weighted split conformal prediction (Barber, Candès, Ramdas and Tibshirani, Annals of Statistics 2023): quantiles of
   past misses, recent ones weighing more. Each step of the horizon keeps the size of its own misses and borrows the
   shape from its neighbours and, by the share SHRINK, from all steps.
2. Feedback (after adaptive conformal inference, Gibbs and Candès 2021, and conformal PID control, Angelopoulos, Candès
   and Tibshirani 2023): the logarithm of the width moves by a rate times (share of misses outside 90 % - 10 %), once
   for all steps and more slowly for each step alone, so that the coverage of every hour is drawn to its promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ai_service.forecasting.metrics import LEVELS, MEDIAN, QUANTILES
from ai_service.forecasting.types import Flags, Floats

NEIGHBOURS = 1
WINDOW_ORIGINS = 365
HALF_LIFE_ORIGINS = 60.0
SHRINK = 0.3
RATE_ALL = 0.2
RATE_STEP = 0.05
LEAST_ORIGINS = 14
WIDEST = 1.5  # bound of the logarithm of the width's correction
GUIDE = 90
TINY = 1e-9


@dataclass(frozen=True)
class Spread:
    """How far readings are expected to lie below and above the median: (origins, steps), in the series' unit."""

    down: Floats
    up: Floats

    @classmethod
    def none(cls, count: int, steps: int) -> Spread:
        """Of a model that forecasts none: 1, so that its intervals are the empirical quantiles of its misses."""
        return cls(np.ones((count, steps)), np.ones((count, steps)))

    @classmethod
    def join(cls, parts: Sequence[Spread]) -> Spread:
        """Spreads of consecutive origins as one."""
        return cls(np.concatenate([part.down for part in parts]), np.concatenate([part.up for part in parts]))

    def beside(self, other: Spread) -> Spread:
        """The mean of both; where `other` is unknown, this one."""
        pairs = ((self.down, other.down), (self.up, other.up))
        return Spread(*(np.where(np.isfinite(theirs), (mine + theirs) / 2, mine) for mine, theirs in pairs))

    def misses(self, median: Floats, actual: Floats) -> Floats:
        """(origins, steps): distance of what came to pass from the median, in units of the spread on its side."""
        return np.asarray((actual - median) / np.where(actual < median, self.down, self.up))

    def around(self, origin: int, median: Floats, scaled: Floats) -> Floats:
        """(steps, levels): quantiles of one origin, from its medians (steps) and scaled misses (steps, levels)."""
        side = np.where(scaled < 0, self.down[origin][:, None], self.up[origin][:, None])
        return np.asarray(median[:, None] + side * scaled)


def floor_of(values: Floats) -> float:
    """0 for a series that never fell below it, so that no quantile does; otherwise there is no floor."""
    seen = values[np.isfinite(values)]
    return 0.0 if len(seen) and float(seen.min()) >= 0 else -np.inf


@dataclass(frozen=True)
class Widths:
    """Logarithm of the correction of widths: of all steps, and of each step besides."""

    whole: float
    own: Floats

    @classmethod
    def none(cls, steps: int) -> Widths:
        """No correction yet."""
        return cls(0.0, np.zeros(steps))

    def apply(self, scaled: Floats) -> Floats:
        """Quantiles (steps, levels) drawn away from, or towards, their median."""
        factor = np.exp(np.clip(self.whole + self.own, -WIDEST, WIDEST))[:, None]
        middle = scaled[:, MEDIAN : MEDIAN + 1]
        return np.asarray(middle + (scaled - middle) * factor)

    def learn(self, scaled: Floats, misses: Floats) -> Widths:
        """Wider after more misses outside than promised, narrower after fewer; unknown ones say nothing."""
        seen = np.isfinite(misses)
        if not seen.any():
            return self
        low, high = (scaled[:, QUANTILES.index(end)] for end in LEVELS[GUIDE])
        excess = ((misses < low) | (misses > high)) - (1 - GUIDE / 100)
        whole = self.whole + RATE_ALL * float(excess[seen].mean())
        return Widths(float(np.clip(whole, -WIDEST, WIDEST)), np.where(seen, self.own + RATE_STEP * excess, self.own))


def calibrate(
    median: Floats, spread: Spread, actual: Floats, ready: Flags, *, per_day: int, floor: float = -np.inf
) -> Floats:
    """Quantiles (origins, steps, levels) for the origins where `ready` is false, else NaN; none lies below `floor`.

    `ready` marks the leading origins that only lend their misses. Rows are daily origins in order of time.
    """
    misses = spread.misses(median, actual)
    answer = np.full((*median.shape, len(QUANTILES)), np.nan)
    for origin, scaled in _walk(misses, per_day, first=int(ready.sum())):
        if origin < len(ready) and not ready[origin]:
            answer[origin] = np.maximum(spread.around(origin, median[origin], scaled), floor)
    return answer


def upcoming(misses: Floats, *, per_day: int) -> Floats:
    """(steps, levels): quantiles of scaled misses for the origin that follows the last row."""
    return _walk(misses, per_day, first=len(misses))[-1][1]


def _walk(misses: Floats, per_day: int, *, first: int) -> list[tuple[int, Floats]]:
    """Scaled quantiles for each origin from `first` on (the record of widths begins earlier), and after the last."""
    count, steps = misses.shape
    widths = Widths.none(steps)
    issued: dict[int, Floats] = {}
    told: list[tuple[int, Floats]] = []
    for origin in range(min(LEAST_ORIGINS, first), count + 1):
        past = known_misses(misses, origin, per_day)
        settled = origin - 1 - (steps - 1) // per_day
        if settled in issued:
            widths = widths.learn(issued.pop(settled), misses[settled])
        scaled = widths.apply(miss_quantiles(past))
        issued[origin] = scaled
        told.append((origin, scaled))
    return told


def known_misses(misses: Floats, origin: int, per_day: int) -> Floats:
    """Misses of the origins before `origin`, NaN where the target had not come to pass by then."""
    first = max(0, origin - WINDOW_ORIGINS)
    past = misses[first:origin]
    age = origin - np.arange(first, origin)
    return np.where((np.arange(past.shape[1]) < age[:, None] * per_day), past, np.nan)


def miss_quantiles(past: Floats) -> Floats:
    """(steps, levels): weighted quantiles of scaled misses for each step."""
    count, steps = past.shape
    weight = 0.5 ** ((count - 1 - np.arange(count)) / HALF_LIFE_ORIGINS)
    seen = np.isfinite(past)
    total = (seen * weight[:, None]).sum(axis=0)
    size = (np.where(seen, np.abs(past), 0.0) * weight[:, None]).sum(axis=0) / np.maximum(total, TINY)
    size = np.where(total > 0, size, size[total > 0].mean() if (total > 0).any() else 1.0) + TINY
    shape = past / size
    around = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    near = np.concatenate([shape[:, np.clip(np.arange(steps) + shift, 0, steps - 1)] for shift in around])
    own = _weighted_quantiles(near.T, np.tile(weight, len(around)))
    everyone = _weighted_quantiles(shape.reshape(1, -1), np.repeat(weight, steps))
    mixed = (1 - SHRINK) * own + SHRINK * everyone
    return np.sort(np.where(np.isfinite(mixed), mixed, everyone) * size[:, None], axis=1)


def _weighted_quantiles(rows: Floats, weight: Floats) -> Floats:
    """(rows, levels): a value's place is the middle of its weight; NaN weighs nothing; a row of NaN answers NaN."""
    order = np.argsort(rows, axis=1)  # NaN sort last
    values = np.take_along_axis(rows, order, axis=1)
    mass = np.where(np.isfinite(values), weight[order], 0.0)
    total = mass.sum(axis=1, keepdims=True)
    place = (np.cumsum(mass, axis=1) - 0.5 * mass) / np.maximum(total, TINY)
    answers = [
        np.interp(QUANTILES, at[:last], value[:last]) if last else np.full(len(QUANTILES), np.nan)
        for at, value, last in zip(place, values, np.isfinite(values).sum(axis=1), strict=True)
    ]
    return np.stack(answers)
