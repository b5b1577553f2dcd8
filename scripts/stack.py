# SPDX-License-Identifier: Apache-2.0
"""The whole of GridX on one machine: embedded servers and its processes, started and stopped together.

    async with Stack(folder) as stack:
        httpx.get(stack.api_url + "/health")

Everything lives under `folder`: secrets, data of PostgreSQL, Redis and chain, the deployment record, logs, and
`run.json`, by which other commands find a running stack. Servers whose address the environment names (`DATABASE_URL`,
`REDIS_URL`, `RPC_URL`) are used instead of embedded ones when `external=True`.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from scripts import keys
from scripts.embedded import chain_check
from scripts.embedded.anvil import Anvil
from scripts.embedded.postgres import Passwords, PostgresServer
from scripts.embedded.process import LOOPBACK, ROOT, Process, ProcessFailed, free_port
from scripts.embedded.redis import RedisServer

FOLDER = ROOT / ".gridx"
PROCESSES = ("api", "follower", "relay", "worker")
SERVERS = ("postgres", "redis", "anvil")
EXTERNAL = ("DATABASE_URL", "REDIS_URL", "RPC_URL")
DATABASE_URLS = {
    "api": "DATABASE_URL",
    "owner": "GRIDX_DATABASE_OWNER_URL",
    "service": "GRIDX_DATABASE_SERVICE_URL",
    "audit": "GRIDX_DATABASE_AUDIT_URL",
}
HEALTH_TIMEOUT_S = 60.0


class StackRunning(RuntimeError):
    """Another stack holds this folder."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports that are tried first; None or a taken one means any free port."""

    api: int | None = None
    chain: int | None = None
    postgres: int | None = None
    redis: int | None = None


