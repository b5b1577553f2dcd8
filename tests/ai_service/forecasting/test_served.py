# SPDX-License-Identifier: Apache-2.0
"""What is kept after a back-test answers as the back-test did, also after being stored."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from ai_service.forecasting import backtest, errors, served
from ai_service.forecasting.metrics import MEDIAN
from tests.ai_service.forecasting.makers import make_series

WHOLE = make_series(82)


@pytest.fixture(scope="module")
def model():
    quick = {"rounds": 20, "simple": backtest.reference_forecasters()}
    result = backtest.run(WHOLE.head(81 * 24), horizon_s=24 * 3600, days=14, **quick)
    return served.prepare(result, rounds=20)


def test_forecast__the_next_day__is_close_and_ordered(model):
    forecast = model.forecast(WHOLE.head(81 * 24))

    actual = WHOLE.values[81 * 24 :]
    week_ago = WHOLE.values[74 * 24 : 75 * 24]
    assert forecast.quantiles.shape == (24, len(served.QUANTILES))
    assert (np.diff(forecast.quantiles, axis=1) >= 0).all()
    assert np.abs(forecast.quantiles[:, MEDIAN] - actual).mean() < np.abs(week_ago - actual).mean()


def test_forecast__stored_and_loaded__answers_the_same(model):
    again = pickle.loads(pickle.dumps(model))

    before, after = model.forecast(WHOLE.head(81 * 24)), again.forecast(WHOLE.head(81 * 24))

    assert np.array_equal(before.quantiles, after.quantiles)


def test_forecast__another_time_of_day__is_refused(model):
    with pytest.raises(errors.HorizonInvalid):
        model.forecast(WHOLE.head(81 * 24 - 5))
