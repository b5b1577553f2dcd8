# SPDX-License-Identifier: Apache-2.0
"""Reads, writes and the lock of settlement. All arguments are positional arrays, one round trip each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.market import sql
from backend.market.settlement.delivery import Delivered, Limits
from backend.market.settlement.imbalance import Prices

# What can surely be closed goes first; the rest in no order, so that intervals that wait keep nobody else waiting.
_DUE = """
SELECT community, delivery_start, delivery_minutes FROM energy_trades
WHERE chain = $1 AND consented AND settled_at IS NULL AND status = 'FINAL'
    AND delivery_start + delivery_minutes * interval '1 minute' <= $2
    AND coalesce(consent_block_number, 0) <= (SELECT final_block FROM chain_cursor WHERE chain = $1)
GROUP BY community, delivery_start, delivery_minutes
ORDER BY delivery_start + delivery_minutes * interval '1 minute' > $3, random() LIMIT $4
"""
_CHANGED = """
SELECT community, delivery_start, delivery_minutes FROM settled_intervals
WHERE chain = $1 AND readings_changed_at IS NOT NULL ORDER BY readings_changed_at LIMIT $2
"""
_LOCK = "SELECT pg_advisory_xact_lock(1197609219, $1)"
_TRADE = """
    t.trade_id, t.seller_meter, t.buyer_meter, t.seller_address, t.buyer_address, t.seller_id, t.buyer_id, t.energy_wh,
    t.price_micro_per_kwh, t.claim_g, t.cycle, t.ineligible_reason, f.mg_per_kwh,
    coalesce(m.seller_fee_micro, 0) AS seller_fee_micro, coalesce(m.buyer_fee_micro, 0) AS buyer_fee_micro
"""
_TRADE_FACTS = """
LEFT JOIN emission_factors f ON f.chain = t.chain AND f.factor_id = t.factor_id
LEFT JOIN matches m ON m.chain = t.chain AND m.trade_id = t.trade_id
"""
_WAITING = f"""
SELECT {_TRADE} FROM energy_trades t {_TRADE_FACTS}
WHERE t.chain = $1 AND t.community IS NOT DISTINCT FROM $2 AND t.delivery_start = $3 AND t.delivery_minutes = $4
    AND t.consented AND t.settled_at IS NULL AND t.status = 'FINAL'
    AND coalesce(t.consent_block_number, 0) <= (SELECT final_block FROM chain_cursor WHERE chain = $1)
ORDER BY t.block_number, t.log_index FOR UPDATE OF t
"""  # noqa: S608 constants of this file
_SETTLED = f"""
SELECT {_TRADE}, last.revision, last.delivered_wh, last.supplied_wh, last.shortfall
FROM trade_settlements first
JOIN energy_trades t ON t.chain = first.chain AND t.trade_id = first.trade_id
JOIN LATERAL (
    SELECT revision, delivered_wh, supplied_wh, shortfall FROM trade_settlements s
    WHERE s.chain = first.chain AND s.trade_id = first.trade_id ORDER BY revision DESC LIMIT 1
) AS last ON true
{_TRADE_FACTS}
WHERE first.community = $2 AND first.chain = $1 AND first.delivery_start = $3 AND first.revision = 0
ORDER BY first.version, t.block_number, t.log_index FOR UPDATE OF t
"""  # noqa: S608 constants of this file
_HELD = """
SELECT version, retail_price_micro_per_kwh, feed_in_price_micro_per_kwh, org_id, readings_changed_at
FROM settled_intervals WHERE community = $2 AND chain = $1 AND delivery_start = $3
"""
_TARIFFS = """
SELECT retail_price_micro_per_kwh, feed_in_price_micro_per_kwh FROM community_markets WHERE community = $1
"""
_SETTLE = """
UPDATE energy_trades t SET delivered_wh = d.delivered_wh, shortfall = d.shortfall, settled_at = $2
FROM unnest($3::bytea[], $4::bigint[], $5::text[]) AS d (trade_id, delivered_wh, shortfall)
WHERE t.chain = $1 AND t.trade_id = d.trade_id
"""
_REVISE = """
INSERT INTO trade_settlements (chain, trade_id, revision, community, delivery_start, version, delivered_wh,
    supplied_wh, shortfall, settled_at)