class Stack:
    """Embedded servers and processes under one folder; see the module.

    `processes` are started in this order. `block_time_s` is the chain's pace (None: a block per transaction), final is
    what lies `2 * epoch_slots` blocks deep. `durable=False` gives up fsync, for throw-away stacks. `environment` adds
    or replaces settings of the processes. `announce` receives one line per step.
    """

    def __init__(
        self,
        folder: Path = FOLDER,
        processes: Sequence[str] = PROCESSES,
        *,
        ports: Ports | None = None,
        block_time_s: float | None = 1.0,
        epoch_slots: int = 4,
        durable: bool = True,
        external: bool = False,
        environment: Mapping[str, str] | None = None,
        announce: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder = folder.resolve()
        self.process_names = tuple(processes)
        self.ports = ports or Ports()
        self.block_time_s = block_time_s
        self.epoch_slots = epoch_slots
        self.durable = durable
        self.external = {name for name in EXTERNAL if external and os.environ.get(name)}
        self.announce = announce
        self.deployment_file = self.folder / "deployments" / "local.json"
        self.env: dict[str, str] = {}
        self._extra = dict(environment or {})
        self._children: dict[str, Process] = {}
        self._lock: IO[str] | None = None
        self.postgres: PostgresServer | None = None
        self.redis: RedisServer | None = None
        self.anvil: Anvil | None = None

    # -- addresses ---------------------------------------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        """Base address of the API, without a final slash."""
        return f"http://{self.env['GRIDX_API_HOST']}:{self.env['GRIDX_API_PORT']}"

    @property
    def rpc_url(self) -> str:
        """Address of the first node."""
        return self.env["RPC_URL"].split(",")[0]

    @property
    def redis_url(self) -> str:
        """Address of Redis."""
        return self.env["REDIS_URL"]

    def database_url(self, role: str) -> str:
        """Address of the database as `api`, `owner`, `service`, `audit`, or, embedded only, `superuser`."""
        if role == "superuser":
            return self._embedded_postgres().url(role)
        return self.env[DATABASE_URLS[role]]

    # -- life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Stack:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Start servers, migrate, deploy, start processes, wait until they answer.

        Raises StackRunning, keys.SecretsMissing, chain_check.ChainBehind, ProcessFailed.
        """
        self._take_lock()
        self._end_leftovers()
        self.env = self._environment()
        self._start_servers()
        self._write_run_file()
        await self._migrate()
        if self.postgres is not None and self.anvil is not None:
            chain_check.check(self.postgres, self.anvil)
        await self._deploy()
        for name in self.process_names:
            self._children[name] = self._process(name)
            self._children[name].start()
        self._write_run_file()
        await asyncio.gather(*(self.wait_ready(name) for name in self.process_names))

    async def close(self) -> None:
        """Stop everything that was started, processes first; safe to call twice."""
        children = [child for name, child in self._children.items() if name not in SERVERS]
        for child in children:
            child.ask_stop()
        await asyncio.gather(*(asyncio.to_thread(child.stop, timeout_s=20) for child in children))
        for server in (self.anvil, self.redis, self.postgres):
            if server is not None:
                await asyncio.to_thread(server.stop)
        (self.folder / "run.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self, name: str) -> None:
        """SIGKILL a process or a server (`api`, `follower`, …, `postgres`, `redis`, `anvil`) and reap it."""
        self.child(name).kill()

    async def stop(self, name: str) -> None:
        """Stop a process or server in order and leave it stopped."""
        await asyncio.to_thread(self.child(name).stop)

    async def start(self, name: str, **environment: str) -> None:
        """Start a stopped process (with these settings more) or server again and wait until it answers."""
        if name == "postgres":
            self._embedded_postgres().start()
        elif name == "redis" and self.redis is not None:
            self.redis.start()
        elif name == "anvil" and self.anvil is not None:
            self.anvil.start()
        else:
            self._children[name] = self._process(name, environment)
            self._children[name].start()
            await self.wait_ready(name)
        self._write_run_file()

    def child(self, name: str) -> Process:
        """The process behind a name. Raises KeyError for a name that this stack does not run."""
        servers = {"postgres": self.postgres, "redis": self.redis, "anvil": self.anvil}
        if name in servers:
            server = servers[name]
            if server is None:
                raise KeyError(name)
            return server.process
        return self._children[name]

    async def wait_ready(self, name: str, *, timeout_s: float = HEALTH_TIMEOUT_S) -> None:
        """Return once the process answers (api) or has come up and stays. Raises ProcessFailed with its last lines."""
        child = self._children[name]
        deadline = time.monotonic() + timeout_s
        while not await asyncio.to_thread(self._is_ready, name):
            if not child.running:
                raise ProcessFailed(f"{name} ended with status {child.returncode}; {child.log} ends:\n{child.tail()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{name} was not ready after {timeout_s:.0f} s; {child.log} ends:\n{child.tail()}")
            await asyncio.sleep(0.1)
        self.announce(f"{name} is up")

    # -- parts -------------------------------------------------------------------------------------------------------

    def _embedded_postgres(self) -> PostgresServer:
        if self.postgres is None:
            raise ProcessFailed("the database of this stack is external")
        return self.postgres

    def _is_ready(self, name: str) -> bool:
        if name != "api":
            return self._children[name].running
        try:
            with urllib.request.urlopen(f"{self.api_url}/health", timeout=2) as response:  # noqa: S310
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _take_lock(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            self._lock.close()
            self._lock = None
            raise StackRunning(f"a stack runs in {self.folder}: stop it first (Ctrl-C where it runs)") from problem

    def _end_leftovers(self) -> None:
        """End children of a run whose parent was killed, by their recorded ids, if they still are what they were."""
        run = read_run_file(self.folder)
        pids = [child["pid"] for child in (run or {}).get("children", []) if _is_still(child["pid"], child["argv"])]
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        """Settings of the processes; servers that are not external add their addresses as they start."""
        inherited = {name: value for name, value in os.environ.items() if name not in EXTERNAL or name in self.external}
        values = {**inherited, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        if self.external:
            needed = keys.APPLICATION
            if "DATABASE_URL" in self.external:
                needed += tuple(name for name in DATABASE_URLS.values() if name != "DATABASE_URL")
            keys.require(values, needed)
        values.setdefault("GRIDX_API_HOST", LOOPBACK)
        values["GRIDX_API_PORT"] = str(free_port(self.ports.api or 0))
        values.setdefault("GRIDX_PUBLIC_URL", f"http://{LOOPBACK}:{values['GRIDX_API_PORT']}")
        if "RPC_URL" not in self.external:
            values["GRIDX_DEPLOYMENT_FILE"] = str(self.deployment_file)
        elif "GRIDX_DEPLOYMENT_FILE" in values:
            self.deployment_file = Path(values["GRIDX_DEPLOYMENT_FILE"])
        else:
            raise keys.SecretsMissing("RPC_URL is set: GRIDX_DEPLOYMENT_FILE must name the network's deployment record")
        return values

    def _start_servers(self) -> None:
        logs = self.folder / "logs"
        secrets = keys.read_or_make(self.folder / "secrets") if len(self.external) < len(EXTERNAL) else {}
        if not self.external:
            self.env |= {name: self.env.get(name) or secrets[name] for name in keys.APPLICATION}
        if "DATABASE_URL" not in self.external:
            self.announce("starting PostgreSQL")
            passwords = Passwords(
                superuser=secrets["GRIDX_POSTGRES_PASSWORD"],
                owner=secrets["GRIDX_OWNER_PASSWORD"],
                api=secrets["GRIDX_API_PASSWORD"],
                service=secrets["GRIDX_SERVICE_PASSWORD"],
                audit=secrets["GRIDX_AUDIT_PASSWORD"],
            )
            port, log = free_port(self.ports.postgres or 0), logs / "postgres.log"
            self.postgres = PostgresServer(self.folder, passwords, port=port, durable=self.durable, log=log)
            self.postgres.start()
            self.env |= {name: self.postgres.url(role) for role, name in DATABASE_URLS.items()}
        if "REDIS_URL" not in self.external:
            self.announce("starting Redis")
            port, password = free_port(self.ports.redis or 0), secrets["GRIDX_REDIS_PASSWORD"]
            self.redis = RedisServer(
                self.folder / "redis", password=password, port=port, durable=self.durable, log=logs / "redis.log"
            )
            self.redis.start()
            self.env["REDIS_URL"] = self.redis.url
        if "RPC_URL" not in self.external:
            self.announce("starting the local chain")
            self.anvil = Anvil(
                self.folder / "chain" if self.durable else None,
                port=free_port(self.ports.chain or 0),
                block_time_s=self.block_time_s,
                account_count=60,
                log=logs / "anvil.log",
                options=("--slots-in-an-epoch", str(self.epoch_slots)),
            )
            self.anvil.start()
            self.env["RPC_URL"] = self.anvil.rpc_url
        self.env |= self._extra

    async def _migrate(self) -> None:
        self.announce("migrating the database")
        from backend.migrations import upgrade

        await asyncio.to_thread(upgrade, self.database_url("owner"))

    async def _deploy(self) -> None:
        if self.anvil is None or chain_check.is_deployed(self.deployment_file, self.anvil):
            return
        self.announce("deploying the contracts")
        self.deployment_file.parent.mkdir(parents=True, exist_ok=True)
        arguments = ["--network", "local", "--rpc", self.anvil.rpc_url, "--out", str(self.deployment_file)]
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scripts.deploy", *arguments),
            cwd=ROOT,
            env=self.env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await command.communicate()
        if command.returncode != 0:
            raise ProcessFailed(f"the contracts were not deployed:\n{output.decode(errors='replace')}")

    def _process(self, name: str, environment: Mapping[str, str] | None = None) -> Process:
        commands = {
            "api": ["-m", "backend.api"],
            "follower": ["-m", "backend.worker", "follower"],
            "relay": ["-m", "backend.worker", "relay"],
            "worker": ["-m", "backend.worker", "celery", f"--schedule={self.folder / 'beat-schedule'}"],
        }
        log = self.folder / "logs" / f"{name}.log"
        return Process(name, [sys.executable, *commands[name]], log=log, env={**self.env, **(environment or {})})

    def _write_run_file(self) -> None:
        """Record addresses and process ids for other commands, readable by the owner alone."""
        servers = [server.process for server in (self.postgres, self.redis, self.anvil) if server is not None]
        children = [*servers, *self._children.values()]
        wanted = [*DATABASE_URLS.values(), "REDIS_URL", "RPC_URL"]
        settings = {n: v for n, v in self.env.items() if n in wanted or (n.startswith("GRIDX_") and n not in wanted)}
        content = {
            "pid": os.getpid(),
            "environment": settings,
            "children": [{"name": c.name, "pid": c.pid, "argv": c.argv} for c in children if c.running],
        }
        fresh = self.folder / "run.json.new"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file, indent=1)
        fresh.replace(self.folder / "run.json")


def read_run_file(folder: Path = FOLDER) -> dict[str, Any] | None:
    """What the stack of this folder wrote at its start, or None; its parent may have been killed since."""
    try:
        content: dict[str, Any] = json.loads((folder / "run.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return content


def running_environment(folder: Path = FOLDER) -> dict[str, str]:
    """Settings of the running stack, under those of our own environment. Raises ProcessFailed when none runs."""
    run = read_run_file(folder)
    alive = run is not None and Path(f"/proc/{run['pid']}").exists()
    if run is not None and alive:
        return {**run["environment"], **os.environ}
    if os.environ.get("DATABASE_URL"):
        return dict(os.environ)
    raise ProcessFailed(
        "no stack is running here: start one with `make up`, or set DATABASE_URL, REDIS_URL and RPC_URL"
    )


def _is_still(pid: int, argv: list[str]) -> bool:
    try:
        running = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    return running[: len(argv)] == argv or running[0] == argv[0]
