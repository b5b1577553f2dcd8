# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL cluster for one test process; each test gets its own clone of a migrated template."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.embedded.postgres import Passwords, PostgresServer

PASSWORDS = Passwords(superuser="superuser", owner="owner", api="api", service="service", audit="audit")
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
    """Starts without fsync: its data live as long as the test process."""

    def __init__(self, folder: Path) -> None:
        settings = {"shared_buffers": "64MB", "autovacuum": "off", "wal_level": "minimal", "max_wal_senders": "0"}
        self.server = PostgresServer(folder, PASSWORDS, durable=False, settings=settings)
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Start the server and migrate the template."""
        self.server.start()
        from backend.migrations import upgrade

        with ThreadPoolExecutor(1) as outside_any_loop:
            outside_any_loop.submit(upgrade, self.server.url("owner", TEMPLATE)).result()

    def clone(self) -> DatabaseUrls:
        """A fresh copy of the template, committed data and all."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.server.psql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER gridx_owner")
        return self._urls(name)

    def empty(self) -> DatabaseUrls:
        """A database without any migration, for tests of the migrations themselves."""
        name = f"empty_{os.getpid()}_{next(self._numbers)}"
        self.server.psql(f"CREATE DATABASE {name} TEMPLATE template0 OWNER gridx_owner")
        return self._urls(name)

    def drop(self, urls: DatabaseUrls) -> None:
        """Remove a clone, ending what is still connected to it."""
        self.server.psql(f"DROP DATABASE IF EXISTS {urls.name} WITH (FORCE)")

    def stop(self) -> None:
        """Stop the server."""
        self.server.stop()

    def _urls(self, name: str) -> DatabaseUrls:
        roles = ("owner", "api", "service", "audit", "superuser")
        return DatabaseUrls(name=name, **{role: self.server.url(role, name) for role in roles})
