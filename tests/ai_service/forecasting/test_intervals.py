# SPDX-License-Identifier: Apache-2.0
"""Calibrated intervals: they keep their promise by hour, follow a change of noise, and never see what is to come."""

from __future__ import annotations

import numpy as np
import pytest

from ai_service.forecasting import backtest, intervals, metrics
from tests.ai_service.forecasting.makers import make_series

LOW, HIGH = (metrics.QUANTILES.index(end) for end in (0.05, 0.95))


def noisy(days: int, steps: int, *, sizes: np.ndarray | float, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, (days, steps)) * sizes


def plain(actual: np.ndarray) -> intervals.Spread:
    return intervals.Spread.none(*actual.shape)


def cover(actual: np.ndarray, ready: int, *, per_day: int = 24) -> np.ndarray:
    nothing = np.zeros(actual.shape)
    before = np.arange(len(actual)) < ready
    found = intervals.calibrate(nothing, plain(actual), actual, before, per_day=per_day)
    return metrics.inside(found[~before], actual[~before], 90)


def test_calibrate__hours_of_unlike_noise__each_is_covered_as_promised():
    sizes = 1 + 3 * np.exp(-((np.arange(24) - 19) ** 2) / 8)

    hits = cover(noisy(264, 24, sizes=sizes), 84)

    assert hits.mean() == pytest.approx(0.9, abs=0.02)
    assert np.abs(hits.mean(axis=0) - 0.9).max() < metrics.joint_margin(hits)


def test_calibrate__noise_that_trebles__is_covered_again_soon():
    sizes = np.where(np.arange(264) >= 120, 3.0, 1.0)[:, None]

    hits = cover(noisy(264, 24, sizes=sizes), 84)

    assert hits[36:46].mean() < 0.85
    assert hits[80:].mean() == pytest.approx(0.9, abs=0.03)


def test_calibrate__a_week_ahead__uses_no_miss_before_its_target_came_to_pass():
    actual = noisy(60, 168, sizes=1.0)
    nothing = np.zeros(actual.shape)
    origin, ready = 40, np.arange(60) < 30
    later = (np.arange(60)[:, None] * 24 + np.arange(168)) >= origin * 24
    spoilt = np.where(later, 1e6, actual)

    told = intervals.calibrate(nothing, plain(actual), actual, ready, per_day=24)
    again = intervals.calibrate(nothing, plain(actual), spoilt, ready, per_day=24)

    assert np.array_equal(told[origin], again[origin])
    assert not np.array_equal(told[origin + 1], again[origin + 1])


def test_calibrate__a_wide_side_and_a_narrow_one__are_told_apart_by_the_forecast():
    random = np.random.default_rng(2)
    size = np.where(random.random((264, 24)) < 0.5, 1.0, 5.0)
    actual = np.where(random.random((264, 24)) < 0.5, -1.0, size) * random.random((264, 24))
    ready, nothing = np.arange(264) < 84, np.zeros((264, 24))

    told = intervals.calibrate(nothing, intervals.Spread(nothing + 1, size), actual, ready, per_day=24)[84:]
    blind = intervals.calibrate(nothing, plain(actual), actual, ready, per_day=24)[84:]

    assert metrics.inside(told, actual[84:], 90).mean() == pytest.approx(0.9, abs=0.02)
    assert metrics.pinball(told, actual[84:]).mean() < 0.95 * metrics.pinball(blind, actual[84:]).mean()


def test_floor_of__readings_never_below_zero__no_quantile_is():
    actual = np.abs(noisy(120, 24, sizes=1.0))
    ready = np.arange(120) < 84

    found = intervals.calibrate(0 * actual, plain(actual), actual, ready, per_day=24, floor=intervals.floor_of(actual))

    assert found[84:].min() >= 0
    assert intervals.floor_of(np.array([1.0, np.nan, -0.1])) == -np.inf


def test_calibrate__unknown_readings__say_nothing():
    actual = noisy(120, 24, sizes=1.0)
    actual[50:60] = np.nan

    hits = cover(actual, 84)

    assert np.nanmean(hits) == pytest.approx(0.9, abs=0.06)


def test_upcoming__after_many_misses__is_wider_than_the_plain_quantiles():
    calm, wild = noisy(120, 24, sizes=1.0), noisy(6, 24, sizes=4.0)
    misses = np.concatenate([calm, wild])

    steered = intervals.upcoming(misses, per_day=24)
    plain = intervals.miss_quantiles(misses)

    assert (steered[:, HIGH] - steered[:, LOW] > plain[:, HIGH] - plain[:, LOW]).all()
    assert (np.diff(steered, axis=1) >= 0).all()


def test_run__two_days_ahead__the_choice_does_not_depend_on_the_test_days():
    series = make_series(64)
    quick = {"rounds": 5, "simple": backtest.reference_forecasters()}

    result = backtest.run(series, horizon_s=48 * 3600, days=3, **quick)
    first = int(result.plan.test[0])
    changed = series.values.copy()
    changed[first:] = changed[first:][::-1] * 3
    again = backtest.run(
        type(series)(series.start, series.step_s, changed, series.available, repaired=series.repaired),
        horizon_s=48 * 3600,
        days=3,
        **quick,
    )

    assert again.choice == result.choice
    assert again.weights == result.weights
