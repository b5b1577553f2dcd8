# SPDX-License-Identifier: Apache-2.0
"""Reads of trades and submissions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Database
from backend.core.envelope import PageParams
from backend.market import sql
from backend.market.types import (
    SubmissionState,
    SubmissionView,
    TradeKind,
    TradeOrder,
    TradeSide,
    TradeStatus,
    TradeView,
)

_SHOWN = """
SELECT t.id, t.trade_id, t.status, t.kind, t.seller_address AS seller, t.buyer_address AS buyer,
    t.seller_id, t.buyer_id, t.energy_wh,
    t.price_micro_per_kwh, t.claim_g, t.factor_id, t.consented, t.ineligible_reason, t.community,
    t.delivery_start,
    t.delivery_minutes, t.delivered_wh, t.shortfall, t.settled_at, t.block_number, t.block_hash, t.tx_hash, t.log_index,
    t.block_time, t.recorded_at, t.final_at, t.orphaned_at,
    CASE WHEN t.status = 'ORPHANED' THEN 0 ELSE greatest(c.head_block - t.block_number + 1, 0) END AS confirmations
FROM {} t JOIN chain_cursor c ON c.chain = t.chain
"""
_TOTALS = """
SELECT coalesce(sum(trades), 0)::bigint AS trades, count(*) FILTER (WHERE trades > 0) AS sellers,
    coalesce(sum(energy_wh), 0)::bigint AS energy_wh FROM seller_statistics
"""
_COUNT = "SELECT count(*) AS total FROM energy_trades t "
_COUNT_OF = "SELECT count(*) AS total FROM ({}) x"
_ORDERS = {
    TradeOrder.NEWEST: "ORDER BY t.block_time DESC, t.id",
    TradeOrder.OLDEST: "ORDER BY t.block_time, t.id DESC",
    TradeOrder.LARGEST: "ORDER BY t.energy_wh DESC, t.block_time DESC, t.id",
    TradeOrder.DEAREST: "ORDER BY t.price_micro_per_kwh DESC, t.block_time DESC, t.id",
}
_ADDRESS = {TradeSide.SOLD: "seller_address", TradeSide.BOUGHT: "buyer_address"}
_SIDE = "SELECT t.id FROM energy_trades t {where} AND t.{side} = ANY(${number}::bytea[]) "
_TRADE = _SHOWN.format("energy_trades")
_SUBMISSION = """
SELECT id, user_id, state, reason, trade_id, tx_hash, seller_id, buyer_id, energy_wh, price_micro_per_kwh,
    depth AS confirmations, created_at, updated_at FROM trade_submissions