SELECT $1, trade_id, revision, $2, $3, $4, delivered_wh, supplied_wh, shortfall, $5
FROM unnest($6::bytea[], $7::int[], $8::bigint[], $9::bigint[], $10::text[])
    AS d (trade_id, revision, delivered_wh, supplied_wh, shortfall)
"""
_CREDIT = """
INSERT INTO meter_deliveries AS held
    (chain, meter, delivery_start, sale_limit_wh, purchase_limit_wh, sold_wh, bought_wh)
SELECT $1, meter, $2, sale_limit_wh, purchase_limit_wh, sold_wh, bought_wh
FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS d (meter, sale_limit_wh, purchase_limit_wh, sold_wh, bought_wh)
ON CONFLICT (chain, meter, delivery_start) DO UPDATE SET
    sale_limit_wh = excluded.sale_limit_wh, purchase_limit_wh = excluded.purchase_limit_wh,
    sold_wh = excluded.sold_wh, bought_wh = excluded.bought_wh
"""
_CLOSE = """
INSERT INTO settled_intervals AS held (community, chain, delivery_start, delivery_minutes, org_id,
    retail_price_micro_per_kwh, feed_in_price_micro_per_kwh, version, settled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (community, chain, delivery_start) DO UPDATE SET version = excluded.version,
    settled_at = excluded.settled_at, org_id = coalesce(held.org_id, excluded.org_id), readings_changed_at = NULL
"""
_UNMARK = """
UPDATE settled_intervals SET readings_changed_at = NULL WHERE community = $2 AND chain = $1 AND delivery_start = $3
"""
_CHAINS_OF = "SELECT DISTINCT chain FROM chain_meters WHERE meter = ANY($1::bigint[]) ORDER BY chain"
_MARK = """
UPDATE settled_intervals AS i SET readings_changed_at = $5
FROM (SELECT DISTINCT m.community, d.chain, d.delivery_start
      FROM meter_deliveries d JOIN chain_meters m ON m.chain = d.chain AND m.meter = d.meter
      WHERE d.chain = $1 AND d.meter = ANY($2::bigint[]) AND d.delivery_start < $4
          AND d.delivery_start + m.delivery_minutes * interval '1 minute' > $3) AS touched
WHERE i.community = touched.community AND i.chain = touched.chain AND i.delivery_start = touched.delivery_start
    AND i.delivery_start > $6
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """A delivery interval of a community; community None: of trades whose meters are unknown."""

    chain: int
    community: int | None
    start: datetime
    minutes: int

    @property
    def end(self) -> datetime:
        """When its delivery is over."""
        return self.start + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Held:
    """What is stored of an interval that was settled before."""

    version: int
    prices: Prices
    org_id: UUID | None
    readings_changed: bool


@dataclass(frozen=True, slots=True)
class Revision:
    """What was delivered of a trade from now on, as its `number`-th revision."""

    trade_id: bytes
    number: int
    delivered_wh: int
    supplied_wh: int
    shortfall: str | None


async def due(session: AsyncSession, chain: int, *, now: datetime, deadline: timedelta, most: int) -> list[Interval]:
    """Intervals that are over and hold final trades to settle, and settled ones whose readings changed."""
    waiting = await sql.fetch(session, _DUE, chain, now, now - deadline, most)
    changed = await sql.fetch(session, _CHANGED, chain, most)
    rows = [(row["community"], row["delivery_start"], row["delivery_minutes"]) for row in (*waiting, *changed)]
    return [Interval(chain, *row) for row in dict.fromkeys(rows)]


async def lock(session: AsyncSession, chain: int) -> None:
    """One settlement at a time on a chain; held until the transaction ends."""
    await sql.fetch(session, _LOCK, chain)


async def waiting_trades(session: AsyncSession, interval: Interval) -> list[Any]:
    """Final trades of the interval that wait for settlement, by trade time, locked."""
    return await sql.fetch(session, _WAITING, interval.chain, interval.community, interval.start, interval.minutes)


async def settled_trades(session: AsyncSession, interval: Interval) -> list[Any]:
    """Trades that were settled before with their last revision, in the order in which they were served, locked."""
    return await sql.fetch(session, _SETTLED, interval.chain, interval.community, interval.start)


async def held(session: AsyncSession, interval: Interval) -> Held | None:
    """The interval as it was settled; None: it was not yet."""
    rows = await sql.fetch(session, _HELD, interval.chain, interval.community, interval.start)
    if not rows:
        return None
    row = rows[0]
    prices = Prices(row["retail_price_micro_per_kwh"], row["feed_in_price_micro_per_kwh"])
    return Held(row["version"], prices, row["org_id"], row["readings_changed_at"] is not None)


async def tariffs(session: AsyncSession, community: int) -> Prices:
    """The community's tariffs at present; zero where it has published none."""
    rows = await sql.fetch(session, _TARIFFS, community)
    if not rows:
        return Prices(0, 0)
    return Prices(rows[0]["retail_price_micro_per_kwh"], rows[0]["feed_in_price_micro_per_kwh"])


async def store_deliveries(session: AsyncSession, chain: int, deliveries: Sequence[Delivered], now: datetime) -> None:
    """Write on the trades what was delivered of them."""
    await sql.fetch(
        session,
        _SETTLE,
        chain,
        now,
        [delivery.trade_id for delivery in deliveries],
        [delivery.delivered_wh for delivery in deliveries],
        [delivery.shortfall for delivery in deliveries],
    )


async def store_revisions(
    session: AsyncSession, interval: Interval, version: int, revisions: Sequence[Revision], now: datetime
) -> None:
    """Append what was delivered of trades, so that before and after stay visible."""
    columns = [
        [revision.trade_id for revision in revisions],
        [revision.number for revision in revisions],
        [revision.delivered_wh for revision in revisions],
        [revision.supplied_wh for revision in revisions],
        [revision.shortfall for revision in revisions],
    ]
    await sql.fetch(session, _REVISE, interval.chain, interval.community, interval.start, version, now, *columns)


async def store_credits(
    session: AsyncSession,
    interval: Interval,
    limits: Mapping[int, Limits],
    *,
    sold_wh: Mapping[int, int],
    bought_wh: Mapping[int, int],
) -> None:
    """Write what each meter was credited and could be."""
    rows = [
        (meter, limit.sale_wh or 0, limit.purchase_wh or 0, sold_wh.get(meter, 0), bought_wh.get(meter, 0))
        for meter, limit in sorted(limits.items())
    ]
    if rows:
        await sql.fetch(session, _CREDIT, interval.chain, interval.start, *map(list, zip(*rows, strict=True)))


async def close(
    session: AsyncSession, interval: Interval, *, org_id: UUID | None, prices: Prices, version: int, now: datetime
) -> None:
    """Write that the interval is settled as `version`; the prices of its first settlement stay."""
    await sql.fetch(
        session,
        _CLOSE,
        interval.community,
        interval.chain,
        interval.start,
        interval.minutes,
        org_id,
        prices.retail_micro_per_kwh,
        prices.feed_in_micro_per_kwh,
        version,
        now,
    )


async def unmark(session: AsyncSession, interval: Interval) -> None:
    """Changed readings were taken into account."""
    await sql.execute(session, _UNMARK, interval.chain, interval.community, interval.start)


async def chains_of(session: AsyncSession, meters: Sequence[int]) -> list[int]:
    """Chains on which any of these meters is enrolled."""
    return [row["chain"] for row in await sql.fetch(session, _CHAINS_OF, list(meters))]


async def mark(
    session: AsyncSession,
    chain: int,
    meters: Sequence[int],
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    after: datetime,
) -> int:
    """Mark settled intervals that began after `after` and touch `[start, end)` of these meters; their number."""
    return await sql.execute(session, _MARK, chain, list(meters), start, end, now, after)
