# SPDX-License-Identifier: Apache-2.0
"""The report: measured once, kept, and written as a page with charts that are valid SVG."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from ai_service.cli_backtest import report
from ai_service.forecasting import charts, data, measured, models_page, provenance, sets, statistical
from ai_service.forecasting.data import Read
from tests.ai_service.forecasting.makers import make_table, make_values

SOURCE = data.Source("time", "value")


def make_homes(_: Path) -> dict[str, Read]:
    return {f"home_{seed}": data.from_table(make_table(make_values(58, seed=seed)), SOURCE) for seed in (1, 2)}


@pytest.fixture
def homes(monkeypatch):
    monkeypatch.setattr(statistical, "NAMES", ())  # the slow ones have tests of their own
    one = sets.DataSet("homes", "Homes", "made for the test", 0.8, make_homes)
    for module in (sets, models_page):
        monkeypatch.setattr(module, "SETS", (one,))
    return one


def test_report__two_homes__writes_page_charts_and_runs_and_does_not_run_twice(homes, tmp_path: Path):
    options = ["--data", str(tmp_path), "--out", str(tmp_path), "--days", "4", "--rounds", "5"]

    first = CliRunner().invoke(report, options, catch_exceptions=False)
    page = (tmp_path / "MODELS.md").read_text()
    second = CliRunner().invoke(report, options, catch_exceptions=False)

    assert "home_1, 4 origins" in first.output
    assert "home_1, 4 origins" not in second.output
    assert (tmp_path / "MODELS.md").read_text() == page
    assert "| home_2 |" in page
    assert "clean (" in page
    assert f"`{provenance.code_version()}`: homes (4 days)" in page
    drawn = sorted((tmp_path / "models").glob("*.svg"))
    assert [path.stem for path in drawn] == ["homes_4_calibration", "homes_4_forecast", "homes_4_hours"]
    for path in drawn:
        assert ElementTree.fromstring(path.read_text()).tag.endswith("svg")
        assert f"models/{path.name}" in page


def test_measure__a_series_too_short__is_recorded_as_refused(homes, tmp_path: Path):
    path = tmp_path / "runs.json"

    measured.measure(homes, tmp_path, days=50, path=path, rounds=5)

    assert {record["refused"] for record in measured.load(path).values()} == {"series.too_short"}
    assert "refused: `series.too_short`" in models_page.write(tmp_path, measured.load(path)).read_text()


def test_save__any_records__are_read_back(tmp_path: Path):
    records = {"a/b/60": {"mase": 0.5, "by": {"0": 1.0}}, "a/c/60": {"refused": "x"}}

    measured.save(tmp_path / "runs.json", records)

    assert measured.load(tmp_path / "runs.json") == records
    assert json.loads((tmp_path / "runs.json").read_text()) == records


@pytest.mark.parametrize(("low", "high", "first", "step"), [(0, 1, 0, 0.2), (-3, 40, 0, 10), (0.93, 1.07, 0.95, 0.025)])
def test_ticks__any_range__are_round_and_inside(low, high, first, step):
    found = charts.ticks(low, high)

    assert found[0] == pytest.approx(first)
    assert found[1] - found[0] == pytest.approx(step)
    assert found[-1] <= high + 1e-9


def test_chart__an_unknown_value__breaks_the_line_and_names_are_escaped():
    drawn = charts.chart("a < b", [charts.Line("x", [0, 1, 2, 3], [1.0, 2.0, None, 3.0])], x_name="h", y_name="kWh")

    assert drawn.count("M") >= 2
    assert "a &lt; b" in drawn
    ElementTree.fromstring(drawn)
