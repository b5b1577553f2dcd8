# SPDX-License-Identifier: Apache-2.0
"""Training, promotion by comparison on days that neither version knew, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ai_service.forecasting import backtest, errors
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.types import Series
from ai_service.training import contests, learning, trial
from tests.ai_service.forecasting.makers import START, make_series
from tests.ai_service.training.houses import DAYS, make_houses

ROUNDS = 20
NAME = "homes-3600s-24h"


def known_by(houses, day):
    return {name: house.head(day * 24) for name, house in houses.items()}


def learned(registry, houses, **more):
    return learning.train_houses(registry, NAME, houses, **({"days": 7, "rounds": ROUNDS} | more))


def test_train_houses__promoted__answers_any_house_at_any_time_of_day_and_names_its_origin(registry):
    houses = make_houses()
    version = learned(registry, houses)

    learning.promote(registry, NAME, margin=0.01, least_days=3)

    model = registry.load(NAME)
    stranger = make_series(40, seed=9).head(40 * 24 - 5)
    forecast = model.trained.forecast(stranger)
    assert model.version.facts.data_hash == version.facts.data_hash
    assert version.facts.figures["mase"] < min(version.facts.notes["references"].values())
    assert 0.7 < version.facts.figures["coverage90"] <= 1.0
    assert forecast.quantiles.shape == (24, 17)
    assert (np.diff(forecast.quantiles, axis=1) >= 0).all()


def test_promote__newer_readings_and_clearly_better__replaces_the_version_in_use(registry):
    houses = make_houses()
    young = known_by(houses, 63)
    mixed = {name: replace(house, values=np.roll(house.values, 7)) for name, house in young.items()}
    learned(registry, mixed)
    registry.promote(NAME, 1)

    second = learned(registry, houses)
    learning.promote(registry, NAME, margin=0.01, least_days=3)

    assert second.facts.notes["contest"]["against"] == 1
    assert registry.in_use(NAME).number == 2


def test_promote__not_better_by_the_margin__is_refused_and_the_old_version_stays(registry):
    houses = make_houses()
    learned(registry, known_by(houses, DAYS - 7))
    registry.promote(NAME, 1)
    learned(registry, houses)

    with pytest.raises(errors.PromotionRefused) as refused:
        learning.promote(registry, NAME, margin=0.5, least_days=3)

    assert refused.value.details["days"] == 7
    assert registry.in_use(NAME).number == 1


def test_promote__same_readings_again__is_refused_because_no_day_shows_both(registry):
    houses = make_houses()
    for _ in range(2):
        learned(registry, houses)
    registry.promote(NAME, 1)

    with pytest.raises(errors.PromotionRefused):
        learning.promote(registry, NAME, margin=0.0, least_days=1)


def test_promote__first_version_no_better_than_a_reference__is_refused(registry):
    random = np.random.default_rng(3)
    noise = {name: replace(h, values=random.gamma(0.2, 1.0, len(h))) for name, h in make_houses().items()}
    learned(registry, noise)

    with pytest.raises(errors.PromotionRefused):
        learning.promote(registry, NAME, margin=0.5, least_days=3)

    with pytest.raises(errors.ModelUnknown):
        registry.load(NAME)


def test_promote__no_better_than_recent_days_which_need_no_training__is_refused_by_name(registry):
    version = learned(registry, make_houses(), rounds=1)

    with pytest.raises(errors.NotWorthTraining) as refused:
        learning.promote(registry, NAME, margin=0.01, least_days=3)

    told = refused.value.details
    assert version.facts.figures["mase"] < min(version.facts.notes["references"].values())
    assert (told["houses"], told["origins"]) == (3, 21)
    assert told["candidate"] > told["recent"]


def test_train_houses__many_houses__recent_days_are_asked_for_some_spread_over_all(registry, monkeypatch):
    monkeypatch.setattr(contests, "MOST_HOUSES", 2)

    version = learned(registry, make_houses(5), rounds=1)

    assert (version.facts.notes["recent"]["houses"], version.facts.notes["housesTested"]) == (2, 5)


def test_promote__beats_the_version_in_use_but_not_recent_days__is_refused_by_name(registry):
    houses = make_houses()
    learned(registry, known_by(houses, 63), rounds=1)
    registry.promote(NAME, 1)
    second = learned(registry, houses, rounds=5)

    with pytest.raises(errors.NotWorthTraining):
        learning.promote(registry, NAME, margin=0.01, least_days=3)

    contest = second.facts.notes["contest"]
    assert contest["candidate"] < 0.99 * contest["incumbent"]
    assert registry.in_use(NAME).number == 1


def test_trial__a_feature_that_reads_ahead__is_caught(monkeypatch):
    honest = trial.features.build

    def peeking(series: Series, origins, steps):
        frame = honest(series, origins, steps)
        ahead = np.nan_to_num(trial.features.targets(series, origins, steps)).ravel()
        frame.relative[:, 0] = ahead
        return frame

    monkeypatch.setattr(trial.features, "build", peeking)

    with pytest.raises(errors.LookAheadFound):
        trial.run(make_houses(2), horizon_s=86_400, days=7, rounds=5)


def test_train_houses__too_few_days__is_refused(registry):
    with pytest.raises(errors.SeriesTooShort):
        learned(registry, make_houses(days=30))


def test_train_series__one_series__serves_the_choice_of_its_back_test(registry, monkeypatch):
    monkeypatch.setattr(backtest, "simple_forecasters", backtest.reference_forecasters)
    whole = make_series(91)
    learning.train_series(registry, "city-a", whole.head(84 * 24), days=7, rounds=ROUNDS)
    registry.promote("city-a", 1)

    second = learning.train_series(registry, "city-a", whole, days=7, rounds=ROUNDS)

    contest = second.facts.notes["contest"]
    forecast = registry.load("city-a").trained.forecast(whole.head(84 * 24))
    assert (contest["against"], contest["days"]) == (1, 7)
    assert second.facts.chosen in second.facts.notes["references"] or second.facts.figures["mase"] < 1.0
    assert forecast.quantiles.shape[0] == 24


@pytest.mark.timeout(300)  # starts programs of its own, which a busy machine keeps waiting
def test_train__killed_half_way__the_version_in_use_goes_on_and_training_can_be_repeated(
    registry, models_url, folder, tmp_path
):
    houses = make_houses()
    learned(registry, houses)
    registry.promote(NAME, 1)
    times = pd.date_range(START, periods=DAYS * 24, freq="h")
    table = pd.concat(pd.DataFrame({"house": n, "time": times, "kwh": h.values}) for n, h in houses.items())
    table.to_parquet(tmp_path / "houses.parquet")
    command = [sys.executable, "-m", "ai_service.cli", "train", NAME, "--csv", str(tmp_path / "houses.parquet")]
    command += ["--time-column", "time", "--value-column", "kwh", "--series-column", "house", "--rounds", "5000"]
    settings = {"GRIDX_AI_MODELS_URL": models_url, "GRIDX_AI_MODELS_FOLDER": str(folder)}
    child = subprocess.Popen(command, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    assert any("training" in line for line in child.stderr)

    child.send_signal(signal.SIGKILL)
    child.wait()

    fresh = Registry(models_url, folder)
    assert fresh.load(NAME).version.number == 1
    assert [version.number for version in fresh.versions_of(NAME)] == [1]
    again = [*command[:-1], str(ROUNDS), "--days", "7"]
    done = subprocess.run(again, env={**os.environ, **settings}, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["version"] == 2
