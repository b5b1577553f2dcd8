# SPDX-License-Identifier: Apache-2.0
"""The market's bulk statements: whole batches as arrays, one round trip each. The benchmark runs the same text."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import raw

Read = Callable[..., Awaitable[Sequence[Any]]]
"""Rows of a statement with its parameters: `Database.read`, or `fetch` of a session whose changes count already."""

TRADE_COLUMNS = (
    ("id", "uuid"), ("trade_id", "bytea"), ("kind", "smallint"), ("seller_address", "bytea"),
    ("buyer_address", "bytea"), ("seller_id", "uuid"), ("buyer_id", "uuid"), ("energy_wh", "bigint"),
    ("price_micro_per_kwh", "bigint"), ("carbon_logged_g", "bigint"), ("factor_id", "bigint"),
    ("seller_meter", "bigint"), ("buyer_meter", "bigint"), ("community", "bigint"), ("delivery_start", "timestamptz"),
    ("delivery_minutes", "smallint"), ("delivery_date", "date"), ("consented", "boolean"),
    ("ineligible_reason", "text"), ("claim_g", "bigint"), ("block_number", "bigint"), ("block_hash", "bytea"),
    ("tx_hash", "bytea"), ("log_index", "integer"), ("block_time", "timestamptz"),
)  # fmt: skip
RECORD_TRADES = """
INSERT INTO energy_trades AS held (
    id, chain, trade_id, kind, seller_address, buyer_address, seller_id, buyer_id, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, seller_meter, buyer_meter, community, delivery_start, delivery_minutes,
    delivery_date, consented, ineligible_reason, claim_g, block_number, block_hash, tx_hash, log_index, block_time,
    status, recorded_at)
SELECT id, $1, trade_id, kind, seller_address, buyer_address, seller_id, buyer_id, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, seller_meter, buyer_meter, community, delivery_start, delivery_minutes,
    delivery_date,
    consented, ineligible_reason, claim_g, block_number, block_hash, tx_hash, log_index, block_time, 'CONFIRMED', $2
FROM {rows}
ON CONFLICT (chain, trade_id) DO UPDATE SET
    kind = excluded.kind, seller_address = excluded.seller_address, buyer_address = excluded.buyer_address,
    seller_id = excluded.seller_id, buyer_id = excluded.buyer_id, energy_wh = excluded.energy_wh,
    price_micro_per_kwh = excluded.price_micro_per_kwh, carbon_logged_g = excluded.carbon_logged_g,
    factor_id = excluded.factor_id, logged_factor_id = NULL,
    seller_meter = excluded.seller_meter, buyer_meter = excluded.buyer_meter,
    community = excluded.community, delivery_start = excluded.delivery_start,
    delivery_minutes = excluded.delivery_minutes, delivery_date = excluded.delivery_date,
    consented = excluded.consented, ineligible_reason = excluded.ineligible_reason, claim_g = excluded.claim_g,
    block_number = excluded.block_number, block_hash = excluded.block_hash, tx_hash = excluded.tx_hash,
    log_index = excluded.log_index, block_time = excluded.block_time, status = 'CONFIRMED',
    recorded_at = excluded.recorded_at, orphaned_at = NULL, cycle = held.cycle + 1,
    consent_block_number = NULL, consent_block_hash = NULL, consent_tx_hash = NULL
WHERE held.status = 'ORPHANED'
RETURNING trade_id, cycle
"""

ORPHAN_TRADES = """
UPDATE energy_trades SET status = 'ORPHANED', orphaned_at = $3
WHERE chain = $1 AND status = 'CONFIRMED' AND block_hash = ANY($2::bytea[])
RETURNING trade_id, cycle, claim_g, ineligible_reason, seller_address, energy_wh, price_micro_per_kwh
"""

ADD_STATISTICS = """
INSERT INTO seller_statistics AS held (address, trades, energy_wh, revenue_micro)
SELECT address, sum(trades), sum(energy_wh), sum(revenue_micro)
FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::numeric[]) AS t (address, trades, energy_wh, revenue_micro)
GROUP BY address ORDER BY address
ON CONFLICT (address) DO UPDATE SET trades = held.trades + excluded.trades,
    energy_wh = held.energy_wh + excluded.energy_wh, revenue_micro = held.revenue_micro + excluded.revenue_micro
"""

SUBTRACT_STATISTICS = """
UPDATE seller_statistics AS held SET trades = held.trades - lost.trades,
    energy_wh = held.energy_wh - lost.energy_wh, revenue_micro = held.revenue_micro - lost.revenue_micro
FROM (SELECT address, sum(trades) AS trades, sum(energy_wh) AS energy_wh, sum(revenue_micro) AS revenue_micro
      FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::numeric[])
          AS t (address, trades, energy_wh, revenue_micro) GROUP BY address) AS lost
WHERE held.address = lost.address
"""

FINALISE_TRADES = """
UPDATE energy_trades SET status = 'FINAL', final_at = $3
WHERE chain = $1 AND status = 'CONFIRMED' AND block_number <= $2
"""

CONSENT_TRADE = """
UPDATE energy_trades SET consented = true, seller_meter = $3, buyer_meter = $4, community = $5, delivery_start = $6,
    delivery_minutes = $7, delivery_date = $8, factor_id = $9, logged_factor_id = factor_id,
    ineligible_reason = $10, claim_g = $11,
    consent_block_number = $12, consent_block_hash = $13, consent_tx_hash = $14
WHERE chain = $1 AND trade_id = $2 AND kind = 0 AND NOT consented AND status <> 'ORPHANED'
RETURNING trade_id, cycle
"""

WITHDRAW_CONSENT = """
WITH lost AS (
    SELECT id, claim_g, ineligible_reason FROM energy_trades
    WHERE chain = $1 AND consent_block_hash = ANY($2::bytea[]) FOR UPDATE
)
UPDATE energy_trades AS held SET consented = false, seller_meter = NULL, buyer_meter = NULL, community = NULL,
    delivery_start = NULL, delivery_minutes = NULL, delivery_date = NULL, factor_id = logged_factor_id,
    logged_factor_id = NULL, claim_g = 0,
    ineligible_reason = 'no_consent', consent_block_number = NULL, consent_block_hash = NULL, consent_tx_hash = NULL,
    cycle = held.cycle + 1
FROM lost WHERE held.id = lost.id AND held.status <> 'ORPHANED'
RETURNING held.trade_id, held.cycle - 1 AS cycle, lost.claim_g, lost.ineligible_reason, held.seller_address,
    held.energy_wh, held.price_micro_per_kwh
"""

TRADE_TO_CONSENT = """
SELECT trade_id, seller_address, buyer_address, energy_wh, price_micro_per_kwh, block_time, cycle
FROM energy_trades WHERE chain = $1 AND trade_id = $2 AND kind = 0 AND NOT consented AND status <> 'ORPHANED'
"""


async def fetch(session: AsyncSession, statement: str, *arguments: Any) -> list[Any]:
    """Rows of `statement` run on the session's own connection, inside its transaction."""
    await session.flush()
    connection = await raw(session)
    return list(await connection.fetch(statement, *arguments))


async def execute(session: AsyncSession, statement: str, *arguments: Any) -> int:
    """Run `statement` like `fetch`; returns how many rows it touched."""
    await session.flush()
    connection = await raw(session)
    return int((await connection.execute(statement, *arguments)).rpartition(" ")[2])
