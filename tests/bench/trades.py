# SPDX-License-Identifier: Apache-2.0
"""How many posted trades are confirmed and committed a second, over HTTP, each its own transaction on chain.

`python -m tests.bench.trades [--trades 10000] [--json]`. One instance (two api processes), limiter on with raised
limits, the load generator on the same machine; no follower runs, so every trade is recorded by the api itself. The
limit is PostgreSQL alone doing the same writes one by one (`recorder_limit.sql`, size 1, 8 connections) in this run.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from backend.accounts.tokens import TokenSigner
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.ids import uuid7
from backend.core.units import micro_to_price, wh_to_kwh
from tests.bench import _limit, _load
from tests.bench._ground import (
    FILL_WH,
    MEMBERS,
    PRICE,
    RAISED_LIMIT,
    SIGNING_SEED,
    Ground,
    ground,
    report,
    store_members,
)

CONNECTIONS = 256
LIMIT_SECONDS = 10
FLOOR = 0.15


def tokens_of(base: Ground, users: list[UUID]) -> dict[UUID, str]:
    """An access token for each user, signed with the process's own key."""
    signer = TokenSigner(SIGNING_SEED, issuer=base.environment["GRIDX_PUBLIC_URL"], lifetime=timedelta(hours=1))
    return {user: signer.issue(user_id=user, session_id=uuid7(), now=utc_now())[0] for user in users}


async def measure(trades: int, *, as_json: bool) -> None:
    """Run and print."""
    async with ground() as base:
        users = await store_members(base.db, base.market)
        tokens = tokens_of(base, users)
        await read_registers(base)
        owner = Database(base.postgres.url("owner"))
        await _limit.prepare(owner, rows=200_000, parties=MEMBERS)
        await owner.close()
        print(f"logging {trades} trades on the chain …", flush=True)
        fills = await asyncio.to_thread(base.market.log_fills, trades)
        base.anvil.mine(3)
        requests = [_request(users, tokens, *fill) for fill in fills]
        with base.instance() as ports:
            outcome = await _load.closed(requests, ports=ports, connections=CONNECTIONS)
        async with base.db.begin() as session:
            recorded = await session.scalar(text("SELECT count(*) FROM energy_trades"))
        limit = base.pgbench(_limit.script(), clients=8, seconds=LIMIT_SECONDS, size=1)
        report(
            value=outcome.statuses[201] / outcome.seconds,
            unit="posted trades/s, confirmed and committed",
            limit=limit,
            as_json=as_json,
            floor=FLOOR,
            recorded=recorded,
            statuses={str(status): count for status, count in sorted(outcome.statuses.items())},
            p50Ms=round(outcome.percentile(0.5) * 1000, 1),
            p95Ms=round(outcome.percentile(0.95) * 1000, 1),
            limiter=RAISED_LIMIT,
        )


async def read_registers(base: Ground) -> None:
    """Let a follower read meters and factors once, then stop it: the api records, the follower registers."""
    base.anvil.mine(2)  # the last meter's block is deep enough then
    process = base.start("backend.worker", "follower")
    connection = await base.db.connect_direct()
    try:
        for _ in range(600):
            if await connection.fetchval("SELECT count(*) FROM chain_meters") >= 2 * MEMBERS:
                return
            await asyncio.sleep(0.05)
        raise RuntimeError((base.folder / "backend.worker.log").read_text()[-2000:])
    finally:
        process.terminate()
        process.wait(20)
        await connection.close()


def _request(users: list[UUID], tokens: dict[UUID, str], tx: bytes, seller: int, buyer: int) -> bytes:
    body = {
        "sellerId": str(users[seller]),
        "buyerId": str(users[buyer]),
        "energyKwh": wh_to_kwh(FILL_WH),
        "pricePerKwh": micro_to_price(PRICE),
        "txHash": "0x" + tx.hex(),
    }
    return _load.post("/api/energy-trades", orjson.dumps(body), Authorization=f"Bearer {tokens[users[buyer]]}")


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.trades, as_json=arguments.json))


if __name__ == "__main__":
    main()
