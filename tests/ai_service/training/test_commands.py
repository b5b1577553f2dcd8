# SPDX-License-Identifier: Apache-2.0
"""The commands around models: the last line is JSON, a refusal is told with its code and status 2."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ai_service.alerts import Alerts
from ai_service.cli import main
from tests.ai_service.training.houses import write_houses

NAME = "homes-3600s-24h"


@pytest.fixture
def call(monkeypatch, models_url, folder, redis_url):
    """Runs a command; answers its exit status and its last line."""
    monkeypatch.setenv("GRIDX_AI_MODELS_URL", models_url)
    monkeypatch.setenv("GRIDX_AI_MODELS_FOLDER", str(folder))
    monkeypatch.setenv("REDIS_URL", redis_url)

    def run(*arguments):
        done = CliRunner().invoke(main, arguments, catch_exceptions=False)
        return done.exit_code, json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def trained(call, tmp_path):
    """A table of houses that a first version was trained on and is in use for."""
    path = write_houses(tmp_path / "houses.parquet", 3, days=70)
    status, said = call(
        "train", NAME, "--csv", str(path), "--series-column", "house", "--rounds", "20", "--days", "7", "--promote"
    )
    assert (status, said["promotion"]) == (0, "in use")
    return path


def test_models__one_trained__is_listed_with_its_origin_and_the_optional_ones_with_their_reason(call, trained):
    status, said = call("models")

    assert status == 0
    assert [(model["model"], model["version"], model["inUse"]) for model in said["models"]] == [(NAME, 1, True)]
    assert len(said["models"][0]["dataHash"]) == 16
    assert {each["name"]: each["skipped"] is not None for each in said["optional"]} == {"chronos": True, "lstm": True}


def test_promote__an_unknown_model__is_refused_with_its_code(call):
    status, said = call("promote", "nobody")

    assert (status, said["error"]["code"]) == (2, "model.version_unknown")


def test_rollback__one_version_only__is_refused_with_its_code(call, trained):
    status, said = call("rollback", NAME)

    assert (status, said["error"]["code"]) == (2, "model.no_earlier")


def test_drift__no_reading_since_training__is_refused_with_its_code(call, trained):
    status, said = call("drift", NAME, "--csv", str(trained), "--series-column", "house")

    assert (status, said["error"]["code"]) == (2, "series.too_short")


def test_train__no_source__is_refused_with_its_code(call):
    status, said = call("train", NAME)

    assert (status, said["error"]["code"]) == (2, "training.plan_unreadable")


def test_commands__no_register_set__say_which_setting_is_missing(call, monkeypatch):
    monkeypatch.delenv("GRIDX_AI_MODELS_URL")

    status, said = call("models")

    assert (status, said["error"]["code"]) == (2, "model.register_not_set")


def test_prune__one_version_in_use__stays(call, trained):
    status, said = call("prune", "--keep", "1")

    assert (status, said) == (0, {"versions": [], "nameless": [], "kept": 1})


def test_alerts__one_was_raised__is_shown(call, redis_url):
    Alerts(redis_url).tell("model.drift", model=NAME)

    _, said = call("alerts")

    assert [(alert["code"], alert["facts"]) for alert in said["alerts"]] == [("model.drift", {"model": NAME})]


def test_backup_models__two_versions_trained_then_all_is_lost__restore_models_brings_them_back(
    call, trained, lose, tmp_path
):
    train = ["train", NAME, "--csv", str(trained), "--series-column", "house", "--rounds", "5", "--days", "7"]
    assert call(*train)[1]["version"] == 2
    _, before = call("models")
    copy = str(tmp_path / "backup")
    status, told = call("backup-models", copy)
    assert (status, told["models"], told["versions"], told["damaged"]) == (0, 1, 2, [])
    lose()

    status, restored = call("restore-models", copy)

    assert (status, restored) == (0, told | {"inUse": {NAME: 1}})
    assert call("models")[1]["models"] == before["models"]
    assert call("restore-models", copy)[1]["error"]["code"] == "backup.register_not_empty"
