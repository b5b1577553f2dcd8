# SPDX-License-Identifier: Apache-2.0
"""The model that needs no training: what the recent days showed, blended by how well each view of them has done.

Views are the references, what is usual for weekday and time of day, and a ridge regression on the usual features. They
are asked at one origin a day of the last weeks; at each, the blend's weights come from earlier origins only, so its
misses are honest and make the intervals (split conformal by hour) and the figures. It answers in some ten milliseconds.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from ai_service.forecasting import features, intervals, metrics, references
from ai_service.forecasting.types import Flags, Floats, Ints, Series

NAME = "recent"
ORIGINS = 42
LEAST_ORIGINS = 4  # before them no figure is told
SCORED_SHARE = 0.5  # of the origins, the later ones, whose intervals are scored
SHARPNESS = 4.0  # weights fall with this power of the error
RIDGE_DAYS = 14
RIDGE_PENALTY = 60.0
USUAL = ("weekday_8", "slot_28", "slot_7")


@dataclass(frozen=True, slots=True)
class Figures:
    """How the blend did on origins that it had not seen; None where there were too few."""

    origins: int
    mae: float | None = None
    mase: float | None = None
    pinball: float | None = None
    coverage: dict[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Quantiles (steps, QUANTILES) from the end of the series on, what each view weighed, and how it did before."""

    quantiles: Floats
    weights: dict[str, float]
    figures: Figures


def forecast(series: Series, steps: int) -> Answer:
    """From the end of a checked series on. The series holds two days of readings or more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # steps of which nothing is known have no mean: NaN is meant
        return _forecast(series, steps)


def _forecast(series: Series, steps: int) -> Answer:
    end, slots = len(series), series.per_day
    count = min(ORIGINS, end // slots - 1)
    origins = end - np.arange(count, -1, -1, dtype=np.int64) * slots
    names, views = _views(series, origins, steps)
    actual = features.targets(series, origins[:-1], steps)
    delay = -(-steps // slots)  # origins until a forecast's last target is known
    shares = _shares(views[:, :-1], actual, delay)
    blend = _blend(views, shares)
    misses = actual - blend[:-1]
    quantiles = blend[-1][:, None] + _spread(misses)
    told = {name: round(float(share), 4) for name, share in zip(names, shares[-1], strict=True) if share > 0.01}
    return Answer(quantiles, told, _figures(series, misses, blend[:-1], actual, delay))


def _views(series: Series, origins: Ints, steps: int) -> tuple[list[str], Floats]:
    """Names and forecasts (views, origins, steps); NaN where a view has nothing to say."""
    frame = features.build(series, origins, steps)
    shape = (len(origins), steps)
    found = {
        "seasonal_naive_day": references.seasonal_naive(series, origins, steps, days=1),
        "seasonal_naive_week": references.seasonal_naive(series, origins, steps, days=7),
        "usual": frame.base.reshape(shape),
    }
    for name in USUAL:
        found[name] = frame.rows[:, frame.names.index(name)].reshape(shape)
    found["ridge"] = _ridge(series, frame, steps)
    return list(found), np.stack(list(found.values()))


def _ridge(series: Series, frame: features.Frame, steps: int) -> Floats:
    """Ridge regression on scale-free features, fitted each week on the origins whose targets were known by then."""
    slots, count = series.per_day, len(frame.origins)
    shape = (count, steps, -1)
    rows = np.clip(frame.filled, -5, 5).reshape(shape)
    design = np.concatenate([rows, np.ones((count, steps, 1))], axis=2)
    base, scale = (values.reshape(count, steps) for values in (frame.base, frame.scale))
    actual = features.targets(series, frame.origins, steps)
    aim = np.clip((actual - base) / scale, -5, 5)
    answer = np.full((count, steps), np.nan)
    delay = -(-steps // slots)
    for first in range(RIDGE_DAYS + delay, count, 7):
        ready = slice(0, first - delay + 1)
        seen = np.isfinite(aim[ready])
        if not seen.any():
            continue
        left, right = design[ready][seen], aim[ready][seen]
        penalty = np.full(left.shape[1], RIDGE_PENALTY)
        penalty[-1] = 1e-6
        weights = np.linalg.solve(left.T @ left + np.diag(penalty), left.T @ right)
        until = min(first + 7, count)
        answer[first:until] = design[first:until] @ weights * scale[first:until] + base[first:until]
    return answer


def _shares(views: Floats, actual: Floats, delay: int) -> Floats:
    """(origins + 1, views): weights at each origin from the errors of those whose targets were known by then."""
    error = np.abs(views - actual[None])
    seen = np.isfinite(error)
    total = np.cumsum(np.where(seen, error, 0.0).sum(axis=2), axis=1)
    count = np.cumsum(seen.sum(axis=2), axis=1)
    found, equal = [], np.ones(len(views))
    for origin in range(views.shape[1] + 1):
        last = origin - delay
        if last < 0 or not count[:, last].any():
            found.append(equal)
            continue
        most = count[:, last].max()
        known = count[:, last] >= max(1, most // 3)  # a view that has hardly been tried is not trusted
        mean = np.where(known, total[:, last] / np.maximum(count[:, last], 1), np.inf)
        least = max(float(mean.min()), 1e-12)
        found.append(np.where(known, (least / np.maximum(mean, 1e-12)) ** SHARPNESS, 0.0))
    shares = np.stack(found)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _blend(views: Floats, shares: Floats) -> Floats:
    there = np.isfinite(views)
    weight = np.where(there, shares.T[:, :, None], 0.0)
    total = weight.sum(axis=0)
    mixed = (np.where(there, views, 0.0) * weight).sum(axis=0) / np.where(total > 0, total, 1.0)
    plain = np.nanmean(np.where(there, views, np.nan), axis=0) if not (total > 0).all() else mixed
    return np.where(total > 0, mixed, plain)


def _spread(misses: Floats) -> Floats:
    """Quantiles of the misses by step, wider where few origins show them: as Student's t is wider than a normal.

    The first term of the Cornish-Fisher expansion at 90 % widens by 0.93 / n, here 1 / n.
    """
    known = misses[np.isfinite(misses).any(axis=1)]
    if not len(known):
        return intervals.miss_quantiles(np.zeros((1, misses.shape[1])))
    return (1 + 1 / len(known)) * intervals.miss_quantiles(known)


def _figures(series: Series, misses: Floats, blend: Floats, actual: Floats, delay: int) -> Figures:
    """Errors and coverage on the later origins; intervals of each from the misses known before it."""
    count = len(misses)
    first = max(int(count * SCORED_SHARE), delay + LEAST_ORIGINS)
    scored: Flags = np.isfinite(misses[first:]).any(axis=1)
    if int(scored.sum()) < LEAST_ORIGINS:
        return Figures(int(scored.sum()))
    rows = np.flatnonzero(scored) + first
    quantiles = np.stack([blend[row][:, None] + _spread(misses[: row - delay + 1]) for row in rows])
    truth = actual[rows]
    mae = float(np.nanmean(np.abs(misses[rows])))
    scale = metrics.mase_scale(series.values, series.per_day)
    return Figures(
        origins=len(rows),
        mae=mae,
        mase=mae / scale if scale > 0 else None,
        pinball=float(np.nanmean(metrics.pinball(quantiles, truth))),
        coverage={level: float(np.nanmean(metrics.inside(quantiles, truth, level))) for level in metrics.LEVELS},
    )
