# SPDX-License-Identifier: Apache-2.0
"""The product's own processes, forked from a server that has imported them: a restart costs a tenth of a second.

Each child runs the product's main with its own environment, writes to its log, and dies with SIGKILL like any other.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PRELOADED = [
    *("backend.api.__main__", "backend.worker.__main__", "backend.market.tasks", "tests.faults.processes"),
    *("backend.market.relayer.relayer", "backend.market.book.tasks", "backend.market.orders.tasks"),
    *("uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.websockets.websockets_sansio_impl"),
    *("uvicorn.loops.uvloop", "uvicorn.lifespan.on", "sqlalchemy.dialects.postgresql.asyncpg"),
    *("limits.aio.storage", "redis.asyncio", "httpcore"),
]
FAILPOINTS = "GRIDX_FAILPOINTS"
_PR_SET_PDEATHSIG = 1
_context = multiprocessing.get_context("forkserver")


def _run(name: str, environment: Mapping[str, str], log: str) -> None:
    """In the child: become the process `name`."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    importlib.reload(importlib.import_module("backend.core.failpoints"))  # it read the environment when imported
    if name == "api":
        from backend.api.__main__ import main

        main()
    elif name == "settle":
        from backend.market.tasks import settle_due_task

        settle_due_task()
    elif name == "gates":
        from backend.market.book.tasks import clear_due_task
        from backend.market.orders.tasks import close_orders_task

        clear_due_task()
        close_orders_task()
    else:
        from backend.worker.__main__ import main as work

        sys.exit(work([name]))


@dataclass
class Child:
    """One started process. `armed` names the failpoint it was started with."""

    name: str
    armed: str
    process: multiprocessing.process.BaseProcess

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self.process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """None while it lives, -9 after SIGKILL."""
        return self.process.exitcode

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.join()

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, None when it still lives after `timeout_s`."""
        self.process.join(timeout_s)
        return self.process.exitcode


class Processes:
    """The children by name; `environment` is common to all."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.children: dict[str, Child] = {}
        os.environ["REDIS_URL"] = environment["REDIS_URL"]  # the Celery application reads it when imported
        _context.set_forkserver_preload(PRELOADED)

    def log(self, name: str) -> Path:
        """Where the process writes."""
        return self.folder / f"{name}.log"

    def start(self, name: str, *, failpoint: str = "", **settings: str) -> Child:
        """Start `name` anew; one that runs is killed first."""
        self.kill(name)
        environment = {**self.environment, **settings}
        if failpoint:
            environment[FAILPOINTS] = failpoint
        process = _context.Process(target=_run, args=(name, environment, str(self.log(name))), daemon=True)
        process.start()
        child = self.children[name] = Child(name, failpoint, process)
        return child

    def kill(self, name: str) -> None:
        """SIGKILL `name` if it runs."""
        child = self.children.get(name)
        if child is not None:
            child.kill()

    def close(self) -> None:
        """Kill everything."""
        for name in self.children:
            self.kill(name)

    def bugs(self, most: int = 3) -> list[str]:
        """The last bugs that any process told its log, each with its trace."""
        logs = (self.log(name).read_text(errors="replace") for name in self.children if self.log(name).exists())
        return [line for log in logs for line in log.splitlines() if '"event": "bug"' in line][-most:]

    def tail(self, name: str, lines: int = 12) -> str:
        """The end of the process's log."""
        path = self.log(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def wait_for(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Whether `condition()` became true in time; for code outside of any event loop."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
