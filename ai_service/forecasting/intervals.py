# SPDX-License-Identifier: Apache-2.0
"""Split-conformal intervals by hour: quantiles of past misses, in units of the spread that was forecast for them.

At each origin only misses of earlier origins count whose targets were known by then. Each step of the horizon has its
own misses and those of its neighbours; few of them are drawn towards those of all steps.
"""

from __future__ import annotations

import numpy as np

from ai_service.forecasting.metrics import QUANTILES
from ai_service.forecasting.types import Flags, Floats

NEIGHBOURS = 1
WINDOW_ORIGINS = 365
SHRINK = 0.3


def calibrate(median: Floats, spread: Floats, actual: Floats, ready: Flags) -> Floats:
    """Quantiles (origins, steps, levels) for the origins where `ready` is false; NaN for the others.

    `ready` marks the leading origins that only lend their misses. Rows are daily origins in order of time.
    """
    misses = (actual - median) / spread
    answer = np.full((*median.shape, len(QUANTILES)), np.nan)
    for origin in np.flatnonzero(~ready):
        past = misses[max(0, origin - WINDOW_ORIGINS) : origin]
        answer[origin] = median[origin][:, None] + spread[origin][:, None] * miss_quantiles(past)
    return answer


def miss_quantiles(past: Floats) -> Floats:
    """(steps, levels): quantiles of scaled misses for each step, by the finite-sample rule of split conformal."""
    steps = past.shape[1]
    around = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    near = np.stack([past[:, np.clip(np.arange(steps) + shift, 0, steps - 1)] for shift in around], axis=0)
    own = _levels(near.transpose(2, 0, 1).reshape(steps, -1))
    everyone = _levels(past.reshape(1, -1))
    mixed = (1 - SHRINK) * own + SHRINK * everyone
    return np.sort(np.where(np.isfinite(mixed), mixed, everyone), axis=1)


def _levels(misses: Floats) -> Floats:
    """Quantiles by row, moved outwards as their number demands: (n + 1) q instead of n q."""
    level = np.array(QUANTILES)
    count = max(int(np.isfinite(misses).sum(axis=1).min()), 1)
    bounded = np.clip(0.5 + (level - 0.5) * (count + 1) / count, 0, 1)
    return np.asarray(np.nanquantile(misses, bounded, axis=1).T)
