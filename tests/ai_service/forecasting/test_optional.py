# SPDX-License-Identifier: Apache-2.0
"""Optional models: asked for and installed they take part; otherwise they say why not, and nothing else changes.

Both packages bring PyTorch along and are not among the requirements: where one is absent, its test says so instead.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from ai_service.forecasting import artifact, backtest, leaks, optional, recurrent, served
from tests.ai_service.forecasting.makers import make_series

STEPS = 24
CHRONOS, NEURAL = (find_spec(name) is not None for name in ("chronos", "neuralforecast"))


def skipped():
    return {extra.name: extra.skipped for extra in optional.listed()}


@pytest.fixture
def chronos_folder(tmp_path, monkeypatch):
    """A folder named by the setting; with the package it holds a tiny model with random weights, saved by it."""
    monkeypatch.setenv(optional.CHRONOS_FOLDER, str(tmp_path))
    if not CHRONOS:
        (tmp_path / "config.json").write_text("{}")
        return tmp_path
    import torch
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    levels = [tenth / 10 for tenth in range(1, 10)]
    patches = {"context_length": 512, "prediction_length": 64, "input_patch_size": 16, "input_patch_stride": 16}
    config = T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, vocab_size=2, pad_token_id=0)
    config.chronos_config = patches | {"quantiles": levels, "use_reg_token": True}
    config.chronos_pipeline_class = "ChronosBoltPipeline"
    config.decoder_start_token_id = 0
    torch.manual_seed(7)
    ChronosBoltModelForForecasting(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def network(monkeypatch):
    """The recurrent network is asked for, with few updates."""
    monkeypatch.setenv(recurrent.SWITCH, "true")
    monkeypatch.setattr(recurrent, "UPDATES", 4)
    monkeypatch.setattr(recurrent, "HIDDEN", 8)


def test_listed__nothing_is_asked_for__both_say_which_setting_is_missing():
    told = skipped()

    assert optional.CHRONOS_FOLDER in told["chronos"]
    assert recurrent.SWITCH in told["lstm"]
    assert optional.forecasters() == {}


def test_listed__a_folder_without_a_model__is_told_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv(optional.CHRONOS_FOLDER, str(tmp_path / "weights"))

    assert "weights holds no config.json" in skipped()["chronos"]


def test_chronos__a_model_in_a_local_folder__answers_medians_offline(chronos_folder):
    if not CHRONOS:
        assert skipped()["chronos"] == "the package chronos-forecasting is not installed"
        return
    series = make_series(60)
    origins = np.arange(40, 50) * 24

    told = optional.forecasters()["chronos"](series, origins, STEPS)

    assert skipped()["chronos"] is None
    assert told.shape == (10, STEPS)
    assert np.isfinite(told).all()
    probe = {"chronos": lambda raw, origin: optional.forecasters()["chronos"](raw, np.array([origin]), STEPS)}
    assert leaks.check(series, probe, origins).clean


def test_recurrent__a_back_test__is_trained_before_what_it_answers_and_knows_nothing_later(network):
    if not NEURAL:
        assert skipped()["lstm"] == "the package neuralforecast is not installed"
        return
    series = make_series(100)
    origins = np.arange(70, 95) * 24

    told = recurrent.forecaster(series, origins, STEPS)

    assert skipped()["lstm"] is None
    assert np.isfinite(told[-1]).all()
    probe = {"lstm": lambda raw, origin: recurrent.forecaster(raw, np.array([origin]), STEPS)}
    found = leaks.check(series, probe, origins)
    assert (found.clean, found.origins) == (True, leaks.CHECKED_ORIGINS)


def test_recurrent__trained_and_stored__answers_the_same_from_its_files(network, tmp_path):
    if not NEURAL:
        weightless = recurrent.Recurrent({}, 0.0, 1.0, STEPS, 24)
        assert np.isnan(weightless.predict(make_series(60), np.array([50 * 24]))).all()
        return
    series = make_series(60)
    at = np.array([50 * 24])
    trained = recurrent.train(series, 50 * 24, STEPS)

    sha256 = artifact.write(trained, tmp_path / "model")
    again = artifact.read(tmp_path / "model", sha256=sha256)

    assert np.array_equal(trained.predict(series, at), again.predict(series, at))
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".npz"}


def test_train__less_than_six_weeks_of_readings__there_is_no_network(network):
    assert recurrent.train(make_series(60), 41 * 24, STEPS) is None


def test_served__leans_on_an_optional_model_that_is_no_longer_there__the_others_answer(monkeypatch):
    monkeypatch.setattr(backtest, "simple_forecasters", backtest.reference_forecasters)
    whole = make_series(84)
    result = backtest.run(whole, horizon_s=86_400, days=7, rounds=5)
    plain = served.prepare(result, rounds=5)
    shares = {name: share / 2 for name, share in plain.weights.items()} | {"chronos": 0.3, "lstm": 0.2}

    told = served.Served(**(vars(plain) | {"weights": shares})).forecast(whole)

    assert np.allclose(told.quantiles, plain.forecast(whole).quantiles)
