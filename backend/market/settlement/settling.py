# SPDX-License-Identifier: Apache-2.0
"""Closes delivery intervals on readings: what was delivered becomes available carbon, the rest is taken back.

Only final trades are settled, in the order of their blocks, so nothing here is ever rolled back. An interval waits
until every meter that traded in it has attested readings, or until the deadline; then what is unknown backs nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon import service as carbon
from backend.carbon.signing import OperatorKey
from backend.carbon.types import Reduction, TradeCycle
from backend.chain.types import Chain
from backend.core import outbox
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.emissions.carbon import carbon_g
from backend.market import sql
from backend.market.events import IntervalSettled
from backend.market.settlement.delivery import Delivered, Limits, Sold, deliver, limits_of
from backend.sites import service as sites

log = structlog.get_logger()
_AT_ONCE = 50

_DUE = """
SELECT community, delivery_start, delivery_minutes FROM energy_trades
WHERE chain = $1 AND consented AND settled_at IS NULL AND status = 'FINAL'
    AND delivery_start + delivery_minutes * interval '1 minute' <= $2
    AND coalesce(consent_block_number, 0) <= (SELECT final_block FROM chain_cursor WHERE chain = $1)
GROUP BY community, delivery_start, delivery_minutes ORDER BY delivery_start LIMIT $3
"""
_LOCK = "SELECT pg_advisory_xact_lock(1197609219, $1)"
_TRADES = """
SELECT t.trade_id, t.seller_meter, t.buyer_meter, t.energy_wh, t.claim_g, t.cycle, t.buyer_address, t.ineligible_reason,
    f.mg_per_kwh
FROM energy_trades t LEFT JOIN emission_factors f ON f.chain = t.chain AND f.factor_id = t.factor_id
WHERE t.chain = $1 AND t.community IS NOT DISTINCT FROM $2 AND t.delivery_start = $3 AND t.delivery_minutes = $4
    AND t.consented AND t.settled_at IS NULL AND t.status = 'FINAL'
    AND coalesce(t.consent_block_number, 0) <= (SELECT final_block FROM chain_cursor WHERE chain = $1)
ORDER BY t.block_number, t.log_index FOR UPDATE OF t
"""
_CREDITED = """
SELECT meter, sold_wh, bought_wh FROM meter_deliveries
WHERE chain = $1 AND delivery_start = $2 AND meter = ANY($3::bigint[])
"""
_SETTLE = """
UPDATE energy_trades t SET delivered_wh = d.delivered_wh, shortfall = d.shortfall, settled_at = $2
FROM unnest($3::bytea[], $4::bigint[], $5::text[]) AS d (trade_id, delivered_wh, shortfall)
WHERE t.chain = $1 AND t.trade_id = d.trade_id
"""
_CREDIT = """
INSERT INTO meter_deliveries AS held
    (chain, meter, delivery_start, sale_limit_wh, purchase_limit_wh, sold_wh, bought_wh)
SELECT $1, meter, $2, sale_limit_wh, purchase_limit_wh, sold_wh, bought_wh
FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS d (meter, sale_limit_wh, purchase_limit_wh, sold_wh, bought_wh)
ON CONFLICT (chain, meter, delivery_start) DO UPDATE SET
    sale_limit_wh = greatest(held.sale_limit_wh, excluded.sale_limit_wh),
    purchase_limit_wh = greatest(held.purchase_limit_wh, excluded.purchase_limit_wh),
    sold_wh = held.sold_wh + excluded.sold_wh, bought_wh = held.bought_wh + excluded.bought_wh
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """A delivery interval of a community in which final trades wait."""

    community: int | None
    start: datetime
    minutes: int


async def settle_due(db: Database, chain: Chain, operator: OperatorKey, *, now: datetime, deadline: timedelta) -> int:
    """Settle every interval that can be closed at `now`; returns how many trades were settled."""
    async with db.begin() as session:
        rows = await sql.fetch(session, _DUE, chain.id, now, _AT_ONCE)
    settled = 0
    for row in rows:
        interval = Interval(row["community"], row["delivery_start"], row["delivery_minutes"])
        settled += await _settle(db, chain, operator, interval, now=now, deadline=deadline)
    return settled


