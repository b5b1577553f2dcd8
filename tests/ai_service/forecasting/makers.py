# SPDX-License-Identifier: Apache-2.0
"""Readings for tests: a house with a daily and weekly rhythm, as a series and as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from ai_service.forecasting.types import Floats, Series, regular

START = datetime(2024, 1, 1, tzinfo=UTC)


def make_values(days: int, *, per_day: int = 24, seed: int = 1, noise: float = 0.1) -> Floats:
    """Positive readings: evening peak, weekends higher, a slow season, noise."""
    index = np.arange(days * per_day)
    hour, day = index % per_day / per_day * 24, index // per_day
    shape = 0.4 + np.exp(-((hour - 19) ** 2) / 6) + 0.4 * np.exp(-((hour - 8) ** 2) / 4)
    week = np.where(day % 7 >= 5, 1.3, 1.0)
    season = 1 + 0.3 * np.sin(2 * np.pi * day / 365)
    random = np.random.default_rng(seed)
    drift = np.repeat(np.cumsum(random.normal(0, 0.02, days)), per_day)
    return np.asarray(np.maximum(shape * week * season + drift + random.normal(0, noise, len(index)), 0.01))


def make_series(days: int = 120, **more: int) -> Series:
    """An hourly series in UTC."""
    return regular(START, 3600, make_values(days, **more))


def make_table(values: Floats, *, step: timedelta = timedelta(hours=1), start: datetime = START) -> pd.DataFrame:
    """Columns `time` (ISO, UTC) and `value`."""
    times = [(start + step * index).isoformat() for index in range(len(values))]
    return pd.DataFrame({"time": times, "value": values})
