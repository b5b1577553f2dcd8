# SPDX-License-Identifier: Apache-2.0
"""Events reach tasks that the worker has."""

import asyncpg
import pytest

from backend.worker.celery_app import app
from backend.worker.handlers import HANDLERS


def test_handlers__of_every_event__are_tasks_of_the_worker() -> None:
    app.loader.import_default_modules()

    named = {task for tasks in HANDLERS.values() for task in tasks}
    named |= {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert named - set(app.tasks) == set()


@pytest.mark.parametrize("name", sorted({task for tasks in HANDLERS.values() for task in tasks} - {"audit.run"}))
def test_handlers__database_away_for_long__are_tried_until_it_is_back(name: str) -> None:
    app.loader.import_default_modules()

    task = app.tasks[name]

    assert task.max_retries is None
    assert task.acks_late
    for away in (ConnectionRefusedError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError):
        assert issubclass(away, task.autoretry_for)
