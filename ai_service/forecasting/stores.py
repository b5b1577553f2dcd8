# SPDX-License-Identifier: Apache-2.0
"""Where the register keeps things: MLflow's tables in a database, files in a folder or an object store."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ai_service.forecasting import artifact

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

MIGRATION_LOCK = 7_305_211  # an advisory lock: one process at a time makes MLflow's tables


def address(url: str) -> str:
    """MLflow's address of a PostgreSQL database, driver named."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def root(place: str | Path) -> str:
    """A folder or an object store as an address."""
    return str(place) if "://" in str(place) else Path(place).resolve().as_uri()


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


def store(folder: Path, target: str) -> None:
    """Copy a folder to `target`; in a file system the name appears when everything is on disk."""
    path = local_path(target)
    if path is None:
        _remote(target).log_artifacts(str(folder))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".new")
    shutil.copytree(folder, half)
    _flush(half)
    half.rename(path)


def read(source: str, *, sha256: str) -> Any:
    """The model that lies at `source`. Raises ArtifactDamaged."""
    path = local_path(source)
    if path is not None:
        return artifact.read(path, sha256=sha256)
    with tempfile.TemporaryDirectory(prefix="gridx-model-") as scratch:
        _remote(source).download_artifacts("", dst_path=scratch)
        return artifact.read(Path(scratch), sha256=sha256)


def _remote(target: str) -> Any:
    """MLflow's access to an object store; it needs that store's own client library."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(target)


def local_path(source: str) -> Path | None:
    """The folder that an address names, or None for an object store."""
    parts = urlsplit(source)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _flush(folder: Path) -> None:
    """Everything of the folder on disk before its name exists."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
