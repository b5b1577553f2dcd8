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

Between the two, boosted quantiles (the fan) count by half, for as long as they have made the intervals lose less of
late: the mean of quantiles of two forecasts (Lichtendahl, Grushka-Cockayne and Winkler, Management Science 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from ai_service.forecasting.metrics import LEVELS, MEDIAN, QUANTILES, pinball
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
FAN = (0.1, 0.25, 0.5, 0.75, 0.9)  # levels that boosters are trained for
FAN_SHARE = 0.5
FAN_HALF_LIFE_ORIGINS = 20.0
_SCORES = tuple(np.array([NormalDist().inv_cdf(level) for level in levels]) for levels in (FAN, QUANTILES))


@dataclass(frozen=True)
class Spread:
    """How far readings are expected to lie below and above the median: (origins, steps), in the series' unit.

    `fan` are boosted quantiles at the levels FAN (origins, steps, levels), where there are some.
    """

    down: Floats
    up: Floats
    fan: Floats | None = None

    @classmethod
    def none(cls, count: int, steps: int) -> Spread:
        """Of a model that forecasts none: 1, so that its intervals are the empirical quantiles of its misses."""
        return cls(np.ones((count, steps)), np.ones((count, steps)))

    @classmethod
    def join(cls, parts: Sequence[Spread]) -> Spread:
        """Spreads of consecutive origins as one."""
        fans = [part.fan for part in parts if part.fan is not None]
        return cls(
            np.concatenate([part.down for part in parts]),
            np.concatenate([part.up for part in parts]),
            np.concatenate(fans) if len(fans) == len(parts) else None,
        )

    def beside(self, other: Spread) -> Spread:
        """The mean of both, with the fan of this one; where `other` is unknown, this one."""
        pairs = ((self.down, other.down), (self.up, other.up))
        down, up = (np.where(np.isfinite(theirs), (mine + theirs) / 2, mine) for mine, theirs in pairs)
        return Spread(down, up, self.fan)

    def misses(self, median: Floats, actual: Floats) -> Floats:
        """(origins, steps): distance of what came to pass from the median, in units of the spread on its side."""
        return np.asarray((actual - median) / np.where(actual < median, self.down, self.up))

    def guesses(self, median: Floats) -> Floats | None:
        """(origins, steps, QUANTILES): the fan as scaled misses, linear in the normal score from level to level."""
        if self.fan is None:
            return None
        away = np.sort(self.fan, axis=-1) - median[..., None]
        scaled = away / np.where(away < 0, self.down[..., None], self.up[..., None])
        return np.asarray(scaled @ _DRAWN)

    def around(self, origin: int, median: Floats, scaled: Floats) -> Floats:
        """(steps, levels): quantiles of one origin, from its medians (steps) and scaled misses (steps, levels)."""
        side = np.where(scaled < 0, self.down[origin][:, None], self.up[origin][:, None])
        return np.asarray(median[:, None] + side * scaled)


def _drawn() -> Floats:
    """(FAN, QUANTILES): weights that draw values at the levels FAN out to all levels."""
    known, wanted = _SCORES
    left = np.clip(np.searchsorted(known, wanted) - 1, 0, len(known) - 2)
    share = (wanted - known[left]) / (known[left + 1] - known[left])
    weights = np.zeros((len(known), len(wanted)))
    weights[left, np.arange(len(wanted))] = 1 - share
    weights[left + 1, np.arange(len(wanted))] = share
    return weights


_DRAWN = _drawn()


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


@dataclass(frozen=True)
class Record:
    """What is known of misses before an origin: their quantiles (steps, QUANTILES), the correction of widths, and
    whether the fan has been worth its share of late."""

    misses: Floats
    widths: Widths
    trusts_fan: bool

    def quantiles(self, guess: Floats | None) -> Floats:
        """Scaled quantiles (steps, QUANTILES) for an origin whose fan guesses `guess`."""
        mixed = self.misses
        if guess is not None and self.trusts_fan:
            known = np.isfinite(guess).all(axis=1, keepdims=True)
            mixed = np.where(known, (1 - FAN_SHARE) * mixed + FAN_SHARE * guess, mixed)
        return self.widths.apply(mixed)


def calibrate(
    median: Floats, spread: Spread, actual: Floats, ready: Flags, *, per_day: int, floor: float = -np.inf
) -> Floats:
    """Quantiles (origins, steps, levels) for the origins where `ready` is false, else NaN; none lies below `floor`.

    `ready` marks the leading origins that only lend their misses. Rows are daily origins in order of time.
    """
    answer = np.full((*median.shape, len(QUANTILES)), np.nan)
    guesses = spread.guesses(median)
    for origin, record in _walk(median, spread, actual, per_day, first=int(ready.sum())):
        if origin < len(ready) and not ready[origin]:
            scaled = record.quantiles(None if guesses is None else guesses[origin])
            answer[origin] = np.maximum(spread.around(origin, median[origin], scaled), floor)
    return answer


def upcoming(median: Floats, spread: Spread, actual: Floats, *, per_day: int) -> Record:
    """What is known for the origin that follows the last row."""
    return _walk(median, spread, actual, per_day, first=len(actual))[-1][1]


def _walk(median: Floats, spread: Spread, actual: Floats, per_day: int, *, first: int) -> list[tuple[int, Record]]:
    """What is known at each origin from `first` on (the record begins earlier), and after the last."""
    count, steps = actual.shape
    misses, guesses = spread.misses(median, actual), spread.guesses(median)
    widths, lost = Widths.none(steps), np.zeros(2)
    issued: dict[int, Record] = {}
    told: list[tuple[int, Record]] = []

    def losses(origin: int, record: Record, guess: Floats | None) -> Floats:
        """Pinball loss of an origin without and with the fan."""
        both = [replace(record, trusts_fan=trusts).quantiles(guess) for trusts in (False, True)]
        return np.array([pinball(spread.around(origin, median[origin], one), actual[origin]) for one in both])

    for origin in range(min(LEAST_ORIGINS, first), count + 1):
        settled = origin - 1 - (steps - 1) // per_day
        if settled in issued:
            before, guess = issued.pop(settled), None if guesses is None else guesses[settled]
            widths = widths.learn(before.quantiles(guess), misses[settled])
            lost = lost * 0.5 ** (1 / FAN_HALF_LIFE_ORIGINS) + np.nansum(losses(settled, before, guess), axis=1)
        past = miss_quantiles(known_misses(misses, origin, per_day))
        issued[origin] = Record(past, widths, bool(0 < lost[1] <= lost[0]))
        told.append((origin, issued[origin]))
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
