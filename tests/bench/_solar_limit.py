# SPDX-License-Identifier: Apache-2.0
"""What hindsight could reach without weather: the best fixed weights, fitted on the very hours that are tested.

No forecast can be made so: it shows how much the system's own past could tell at most to a mean of these views.
"""

from __future__ import annotations

import warnings

import numpy as np

from ai_service.solar.correction import Learnt
from ai_service.solar.physics import Floats

DAY = 24
LOOKS_BACK_DAYS = (1, 2, 3, 7, 14, 28)
ROUNDS, LEAST_MISS, PENALTY = 40, 1e-3, 1.0


def views(values: Floats, origin: int, learnt: Learnt, found: Floats, clear: Floats) -> Floats:
    """(hours, views): the forecast, its parts, the clear sky, medians and mean of the days before. Unknown is usual."""
    days = values[origin % DAY : origin].reshape(-1, DAY)[-max(LOOKS_BACK_DAYS) :]
    ahead = np.arange(DAY) + 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        medians = [np.nanmedian(days[-count:], axis=0) for count in LOOKS_BACK_DAYS]
        high = np.nanquantile(days, 0.9, axis=0)
        mean = np.nanmean(days[-7:], axis=0)
    parts = [found, learnt.usual_kw, learnt.alike.power_kw, clear, clear * np.exp(-ahead / 3), high, mean, *medians]
    parts += [learnt.alike.shift_kw * np.exp(-ahead / fades) for fades in (3, 12, 36)]
    drawn = learnt.usual_kw * (learnt.recent - 1) if np.isfinite(learnt.recent) else np.zeros(DAY)
    parts += [drawn * np.exp(-ahead / fades) for fades in (1.5, 4, 12)]
    known = np.stack(parts, axis=1)
    return np.where(np.isfinite(known), known, learnt.usual_kw[:, None])


def hindsight(parts: Floats, actual: Floats, *, capacity: float) -> float:
    """Mean absolute error of the weights that are best for these rows (least absolute deviations, reweighted)."""
    left, right = parts / capacity, actual / capacity
    weights = np.zeros(left.shape[1])
    for _ in range(ROUNDS):
        pull = 1.0 / np.maximum(np.abs(right - left @ weights), LEAST_MISS)
        square = left.T @ (left * pull[:, None]) + PENALTY * np.eye(left.shape[1])
        weights = np.linalg.solve(square, left.T @ (right * pull))
    return float(np.abs(np.clip(left @ weights, 0.0, 1.0) - right).mean()) * capacity
