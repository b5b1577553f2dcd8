# SPDX-License-Identifier: Apache-2.0
"""How many signed orders are acknowledged, durable and matched a second, over HTTP.

`python -m tests.bench.orders [--orders 10000] [--json]`. One instance (two api processes) on the real stack, limiter on
with raised limits, the load generator on the same machine. A hundred members sell and buy in eight intervals; about
three orders in four meet another one. Half of the orders are sent as fast as they are answered, 64 at a time: that is
the value. The other half comes at 500/s whatever the answers do: `p95Ms` counts from when each was due. The limit is
PostgreSQL alone doing the same writes one order a transaction (`_order_limit.py`, pgbench, 8 connections) in this run.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import text

from backend.chain import service as chains
from backend.chain.types import Chain
from backend.core.clock import utc_now
from backend.core.crypto import sign
from backend.core.db import Database, raw
from backend.core.ids import uuid7
from backend.market.orders.typed_data import Order, domain_of, message_of, order_hash
from tests.bench import _load, _order_limit
from tests.bench._ground import FACTOR, MEMBERS, MINUTES, RAISED_LIMIT, Ground, ground, report, store_members
from tests.bench.trades import read_registers, tokens_of

CONNECTIONS = 64
RATE = 500  # a second
INTERVALS = 8
LANES = 32  # of a wallet in one interval
POSITIONS = 7
LIMIT_SECONDS = 8
FLOOR = 0.5


def deliveries() -> list[datetime]:
    """The next whole intervals whose gates stay open for an hour at least."""
    hour = utc_now().replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    return [hour + timedelta(hours=2 + number) for number in range(INTERVALS)]


async def prepare(base: Ground, users: list[UUID], starts: list[datetime]) -> None:
    """Houses behind the members' meters, and fill counters that were handed out to their wallets."""
    async with base.db.begin() as session:
        connection = await raw(session)
        await connection.executemany(
            """INSERT INTO houses (id, owner_id, org_id, name, meter, capacity_w, latitude, longitude, reading_minutes,
                   created_at, updated_at)
               SELECT $1, $2, o.id, 'home', $3, 100000000, 34, -117, 60, now(), now() FROM organizations o""",
            [(uuid7(), user, base.market.meter(member)) for member, user in enumerate(users)],
        )
        await connection.executemany(
            """INSERT INTO order_lanes (chain, maker, lane, delivery_start, next_position, venue)
               VALUES (1, $1, $2, $3, 7, 'book')""",
            [
                (bytes.fromhex(wallet[2:]), interval * LANES + lane, start)
                for wallet in base.market.wallets
                for interval, start in enumerate(starts)
                for lane in range(LANES)
            ],
        )


def signed_orders(base: Ground, chain: Chain, users: list[UUID], starts: list[datetime], count: int) -> list[bytes]:
    """Requests of `count` signed orders, each in a fill counter of its own."""
    seed, domain, tokens = Random(1), domain_of(chain), tokens_of(base, users)
    used: dict[tuple[int, int], int] = {}
    requests = []
    for _ in range(count):
        member, interval = seed.randrange(2 * MEMBERS), seed.randrange(INTERVALS)
        number = used[member, interval] = used.get((member, interval), -1) + 1
        start = int(starts[interval].timestamp())
        order = Order(
            maker=bytes.fromhex(base.market.wallets[member][2:]), taker=chain.contract_address,
            is_bid=seed.random() < 0.5, meter=base.market.meter(member), delivery_start=start,
            expiry=start + 86_400, energy_wh=seed.randrange(100, 2_000), min_fill_wh=0,
            price_micro_per_kwh=seed.randrange(200, 260) * 1_000, factor_id=FACTOR,
            slot=(interval * LANES + number // POSITIONS) << 3 | number % POSITIONS, delivery_minutes=MINUTES,
        )  # fmt: skip
        signature = sign(order_hash(order, domain), base.market.keys[member])
        body = {"order": message_of(order), "signature": "0x" + signature.hex(), "kind": "limit"}
        headers = {"Authorization": f"Bearer {tokens[users[member]]}"}
        requests.append(_load.post("/api/market/orders", orjson.dumps(body), **headers))
    return requests


async def analyse(base: Ground) -> None:
    """What autovacuum does within a minute of a table's first rows; the measured part is shorter than that."""
    owner = await asyncpg.connect(base.postgres.url("owner"))
    await owner.execute("ANALYZE orders, order_lanes, books, matches, match_receipts, outbox")
    await owner.close()


async def measure(orders: int, *, as_json: bool) -> None:
    """Run and print."""
    async with ground() as base:
        users, starts = await store_members(base.db, base.market), deliveries()
        await prepare(base, users, starts)
        await read_registers(base)
        async with base.db.begin() as session:
            chain = await chains.find_chain(session)
        assert chain is not None
        requests = signed_orders(base, chain, users, starts, orders)
        with base.instance() as ports:
            first, half = orders // 20, orders // 2
            await _load.closed(requests[:first], ports=ports, connections=CONNECTIONS)
            await analyse(base)
            outcome = await _load.closed(requests[first:half], ports=ports, connections=CONNECTIONS)
            paced = await _load.paced(requests[half:], ports=ports, rate=RATE, connections=4 * CONNECTIONS)
        async with base.db.begin() as session:
            stored, matched = (
                await session.execute(text("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM matches)"))
            ).one()
        owner = Database(base.postgres.url("owner"))
        await _order_limit.prepare(owner)
        await owner.close()
        limit = base.pgbench(_order_limit.SCRIPT, clients=8, seconds=LIMIT_SECONDS, size=1)
        report(
            value=outcome.statuses[201] / outcome.seconds,
            unit="orders/s, acknowledged and durable",
            limit=limit,
            as_json=as_json,
            floor=FLOOR,
            stored=stored,
            matches=matched,
            statuses={str(status): count for status, count in sorted(outcome.statuses.items())},
            p50Ms=round(paced.percentile(0.5) * 1000, 1),
            p95Ms=round(paced.percentile(0.95) * 1000, 1),
            pacedPerSecond=RATE,
            pacedStatuses={str(status): count for status, count in sorted(paced.statuses.items())},
            closedP95Ms=round(outcome.percentile(0.95) * 1000, 1),
            connections=CONNECTIONS,
            limiter=RAISED_LIMIT,
        )


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.orders, as_json=arguments.json))


if __name__ == "__main__":
    main()
