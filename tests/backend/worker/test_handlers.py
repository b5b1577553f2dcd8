# SPDX-License-Identifier: Apache-2.0
"""Events reach tasks that the worker has."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from backend.core import tasks
from backend.core.db import Database
from backend.core.errors import DatabaseAway
from backend.core.settings import Settings
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
    assert issubclass(DatabaseAway, task.autoretry_for)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("refused"),
        asyncpg.CannotConnectNowError("starting"),
        DBAPIError("SELECT 1", None, asyncpg.AdminShutdownError("going")),
    ],
    ids=repr,
)
def test_run__database_away__says_so_in_the_one_way_that_tasks_wait_out(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(db: Database, settings: Settings) -> None:
        raise error

    with asyncio.Runner() as runner:
        monkeypatch.setattr(tasks, "_worker", lambda: (runner, None, None))
        with pytest.raises(DatabaseAway) as told:
            tasks.run(work)

    assert told.value.__cause__ is error


def test_run__a_mistake_in_a_statement__stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(db: Database, settings: Settings) -> None:
        raise asyncpg.UndefinedColumnError("no such column")

    with asyncio.Runner() as runner:
        monkeypatch.setattr(tasks, "_worker", lambda: (runner, None, None))
        with pytest.raises(asyncpg.UndefinedColumnError):
            tasks.run(work)
