# SPDX-License-Identifier: Apache-2.0
"""The model that needs no training: short series, long horizons, and what it may know."""

import numpy as np
import pytest

from ai_service.forecasting import leaks
from ai_service.forecasting.metrics import MEDIAN, QUANTILES
from ai_service.forecasts import recent
from tests.ai_service.forecasting.makers import make_series


@pytest.mark.parametrize("days", [2, 3, 5, 9, 20, 70])
@pytest.mark.parametrize("steps", [1, 24, 168])
def test_forecast__any_length_and_horizon__is_finite_and_ordered(days, steps):
    series = make_series(days)

    answer = recent.forecast(series, steps)

    assert answer.quantiles.shape == (steps, len(QUANTILES))
    assert np.isfinite(answer.quantiles).all()
    assert (np.diff(answer.quantiles, axis=1) >= 0).all()
    assert sum(answer.weights.values()) == pytest.approx(1, abs=0.08)


def test_forecast__weeks_of_readings__beats_last_week_and_its_intervals_hold():
    series = make_series(98)
    hits, mine, theirs = [], [], []
    for day in range(84, 97):
        actual = series.values[day * 24 : (day + 1) * 24]
        quantiles = recent.forecast(series.head(day * 24), 24).quantiles
        hits.append((actual >= quantiles[:, 1]) & (actual <= quantiles[:, -2]))
        mine.append(np.abs(quantiles[:, MEDIAN] - actual).mean())
        theirs.append(np.abs(series.values[(day - 7) * 24 : (day - 6) * 24] - actual).mean())

    assert np.mean(mine) < np.mean(theirs)
    assert 0.8 < np.mean(hits) < 0.98


def test_forecast__figures__tell_what_was_seen_of_late():
    figures = recent.forecast(make_series(90), 24).figures

    assert figures.origins >= recent.LEAST_ORIGINS
    assert 0 < figures.mase < 1
    assert set(figures.coverage) == {50, 80, 90}
    assert recent.forecast(make_series(4), 24).figures.mae is None


def test_forecast__spoilt_future__changes_nothing():
    series = make_series(60)
    origin = 40 * 24

    found = leaks.check(
        series,
        {"recent": lambda raw, end: recent.forecast(raw.head(int(end)), 24).quantiles.ravel()},
        np.array([origin]),
    )

    assert found.clean


def test_forecast__steps_never_read__are_told_from_their_neighbours():
    series = make_series(30)
    values = series.values.copy()
    values[5::24] = np.nan

    answer = recent.forecast(type(series)(series.start, 3600, values, series.available), 24)

    assert np.isfinite(answer.quantiles).all()
