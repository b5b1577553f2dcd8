# SPDX-License-Identifier: Apache-2.0
"""AutoETS, MSTL and Theta of statsforecast, fitted anew at each origin on the four weeks before it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from statsforecast.models import MSTL, AutoETS, Theta

from ai_service.forecasting.features import known_days
from ai_service.forecasting.types import Floats, Ints, Series

WINDOW_DAYS = 28
THREADS = 2
NAMES = ("auto_ets", "mstl", "theta")


def _model(name: str, slots: int) -> Any:
    if name == "auto_ets":
        return AutoETS(season_length=slots, model="ZNA")
    if name == "mstl":
        skip = max(1, slots // 8)
        jumps = {"seasonal_jump": skip, "trend_jump": 2 * skip, "low_pass_jump": 2 * skip}  # ten times as quick
        trend = AutoETS(model="ANN")
        return MSTL(season_length=[slots, 7 * slots], trend_forecaster=trend, stl_kwargs=jumps)
    return Theta(season_length=slots)


def forecaster(name: str) -> Callable[[Series, Ints, int], Floats]:
    """Point forecasts (origins, steps) of one of NAMES; where a model cannot be fitted, NaN."""

    def forecast(series: Series, origins: Ints, steps: int) -> Floats:
        windows = _without_gaps(known_days(series, origins, days=WINDOW_DAYS))
        with ThreadPoolExecutor(THREADS) as side_by_side:
            answers = side_by_side.map(lambda past: _one(name, series.per_day, past, steps), windows)
            return np.stack(list(answers))

    return forecast


def _one(name: str, slots: int, past: Floats, steps: int) -> Floats:
    if not np.isfinite(past).all() or np.ptp(past) == 0:
        return np.full(steps, np.nan)
    try:
        answer = np.asarray(_model(name, slots).forecast(y=past, h=steps)["mean"], dtype=np.float64)
    except (ValueError, ZeroDivisionError, FloatingPointError, np.linalg.LinAlgError):
        return np.full(steps, np.nan)
    bound = np.abs(past).max() * 5
    return np.where(np.abs(answer) <= bound, answer, np.nan)


def _without_gaps(days: Floats) -> list[Floats]:
    """Windows in a row; an unknown reading is the mean of its time of day within the window."""
    seen = np.isfinite(days)
    count = seen.sum(axis=1, keepdims=True)
    usual = np.where(count > 0, np.where(seen, days, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1), np.nan)
    filled = np.where(np.isnan(days), usual, days)
    return [np.ascontiguousarray(window.ravel()) for window in filled]
