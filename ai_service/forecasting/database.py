# SPDX-License-Identifier: Apache-2.0
"""The database of the register: MLflow's tables, and who may change or copy its versions at the same time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ai_service.forecasting import errors

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

MIGRATION_LOCK = 7_305_211  # an advisory lock: one process at a time makes MLflow's tables
VERSIONS_LOCK = 7_305_212  # shared by what needs every version to stay, alone for what removes some
LOCK_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 5


def address(url: str) -> str:
    """MLflow's address of a PostgreSQL database, driver named."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def connect(url: str) -> MlflowClient:
    """A client that has asked once; MLflow's tables are made by one process at a time, and it reports nothing home."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "2")
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_PRE_PING", "true")
    from mlflow.tracking import MlflowClient
    from sqlalchemy import create_engine, text

    logging.getLogger("mlflow").setLevel(logging.WARNING)

    def connected() -> MlflowClient:
        client = MlflowClient(tracking_uri=url, registry_uri=url)
        client.search_registered_models(max_results=1)
        return client

    if not url.startswith("postgresql"):
        return connected()
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
            return connected()
    finally:
        engine.dispose()


@contextmanager
def held(url: str, *, alone: bool) -> Iterator[None]:
    """Hold the versions of a PostgreSQL register: together with others, or `alone`.

    Raises RegisterBusy: at once when `alone` is not to be had, after LOCK_TIMEOUT_S when somebody is alone.
    """
    from psycopg.errors import LockNotAvailable
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import OperationalError

    if not url.startswith("postgresql"):
        yield
        return
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
    asked = "pg_try_advisory_lock(:key)" if alone else "pg_advisory_lock_shared(:key) IS NOT NULL"
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SET lock_timeout = {round(LOCK_TIMEOUT_S * 1000)}"))
            try:
                got = connection.execute(text(f"SELECT {asked}"), {"key": VERSIONS_LOCK}).scalar_one()
            except OperationalError as problem:
                if not isinstance(problem.orig, LockNotAvailable):
                    raise
                got = False
            if not got:
                raise errors.RegisterBusy
            yield
    finally:
        engine.dispose()
