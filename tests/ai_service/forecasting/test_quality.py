# SPDX-License-Identifier: Apache-2.0
"""Findings and repairs: what is told, what is mended, what stays unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_service.forecasting import errors, quality
from tests.ai_service.forecasting.makers import make_series


def found(checked: quality.Checked) -> dict[str, int]:
    return {finding.code: finding.count for finding in checked.findings}


def with_values(change, days: int = 60):
    series = make_series(days)
    values = series.values.copy()
    change(values)
    return replace(series, values=values)


def put(position, value):
    def change(values):
        values[position] = value

    return change


def test_check__a_clean_series__finds_and_changes_nothing():
    series = make_series(60)

    checked = quality.check(series)

    assert checked.findings == ()
    assert np.array_equal(checked.series.values, series.values)


def test_check__a_short_gap__is_a_line_known_when_the_next_reading_is():
    series = with_values(put(slice(100, 102), np.nan))

    checked = quality.check(series)

    before, after = series.values[99], series.values[102]
    assert checked.series.values[100:102] == pytest.approx(
        [before + (after - before) / 3, after - (after - before) / 3]
    )
    assert (checked.series.available[100:102] == series.available[102]).all()
    assert found(checked) == {"gap": 2}


def test_check__a_long_gap__stays_unknown():
    checked = quality.check(with_values(put(slice(100, 110), np.nan)))

    assert np.isnan(checked.series.values[100:110]).all()
    assert found(checked) == {"gap_long": 10}


def test_check__a_sensor_that_hangs__is_believed_for_six_hours():
    checked = quality.check(with_values(put(slice(200, 230), 0.77)))

    assert (checked.series.values[200:206] == 0.77).all()
    assert np.isnan(checked.series.values[206:230]).all()
    assert found(checked)["stale"] == 24


def test_check__zeros_in_a_row__are_readings():
    checked = quality.check(with_values(put(slice(200, 230), 0.0)))

    assert (checked.series.values[200:230] == 0.0).all()


def test_check__one_negative_reading__is_unknown_then_a_line():
    checked = quality.check(with_values(put(300, -2.0)))

    assert found(checked) == {"negative": 1, "gap": 1}
    assert checked.series.values[300] > 0


def test_check__a_meter_that_feeds_back__keeps_its_negative_readings():
    series = make_series(60)
    fed = replace(series, values=series.values - 0.6)

    assert np.array_equal(quality.check(fed).series.values, fed.values)


def test_check__a_spike__is_taken_out():
    checked = quality.check(with_values(put(400, 80.0)))

    assert found(checked) == {"spike": 1, "gap": 1}
    assert checked.series.values[400] < 5


def test_check__a_day_in_watts__is_scaled_and_known_at_its_end():
    def change(values):
        values[240:264] *= 1000

    series = with_values(change)

    checked = quality.check(series)

    assert found(checked)["unit_jump"] == 24
    assert checked.series.values[240:264] == pytest.approx(make_series(60).values[240:264])
    assert (checked.series.available[240:264] == series.available[263]).all()


def test_check__a_meter_that_changes_to_megawatts__is_scaled_from_that_day_on():
    def change(values):
        values[50 * 24 :] /= 1000

    series = with_values(change)

    checked = quality.check(series)

    assert found(checked)["unit_jump"] == 10 * 24
    assert checked.series.values == pytest.approx(make_series(60).values)


def test_check__a_clock_that_moved__is_reported_only():
    def change(values):
        values[56 * 24 :] = np.roll(values[56 * 24 :], 5)

    series = with_values(change, days=112)

    checked = quality.check(series)

    assert found(checked) == {"clock_shift": 1}
    assert np.array_equal(checked.series.values, series.values)


def test_require_usable__too_few_or_too_sparse__is_refused():
    with pytest.raises(errors.SeriesTooShort):
        quality.require_usable(make_series(1))
    with pytest.raises(errors.SeriesTooSparse):
        quality.require_usable(with_values(put(slice(40 * 24, 60 * 24), np.nan)))


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 30 * 24 - 1), max_size=200))
def test_check__any_readings_missing__none_becomes_zero(missing):
    def change(values):
        values[sorted(missing)] = np.nan

    checked = quality.check(with_values(change, days=30))

    assert not (checked.series.values == 0).any()
    known = np.isfinite(checked.series.values)
    assert (checked.series.values[known] > 0).all()
