# SPDX-License-Identifier: Apache-2.0
"""AutoETS, MSTL and Theta of statsforecast on the four weeks before each origin.

MSTL and Theta are fitted at each origin; AutoETS, whose search is slow, anew every REFIT_ORIGINS origins and smoothed
with the parameters found between them.
"""

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
REFIT_ORIGINS = 7
LARGEST_RATIO = 5  # of the largest reading: beyond it a fit has run away
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
        groups = [windows[at : at + REFIT_ORIGINS] for at in range(0, len(windows), REFIT_ORIGINS)]
        with ThreadPoolExecutor(THREADS) as side_by_side:
            answers = side_by_side.map(lambda group: _group(name, series.per_day, group, steps), groups)
            return np.concatenate(list(answers))

    return forecast


def _group(name: str, slots: int, windows: list[Floats], steps: int) -> Floats:
    """Fitted on the first window; the later ones are smoothed with what was learned, where the model can do that."""
    fitted: Any = None
    answers = []
    for past in windows:
        answer, fitted = _one(name, slots, past, steps, fitted)
        answers.append(answer)
    return np.stack(answers)


def _one(name: str, slots: int, past: Floats, steps: int, fitted: Any) -> tuple[Floats, Any]:
    unknown = np.full(steps, np.nan)
    if not np.isfinite(past).all() or np.ptp(past) == 0:
        return unknown, fitted
    try:
        if name != "auto_ets":
            told = _model(name, slots).forecast(y=past, h=steps)
        elif fitted is None:
            fitted = _model(name, slots).fit(past)
            told = fitted.predict(h=steps)
        else:
            told = fitted.forward(y=past, h=steps)
    except (ValueError, ZeroDivisionError, FloatingPointError, np.linalg.LinAlgError):
        return unknown, fitted
    answer = np.asarray(told["mean"], dtype=np.float64)
    return np.where(np.abs(answer) <= np.abs(past).max() * LARGEST_RATIO, answer, np.nan), fitted


def _without_gaps(days: Floats) -> list[Floats]:
    """Windows in a row; an unknown reading is the mean of its time of day within the window."""
    seen = np.isfinite(days)
    count = seen.sum(axis=1, keepdims=True)
    usual = np.where(count > 0, np.where(seen, days, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1), np.nan)
    filled = np.where(np.isnan(days), usual, days)
    return [np.ascontiguousarray(window.ravel()) for window in filled]
