# SPDX-License-Identifier: Apache-2.0
"""Quantiles between the known ones, trimming, and what a forecast of readings never below zero may say."""

import numpy as np
import pytest

from ai_service.forecasting.metrics import MEDIAN, QUANTILES
from ai_service.forecasting.types import regular
from ai_service.forecasts import engine
from tests.ai_service.forecasting.makers import START, make_series


@pytest.fixture(scope="module")
def forecast():
    return engine.forecast(make_series(30), skip=2, steps=24)


@pytest.mark.parametrize("level", [0.01, 0.025, 0.03, 0.5, 0.62, 0.975, 0.99])
def test_at__any_level__lies_on_the_line_between_its_neighbours(forecast, level):
    expected = [np.interp(level, np.array(QUANTILES), row) for row in forecast.quantiles]

    assert forecast.at(level) == pytest.approx(expected)


def test_interval__higher_levels__hold_lower_ones_and_the_median(forecast):
    half, most = forecast.interval(50), forecast.interval(90)

    assert (most[0] <= half[0]).all()
    assert (half[0] <= forecast.median).all()
    assert (half[1] <= most[1]).all()
    assert forecast.median == pytest.approx(forecast.quantiles[:, MEDIAN])


def test_forecast__skipped_steps__begin_later(forecast):
    whole = engine.forecast(make_series(30), skip=0, steps=26)

    assert forecast.quantiles == pytest.approx(whole.quantiles[2:])
    assert forecast.start == make_series(30).stamp(30 * 24 + 2)


def test_trimmed__unknown_at_both_ends__is_cut_and_kept_inside():
    series = regular(START, 3600, [np.nan, 1.0, np.nan, 2.0, np.nan])

    found = engine.trimmed(series)

    assert (len(found), found.start) == (3, series.stamp(1))
    assert len(engine.trimmed(series.head(1))) == 0


def test_bounded__readings_never_below_zero__keep_it_and_others_do_not():
    low = np.array([[-1.0, 2.0]])

    assert engine.bounded(low, regular(START, 3600, [0.0, 3.0])).tolist() == [[0.0, 2.0]]
    assert engine.bounded(low, regular(START, 3600, [-1.0, 3.0])).tolist() == [[-1.0, 2.0]]
