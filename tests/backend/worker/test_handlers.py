# SPDX-License-Identifier: Apache-2.0
"""Events reach tasks that the worker has."""

from backend.worker.celery_app import app
from backend.worker.handlers import HANDLERS


def test_handlers__of_every_event__are_tasks_of_the_worker() -> None:
    app.loader.import_default_modules()

    named = {task for tasks in HANDLERS.values() for task in tasks}
    named |= {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert named - set(app.tasks) == set()
