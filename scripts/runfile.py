# SPDX-License-Identifier: Apache-2.0
"""`run.json`: how other commands find a running stack, and how the next start finds what a killed one left."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.embedded.process import ROOT, Process, ProcessFailed

FOLDER = ROOT / ".gridx"
ADDRESSES = ("DATABASE_URL", "REDIS_URL", "RPC_URL")
STORED = (*ADDRESSES, "AI_SERVICE_URL")
_LEFTOVER_TIMEOUT_S = 20.0


def write(folder: Path, environment: Mapping[str, str], children: Iterable[Process]) -> None:
    """Record settings and process ids, readable by the owner alone."""
    settings = {name: value for name, value in environment.items() if name in STORED or name.startswith("GRIDX_")}
    content = {
        "pid": os.getpid(),
        "environment": settings,
        "children": [{"name": c.name, "pid": c.pid, "argv": c.argv} for c in children if c.running],
    }
    fresh = folder / "run.json.new"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=1)
    fresh.replace(folder / "run.json")


def read(folder: Path = FOLDER) -> dict[str, Any] | None:
    """What the stack of this folder wrote last, or None; its parent may have been killed since."""
    try:
        content: dict[str, Any] = json.loads((folder / "run.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return content


def remove(folder: Path) -> None:
    """Say that nothing runs any more."""
    (folder / "run.json").unlink(missing_ok=True)


def running_environment(folder: Path = FOLDER) -> dict[str, str]:
    """Settings of the running stack, under those of our own environment. Raises ProcessFailed when none runs."""
    run = read(folder)
    if run is not None and Path(f"/proc/{run['pid']}").exists():
        return {**run["environment"], **os.environ}
    if os.environ.get("DATABASE_URL"):
        return dict(os.environ)
    raise ProcessFailed("no stack is running here: start one with `make up`, or set DATABASE_URL, REDIS_URL, RPC_URL")


def end_leftovers(folder: Path) -> None:
    """End children of a run whose parent was killed, by their recorded ids, if they still are what they were."""
    run = read(folder)
    pids = [child["pid"] for child in (run or {}).get("children", []) if _is_still(child["pid"], child["argv"])]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _LEFTOVER_TIMEOUT_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_still(pid: int, argv: list[str]) -> bool:
    """Whether the process runs the recorded command; servers that rewrite their title are known by their data."""
    try:
        running = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    return running[: len(argv)] == argv
