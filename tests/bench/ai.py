# SPDX-License-Identifier: Apache-2.0
"""How fast forecasts are answered, cold and cached, and how many houses a batch forecasts a second.

`python -m tests.bench.ai [--houses 100] [--series 10000] [--json]`, also as `gridx-ai bench`. Real processes: backend,
AI service (held to one core), PostgreSQL, Redis; houses with 98 days of readings in the database; a trained model in
the register. Cold: each house is asked for the first time, one after the other, its readings fetched from the backend.
Cached: the same question again, paced and as fast as it goes. Batch: modelled homes from a Parquet file, two processes
on two cores, time from the first shard to the last part on disk (reading the table is told beside it). `…CpuMs` is the
processor time of the AI service for one answer, of the batch for one series: other load moves it little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psutil

from ai_service.forecasting.registry import Registry
from ai_service.forecasting.versions import Model
from ai_service.training import batch, engines, learning, sources
from backend.accounts.service import equip_forecaster
from backend.core.clock import utc_now
from scripts.embedded.postgres import MODELS_DATABASE
from scripts.embedded.process import Process, free_port, is_healthy
from tests.ai_service.towns import make_town
from tests.bench import _homes, _load
from tests.bench._ground import RAISED_LIMIT
from tests.bench._services import Services, services
from tests.support.databases import PASSWORDS

COLD_P95_MS, CACHED_P95_MS, CACHED_PER_S, BATCH_PER_S = 500.0, 10.0, 1000.0, 46.3
NAME = "homes-consumption-3600s-24h"
SERVICE_KEY = "gxk_" + "b" * 43
PERSON = {"email": "asha@example.org", "password": "correct horse battery", "name": "Asha", "role": "both"}
READINGS_DAYS = 98
TRAINING_HOMES = 40
PACE = 200.0
FLAT_OUT = 10_000
WORKERS = 2


async def measure(*, houses: int, series: int, as_json: bool) -> None:
    """Run and print; the last line is JSON."""
    cores = sorted(os.sched_getaffinity(0))
    async with services() as base:
        model = await asyncio.to_thread(_trained, base)
        async with _running(base, cores) as (port, headers, person, ai):
            figures = await _served(port, headers, await _with_houses(base, person, houses), ai)
        figures |= await asyncio.to_thread(_batch, model, series, cores)
    wanted = {
        "coldP95Ms": COLD_P95_MS,
        "cachedP95Ms": CACHED_P95_MS,
        "cachedPerSecond": CACHED_PER_S,
        "batchPerSecond": BATCH_PER_S,
    }
    for name, figure in figures.items():
        print(f"{name:>24}  {figure}" + (f"  (wanted {wanted[name]:g})" if name in wanted else ""))
    if as_json:
        print(json.dumps({**figures, "wanted": wanted}))


def _trained(base: Services) -> Model:
    """A fleet, learned from modelled homes, in use in the register."""
    registry = Registry(_models_url(base), base.folder / "models")
    end_s = int(time.time()) // 86_400 * 86_400
    homes = _homes.homes(TRAINING_HOMES, days=READINGS_DAYS, end_s=end_s)
    version = learning.train_houses(registry, NAME, homes, days=14)
    registry.promote(NAME, version.number)
    return registry.load(NAME)


def _models_url(base: Services) -> str:
    port = urlsplit(base.environment["GRIDX_DATABASE_OWNER_URL"]).port
    return f"postgresql://gridx_models:{PASSWORDS.models}@127.0.0.1:{port}/{MODELS_DATABASE}"


@asynccontextmanager
async def _running(base: Services, cores: list[int]) -> AsyncIterator[tuple[int, dict[str, str], UUID, psutil.Process]]:
    """Backend and AI service; yields the latter's port, a user's headers, the user's id, and the process."""
    async with base.process("backend.api") as api:
        await equip_forecaster(base.db, SERVICE_KEY, now=utc_now())
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{api}") as backend:
            entered = (await backend.post("/api/auth/register", json=PERSON)).json()["data"]
            headers = {"Authorization": f"Bearer {entered['accessToken']}"}
            me = (await backend.get("/api/users/me", headers=headers)).json()["data"]
        port = free_port()
        settings = {
            "GRIDX_AI_PORT": str(port),
            "GRIDX_AI_BACKEND_URL": f"http://127.0.0.1:{api}",
            "GRIDX_AI_SERVICE_KEY": SERVICE_KEY,
            "GRIDX_AI_MODELS_URL": _models_url(base),
            "GRIDX_AI_MODELS_FOLDER": str(base.folder / "models"),
            "GRIDX_AI_LIMIT_USER": RAISED_LIMIT,
            "GRIDX_AI_LOG_LEVEL": "ERROR",
        }
        log = base.folder / "ai.log"
        ai = Process("ai", [sys.executable, "-m", "ai_service"], log=log, env=base.environment | settings)
        ai.start()
        try:
            await asyncio.to_thread(ai.wait_ready, lambda: is_healthy(f"http://127.0.0.1:{port}"), timeout_s=60)
            assert ai.pid is not None
            one = psutil.Process(ai.pid)
            for thread in one.threads():
                os.sched_setaffinity(thread.id, {cores[0]})
            yield port, headers, UUID(me["id"]), one
        finally:
            ai.stop()


