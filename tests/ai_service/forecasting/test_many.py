# SPDX-License-Identifier: Apache-2.0
"""Several series of one file: they teach each other, and none teaches another what had not come to pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ai_service.cli import main
from ai_service.forecasting import backtest, data, errors, features, pooled, statistical
from tests.ai_service.forecasting.makers import make_series, make_table, make_values

ROUNDS = 20


def make_student(seed: int, days: int = 100) -> pooled.Student:
    series = make_series(days, seed=seed)
    plan = backtest.plan_of(len(series), 24, steps=24, days=14)
    return pooled.Student(series, plan.training, plan.scored, plan.steps)


@pytest.fixture(scope="module")
def group():
    return {f"home {seed}": make_student(seed) for seed in (1, 2)}


def test_answers__homes_alike__each_is_forecast_well(group):
    told = pooled.answers(group, rounds=ROUNDS)

    for name, one in group.items():
        actual = features.targets(one.series, one.asked, one.steps)
        naive = features.targets(one.series, one.asked - 24, one.steps)
        assert np.abs(told[name].median - actual).mean() < 0.8 * np.abs(naive - actual).mean()


def test_answers__what_comes_after_the_training__changes_nothing_before_it(group):
    told = pooled.answers(group, rounds=ROUNDS)
    spoilt = {}
    for name, one in group.items():
        last = int(one.asked[-1])
        values = np.append(one.series.values[:last], 9 * one.series.values[last:])
        spoilt[name] = replace(one, series=replace(one.series, values=values))

    again = pooled.answers(spoilt, rounds=ROUNDS)

    for name in group:
        assert np.array_equal(again[name].median, told[name].median, equal_nan=True)
        assert np.array_equal(again[name].spread.up, told[name].spread.up, equal_nan=True)


def test_lessons__a_series_that_begins_later__teaches_only_what_had_passed():
    one = make_student(1)
    moment_s = int(one.series.time_at(np.array([60 * 24]))[0])
    frame = features.build(one.series, one.training, one.steps)

    taken, aims = pooled.lessons(one, frame, moment_s)

    assert (taken.origins + one.steps <= 60 * 24).all()
    assert np.isfinite(aims).all()
    assert len(taken.origins) == len(aims) > 0


def _file(folder: Path, homes: int, days: int) -> Path:
    tables = [make_table(make_values(days, seed=seed)).assign(home=f"h{seed}") for seed in range(1, homes + 1)]
    path = folder / "homes.csv"
    pd.concat(tables).to_csv(path, index=False)
    return path


def test_backtest_command__several_series__tells_each_and_the_mean(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(statistical, "NAMES", ())  # the slow ones have tests of their own
    options = ["--csv", str(_file(tmp_path, 2, 64)), "--time-column", "time", "--value-column", "value"]
    options += ["--series-column", "home", "--days", "3", "--skip-days", "5", "--rounds", "5", "--json"]

    done = CliRunner().invoke(main, ["backtest", *options])

    told = json.loads(done.output.splitlines()[-1])
    chosen = [home["models"][home["chosen"]]["mase"] for home in told["series"].values()]
    assert done.exit_code == 0
    assert list(told["series"]) == ["h1", "h2"]
    assert pooled.NAME in told["series"]["h1"]["models"]
    assert told["mean"]["mase"] == pytest.approx(sum(chosen) / 2, rel=1e-4)
    assert told["series"]["h1"]["from"].startswith("2024-02-26")
    assert done.output.count("leak check: clean") == 2


def test_backtest_command__no_such_series_column__is_an_error_with_its_code(tmp_path: Path):
    options = ["--csv", str(_file(tmp_path, 2, 30)), "--time-column", "time", "--value-column", "value"]

    done = CliRunner().invoke(main, ["backtest", *options, "--series-column", "house"])

    assert done.exit_code == 2
    assert json.loads(done.output.splitlines()[-1])["error"]["code"] == "series.column_missing"


def test_read_group__more_series_than_a_back_test_takes__is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(data, "MOST_SERIES", 1)

    with pytest.raises(errors.SeriesCount) as caught:
        data.read_group(_file(tmp_path, 2, 30), data.Source("time", "value"), "home")

    assert caught.value.details["series"] == 2
