# SPDX-License-Identifier: Apache-2.0
"""The worker: a plan is trained, promoted and watched; readings of houses come from the backend."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Event

import pandas as pd
import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_success
from kombu import Connection

from ai_service import worker
from ai_service.errors import Refusal
from ai_service.training import fetching, plans, tasks
from ai_service.training.settings import TrainingSettings
from backend.core.clock import utc_now
from tests.ai_service.conftest import SERVICE_KEY
from tests.ai_service.forecasting.makers import START
from tests.ai_service.training.houses import DAYS, make_houses, write_houses
from tests.ai_service.training.versions import make_versions

NAME = "homes-3600s-24h"


@pytest.fixture
def plan(tmp_path, monkeypatch, models_url, folder, redis_url):
    """A plan with one fleet; settings of the worker in the environment. Answers a way to give it readings."""

    def give(days):
        times = pd.date_range(START, periods=days * 24, freq="h")
        houses = make_houses(3, DAYS + 21)
        parts = [pd.DataFrame({"house": n, "time": times, "kwh": h.values[: days * 24]}) for n, h in houses.items()]
        pd.concat(parts).to_csv(tmp_path / "houses.csv", index=False)

    entry = {"name": NAME, "csv": "houses.csv", "seriesColumn": "house", "testDays": 7, "rounds": 20}
    (tmp_path / "plan.json").write_text(json.dumps([entry]))
    settings = {"MODELS_URL": models_url, "MODELS_FOLDER": str(folder), "PLAN": str(tmp_path / "plan.json")}
    for name, value in settings.items():
        monkeypatch.setenv(f"GRIDX_AI_{name}", value)
    monkeypatch.setenv("REDIS_URL", redis_url)
    give(DAYS)
    return give


def test_keep_up__never_trained__trains_and_brings_into_use(plan):
    assert tasks.keep_up() == {NAME: "in use"}

    assert TrainingSettings().registry().load(NAME).version.number == 1


def test_keep_up__trained_a_moment_ago__leaves_it(plan):
    tasks.keep_up()

    assert tasks.keep_up() == {NAME: "fresh"}


def test_keep_up__training_is_due_and_not_better__keeps_the_old_version(plan, monkeypatch):
    tasks.keep_up()
    plan(DAYS + 7)
    monkeypatch.setenv("GRIDX_AI_RETRAIN_DAYS", "0")
    monkeypatch.setenv("GRIDX_AI_PROMOTION_MARGIN", "0.9")

    told = tasks.keep_up()

    assert told == {NAME: "model.not_better"}
    assert TrainingSettings().registry().in_use(NAME).number == 1


def test_keep_up__versions_that_nobody_needs__are_removed_at_the_end_of_the_round(plan, monkeypatch):
    monkeypatch.setenv("GRIDX_AI_MODELS_KEPT", "1")
    tasks.keep_up()
    registry = TrainingSettings().registry()
    make_versions(registry, NAME, 2)

    assert tasks.keep_up() == {NAME: "fresh"}

    assert [version.number for version in registry.versions_of(NAME)] == [3, 1]


def test_keep_up__readings_cannot_be_read__says_why_and_goes_on(plan, tmp_path):
    (tmp_path / "houses.csv").unlink()

    assert tasks.keep_up() == {NAME: "series.file_unreadable"}


def test_plan__an_entry_without_source__is_refused(plan, tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps([{"name": NAME}]))

    with pytest.raises(plans.PlanUnreadable):
        plans.entries(TrainingSettings())


def test_worker__tasks_come_through_redis__on_the_queue_of_their_own(plan, redis_url, tmp_path, monkeypatch):
    tasks.keep_up()
    readings = write_houses(tmp_path / "in.parquet", 4)
    monkeypatch.setattr(worker.app.conf, "broker_url", redis_url)
    monkeypatch.setattr(worker.app.conf, "broker_write_url", redis_url)
    monkeypatch.setattr(worker.app.conf, "broker_read_url", redis_url)
    with Connection(redis_url) as broker:
        order = worker.app.signature("ai.predict_batch", (NAME, str(readings), str(tmp_path / "out"), 1))
        order.apply_async(connection=broker, queue=worker.QUEUE)
    succeeded = Event()
    task_success.connect(lambda **_: succeeded.set(), weak=False, sender=tasks.predict_batch, dispatch_uid="heard")
    with start_worker(worker.app, pool="solo", perform_ping_check=False, queues=[worker.QUEUE]):
        assert succeeded.wait(60)
    task_success.disconnect(sender=tasks.predict_batch, dispatch_uid="heard")

    assert json.loads((tmp_path / "out" / "done.json").read_text())["forecast"] == 4


async def test_houses_of__two_communities__reads_every_house_with_its_zone(ai, town, client):
    first = await town.house(days=20)
    second = await town.house(days=3)
    await town.house(days=0)

    found = await fetching.houses_of(
        client, service_key=SERVICE_KEY, quantity="consumption", step_s=3600, days=30, now=utc_now()
    )

    assert set(found) == {str(first), str(second)}
    assert found[str(first)].zone == "America/Los_Angeles"
    assert len(found[str(second)]) == 72
    assert utc_now() - found[str(first)].stamp(len(found[str(first)])) < timedelta(hours=2)


async def test_houses_of__a_key_that_is_none__says_that_the_backend_does_not_answer(ai, client):
    with pytest.raises(Refusal) as refused:
        await fetching.houses_of(
            client, service_key="gx_wrong", quantity="consumption", step_s=3600, days=30, now=utc_now()
        )

    assert refused.value.code == "forecast.backend_away"
