# SPDX-License-Identifier: Apache-2.0
"""Reading a table: order, zones, resolution; and the name of each refusal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ai_service.forecasting import errors
from ai_service.forecasting.data import Source, from_table, read_csv, resolution_s
from tests.ai_service.forecasting.makers import make_table, make_values

SOURCE = Source("time", "value")


def codes(findings: object) -> list[str]:
    return [finding.code for finding in findings]  # type: ignore[attr-defined]


def test_from_table__unsorted_and_duplicate_times__are_sorted_averaged_and_told():
    table = make_table(make_values(3))
    mixed = pd.concat([table.iloc[30:], table.iloc[:30], table.iloc[[5]].assign(value=9.0)])

    read = from_table(mixed, SOURCE)

    assert len(read.series) == 72
    assert read.series.values[5] == pytest.approx((table.value[5] + 9.0) / 2)
    assert codes(read.findings) == ["unsorted", "duplicate"]


def test_from_table__a_gap__is_unknown_and_never_zero():
    table = make_table(make_values(3)).drop(index=range(20, 30))

    series = from_table(table, SOURCE).series

    assert np.isnan(series.values[20:30]).all()
    assert np.isfinite(np.delete(series.values, np.arange(20, 30))).all()


def test_from_table__empty_cells__are_unknown():
    table = make_table(make_values(3)).astype({"value": object})
    table.loc[7, "value"] = None

    assert np.isnan(from_table(table, SOURCE).series.values[7])


def test_from_table__half_hours_to_hours__takes_means_or_sums():
    table = make_table(make_values(3, per_day=48), step=timedelta(minutes=30))

    mean = from_table(table, Source("time", "value", resolution="1h")).series
    total = from_table(table, Source("time", "value", resolution="1h", total=True)).series

    assert mean.step_s == total.step_s == 3600
    assert total.values == pytest.approx(2 * mean.values)


def test_from_table__each_value__becomes_available_when_its_interval_ends():
    series = from_table(make_table(make_values(3)), SOURCE).series

    assert (series.available == series.time_at(np.arange(len(series))) + 3600).all()


def test_from_table__local_clock_over_both_changes__is_one_utc_line_and_tells_the_days():
    local = pd.date_range("2024-03-01", "2024-11-30 23:00", freq="h", tz="Europe/Berlin")
    table = pd.DataFrame({"time": local.tz_localize(None).astype(str), "value": make_values(300)[: len(local)]})

    read = from_table(table, Source("time", "value", zone="Europe/Berlin"))

    assert len(read.series) == len(local)
    assert np.isfinite(read.series.values).all()
    assert {"dst_short", "dst_long", "hour_twice"} <= set(codes(read.findings))
    assert read.series.calendar(np.array([0])).hour[0] == 0


def test_from_table__an_hour_that_no_clock_showed__is_left_out_and_told():
    times = pd.date_range("2024-03-30", periods=72, freq="h").astype(str)
    table = pd.DataFrame({"time": times, "value": make_values(3)})

    read = from_table(table, Source("time", "value", zone="Europe/Berlin"))

    assert "time_not_on_clock" in codes(read.findings)
    assert len(read.series) == 71


def test_from_table__a_flag_of_whole_days__is_a_calendar_and_a_measurement_is_left_out():
    table = make_table(make_values(4))
    table["closed"] = ["TRUE" if 24 <= index < 48 else "FALSE" for index in range(96)]
    table["heat"] = np.arange(96.0)

    read = from_table(table, Source("time", "value", covariates=("closed", "heat")))

    assert {str(day) for day in read.series.holidays} == {"2024-01-02"}
    assert codes(read.findings) == ["covariate_measured"]


def _with(position: int, column: str, value: object) -> pd.DataFrame:
    table = make_table(make_values(3)).astype(object)
    table.loc[position, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "refusal"),
    [
        (make_table(make_values(3)).iloc[:0], errors.SeriesEmpty),
        (make_table(np.full(72, np.nan)), errors.SeriesEmpty),
        (make_table(make_values(3)).iloc[:2], errors.SeriesTooShort),
        (make_table(np.zeros(72)), errors.SeriesAllZero),
        (make_table(np.full(72, 1.5)), errors.SeriesConstant),
        (_with(3, "value", float("inf")), errors.ValueNotFinite),
        (_with(3, "value", 1e12), errors.ValueTooLarge),
        (_with(3, "value", "lots"), errors.ValueUnreadable),
        (_with(3, "time", "soon"), errors.TimeUnreadable),
        (_with(3, "time", "2024-01-01T03:00:00"), errors.ZonesMixed),
        (make_table(make_values(3), step=timedelta(minutes=7)), errors.ResolutionInvalid),
        (make_table(make_values(3)).drop(columns="value"), errors.ColumnMissing),
    ],
)
def test_from_table__what_cannot_be_used__is_refused_by_name(table, refusal):
    with pytest.raises(refusal):
        from_table(table, SOURCE)


@pytest.mark.parametrize("text", ["7h", "0h", "7min", "2d", "-1h", "h", "", "13s"])
def test_resolution_s__what_does_not_divide_a_day__is_refused(text):
    with pytest.raises(errors.ResolutionInvalid):
        resolution_s(text)


def test_from_table__finer_than_the_readings__is_refused():
    with pytest.raises(errors.ResolutionInvalid):
        from_table(make_table(make_values(3)), Source("time", "value", resolution="15min"))


def test_from_table__unknown_zone_or_region__is_refused():
    with pytest.raises(errors.ZoneUnknown):
        from_table(make_table(make_values(3)), Source("time", "value", zone="Mars/Base"))
    with pytest.raises(errors.RegionUnknown):
        from_table(make_table(make_values(3)), Source("time", "value", region="XX"))


def test_read_csv__no_file_or_no_table__is_refused(tmp_path: Path):
    (tmp_path / "empty.csv").write_text("")

    for name in ("absent.csv", "empty.csv"):
        with pytest.raises(errors.FileUnreadable):
            read_csv(tmp_path / name, SOURCE)
