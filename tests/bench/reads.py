# SPDX-License-Identifier: Apache-2.0
"""How fast reads are answered at 1,000 requests a second, cached and from the database.

`python -m tests.bench.reads [--rate 1000] [--seconds 10] [--json]`. One instance (two api processes) over 100,000
recorded trades, limiter on with raised limits, the load generator on the same machine; latency counts from the moment
a request was due.
"""

from __future__ import annotations

import argparse
import asyncio

from backend.core.db import Database, raw
from tests.bench import _limit, _load
from tests.bench._ground import MEMBERS, RAISED_LIMIT, ground, report, store_members

TRADES = 100_000
CACHED_P95_MS, UNCACHED_P95_MS = 50, 200
CONNECTIONS = 64
CACHED = ("/api/blockchain/contract",)
FROM_DATABASE = ("/api/energy-trades?limit=20&page={page}", "/api/carbon-wallet/leaderboard?period=all&limit=20")


async def measure(*, rate: float, seconds: int, as_json: bool) -> None:
    """Run and print."""
    async with ground() as base:
        await store_members(base.db, base.market)
        owner = Database(base.postgres.url("owner"))
        await _limit.prepare(owner, rows=TRADES, parties=MEMBERS)
        await _record_prepared(base.db)
        await _vacuum(owner)
        await owner.close()
        with base.instance() as ports:
            await _run(ports, CACHED, rate=rate / 2, count=int(rate))
            cached = await _run(ports, CACHED, rate=rate, count=int(rate * seconds))
            fresh = await _run(ports, FROM_DATABASE, rate=rate, count=int(rate * seconds))
        report(
            value=fresh.percentile(0.95) * 1000,
            unit=f"ms, p95 of reads from the database at {rate:.0f} requests/s",
            limit=UNCACHED_P95_MS,
            as_json=as_json,
            cachedP95Ms=round(cached.percentile(0.95) * 1000, 2),
            cachedLimitMs=CACHED_P95_MS,
            p50Ms=round(fresh.percentile(0.5) * 1000, 2),
            answeredPerSecond=round(len(fresh.latencies) / fresh.seconds),
            statuses={str(status): count for status, count in sorted((cached.statuses + fresh.statuses).items())},
            trades=TRADES,
            limiter=RAISED_LIMIT,
        )


async def _vacuum(owner: Database) -> None:
    """What autovacuum does within a minute of so many new rows; the benchmark is shorter than that."""
    connection = await owner.connect_direct()
    await connection.execute("VACUUM ANALYZE energy_trades, leaderboard")
    await connection.close()


async def _run(ports: list[int], paths: tuple[str, ...], *, rate: float, count: int) -> _load.Outcome:
    requests = [_load.get(paths[n % len(paths)].format(page=1 + n % 200)) for n in range(count)]
    return await _load.paced(requests, ports=ports, rate=rate, connections=CONNECTIONS)


async def _record_prepared(db: Database) -> None:
    """Record the prepared rows by the recorder's own statements, 500 at a time."""
    script = _limit.script().replace("SELECT nextval('bench_batches') AS batch \\gset\n", "").replace(":size", "500")
    body = [part for part in script.split(";\n") if part.strip() not in ("BEGIN", "COMMIT", "")]
    for batch in range(1, TRADES // 500 + 1):
        async with db.begin() as session:
            connection = await raw(session)
            for statement in body:
                if "BEGIN" not in statement.split("\n")[-1]:
                    await connection.execute(statement.replace(":batch", str(batch)))


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(measure(rate=arguments.rate, seconds=arguments.seconds, as_json=arguments.json))


if __name__ == "__main__":
    main()