async def _with_houses(base: Services, person: UUID, count: int) -> list[str]:
    """Houses of a community that the person operates, with readings up to now; their ids."""
    town = await make_town(base.db, person)
    return [str(await town.house(days=READINGS_DAYS, level_wh=300 + 7 * number)) for number in range(count)]


async def _served(port: int, headers: dict[str, str], houses: list[str], ai: psutil.Process) -> dict[str, Any]:
    """Cold and cached answers."""
    questions = [json.dumps({"houseId": house, "horizonHours": 24}).encode() for house in houses]
    told = {name.replace("-", "_"): value for name, value in headers.items()}
    first, *rest = (_load.post("/api/forecast", question, **told) for question in questions)
    names = await _answering_model(port, headers, questions[0])
    before = _cpu_s(ai)
    cold = await _load.closed(rest, ports=[port], connections=1)
    cold_cpu_s = _cpu_s(ai) - before
    await _load.closed([first] * 200, ports=[port], connections=4)
    paced = await _load.paced([first] * int(PACE * 10), ports=[port], rate=PACE, connections=16)
    before = _cpu_s(ai)
    flat_out = await _load.closed([first] * FLAT_OUT, ports=[port], connections=16)
    cached_cpu_s = _cpu_s(ai) - before
    statuses = cold.statuses + paced.statuses + flat_out.statuses
    return {
        "coldP95Ms": round(cold.percentile(0.95) * 1000, 1),
        "coldP50Ms": round(cold.percentile(0.5) * 1000, 1),
        "cachedP95Ms": round(paced.percentile(0.95) * 1000, 2),
        "cachedPerSecond": round(len(flat_out.latencies) / flat_out.seconds),
        "coldCpuMs": round(cold_cpu_s / len(rest) * 1000, 1),
        "cachedCpuMs": round(cached_cpu_s / FLAT_OUT * 1000, 3),
        "model": names,
        "houses": len(houses),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
    }


def _cpu_s(process: psutil.Process) -> float:
    """Processor time of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def _answering_model(port: int, headers: dict[str, str], question: bytes) -> str:
    """Ask until the trained model is at hand (it is looked up beside the first answers); which one answers then."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, headers=headers) as http:
        asked = json.loads(question)
        version = ""
        for horizon in range(1, 100):
            answer = await http.post("/api/forecast", json=asked | {"horizonHours": horizon})
            answer.raise_for_status()
            version = answer.json()["data"]["model"]["version"]
            if version.startswith(NAME):
                break
            await asyncio.sleep(0.25)
        return str(version)


def _batch(model: Model, series: int, cores: list[int]) -> dict[str, Any]:
    """A batch on two cores."""
    os.sched_setaffinity(0, set(cores[:WORKERS]))
    end_s = int(datetime.now(UTC).timestamp()) // 3600 * 3600
    with tempfile.TemporaryDirectory(prefix="gridx-bench-") as scratch:
        path = _homes.write(Path(scratch) / "homes.parquet", series, days=60, end_s=end_s)
        started = time.monotonic()
        table = sources.Table(path, series_column="house", time_column="time", value_column="kwh")
        read_s = time.monotonic() - started
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = batch.run(
            table, readings="bench", model=model, engine=engines.local(WORKERS), folder=Path(scratch) / "out"
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    os.sched_setaffinity(0, set(cores))
    return {
        "batchPerSecond": round(done.rate, 1),
        "batchSeries": done.series,
        "batchCpuMs": round(cpu_s / done.series * 1000, 1),
        "batchSeconds": round(done.seconds, 1),
        "batchReadSeconds": round(read_s, 1),
        "millionHouseDaysHours": round(1e6 / done.rate / 3600, 2),
    }


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--houses", type=int, default=100)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(measure(houses=arguments.houses, series=arguments.series, as_json=arguments.json))


if __name__ == "__main__":
    main()
