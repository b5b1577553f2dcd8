# SPDX-License-Identifier: Apache-2.0
"""Where files of models lie: a place `<name>/<id>` for each version, in a folder or an S3 store (s3.py).

A place appears complete or not at all, and its files are never changed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from ai_service.forecasting import artifact, errors

PLACE = re.compile(r"(?!\.)[^/]+/[0-9a-f]{32}")
OURS = re.compile(PLACE.pattern + r"(\.new|\.gone)?")  # whatever else lies in the folder is somebody else's


@dataclass(frozen=True, slots=True)
class Placed:
    """Files of a version, or what is left of some."""

    place: str
    changed_at: datetime


class Store(Protocol):
    """Files by place. Every method blocks; ObjectStoreAway where it is not on this machine and does not answer."""

    root: str

    def put(self, folder: Path, place: str) -> None:
        """Copy the files of a folder to a place that is free."""

    def get(self, place: str, folder: Path) -> None:
        """Copy the files of a place into an empty folder. Raises ArtifactDamaged when there is none."""

    def remove(self, place: str) -> None:
        """Remove the files of a place; nothing happens when there is none."""

    def places(self) -> Iterator[Placed]:
        """Every place that was made by `new_place`, also half written ones."""


def opened(root: str | Path) -> Store:
    """The store of a folder or of `s3://bucket/prefix`. Raises StoreUnknown for another kind of address."""
    from ai_service.forecasting.s3 import S3Store

    parts = urlsplit(str(root))
    if parts.scheme == "s3":
        return S3Store(str(root))
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    if "://" not in str(root):
        return FolderStore(Path(root))
    raise errors.StoreUnknown(scheme=parts.scheme)


def new_place(name: str) -> str:
    """A place that nobody has."""
    return f"{name}/{uuid4().hex}"


def place_of(source: str) -> str:
    """The place that an address ends with; what stands before it is where the store was when it was written."""
    return "/".join(source.rstrip("/").split("/")[-2:])


def read(store: Store, place: str, *, sha256: str) -> Any:
    """The model of a place. Raises ArtifactDamaged, ObjectStoreAway."""
    if isinstance(store, FolderStore):
        return artifact.read(store.path(place), sha256=sha256)
    with tempfile.TemporaryDirectory(prefix="gridx-model-") as scratch:
        store.get(place, Path(scratch))
        return artifact.read(Path(scratch), sha256=sha256)


def local_path(source: str) -> Path | None:
    """The folder that an address names, or None for an object store."""
    parts = urlsplit(source)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


class FolderStore:
    """Places as folders of a file system."""

    def __init__(self, root: Path) -> None:
        self._folder = root.resolve()
        self.root = self._folder.as_uri()

    def path(self, place: str) -> Path:
        """The folder of a place."""
        return self._folder / place

    def put(self, folder: Path, place: str) -> None:
        """The name appears when everything is on disk."""
        path = self.path(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(path.name + ".new")
        shutil.copytree(folder, half)
        _flush(half)
        half.rename(path)

    def get(self, place: str, folder: Path) -> None:
        """See Store."""
        if not self.path(place).is_dir():
            raise errors.ArtifactDamaged("There are no files", place=place)
        shutil.copytree(self.path(place), folder, dirs_exist_ok=True)

    def remove(self, place: str) -> None:
        """The name goes first, so that nothing is ever half removed under it."""
        path = self.path(place)
        going = path.with_name(path.name + ".gone")
        if path.is_dir():
            path.rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def places(self) -> Iterator[Placed]:
        """See Store."""
        for path in sorted(self._folder.glob("*/*")):
            place = path.relative_to(self._folder).as_posix()
            if path.is_dir() and OURS.fullmatch(place):
                yield Placed(place, datetime.fromtimestamp(path.stat().st_mtime, UTC))


def _flush(folder: Path) -> None:
    """Everything of the folder on disk before its name exists."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
