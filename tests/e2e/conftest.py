# SPDX-License-Identifier: Apache-2.0
"""A folder for a stack of its own, and a way to run one in a process that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.embedded.process import ROOT
from scripts.runfile import end_leftovers
from scripts.stack import Stack


@pytest.fixture(scope="session")
def prepared_folder() -> Iterator[Path]:
    """A stack that was started once, contracts deployed, and stopped; its unprivileged user can reach it."""
    with tempfile.TemporaryDirectory(prefix="gridx-e2e-") as name:
        folder = Path(name)
        folder.chmod(0o711)

        async def prepare() -> None:
            async with Stack(folder / "stack", ()):
                await asyncio.sleep(0)

        asyncio.run(prepare())
        yield folder


@pytest.fixture
def folder(prepared_folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A copy of the prepared stack for this test alone."""
    copy = prepared_folder / request.node.name
    subprocess.run(["cp", "-a", str(prepared_folder / "stack"), str(copy)], check=True)
    yield copy
    end_leftovers(copy)
    shutil.rmtree(copy)


@pytest.fixture
def run_stack(folder: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]]:
    """Start a stack in a process of its own; returns the process and what its run file says once all is up."""
    started: list[subprocess.Popen[str]] = []

    def start(*processes: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        program = "import sys; from tests.e2e.hold_stack import hold; hold(*sys.argv[1:])"
        command = [sys.executable, "-c", program, str(folder), *processes]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        return child, json.loads((folder / "run.json").read_text())

    yield start
    for child in started:
        child.kill()
        child.wait()


def wait_until_gone(pids: list[int], timeout_s: float = 20.0) -> list[int]:
    """Process ids that are still there after the time."""
    deadline = time.monotonic() + timeout_s
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
