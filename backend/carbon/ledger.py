# SPDX-License-Identifier: Apache-2.0
"""Bulk SQL of the ledger: one statement books many transfers; the table's trigger moves balances and boards."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from backend.carbon.errors import InsufficientCarbon, TradeCarbonTooSmall, TransferContradicts
from backend.carbon.types import Reduction, TradeCycle, Transfer
from backend.core import bulk

_POST = """
INSERT INTO carbon_transactions (kind, debit_account, debit_bucket, credit_account, credit_bucket, grams, booked_at,
    chain, trade_id, cycle, document_id, reverses, holder_id, community, delivery_date, delivery_start, factor_id)
SELECT kind, debit_account, debit_bucket, credit_account, credit_bucket, grams, booked_at, chain, trade_id, cycle,
    document_id, reverses, holder_id, community, delivery_date, delivery_start, factor_id
FROM {rows}
ON CONFLICT (chain, trade_id, kind, cycle, document_id) WHERE trade_id IS NOT NULL DO NOTHING
"""
_COLUMNS = (
    ("trade_id", "bytea"), ("kind", "carbon_kind"), ("debit_account", "bytea"), ("debit_bucket", "smallint"),
    ("credit_account", "bytea"), ("credit_bucket", "smallint"), ("grams", "bigint"), ("booked_at", "timestamptz"),
    ("chain", "smallint"), ("cycle", "int"), ("document_id", "uuid"), ("reverses", "uuid"), ("holder_id", "uuid"),
    ("community", "bigint"), ("delivery_date", "date"), ("delivery_start", "timestamptz"), ("factor_id", "bigint"),
)  # fmt: skip

_DIFFERENT = """
SELECT t.trade_id FROM carbon_transactions AS c
JOIN unnest($1::carbon_kind[], $2::bytea[], $3::bytea[], $4::bigint[], $5::smallint[], $6::bytea[], $7::int[],
    $8::uuid[]) AS t (kind, debit_account, credit_account, grams, chain, trade_id, cycle, document_id)
ON c.chain = t.chain AND c.trade_id = t.trade_id AND c.kind = t.kind AND c.cycle = t.cycle
    AND c.document_id IS NOT DISTINCT FROM t.document_id
WHERE (c.debit_account, c.credit_account, c.grams) <> (t.debit_account, t.credit_account, t.grams)
LIMIT 1
"""
_DIFFERENT_FIELDS = (
    "kind", "debit_account", "credit_account", "grams", "chain", "trade_id", "cycle", "document_id",
)  # fmt: skip
_LEFT = """
LEFT JOIN LATERAL (
    SELECT coalesce(sum(x.grams), 0)::bigint AS gone_g FROM carbon_transactions AS x
    WHERE x.chain = e.chain AND x.trade_id = e.trade_id AND x.cycle = e.cycle AND x.kind <> 'earned'
) AS g ON true
"""
_OF_TRADES = f"""
FROM unnest($2::bytea[], $3::int[]) AS t (trade_id, cycle)
JOIN carbon_transactions AS e
    ON e.chain = $1 AND e.trade_id = t.trade_id AND e.cycle = t.cycle AND e.kind = 'earned'
{_LEFT}
"""
_INSERT_OF_TRADE = """
INSERT INTO carbon_transactions (kind, debit_account, debit_bucket, credit_account, credit_bucket, grams, booked_at,
    chain, trade_id, cycle, document_id, reverses, holder_id, community, delivery_date, delivery_start, factor_id)
"""
_SAME_TRADE = "e.holder_id, e.community, e.delivery_date, e.delivery_start, e.factor_id"
_REVERSE = f"""
{_INSERT_OF_TRADE}
SELECT 'reversed', e.credit_account, 0, '\\x00'::bytea, 1, e.grams - g.gone_g, $4, e.chain, e.trade_id, e.cycle, NULL,
    e.id, {_SAME_TRADE} {_OF_TRADES} WHERE e.grams > g.gone_g