"""


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """Which trades a list shows. `wallets` restricts to trades of these addresses, on `side` or on either."""

    wallets: tuple[bytes, ...] | None = None
    side: TradeSide | None = None
    status: TradeStatus | None = None
    kind: TradeKind | None = None
    since: datetime | None = None
    until: datetime | None = None


async def trades_of_transactions(session: AsyncSession, chain: int, tx_hashes: Sequence[bytes]) -> list[TradeView]:
    """Recorded trades of these transactions, orphaned ones included."""
    rows = await sql.fetch(
        session, _TRADE + "WHERE t.chain = $1 AND t.tx_hash = ANY($2::bytea[])", chain, list(tx_hashes)
    )
    return [_trade(row) for row in rows]


async def trades_by_event(session: AsyncSession, chain: int, trade_ids: Sequence[bytes]) -> list[TradeView]:
    """Recorded trades with these ids on `chain`, orphaned ones included."""
    rows = await sql.fetch(
        session, _TRADE + "WHERE t.chain = $1 AND t.trade_id = ANY($2::bytea[])", chain, list(trade_ids)
    )
    return [_trade(row) for row in rows]


async def trade_by_id(db: Database, key: UUID) -> TradeView | None:
    """The trade with this key."""
    rows = await db.read(_TRADE + "WHERE t.id = $1", key)
    return _trade(rows[0]) if rows else None


async def newest_by_event(db: Database, trade_id: bytes) -> TradeView | None:
    """The trade with this id on chain; of several chains the one registered last."""
    rows = await db.read(_TRADE + "WHERE t.trade_id = $1 ORDER BY t.chain DESC LIMIT 1", trade_id)
    return _trade(rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class TradeTotals:
    """Sums over recorded trades that both parties agreed to; orphaned ones are taken off again."""

    trades: int
    sellers: int
    energy_wh: int


async def totals(db: Database) -> TradeTotals:
    """What all sellers have sold."""
    [row] = await db.read(_TOTALS)
    return TradeTotals(trades=row["trades"], sellers=row["sellers"], energy_wh=row["energy_wh"])


async def count_trades(db: Database, wanted: TradeFilter) -> int:
    """How many trades a list has in all."""
    where, arguments = _conditions(wanted)
    if wanted.wallets is None:
        rows = await db.read(_COUNT + where, *arguments)
    else:
        sides = _sides(where, len(arguments) + 1, "", wanted.side)
        rows = await db.read(_COUNT_OF.format(sides), *arguments, list(wanted.wallets))
    return int(rows[0]["total"])


async def list_trades(
    db: Database, wanted: TradeFilter, page: PageParams, order: TradeOrder = TradeOrder.NEWEST
) -> list[TradeView]:
    """A page of trades in `order`."""
    sorted_by = _ORDERS[order]
    where, arguments = _conditions(wanted)
    arguments += (page.limit, page.offset)
    last = f"LIMIT ${len(arguments) - 1} OFFSET ${len(arguments)}"
    if wanted.wallets is None:
        ids = " ".join(("SELECT t.id FROM energy_trades t", where, sorted_by, last))  # from the index alone
        found = " ".join(("SELECT t.* FROM (", ids, ") x JOIN energy_trades t USING (id)"))
    else:
        upto = f"LIMIT ${len(arguments) - 1}::bigint + ${len(arguments)}"
        sides = _sides(where, len(arguments) + 1, f"{sorted_by} {upto}", wanted.side)
        found = " ".join(("SELECT t.* FROM energy_trades t JOIN", f"({sides}) x USING (id)", sorted_by, last))
        arguments.append(list(wanted.wallets))
    statement = _SHOWN.format(f"({found})") + sorted_by  # the page is cut first, then completed
    return [_trade(row) for row in await db.read(statement, *arguments)]


def _sides(where: str, number: int, cut: str, side: TradeSide | None) -> str:
    # One index scan a side and a union: an OR over two columns would read the whole table.
    return " UNION ".join(
        "(" + _SIDE.format(where=where or "WHERE true", side=column, number=number) + cut + ")"
        for column in ([_ADDRESS[side]] if side else _ADDRESS.values())
    )


def _conditions(wanted: TradeFilter) -> tuple[str, list[Any]]:
    parts, arguments = [], []
    for condition, value in (
        ("t.status = {}", wanted.status),
        ("t.kind = {}", wanted.kind),
        ("t.block_time >= {}", wanted.since),
        ("t.block_time < {}", wanted.until),
    ):
        if value is not None:
            arguments.append(value)
            parts.append(condition.format(f"${len(arguments)}"))
    return ("WHERE " + " AND ".join(parts) if parts else ""), arguments


async def submission(session: AsyncSession, key: UUID) -> SubmissionView | None:
    """The submission with this key, if row-level security shows it."""
    rows = await sql.fetch(session, _SUBMISSION + "WHERE id = $1", key)
    return _submitted(rows[0]) if rows else None


async def list_submissions(
    session: AsyncSession, states: Sequence[SubmissionState], page: PageParams
) -> tuple[list[SubmissionView], int]:
    """A page of the acting user's own submissions in `states`, newest first."""
    wanted = [state.value for state in states]
    total = await sql.fetch(
        session, "SELECT count(*) AS total FROM trade_submissions WHERE state = ANY($1::text[])", wanted
    )
    rows = await sql.fetch(
        session,
        _SUBMISSION + " WHERE state = ANY($1::text[]) ORDER BY created_at DESC, id LIMIT $2 OFFSET $3",
        wanted,
        page.limit,
        page.offset,
    )
    return [_submitted(row) for row in rows], total[0]["total"]


def _trade(row: Any) -> TradeView:
    key, trade_id, status, kind, *rest = row  # columns stand in the order of the view's fields
    return TradeView(key, trade_id, TradeStatus(status), TradeKind(kind), *rest)


def _submitted(row: Any) -> SubmissionView:
    values = dict(row)
    values["state"] = SubmissionState(values["state"])
    return SubmissionView(**values)
