# SPDX-License-Identifier: Apache-2.0
"""Child processes and their ports: they live as long as the process that started them, and nobody shares a port."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from scripts.embedded import process
from scripts.embedded.process import Process, free_port


def test_process__started_by_a_thread_that_ended__lives_on(tmp_path: Path) -> None:
    child = Process("sleep", ["sleep", "60"], log=tmp_path / "log")
    starter = threading.Thread(target=child.start)
    starter.start()
    starter.join()
    time.sleep(0.3)

    try:
        assert child.running
    finally:
        child.stop()


def test_free_port__chosen_by_another_before_it_listens__is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = free_port()
    offered = iter([taken, taken, taken + 1])
    monkeypatch.setattr(process, "_bindable", lambda port: next(offered))

    assert free_port() == taken + 1
