# SPDX-License-Identifier: Apache-2.0
"""Calibrated intervals: they keep their promise by hour, follow a change of noise, and never see what is to come."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

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

    steered = intervals.upcoming(0 * misses, plain(misses), misses, per_day=24).quantiles(None)
    usual = intervals.miss_quantiles(misses)

    assert (steered[:, HIGH] - steered[:, LOW] > usual[:, HIGH] - usual[:, LOW]).all()
    assert (np.diff(steered, axis=1) >= 0).all()


def fan_of(centre: np.ndarray, size: np.ndarray) -> np.ndarray:
    """What a booster that knows the noise would say at the levels of the fan."""
    scores = np.array([NormalDist().inv_cdf(level) for level in intervals.FAN])
    return centre[..., None] + size[..., None] * scores


def test_guesses__a_normal_fan__is_drawn_out_to_all_levels_as_a_normal_distribution():
    centre, size = np.array([[5.0, -2.0]]), np.array([[1.0, 3.0]])
    spread = intervals.Spread(size / 2, 2 * size, fan_of(centre, size))

    around = spread.around(0, centre[0], spread.guesses(centre)[0])

    wanted = [[NormalDist(c, s).inv_cdf(q) for q in metrics.QUANTILES] for c, s in zip(centre[0], size[0], strict=True)]
    assert around == pytest.approx(np.array(wanted))


def test_calibrate__a_fan_that_knows_the_noise_of_each_day__makes_intervals_better_and_keeps_their_promise():
    random = np.random.default_rng(11)
    size = random.choice([0.5, 4.0], (264, 24))
    actual, ready, nothing = random.standard_normal((264, 24)) * size, np.arange(264) < 84, np.zeros((264, 24))

    told = intervals.calibrate(
        nothing, intervals.Spread(nothing + 1, nothing + 1, fan_of(nothing, size)), actual, ready, per_day=24
    )[84:]
    blind = intervals.calibrate(nothing, plain(actual), actual, ready, per_day=24)[84:]

    assert metrics.inside(told, actual[84:], 90).mean() == pytest.approx(0.9, abs=0.02)
    assert metrics.pinball(told, actual[84:]).mean() < 0.95 * metrics.pinball(blind, actual[84:]).mean()
    assert (np.diff(told, axis=2) >= 0).all()


def test_calibrate__a_fan_far_off__is_not_believed():
    actual, nothing = noisy(264, 24, sizes=1.0), np.zeros((264, 24))
    ready = np.arange(264) < 84
    astray = intervals.Spread(nothing + 1, nothing + 1, fan_of(nothing + 20, nothing + 1))

    told = intervals.calibrate(nothing, astray, actual, ready, per_day=24)[84:]
    blind = intervals.calibrate(nothing, plain(actual), actual, ready, per_day=24)[84:]

    lost, usual = (metrics.pinball(one, actual[84:]).mean() for one in (told, blind))
    assert lost == pytest.approx(usual, rel=0.01)


def test_record__a_fan_unknown_for_some_steps__counts_where_it_is_known():
    misses = noisy(60, 24, sizes=1.0)
    record = replace(intervals.upcoming(0 * misses, plain(misses), misses, per_day=24), trusts_fan=True)
    guess = np.tile(np.linspace(-9.0, 9.0, len(metrics.QUANTILES)), (24, 1))
    guess[3] = np.nan

    told, without = record.quantiles(guess), record.quantiles(None)

    assert np.array_equal(told[3], without[3])
    assert (np.delete(told, 3, axis=0)[:, HIGH] > np.delete(without, 3, axis=0)[:, HIGH]).all()


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
