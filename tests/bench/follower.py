# SPDX-License-Identifier: Apache-2.0
"""How fast the follower catches up: from blocks on a node to committed, credited trades.

`python -m tests.bench.follower [--trades 100000] [--json]`. The limit is PostgreSQL alone doing the recorder's writes
(`recorder_limit.sql`, 500 trades a transaction, one connection) in the same run. Memory is read from the process.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

from backend.core.db import Database
from tests.bench import _limit
from tests.bench._ground import MEMBERS, Ground, ground, report, store_members

BATCH = 500
LIMIT_SECONDS = 10
FLOOR = 0.5
CONFIRMED_BY = 3  # blocks mined after the last trade


async def _progress(connection: Any) -> tuple[int, int]:
    row = await connection.fetchrow(
        "SELECT count(*) AS trades, (SELECT sum(earned_g) FROM carbon_wallet) AS g FROM energy_trades"
    )
    return int(row["trades"]), int(row["g"] or 0)


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def _catch_up(base: Ground, trades: int) -> tuple[float, float, float]:
    """(seconds, memory after the first fifth, memory at the end) of a follower that records `trades`.

    Once trades are there, its cursor tells how far it is: counting them each time would take from what is measured.
    """
    connection = await base.db.connect_direct()
    process = base.start("backend.worker", "follower")
    last = int(base.anvil.rpc("eth_blockNumber"), 16) - CONFIRMED_BY
    first = begun = 0
    started = early = 0.0
    try:
        while True:
            block = await connection.fetchval("SELECT max(next_block) - 1 FROM chain_cursor") or 0
            if not started:
                first = await connection.fetchval("SELECT count(*) FROM energy_trades")
                begun, started = block, time.perf_counter() if first else 0.0
            if not early and block >= begun + (last - begun) / 5:
                early = _memory_mb(process.pid)
            if started and block >= last:
                seconds = time.perf_counter() - started
                return seconds * trades / max(1, trades - first), early, _memory_mb(process.pid)
            if process.poll() is not None:
                raise RuntimeError((base.folder / "backend.worker.log").read_text()[-2000:])
            await asyncio.sleep(0.05)
    finally:
        process.terminate()
        process.wait(20)
        await connection.close()


async def measure(trades: int, *, as_json: bool) -> None:
    """Run and print."""
    async with ground() as base:
        await store_members(base.db, base.market)
        owner = Database(base.postgres.url("owner"))
        await _limit.prepare(owner, rows=200_000, parties=MEMBERS)
        await owner.close()
        print(f"logging {trades} trades on the chain …", flush=True)
        await asyncio.to_thread(base.market.log_matches, trades)
        base.anvil.mine(CONFIRMED_BY)
        seconds, early_mb, late_mb = await _catch_up(base, trades)
        connection = await base.db.connect_direct()
        recorded, credited_g = await _progress(connection)
        await connection.close()
        limit = base.pgbench(_limit.script(), clients=1, seconds=LIMIT_SECONDS, size=BATCH) * BATCH
        report(
            value=trades / seconds,
            unit="trades/s from blocks to committed records",
            limit=limit,
            as_json=as_json,
            floor=FLOOR,
            trades=recorded,
            creditedGrams=credited_g,
            memoryEarlyMb=round(early_mb, 1),
            memoryEndMb=round(late_mb, 1),
        )


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.trades, as_json=arguments.json))


if __name__ == "__main__":
    main()
