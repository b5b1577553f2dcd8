# SPDX-License-Identifier: Apache-2.0
"""A register of models on real PostgreSQL: `models_url` is a database of the test's own, `registry` stands on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from ai_service.alerts import Alerts
from ai_service.forecasting import database
from ai_service.forecasting.registry import Registry
from tests.support.databases import Cluster

TEMPLATE = "mlflow_template"
NUMBERS = count(1)


@pytest.fixture(scope="session")
def models_template(cluster: Cluster) -> str:
    """A database with MLflow's tables, made once."""
    cluster.server.psql(f"CREATE DATABASE {TEMPLATE} OWNER gridx_models")
    database.connect(database.address(cluster.server.url("models", TEMPLATE)))
    cluster.server.psql(
        f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'",
    )
    return TEMPLATE


@pytest.fixture
def models_url(cluster: Cluster, models_template: str) -> Iterator[str]:
    """Address of a register without any model."""
    name = f"models_{os.getpid()}_{next(NUMBERS)}"
    cluster.server.psql(f"CREATE DATABASE {name} TEMPLATE {models_template} OWNER gridx_models STRATEGY FILE_COPY")
    yield cluster.server.url("models", name)
    cluster.server.psql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def lose(cluster: Cluster, models_template: str, models_url: str, folder: Path) -> Callable[[], None]:
    """Takes away the register's database and files; the next to ask finds an empty one."""

    def take() -> None:
        name = models_url.rsplit("/", 1)[1]
        made = f"CREATE DATABASE {name} TEMPLATE {models_template} OWNER gridx_models STRATEGY FILE_COPY"
        cluster.server.psql(f"DROP DATABASE {name} WITH (FORCE)", made)
        shutil.rmtree(folder)

    return take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the register keeps files."""
    return tmp_path / "models"


@pytest.fixture
def registry(models_url: str, folder: Path, redis_url: str) -> Registry:
    """A register without any model; its alerts go to Redis."""
    return Registry(models_url, folder, held=2, alerts=Alerts(redis_url))
