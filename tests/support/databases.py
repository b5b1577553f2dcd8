# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL cluster for one test process; each test gets its own clone of a migrated template."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.embedded.postgres import Passwords, PostgresServer

PASSWORDS = Passwords(
    superuser="superuser", owner="owner", api="api", service="service", audit="audit", models="models"
)
TEMPLATE = "gridx"


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """Addresses of one test's database, one per role."""

    name: str
    owner: str
    api: str
    service: str
    audit: str
    superuser: str


class Cluster:
    """Starts without fsync: its data live as long as the test process. The next clone is made while a test runs."""

    def __init__(self, folder: Path) -> None:
        settings = {"shared_buffers": "64MB", "autovacuum": "off", "wal_level": "minimal", "max_wal_senders": "0"}
        self.server = PostgresServer(folder, PASSWORDS, durable=False, settings=settings)
        self._numbers = itertools.count(1)
        self._beside = ThreadPoolExecutor(1, "clones")
        self._next: Future[DatabaseUrls] | None = None

    def start(self) -> None:
        """Start the server and migrate the template."""
        self.server.start()
        from backend.migrations import upgrade

        self._beside.submit(upgrade, self.server.url("owner", TEMPLATE)).result()  # outside any event loop
        self._next = self._beside.submit(self._clone)

    def clone(self) -> DatabaseUrls:
        """A fresh copy of the template, committed data and all."""
        assert self._next is not None, "the cluster is not started"
        ready = self._next.result()
        self._next = self._beside.submit(self._clone)
        return ready

    def _clone(self) -> DatabaseUrls:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.server.psql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER gridx_owner STRATEGY FILE_COPY")
        return self._urls(name)

    def empty(self) -> DatabaseUrls:
        """A database without any migration, for tests of the migrations themselves."""
        name = f"empty_{os.getpid()}_{next(self._numbers)}"
        self.server.psql(f"CREATE DATABASE {name} TEMPLATE template0 OWNER gridx_owner")
        return self._urls(name)

    def drop(self, urls: DatabaseUrls) -> None:
        """Remove a clone, ending what is still connected to it."""
        self._beside.submit(self.server.psql, f"DROP DATABASE IF EXISTS {urls.name} WITH (FORCE)")

    def stop(self) -> None:
        """Stop the server, once what is being made or removed is done."""
        self._beside.shutdown()
        self.server.stop()

    def _urls(self, name: str) -> DatabaseUrls:
        roles = ("owner", "api", "service", "audit", "superuser")
        return DatabaseUrls(name=name, **{role: self.server.url(role, name) for role in roles})
