# SPDX-License-Identifier: Apache-2.0
"""A child process that never outlives its parent and is stopped by its own id."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_LOG_LIMIT_BYTES = 64 * 1024 * 1024
_TAIL_BYTES = 64 * 1024
_CLAIMS_KEPT = 64  # a port is claimed until its server has long been listening
_libc = ctypes.CDLL(None, use_errno=True)
_claims: deque[socket.socket] = deque()


class ProcessFailed(RuntimeError):
    """A child process ended, or did not become ready in time; the message ends with its last log lines."""


def free_port(preferred: int | None = None) -> int:
    """Return `preferred` when nothing listens there, else a free port that no other process of GridX is given."""
    if preferred and (port := _bindable(preferred)) is not None:
        return port
    for _ in range(100):
        port = _bindable(0)
        if port is not None and _claim(port):
            return port
    raise ProcessFailed("no free loopback port")


def _bindable(port: int) -> int | None:
    """The port that binding to `port` gives, None when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _claim(port: int) -> bool:
    """Whether the port is this process's now: between choosing a port and listening there, another could choose it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0gridx-port-{port}")  # a name without a file, gone with the process
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    while len(_claims) > _CLAIMS_KEPT:
        _claims.popleft().close()
    return True


def is_listening(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts TCP connections at the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def is_healthy(address: str) -> bool:
    """Whether an HTTP service says that it is well."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as response:  # noqa: S310
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _leash(parent_pid: int, death_signal: int) -> Callable[[], None]:
    """Return the code that runs in the child between fork and exec: die when the parent does."""

    def apply() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent_pid:
            os._exit(1)

    return apply


@cache
def _starter(parent_pid: int) -> ThreadPoolExecutor:
    """The thread that starts every child: the kernel ends a child with the thread, not the process, that started it."""
    return ThreadPoolExecutor(1, thread_name_prefix=f"starter-{parent_pid}")


class Process:
    """One child: `start`, `wait_ready`, `stop`. It may be started from any thread.

    `stop_signal` asks for an orderly end; `death_signal` is what the kernel sends should the parent vanish.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
        user: int | None = None,
        stdin: str | None = None,
        stop_signal: int = signal.SIGTERM,
        death_signal: int = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.env = dict(env) if env is not None else None
        self.cwd = cwd
        self.user = user
        self.stdin = stdin
        self.stop_signal = stop_signal
        self.death_signal = death_signal
        self._child: subprocess.Popen[str] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """Process id while started, else None."""
        return self._child.pid if self._child is not None else None

    @property
    def running(self) -> bool:
        """Whether the child was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit status of the last child, None while it runs or before it was started."""
        return self._child.poll() if self._child is not None else None

    def start(self) -> None:
        """Start the child in its own process group, output appended to the log. Raises OSError."""
        if self.running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(self.log.suffix + ".1"))
        with self.log.open("ab") as output:
            self._log_start = output.seek(0, os.SEEK_END)
            self._child = _starter(os.getpid()).submit(self._spawn, output).result()
        if self.stdin is not None and self._child.stdin is not None:
            self._child.stdin.write(self.stdin)
            self._child.stdin.close()

    def _spawn(self, output: IO[bytes]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE if self.stdin is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self.cwd,
            env=self.env,
            user=self.user,
            group=None if self.user is None else _group_of(self.user),
            extra_groups=None if self.user is None else [],
            start_new_session=True,
            text=True,
            preexec_fn=_leash(os.getpid(), self.death_signal),
        )

    def wait_ready(self, ready: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Return once `ready()`; raise ProcessFailed when the child ends or the time is over."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.01
        while not ready():
            if not self.running:
                raise ProcessFailed(f"{self.name} ended with status {self.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready after {timeout_s:.0f} s\n{self.tail()}")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.2)

    def signal(self, number: int) -> None:
        """Send a signal to the child alone; nothing happens when it has ended."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(number)

    def ask_stop(self) -> None:
        """Ask for an orderly end without waiting for it."""
        self.signal(self.stop_signal)

    def stop(self, *, timeout_s: float = 15.0) -> None:
        """End the child: ask, wait, then SIGKILL to its group. Safe to call twice."""
        if self._child is None:
            return
        self.ask_stop()
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self) -> None:
        """SIGKILL the child and what it started, then reap it."""
        if self._child is None:
            return
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self._child.wait()

    def tail(self, lines: int = 15, *, since_start: bool = False) -> str:
        """The last lines of the log, all or only what was written since the last start."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as content:
            size = content.seek(0, os.SEEK_END)
            content.seek(max(self._log_start if since_start else 0, size - _TAIL_BYTES, 0))
            return "\n".join(content.read().decode(errors="replace").splitlines()[-lines:])


def _group_of(uid: int) -> int:
    """Primary group of a system user."""
    import pwd

    return pwd.getpwuid(uid).pw_gid
