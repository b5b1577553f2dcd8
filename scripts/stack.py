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
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from scripts import forecaster, keys, runfile, settler
from scripts.embedded import chain_check
from scripts.embedded.anvil import Anvil
from scripts.embedded.postgres import MODELS_DATABASE, Passwords, PostgresServer
from scripts.embedded.process import LOOPBACK, ROOT, Process, ProcessFailed, free_port, is_healthy, is_listening
from scripts.embedded.redis import RedisServer
from scripts.programs import FORECASTING, NOT_WAITED_FOR, PROCESSES, TRAINER, arguments

FOLDER = runfile.FOLDER
SERVERS = ("postgres", "redis", "anvil")
EXTERNAL = runfile.ADDRESSES
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
    ai: int | None = None


class Stack:
    """Embedded servers and processes under one folder; see the module.

    `processes` are started in this order. `block_time_s` is the chain's pace (None: a block per transaction), final is
    what lies `2 * epoch_slots` blocks deep. `chain_options` are anvil's own. `durable=False` gives up fsync, for
    throw-away stacks. `environment` adds or replaces settings of the processes. `announce` receives one line per step.
    """

    def __init__(
        self,
        folder: Path = FOLDER,
        processes: Sequence[str] = PROCESSES,
        *,
        ports: Ports | None = None,
        block_time_s: int | None = 1,
        epoch_slots: int = 4,
        chain_options: Sequence[str] = (),
        durable: bool = True,
        external: bool = False,
        environment: Mapping[str, str] | None = None,
        announce: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.folder = folder.resolve()
        self.process_names = tuple(processes)
        self.ports = ports or Ports()
        self.block_time_s = block_time_s
        self.chain_options = ("--slots-in-an-epoch", str(epoch_slots), *chain_options)
        self.durable = durable
        self.external = {name for name in EXTERNAL if external and os.environ.get(name)}
        self.announce = announce
        self.deployment_file = self.folder / "deployments" / "local.json"
        self.env: dict[str, str] = {}
        self._extra = dict(environment or {})
        self._children: dict[str, Process] = {}
        self._metrics_ports: dict[str, int] = {}
        self._settler: dict[str, str] = {}  # key of the relayer, which no other process is given
        self._forecaster_key: str | None = None  # the AI service's alone
        self._deployment: Process | None = None
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
        """Start servers, migrate, deploy, start processes, wait until they answer (but for NOT_WAITED_FOR).

        Raises StackRunning, keys.SecretsMissing, chain_check.ChainBehind, ProcessFailed.
        """
        self._take_lock()
        runfile.end_leftovers(self.folder)
        self.env = self._environment()
        secrets = self._secrets()
        self._start_chain()
        self._begin_deployment()
        self._start_postgres(secrets)
        self._start_redis(secrets)
        self.env |= self._extra
        self._write_run_file()
        await self._migrate()
        await self._equip_forecaster()
        if self.postgres is not None and self.anvil is not None:
            chain_check.check(self.postgres, self.anvil)
        await self._finish_deployment()
        await self._equip_settler()
        for name in self.process_names:
            self._children[name] = self._process(name)
            self._children[name].start()
        self._write_run_file()
        awaited = [name for name in self.process_names if name not in NOT_WAITED_FOR]
        await asyncio.gather(*(self.wait_ready(name) for name in awaited))

    async def close(self) -> None:
        """Stop everything that was started, processes first; safe to call twice."""
        children = [child for name, child in self._children.items() if name not in SERVERS]
        if self._deployment is not None:
            self._deployment.kill()
        for child in children:
            child.ask_stop()
        await asyncio.gather(*(asyncio.to_thread(child.stop, timeout_s=20) for child in children))
        for server in (self.anvil, self.redis, self.postgres):
            if server is not None:
                await asyncio.to_thread(server.stop)
        if self._lock is not None:  # without it the folder, and its run file, are another stack's
            runfile.remove(self.folder)
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
        """Return once the process answers or has come up and stays. Raises ProcessFailed with its last lines."""
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
        """api and AI service answer; follower, relay and relayer serve their metrics; the worker says so in its log."""
        if name in self._metrics_ports:
            return is_listening(self._metrics_ports[name])
        if name in ("worker", TRAINER):
            child = self._children[name]
            return child.running and " ready." in child.tail(40, since_start=True)
        return is_healthy(self.env["AI_SERVICE_URL"] if name == "ai" else self.api_url)

    def _take_lock(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            self._lock.close()
            self._lock = None
            raise StackRunning(f"a stack runs in {self.folder}: stop it first (Ctrl-C where it runs)") from problem

    def _environment(self) -> dict[str, str]:
        """Settings of the processes; servers that are not external add their addresses as they start."""
        inherited = {name: value for name, value in os.environ.items() if name not in EXTERNAL or name in self.external}
        values = {**inherited, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        if self.external:
            needed: tuple[str, ...] = keys.APPLICATION
            if "DATABASE_URL" in self.external:
                needed += tuple(name for name in DATABASE_URLS.values() if name != "DATABASE_URL")
            if "relayer" in self.process_names and not values.get("GRIDX_RELAYER_KEYSTORE"):
                needed += (settler.KEY,)
            needed += (forecaster.KEY,) if "ai" in self.process_names else ()
            keys.require(values, needed)
        self._settler = {name: values.pop(name) for name in settler.NAMES if values.get(name)}
        values.setdefault("GRIDX_API_HOST", LOOPBACK)
        values["GRIDX_API_PORT"] = str(free_port(self.ports.api or 0))
        values.setdefault("GRIDX_PUBLIC_URL", f"http://{LOOPBACK}:{values['GRIDX_API_PORT']}")
        self._forecaster_key = values.pop(forecaster.KEY, None)
        if "ai" in self.process_names:
            forecaster.settle_addresses(values, port=free_port(self.ports.ai or 0))
        if "RPC_URL" not in self.external:
            values["GRIDX_DEPLOYMENT_FILE"] = str(self.deployment_file)
        elif "GRIDX_DEPLOYMENT_FILE" in values:
            self.deployment_file = Path(values["GRIDX_DEPLOYMENT_FILE"])
        else:
            raise keys.SecretsMissing("RPC_URL is set: GRIDX_DEPLOYMENT_FILE must name the network's deployment record")
        return values

    def _secrets(self) -> dict[str, str]:
        """Secrets of the embedded servers and, when everything is embedded, of the processes."""
        secrets = keys.read_or_make(self.folder / "secrets") if len(self.external) < len(EXTERNAL) else {}
        if not self.external:
            self.env |= {name: self.env.get(name) or secrets[name] for name in keys.APPLICATION}
            if not self._settler:
                self._settler = {settler.KEY: secrets[settler.KEY]}
            self._forecaster_key = self._forecaster_key or secrets[forecaster.KEY]
        return secrets

    def _start_postgres(self, secrets: Mapping[str, str]) -> None:
        if "DATABASE_URL" in self.external:
            return
        self.announce("starting PostgreSQL")
        passwords = Passwords(
            superuser=secrets["GRIDX_POSTGRES_PASSWORD"],
            owner=secrets["GRIDX_OWNER_PASSWORD"],
            api=secrets["GRIDX_API_PASSWORD"],
            service=secrets["GRIDX_SERVICE_PASSWORD"],
            audit=secrets["GRIDX_AUDIT_PASSWORD"],
            models=secrets["GRIDX_MODELS_PASSWORD"],
        )
        port, log = free_port(self.ports.postgres or 0), self.folder / "logs" / "postgres.log"
        self.postgres = PostgresServer(self.folder, passwords, port=port, durable=self.durable, log=log)
        self.postgres.start()
        self.env |= {name: self.postgres.url(role) for role, name in DATABASE_URLS.items()}
        self.env.setdefault("GRIDX_AI_MODELS_URL", self.postgres.url("models", MODELS_DATABASE))
        self.env.setdefault("GRIDX_AI_MODELS_FOLDER", str(self.folder / "models"))

    def _start_redis(self, secrets: Mapping[str, str]) -> None:
        if "REDIS_URL" in self.external:
            return
        self.announce("starting Redis")
        port, log = free_port(self.ports.redis or 0), self.folder / "logs" / "redis.log"
        password = secrets["GRIDX_REDIS_PASSWORD"]
        self.redis = RedisServer(self.folder / "redis", password=password, port=port, durable=self.durable, log=log)
        self.redis.start()
        self.env["REDIS_URL"] = self.redis.url

    def _start_chain(self) -> None:
        if "RPC_URL" in self.external:
            return
        self.announce("starting the local chain")
        self.anvil = Anvil(
            self.folder / "chain" if self.durable else None,
            port=free_port(self.ports.chain or 0),
            block_time_s=self.block_time_s,
            account_count=60,
            log=self.folder / "logs" / "anvil.log",
            options=self.chain_options,
        )
        self.anvil.start()
        self.env["RPC_URL"] = self.anvil.rpc_url

    async def _migrate(self) -> None:
        self.announce("migrating the database")
        from backend.migrations import upgrade

        await asyncio.to_thread(upgrade, self.database_url("owner"))

    async def _equip_forecaster(self) -> None:
        if "ai" in self.process_names and self._forecaster_key:
            await forecaster.equip(self.database_url("service"), self._forecaster_key)

    def _begin_deployment(self) -> None:
        """Deploy, while other parts start, unless the local chain has the contracts of the record."""
        if self.anvil is None or chain_check.is_deployed(self.deployment_file, self.anvil):
            return
        self.announce("deploying the contracts")
        self.deployment_file.parent.mkdir(parents=True, exist_ok=True)
        self.anvil.rpc("evm_setAutomine", True)  # the deployment waits for its receipt within one call
        command = [sys.executable, "-m", "scripts.deploy", "--network", "local", "--rpc", self.anvil.rpc_url]
        log = self.folder / "logs" / "deploy.log"
        environment = {**self.env, **self._settler}
        self._deployment = Process("deploy", [*command, "--out", str(self.deployment_file)], log=log, env=environment)
        self._deployment.start()

    async def _finish_deployment(self) -> None:
        if self.anvil is None or self._deployment is None:
            return
        while self._deployment.running:  # noqa: ASYNC110 (a process, polled)
            await asyncio.sleep(0.05)
        if self.block_time_s is not None:
            self.anvil.rpc("evm_setIntervalMining", self.block_time_s)
        if self._deployment.returncode != 0:
            said = self._deployment.tail(60, since_start=True)
            raise ProcessFailed(f"the contracts were not deployed:\n{said}")
        self._deployment = None

    async def _equip_settler(self) -> None:
        """The relayer of a local chain may settle and can pay, also on one that was deployed before it had a key."""
        if self.anvil is not None and settler.KEY in self._settler and "relayer" in self.process_names:
            record = json.loads(self.deployment_file.read_text())
            await asyncio.to_thread(settler.equip, self.anvil.rpc, record, self._settler[settler.KEY])

    def _process(self, name: str, environment: Mapping[str, str] | None = None) -> Process:
        settings = dict(environment or {})
        if name == "relayer":
            settings = {**self._settler, **settings}
        if name in FORECASTING and self._forecaster_key is not None:
            settings.setdefault(forecaster.KEY, self._forecaster_key)
        if name in ("follower", "relay", "relayer"):
            self._metrics_ports[name] = free_port()
            settings.setdefault("GRIDX_METRICS_PORT", str(self._metrics_ports[name]))
        log = self.folder / "logs" / f"{name}.log"
        return Process(name, [sys.executable, *arguments(name, self.folder)], log=log, env={**self.env, **settings})

    def _write_run_file(self) -> None:
        servers = [server.process for server in (self.postgres, self.redis, self.anvil) if server is not None]
        runfile.write(self.folder, self.env, [*servers, *self._children.values()])
