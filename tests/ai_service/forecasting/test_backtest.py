# SPDX-License-Identifier: Apache-2.0
"""The back-test as a whole: what it prints, that it finds planted leaks, that it refuses what it cannot judge."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ai_service.cli import main
from ai_service.forecasting import backtest, errors, features, intervals, leaks, metrics, references, report
from ai_service.forecasting.backtest import REFERENCES
from tests.ai_service.forecasting.makers import make_series, make_table, make_values

HORIZON_S = 24 * 3600
QUICK = {"rounds": 20, "simple": backtest.reference_forecasters()}


@pytest.fixture(scope="module")
def result():
    return backtest.run(make_series(110), horizon_s=HORIZON_S, days=14, **QUICK)


def test_run__a_regular_house__beats_the_references_with_fair_intervals(result):
    told = report.as_json(result)["models"]

    best = told[result.chosen]
    assert best["mase"] < min(told[name]["mase"] for name in REFERENCES)
    assert best["pinball"] < 0.8 * min(told[name]["pinball"] for name in REFERENCES)
    assert 0.8 < best["coverage"]["90"] < 0.98


def test_run__references__have_the_empirical_quantiles_of_their_errors_before_the_test(result):
    naive, values, first = result.answers["seasonal_naive_day"], result.series.values, int(result.plan.test[0])
    spread = naive.quantiles - naive.median[~result.plan.ready][..., None]
    before = values[backtest.WARM_DAYS * 24 : first] - values[(backtest.WARM_DAYS - 1) * 24 : first - 24]

    assert np.ptp(spread, axis=(0, 1)).max() < 1e-9
    assert spread[0, 0] == pytest.approx(np.quantile(before, metrics.QUANTILES))


def test_pinball_ratio__any_result__is_over_the_references_as_listed_and_over_steered_ones(result):
    told = report.as_json(result)

    assert told["pinballRatio"]["seasonal_naive_day"] == pytest.approx(
        told["models"][result.chosen]["pinball"] / told["models"]["seasonal_naive_day"]["pinball"], rel=1e-4
    )
    assert (
        set(told["pinballRatioSteered"]) == set(told["pinballRatio"]) == {"seasonal_naive_day", "seasonal_naive_week"}
    )


def test_run__any_series__is_checked_for_leaks_in_every_part(result):
    assert result.leaks.clean
    assert {"features", "training", "intervals", *REFERENCES} <= set(result.leaks.asked)


def test_run__the_choice__does_not_depend_on_the_test_days(result):
    series = make_series(110)
    changed = replace(series, values=np.append(series.values[: -14 * 24], 3 * series.values[-14 * 24 :][::-1]))

    again = backtest.run(changed, horizon_s=HORIZON_S, days=14, **QUICK)

    assert again.choice == result.choice
    assert again.chosen == result.chosen
    assert again.weights == result.weights


def _tomorrow(series, origins, steps):
    """A planted leak: the features hold the target of the first step."""
    frame = features.build(series, origins, steps)
    truth = np.repeat(features.targets(series, origins, 1)[:, 0], steps)
    rows = frame.rows.copy()
    rows[:, 0] = truth
    return replace(frame, rows=rows)


def test_run__features_that_know_tomorrow__are_caught():
    with pytest.raises(errors.LookAheadFound) as caught:
        backtest.run(make_series(60), horizon_s=HORIZON_S, days=2, build=_tomorrow, **QUICK)

    assert "features" in caught.value.details["models"]


def test_check__a_model_that_reads_one_step_too_far__is_caught():
    series = make_series(60)
    origins = np.array([40 * 24, 50 * 24])

    found = leaks.check(
        series,
        {
            "honest": lambda s, origin: references.ses(s, np.array([origin]), 24),
            "leaking": lambda s, origin: np.array([s.values[origin]]),
        },
        origins,
    )

    assert found.found == ("leaking",)


def test_known__a_value_published_late__is_unknown_until_then():
    series = make_series(40)
    late = replace(series, available=series.available + 6 * 3600)
    origins = np.array([30 * 24])

    days = features.known_days(late, origins)

    assert np.isnan(days[0, -1, -6:]).all()
    assert np.isfinite(days[0, -1, :-6]).all()


def test_references__known_answers():
    series = make_series(30)
    origins = np.array([20 * 24])

    day = references.seasonal_naive(series, origins, 24, days=1)
    week = references.seasonal_naive(series, origins, 24, days=7)
    level = series.values[0]
    for value in series.values[1 : 20 * 24]:
        level = 0.7 * level + 0.3 * value

    assert np.array_equal(day[0], series.values[19 * 24 : 20 * 24])
    assert np.array_equal(week[0], series.values[13 * 24 : 14 * 24])
    assert references.ses(series, origins, 24)[0] == pytest.approx(np.full(24, level))


def test_metrics__a_normal_distribution__has_its_known_crps_and_coverage():
    random = np.random.default_rng(3)
    actual = random.normal(0, 1, (400, 24))
    exact = np.array([-1.959964, -1.644854, -1.281552, -1.036433, -0.841621, -0.67449, -0.524401, -0.253347, 0.0])
    quantiles = np.broadcast_to(np.append(exact, -exact[-2::-1]), (400, 24, len(metrics.QUANTILES)))

    hits = metrics.inside(quantiles, actual, 90)
    interval = metrics.coverage_interval(hits)

    assert float(metrics.crps(quantiles, actual).mean()) == pytest.approx(0.5642, abs=0.02)
    assert interval.low <= 0.9 <= interval.high
    assert (np.abs(hits.mean(axis=0) - 0.9) <= metrics.joint_margin(hits)).all()


def test_joint_margin__one_hour_never_covered__is_far_outside():
    hits = (np.random.default_rng(3).random((180, 24)) < 0.9).astype(float)
    hits[:, 18] = np.random.default_rng(4).random(180) < 0.7

    margin = metrics.joint_margin(hits)

    assert list(np.flatnonzero(np.abs(hits.mean(axis=0) - 0.9) > margin)) == [18]


def test_backtest_command__a_csv__prints_json_as_its_last_line(tmp_path: Path):
    path = tmp_path / "house.csv"
    make_table(make_values(60)).to_csv(path, index=False)
    options = ["--csv", str(path), "--time-column", "time", "--value-column", "value", "--days", "3"]
    options += ["--rounds", "5", "--json"]

    done = CliRunner().invoke(main, ["backtest", *options])

    told = json.loads(done.output.splitlines()[-1])
    assert done.exit_code == 0
    assert told["chosen"] in told["models"]
    assert set(REFERENCES) <= set(told["models"])
    assert set(told["models"]["ses"]) == {"mase", "mae", "pinball", "crps", "coverage", "width"}
    assert set(told["models"]["ses"]["coverage"]) == {"50", "80", "90"}
    assert "leak check: clean" in done.output


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--horizon", "0"], "forecast.horizon_invalid"),
        (["--horizon", "10000"], "forecast.horizon_invalid"),
        (["--days", "60"], "series.too_short"),
        (["--resolution", "7h"], "series.resolution_invalid"),
        (["--timezone", "Mars/Base"], "series.zone_unknown"),
    ],
)
def test_backtest_command__what_it_cannot_do__is_an_error_with_its_code(tmp_path: Path, options, code):
    path = tmp_path / "house.csv"
    make_table(make_values(30)).to_csv(path, index=False)
    base = ["--csv", str(path), "--time-column", "time", "--value-column", "value"]

    done = CliRunner().invoke(main, ["backtest", *base, *options])

    assert done.exit_code == 2
    assert json.loads(done.output.splitlines()[-1])["error"]["code"] == code


def test_choose__a_model_that_is_silent_on_a_day__is_not_chosen():
    unknown = intervals.Spread.none(3, 2)
    quiet = np.array([[1.0, 1.0], [np.nan, 1.0], [1.0, 1.0]])
    answers = {"quiet": backtest.Answer(quiet, unknown), "ensemble": backtest.Answer(np.full((3, 2), 2.0), unknown)}

    choice = backtest.choose(answers, np.ones((2, 2)))

    assert choice == {"quiet": float("inf"), "ensemble": 1.0}
    assert backtest.chosen_of(choice) == "ensemble"


@pytest.mark.parametrize(("error", "chosen"), [(0.95, "ensemble"), (0.85, "kernel")])
def test_chosen_of__a_single_model__replaces_the_ensemble_only_by_a_clear_lead(error, chosen):
    assert backtest.chosen_of({"ses": 2.0, "kernel": error, "ensemble": 1.0}) == chosen
