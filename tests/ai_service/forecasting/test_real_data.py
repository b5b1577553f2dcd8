# SPDX-License-Identifier: Apache-2.0
"""Reference figures on the real data beside the repository: the metric is the one that was published with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ai_service.forecasting import backtest, data, metrics, references
from ai_service.forecasting.features import targets
from ai_service.forecasting.types import Series

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
NEEDS_DATA = pytest.mark.skipif(not DATA.is_dir(), reason="the real data (../shared/data) are not on this machine")


def reference_mase(raw: Series) -> list[float]:
    """MASE of smoothing, day-naive and week-naive over the last 60 days."""
    raw = raw.tail(backtest.HISTORY_DAYS * raw.per_day)
    origins = backtest.plan_of(len(raw), raw.per_day, steps=raw.per_day, days=60).test
    actual = targets(raw, origins, raw.per_day)
    scale = metrics.mase_scale(raw.values[: origins[0]], raw.per_day)
    asked = [
        references.ses(raw, origins, raw.per_day),
        references.seasonal_naive(raw, origins, raw.per_day, days=1),
        references.seasonal_naive(raw, origins, raw.per_day, days=7),
    ]
    return [float(np.nanmean(np.abs(answer - actual))) / scale for answer in asked]


def many(path: str, key: str, source: data.Source, times: bool) -> list[float]:
    table = pd.read_csv(DATA / path)
    found = []
    for _, rows in table.groupby(key):
        if times:
            hours = pd.date_range("2016-07-31 23:00", periods=len(rows), freq="h").astype(str)
            rows = rows.assign(time=hours)
        found.append(reference_mase(data.from_table(rows, source).series))
    return list(np.mean(found, axis=0))


@NEEDS_DATA
def test_references__victoria__as_published():
    source = data.Source("Time", "Demand", resolution="1h")

    assert reference_mase(data.read_csv(DATA / "demand/vic_elec_30min.csv.gz", source).series) == pytest.approx(
        [1.50, 0.95, 0.94], abs=0.01
    )


@NEEDS_DATA
def test_references__pjm_east__as_published():
    source = data.Source("Datetime", "PJME_MW")

    assert reference_mase(data.read_csv(DATA / "demand/pjm_PJME_hourly.csv.gz", source).series) == pytest.approx(
        [1.75, 0.97, 1.53], abs=0.015
    )


@NEEDS_DATA
def test_references__citylearn_homes__as_published():
    source = data.Source("time", "non_shiftable_load")

    found = many("households/citylearn2022_homes_01_12.csv.gz", "building", source, times=True)

    assert found == pytest.approx([1.57, 1.06, 1.23], abs=0.01)


@NEEDS_DATA
def test_references__smart_grid_smart_city_homes__as_published():
    source = data.Source("reading_datetime", "general_supply_kwh", resolution="1h")

    found = many("households/sgsc_7homes_2012_2014.csv.gz", "customer_id", source, times=False)

    assert found == pytest.approx([0.72, 0.79, 0.80], abs=0.015)
