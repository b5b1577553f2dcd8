# SPDX-License-Identifier: Apache-2.0
"""How fast the public leaderboard answers over HTTP with a million wallets on it: first pages, far pages, own ranks.

`python -m tests.bench.leaderboard [--wallets 1000000] [--requests 2000] [--json]`. The ledger itself fills the boards;
`transfers/s` is the pace of its last 50,000 in statements of 500, each wallet a new one. Value: p95 of a request while
1,000 transfers a second are booked and the boards are refreshed every 500 ms; `quiet p95 ms` is without them and
`health p95 ms` what an answer without any board costs. Week and month must stay within 1 s of the last committed
transfer (`worst week lag s`), the all-time board must never be behind.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from backend.accounts.tokens import TokenSigner
from backend.carbon import boards, service
from backend.carbon.boards import Board
from backend.carbon.types import Period, Transfer, earned
from backend.core.db import Database, raw
from backend.core.ids import uuid7, uuid7_batch
from scripts.embedded.postgres import PostgresServer
from scripts.embedded.process import ROOT, free_port
from scripts.embedded.redis import RedisServer
from tests.bench._ground import RAISED_LIMIT, SIGNING_SEED, report, wait_for_port
from tests.support.databases import PASSWORDS

LIMIT_MS = 20.0
COMMUNITIES = 200
STATEMENT = 500
SEED_STATEMENT = 5_000
MEASURED = 50_000
NOW = datetime.now(UTC)
TODAY = NOW.date()
EVERYBODY = Board(Period.ALL, boards.ALL_TIME)


@dataclass(frozen=True)
class Wallet:
    """A wallet of the benchmark."""

    address: bytes
    user_id: UUID
    community: int

    def earn(self, chance: random.Random, day: date) -> Transfer:
        """What a trade brings."""
        return earned(
            buyer=self.address,
            grams=int(chance.lognormvariate(7, 1)) + 1,
            chain=1,
            trade_id=chance.randbytes(32),
            cycle=0,
            holder_id=self.user_id,
            community=self.community,
            delivery_date=day,
            delivery_start=NOW,
            booked_at=NOW,
        )


async def seed(db: Database, count: int, chance: random.Random) -> tuple[list[Wallet], float]:
    """A million users with wallets that earned today or lately; returns them and transfers a second."""
    async with db.begin() as session:
        connection = await raw(session)
        await connection.execute(
            """INSERT INTO organizations (id, kind, name, slug, emission_region, time_zone, delivery_minutes,
                   community_number, created_at, updated_at)
               SELECT uuidv7(), 'community', 'Bench', 'bench-' || n, 'CAMX', 'UTC', 15, n, now(), now()
               FROM generate_series(1, $1) AS n""",
            COMMUNITIES,
        )
    wallets = [
        Wallet(chance.randbytes(20), user, 1 + number % COMMUNITIES) for number, user in enumerate(uuid7_batch(count))
    ]
    chance.shuffle(wallets)
    for start in range(0, count, 20_000):
        part = [wallet.user_id for wallet in wallets[start : start + 20_000]]
        async with db.begin() as session:
            await (await raw(session)).execute(
                "INSERT INTO users (id, name, leaderboard_name, created_at) "
                "SELECT id, 'Bench', CASE WHEN n % 4 = 0 THEN 'Name ' || n END, now() "
                "FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, n)",
                part,
            )
    first = max(0, count - MEASURED)
    for start in range(0, first, SEED_STATEMENT):
        await _book(db, wallets[start : min(start + SEED_STATEMENT, first)], chance)
        if start % 100_000 == 0:
            print(f"{start:>9} wallets seeded", flush=True)
            await service.refresh_boards(db)
    seconds = 0.0
    for start in range(first, count, STATEMENT):
        seconds += await _book(db, wallets[start : start + STATEMENT], chance)
    await service.refresh_boards(db)
    return wallets, (count - first) / seconds


async def _book(db: Database, wallets: list[Wallet], chance: random.Random) -> float:
    """Book one transfer for each wallet in one statement; returns the seconds to the commit."""
    transfers = [wallet.earn(chance, _day(chance)) for wallet in wallets]
    begun = time.perf_counter()
    async with db.begin() as session:
        await service.post(session, transfers)
    return time.perf_counter() - begun


def _day(chance: random.Random) -> date:
    return TODAY - timedelta(days=chance.choice([0, 0, 0, 1, 2, 10]))


def questions(count: int, wallets: int, chance: random.Random) -> list[str]:
    """Paths: seven of ten first pages, two near ones, one anywhere."""
    asked = []
    for _ in range(count):
        period = chance.choice(list(Period)).value
        community = chance.choice([0, 0, chance.randint(1, COMMUNITIES)])
        size = chance.choice([20, 20, 100])
        ranked = wallets // (COMMUNITIES if community else 1)
        depth = chance.choices([1, chance.randint(1, 50), chance.randint(1, max(1, ranked // size // 3))], [7, 2, 1])[0]
        asked.append(f"/api/carbon-wallet/leaderboard?period={period}&community={community}&limit={size}&page={depth}")
    return asked


def ask(port: int, paths: list[str], token: Callable[[int], str | None]) -> list[float]:
    """Milliseconds of each request on one kept-alive connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    taken = []
    for number, path in enumerate(paths):
        bearer = token(number)
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})
        answer = connection.getresponse()
        body = answer.read()
        taken.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
    connection.close()
    return taken


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=100)[94]