ON CONFLICT (chain, trade_id, kind, cycle, document_id) WHERE trade_id IS NOT NULL DO NOTHING
"""
_RELEASE = f"""
{_INSERT_OF_TRADE}
SELECT 'released', e.credit_account, 0, e.credit_account, 1, e.grams - g.gone_g, $4, e.chain, e.trade_id, e.cycle, NULL,
    NULL, {_SAME_TRADE} {_OF_TRADES} WHERE e.grams > g.gone_g
ON CONFLICT (chain, trade_id, kind, cycle, document_id) WHERE trade_id IS NOT NULL DO NOTHING
"""
_REDUCE = f"""
{_INSERT_OF_TRADE}
SELECT 'reduced', e.credit_account, 0, '\\x00'::bytea, 1, t.grams, $5, e.chain, e.trade_id, e.cycle, $6, NULL,
    {_SAME_TRADE}
FROM unnest($2::bytea[], $3::int[], $4::bigint[]) AS t (trade_id, cycle, grams)
JOIN carbon_transactions AS e
    ON e.chain = $1 AND e.trade_id = t.trade_id AND e.cycle = t.cycle AND e.kind = 'earned'
ON CONFLICT (chain, trade_id, kind, cycle, document_id) WHERE trade_id IS NOT NULL DO NOTHING
"""  # noqa: S608 constants of this file


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])


def _translated(error: Exception) -> Exception:
    name = getattr(error, "constraint_name", None)
    if name == "carbon_trade_pending_not_negative":
        return TradeCarbonTooSmall()
    if name in ("carbon_wallet_available_not_negative", "carbon_wallet_pending_not_negative"):
        return InsufficientCarbon()
    return error


async def _execute(connection: asyncpg.Connection, sql: str, *arguments: object) -> int:
    try:
        return _count(await connection.execute(sql, *arguments))
    except asyncpg.CheckViolationError as error:
        raise _translated(error) from error


async def insert(connection: asyncpg.Connection, transfers: Sequence[Transfer]) -> int:
    """Book `transfers` in one statement; returns how many were new. A repeated one is passed over.

    Raises TransferContradicts for one whose natural key is booked with other accounts or grams, InsufficientCarbon.
    """
    columns = {name: [getattr(transfer, name) for transfer in transfers] for name, _ in _COLUMNS}
    source, arguments = bulk.rows([(name, kind, columns[name]) for name, kind in _COLUMNS], first=1)
    booked = await _execute(connection, _POST.format(rows=source), *arguments)
    if booked < len(transfers):
        keys = [columns[field] for field in _DIFFERENT_FIELDS]
        different = await connection.fetchval(_DIFFERENT, *keys)
        if different is not None:
            raise TransferContradicts(trade_id=different.hex())
    return booked


def _trade_columns(trades: Sequence[TradeCycle]) -> tuple[list[bytes], list[int]]:
    return [trade.trade_id for trade in trades], [trade.cycle for trade in trades]


async def reverse(connection: asyncpg.Connection, chain: int, trades: Sequence[TradeCycle], now: datetime) -> int:
    """Send what is still pending of these trades back to issuance; returns the transfers booked."""
    return await _execute(connection, _REVERSE, chain, *_trade_columns(trades), now)


async def release(connection: asyncpg.Connection, chain: int, trades: Sequence[TradeCycle], now: datetime) -> int:
    """Make what is still pending of these trades available; returns the transfers booked."""
    return await _execute(connection, _RELEASE, chain, *_trade_columns(trades), now)


async def reduce(
    connection: asyncpg.Connection, chain: int, reductions: Sequence[Reduction], document_id: UUID, now: datetime
) -> int:
    """Take grams of pending carbon back as a signed document says; returns the transfers booked."""
    grams = [reduction.grams for reduction in reductions]
    cycles = [TradeCycle(reduction.trade_id, reduction.cycle) for reduction in reductions]
    return await _execute(connection, _REDUCE, chain, *_trade_columns(cycles), grams, now, document_id)
