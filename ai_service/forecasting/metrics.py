# SPDX-License-Identifier: Apache-2.0
"""Figures that judge forecasts: MASE, MAE, pinball, CRPS, coverage, width; block bootstrap of coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ai_service.forecasting.types import Floats, Ints

QUANTILES = (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975)
LEVELS = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95)}
MEDIAN = QUANTILES.index(0.5)
WEEK_DAYS = 7
BOOTSTRAPS = 2000
BLOCK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of a confidence interval."""

    low: float
    high: float


def mase_scale(values: Floats, per_day: int) -> float:
    """Mean error of the weekly seasonal naive forecast within the training values."""
    season = WEEK_DAYS * per_day
    if len(values) <= season:
        season = per_day
    return float(np.nanmean(np.abs(values[season:] - values[:-season])))


def pinball(quantiles: Floats, actual: Floats) -> Floats:
    """Mean pinball loss over all levels, for each (origin, step)."""
    miss = actual[..., None] - quantiles
    level = np.array(QUANTILES)
    return np.asarray(np.maximum(level * miss, (level - 1) * miss).mean(axis=-1))


def crps(quantiles: Floats, actual: Floats) -> Floats:
    """Continuous ranked probability score of the step distribution that the quantiles describe."""
    level = np.array(QUANTILES)
    edges = np.concatenate(([0.0], (level[1:] + level[:-1]) / 2, [1.0]))
    weight = np.diff(edges)
    first = (np.abs(quantiles - actual[..., None]) * weight).sum(axis=-1)
    below = edges[:-1] + edges[1:] - 1
    return np.asarray(first - (quantiles * weight * below).sum(axis=-1))


def inside(quantiles: Floats, actual: Floats, level: int) -> Floats:
    """1 where the interval holds what came to pass, 0 where not, NaN where that is unknown."""
    low, high = (quantiles[..., QUANTILES.index(end)] for end in LEVELS[level])
    hit = ((actual >= low) & (actual <= high)).astype(float)
    return np.where(np.isnan(actual), np.nan, hit)


def width(quantiles: Floats, level: int) -> Floats:
    """Width of the interval, in the series' unit."""
    low, high = (quantiles[..., QUANTILES.index(end)] for end in LEVELS[level])
    return np.asarray(high - low)


def coverage_interval(hits: Floats, *, confidence: float = 0.99) -> Interval:
    """Circular block bootstrap over days (blocks of a week) of the mean of `hits` (origins, steps)."""
    hits = hits[np.isfinite(hits).any(axis=1)]
    if not len(hits):
        return Interval(float("nan"), float("nan"))
    days = np.nanmean(hits, axis=1)
    means = days[_resampled_days(len(days))].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))


def by_group(hits: Floats, groups: Ints, count: int) -> Floats:
    """(origins, count): mean of `hits` (origins, steps) over the steps of each group; NaN where a group has none."""
    seen = np.isfinite(hits)
    place = np.arange(len(hits))[:, None] * count + groups
    total = np.bincount(place[seen], weights=hits[seen], minlength=len(hits) * count)
    number = np.bincount(place[seen], minlength=len(hits) * count)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return np.asarray(mean.reshape(len(hits), count))


def mean_over_days(hits: Floats) -> Floats:
    """Mean of each column over the days that have one; NaN where none has."""
    seen = np.isfinite(hits)
    number = seen.sum(axis=0)
    return np.where(number > 0, np.where(seen, hits, 0.0).sum(axis=0) / np.maximum(number, 1), np.nan)


def joint_margin(hits: Floats, *, confidence: float = 0.99) -> float:
    """How far the coverages of all columns (hours) may lie from their true values at once: their largest deviation.

    Same bootstrap; days are drawn whole, so that the columns keep their dependence.
    """
    hits = hits[:, np.isfinite(hits).any(axis=0)]
    if not hits.size:
        return float("nan")
    measured = mean_over_days(hits)
    drawn = _resampled_days(len(hits))
    known = np.isfinite(hits)
    filled = np.where(known, hits, 0.0)
    largest = [
        float(np.abs(filled[index].sum(axis=0) / np.maximum(known[index].sum(axis=0), 1) - measured).max())
        for index in drawn
    ]
    return float(np.quantile(largest, confidence))


def _resampled_days(count: int, *, seed: int = 7) -> Ints:
    """(BOOTSTRAPS, count) indexes of days, in blocks that wrap around."""
    random = np.random.default_rng(seed)
    block = min(BLOCK_DAYS, count)
    starts = random.integers(0, count, size=(BOOTSTRAPS, -(-count // block)))
    index = (starts[:, :, None] + np.arange(block)) % count
    return np.asarray(index.reshape(BOOTSTRAPS, -1)[:, :count], dtype=np.int64)