async def _settle(
    db: Database, chain: Chain, operator: OperatorKey, interval: Interval, *, now: datetime, deadline: timedelta
) -> int:
    async with db.begin() as session:
        await sql.fetch(session, _LOCK, chain.id)
        rows = await sql.fetch(session, _TRADES, chain.id, interval.community, interval.start, interval.minutes)
        meters = sorted({meter for row in rows for meter in (row["seller_meter"], row["buyer_meter"])})
        limits = await _limits(session, chain, interval, meters)
        overdue = now >= interval.start + timedelta(minutes=interval.minutes) + deadline
        if not rows or not (overdue or _closed(rows, limits)):
            return 0
        deliveries = await _deliver(session, chain, interval, rows, limits)
        await failpoint("settling.after_deliver")
        await _book(session, chain, operator, rows, deliveries, now)
        await failpoint("settling.before_commit")
        await outbox.add(
            session,
            IntervalSettled(
                community=interval.community or 0,
                delivery_start=interval.start,
                traded_wh=sum(row["energy_wh"] for row in rows),
                delivered_wh=sum(delivery.delivered_wh for delivery in deliveries),
            ),
        )
    log.info("interval.settled", community=interval.community, start=interval.start.isoformat(), trades=len(rows))
    return len(rows)


async def _limits(session: AsyncSession, chain: Chain, interval: Interval, meters: Sequence[int]) -> dict[int, Limits]:
    readings = await sites.interval_readings(session, meters, [interval.start] * len(meters), interval.minutes)
    limits = {}
    for meter in meters:
        reading = readings[meter, interval.start]
        limits[meter] = limits_of(
            production_wh=reading.production_wh, export_wh=reading.export_wh, import_wh=reading.import_wh
        )
    return limits


def _closed(rows: Sequence[Any], limits: Mapping[int, Limits]) -> bool:
    return all(
        limits[row["seller_meter"]].sale_wh is not None and limits[row["buyer_meter"]].purchase_wh is not None
        for row in rows
    )


async def _deliver(
    session: AsyncSession, chain: Chain, interval: Interval, rows: Sequence[Any], limits: Mapping[int, Limits]
) -> list[Delivered]:
    """Share the limits out and write them down; trades that earn nothing deliver nothing and take from nobody."""
    credited = await sql.fetch(session, _CREDITED, chain.id, interval.start, list(limits))
    eligible = [row for row in rows if row["ineligible_reason"] is None]
    delivered = deliver(
        [Sold(row["trade_id"], row["seller_meter"], row["buyer_meter"], row["energy_wh"]) for row in eligible],
        limits,
        sold_wh={row["meter"]: row["sold_wh"] for row in credited},
        bought_wh={row["meter"]: row["bought_wh"] for row in credited},
    )
    sold: dict[int, int] = defaultdict(int)
    bought: dict[int, int] = defaultdict(int)
    for row, delivery in zip(eligible, delivered, strict=True):
        sold[row["seller_meter"]] += delivery.delivered_wh
        bought[row["buyer_meter"]] += delivery.delivered_wh
    rows_to_write = [
        (meter, limit.sale_wh or 0, limit.purchase_wh or 0, sold[meter], bought[meter])
        for meter, limit in limits.items()
    ]
    await sql.fetch(session, _CREDIT, chain.id, interval.start, *map(list, zip(*rows_to_write, strict=True)))
    by_id = {delivery.trade_id: delivery for delivery in delivered}
    return [by_id.get(row["trade_id"]) or Delivered(row["trade_id"], 0, None) for row in rows]


async def _book(
    session: AsyncSession,
    chain: Chain,
    operator: OperatorKey,
    rows: Sequence[Any],
    deliveries: Sequence[Delivered],
    now: datetime,
) -> None:
    await sql.fetch(
        session,
        _SETTLE,
        chain.id,
        now,
        [delivery.trade_id for delivery in deliveries],
        [delivery.delivered_wh for delivery in deliveries],
        [delivery.shortfall for delivery in deliveries],
    )
    earning = [
        (row, delivery)
        for row, delivery in zip(rows, deliveries, strict=True)
        if row["claim_g"] > 0 and row["ineligible_reason"] is None
    ]
    reductions = [
        Reduction(row["trade_id"], row["cycle"], row["claim_g"] - carbon_g(delivery.delivered_wh, row["mg_per_kwh"]))
        for row, delivery in earning
        if delivery.delivered_wh < row["energy_wh"]
    ]
    await carbon.reduce(session, chain.id, reductions, operator=operator, now=now)
    await carbon.release(session, chain.id, [TradeCycle(row["trade_id"], row["cycle"]) for row, _ in earning], now)