async def write(db: Database, wallets: list[Wallet], chance: random.Random, stop: asyncio.Event) -> float:
    """Book and refresh until told to stop; returns the worst seconds from a commit to the week board."""
    worst = 0.0
    while not stop.is_set():
        begun = time.monotonic()
        part = chance.sample(wallets, STATEMENT)
        before = await boards.place_of(db.read, EVERYBODY, part[0].user_id)
        async with db.begin() as session:
            transfers = [wallet.earn(chance, TODAY) for wallet in part]
            await service.post(session, transfers)
        committed = time.monotonic()
        after = await boards.place_of(db.read, EVERYBODY, part[0].user_id)
        if after is None or after[1] != (before[1] if before else 0) + transfers[0].grams:
            raise RuntimeError("the all-time board is behind a committed transfer")
        await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - begun)))
        await service.refresh_boards(db)
        worst = max(worst, time.monotonic() - committed)
    return worst


async def measure(count: int, requests: int, *, as_json: bool) -> None:
    """Start the servers in a temporary folder, seed, ask, print."""
    chance = random.Random(20)
    folder = Path(tempfile.mkdtemp(prefix="gridx-bench-"))
    folder.chmod(0o711)  # noqa: ASYNC240 before anything runs
    postgres = PostgresServer(folder, PASSWORDS, port=free_port(), durable=True, log=folder / "postgres.log")
    redis = RedisServer(folder / "redis", password="redis")
    process: subprocess.Popen[bytes] | None = None
    db: Database | None = None
    try:
        postgres.start()
        redis.start()
        from backend.migrations import upgrade

        await asyncio.to_thread(upgrade, postgres.url("owner"))
        db = Database(postgres.url("service"), pool_size=4)
        wallets, pace = await seed(db, count, chance)
        await asyncio.to_thread(postgres.psql, "VACUUM (ANALYZE)", database="gridx")
        port = free_port()
        process = _start_api(folder, postgres, redis, port)
        await asyncio.to_thread(wait_for_port, port)
        figures = await _ask_all(db, port, wallets, requests, chance)
        value = figures.pop("p95")
        figures["transfers/s"] = round(pace)
        report(value=value, unit="ms p95", limit=LIMIT_MS, as_json=as_json, wallets=count, **figures)
    finally:
        if process is not None:
            process.terminate()
            process.wait(20)
        if db is not None:
            await db.close()
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _ask_all(
    db: Database, port: int, wallets: list[Wallet], requests: int, chance: random.Random
) -> dict[str, float]:
    signer = TokenSigner(SIGNING_SEED, issuer=f"http://127.0.0.1:{port}", lifetime=timedelta(hours=1))
    people = chance.sample(wallets, min(requests, 200))
    tokens = [signer.issue(user_id=person.user_id, session_id=uuid7(), now=NOW)[0] for person in people]
    paths = questions(requests, len(wallets), chance)
    mine = ["/api/carbon-wallet/leaderboard/me?period=all"] * len(people)
    await asyncio.to_thread(ask, port, paths[:100], lambda _: None)
    quiet = await asyncio.to_thread(ask, port, paths, lambda _: None)
    own = await asyncio.to_thread(ask, port, mine, lambda number: tokens[number])
    health = await asyncio.to_thread(ask, port, ["/health"] * 300, lambda _: None)
    stop = asyncio.Event()
    writing = asyncio.create_task(write(db, wallets, chance, stop))
    busy = await asyncio.to_thread(ask, port, paths, lambda _: None)
    stop.set()
    lag = await writing
    return {
        "p95": p95(busy),
        "quiet p95 ms": round(p95(quiet), 2),
        "health p95 ms": round(p95(health), 2),
        "own rank p95 ms": round(p95(own), 2),
        "worst week lag s": round(lag, 3),
    }


def _start_api(folder: Path, postgres: PostgresServer, redis: RedisServer, port: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        **{f"GRIDX_LIMIT_{name}": RAISED_LIMIT for name in ("ANONYMOUS", "USER", "SIGN_IN")},
        "DATABASE_URL": postgres.url("api"),
        "GRIDX_DATABASE_OWNER_URL": postgres.url("owner"),
        "GRIDX_DATABASE_SERVICE_URL": postgres.url("service"),
        "GRIDX_DATABASE_AUDIT_URL": postgres.url("audit"),
        "REDIS_URL": redis.url,
        "RPC_URL": "http://127.0.0.1:9",
        "GRIDX_DEPLOYMENT_FILE": str(folder / "none.json"),
        "GRIDX_SIGNING_KEY": base64.b64encode(SIGNING_SEED).decode(),
        "GRIDX_OPERATOR_KEY": "07" * 32,
        "GRIDX_API_PORT": str(port),
        "GRIDX_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "GRIDX_LOG_LEVEL": "ERROR",
    }
    log = (folder / "api.log").open("wb")
    return subprocess.Popen([sys.executable, "-m", "backend.api"], env=environment, cwd=ROOT, stdout=log, stderr=log)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wallets", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.wallets, arguments.requests, as_json=arguments.json))


if __name__ == "__main__":
    main()
