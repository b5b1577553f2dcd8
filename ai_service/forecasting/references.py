# SPDX-License-Identifier: Apache-2.0
"""The forecasts that everything has to beat: exponential smoothing and the same time yesterday or last week."""

from __future__ import annotations

import numpy as np

from ai_service.forecasting.features import known, known_days
from ai_service.forecasting.types import Floats, Ints, Series

ALPHA = 0.3
SMOOTHED_DAYS = 14  # 0.7 ** 336: what lies further back weighs less than rounding


def ses(series: Series, origins: Ints, steps: int) -> Floats:
    """Simple exponential smoothing, α = 0.3: the level at the origin, for every step."""
    past = known_days(series, origins, days=SMOOTHED_DAYS).reshape(len(origins), -1)
    level = past[:, 0].copy()
    for column in past.T[1:]:
        moved = np.where(np.isnan(level), column, level + ALPHA * (column - level))
        level = np.where(np.isnan(column), level, moved)
    return np.repeat(level[:, None], steps, axis=1)


def seasonal_naive(series: Series, origins: Ints, steps: int, *, days: int) -> Floats:
    """The last reading at the same time of the `days`-day season; an unknown one is looked for a season earlier."""
    season = days * series.per_day
    step = np.arange(steps)
    answer = np.full((len(origins), steps), np.nan)
    for seasons in range(1, 5):
        back = season * (step // season + seasons)
        answer = np.where(np.isnan(answer), known(series, origins[:, None] + step - back, origins), answer)
    return answer
