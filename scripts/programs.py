# SPDX-License-Identifier: Apache-2.0
"""The processes of a stack by name, and what Python is told to run for each."""

from __future__ import annotations

from pathlib import Path

PROCESSES = ("api", "follower", "relay", "relayer", "worker", "ai")
TRAINER = "trainer"  # runs beside them where GRIDX_AI_PLAN says what to train
FORECASTING = ("ai", TRAINER)
NOT_WAITED_FOR = FORECASTING  # nothing needs them at once; `wait_ready` waits where somebody does


def arguments(name: str, folder: Path) -> list[str]:
    """Arguments of Python for a process whose data lie in `folder`."""
    return {
        "api": ["-m", "backend.api"],
        "follower": ["-m", "backend.worker", "follower"],
        "relay": ["-m", "backend.worker", "relay"],
        "relayer": ["-m", "backend.worker", "relayer"],
        "worker": ["-m", "backend.worker", "celery", f"--schedule={folder / 'beat-schedule'}"],
        "ai": ["-m", "ai_service"],
        TRAINER: ["-m", "ai_service.worker", f"--schedule={folder / 'beat-schedule-ai'}"],
    }[name]
