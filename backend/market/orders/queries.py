# SPDX-License-Identifier: Apache-2.0
"""Reads of orders, matches, auctions and offers. Own rows are read under row security, published parts without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.market.orders.errors import MatchNotFound, OrderNotFound
from backend.market.orders.types import (
    AuctionResult,
    LastTrade,
    MatchView,
    OfferView,
    OrderKind,
    OrderState,
    OrderView,
    Venue,
)
from backend.market.sql import fetch

_ORDER = """
SELECT id, user_id, community, delivery_start, delivery_minutes, house_id, maker, taker, is_bid, kind, venue, meter,
    energy_wh, min_fill_wh, price_micro_per_kwh, factor_id, slot, expiry, order_hash, state, reason, matched_wh,
    taken_wh, reserved_wh, placed_at, ended_at
FROM orders
"""
_MATCH = """
SELECT m.id, m.community, m.delivery_start, m.receipt_id, m.energy_wh, m.price_micro_per_kwh, m.state, m.reason,
    m.trade_id, m.matched_at, m.updated_at, m.seller_id, m.buyer_id, m.offer_id, m.bid_id, m.seller_fee_micro,
    m.buyer_fee_micro
FROM matches m
"""
_RECEIPT = "SELECT receipt::text AS receipt FROM match_receipts WHERE id = $1"
_AUCTIONS = """
FROM match_receipts WHERE chain = $1 AND community = $2 AND delivery_start >= $3 AND delivery_start < $4
    AND rule <> 'continuous'
"""
_AUCTION_PAGE = f"""
SELECT delivery_start, rule, book_hash, made_at, receipt->>'priceMicro' AS price, receipt->>'volumeWh' AS volume,
    (receipt->'levels')::text AS levels {_AUCTIONS} ORDER BY delivery_start, version LIMIT $5 OFFSET $6
"""  # text of this module
_LAST_TRADES = """
SELECT energy_wh, price_micro_per_kwh, matched_at FROM matches
WHERE chain = $1 AND community = $2 AND delivery_start = $3 AND state <> 'CANCELLED'
ORDER BY matched_at DESC, settlement_nonce DESC LIMIT $4
"""
_OFFERS = """
FROM orders o JOIN books b USING (chain, community, delivery_start)
WHERE o.chain = $1 AND o.org_id = $2 AND o.venue = 'direct' AND o.state = 'OPEN' AND least(b.closes_at, o.expiry) > $3
    AND o.energy_wh > o.taken_wh + o.reserved_wh AND o.user_id <> $4
    AND (o.taker = decode(repeat('00', 20), 'hex')
        OR o.taker IN (SELECT address FROM wallets WHERE user_id = $4 AND valid_to IS NULL))
    AND ($5::timestamptz IS NULL OR o.delivery_start >= $5) AND ($6::timestamptz IS NULL OR o.delivery_start < $6)
"""
_OFFER_PAGE = f"""
SELECT o.id, o.community, o.delivery_start, o.delivery_minutes, o.energy_wh - o.taken_wh - o.reserved_wh AS rest_wh,
    o.min_fill_wh, o.price_micro_per_kwh, b.closes_at AS gate_closes
{_OFFERS} ORDER BY o.delivery_start, o.price_micro_per_kwh, o.id LIMIT $7 OFFSET $8
"""  # text of this module


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows."""

    state: OrderState | None = None
    is_bid: bool | None = None
    venue: Venue | None = None
    since: datetime | None = None
    until: datetime | None = None
    user_id: UUID | None = None


async def list_orders(db: Database, actor: Actor, wanted: OrderFilter, page: PageParams) -> tuple[list[OrderView], int]:
    """A page of the orders that the actor may see, newest first."""
    where, arguments = _where(
        ("state = {}", wanted.state),
        ("is_bid = {}", wanted.is_bid),
        ("venue = {}", wanted.venue),
        ("delivery_start >= {}", wanted.since),
        ("delivery_start < {}", wanted.until),
        ("user_id = {}", wanted.user_id),
    )
    async with db.begin(actor) as session:
        total = await fetch(session, f"SELECT count(*) AS total FROM orders {where}", *arguments)  # noqa: S608
        rows = await fetch(
            session, f"{_ORDER} {where} ORDER BY placed_at DESC, id DESC {_page(arguments)}", *arguments, *_cut(page)
        )
    return [order_view(row) for row in rows], total[0]["total"]


async def get_order(db: Database, actor: Actor, order_id: UUID) -> OrderView:
    """An order that the actor may see. Raises OrderNotFound."""
    async with db.begin(actor) as session:
        rows = await fetch(session, _ORDER + "WHERE id = $1", order_id)
    if not rows:
        raise OrderNotFound(order_id=order_id)
    return order_view(rows[0])


async def list_matches(
    db: Database, actor: Actor, page: PageParams, *, order_id: UUID | None, since: datetime | None,
    until: datetime | None, trade_id: bytes | None = None,
) -> tuple[list[MatchView], int]:  # fmt: skip
    """A page of the matches that the actor may see, newest first."""
    where, arguments = _where(
        ("{} IN (m.offer_id, m.bid_id)", order_id),
        ("m.delivery_start >= {}", since),
        ("m.delivery_start < {}", until),
        ("m.trade_id = {}", trade_id),
    )
    async with db.begin(actor) as session:
        total = await fetch(session, f"SELECT count(*) AS total FROM matches m {where}", *arguments)  # noqa: S608
        rows = await fetch(
            session, f"{_MATCH} {where} ORDER BY m.matched_at DESC, m.id DESC {_page(arguments)}",
            *arguments, *_cut(page),
        )  # fmt: skip
    return [MatchView(**row) for row in rows], total[0]["total"]


async def get_receipt(db: Database, service_db: Database, actor: Actor, match_id: UUID) -> tuple[MatchView, Any]:
    """A match that the actor may see, and its receipt. Raises MatchNotFound."""
    async with db.begin(actor) as session:
        rows = await fetch(session, _MATCH + "WHERE m.id = $1", match_id)
    if not rows:
        raise MatchNotFound(match_id=match_id)
    match = MatchView(**rows[0])
    async with service_db.begin() as session:
        receipts = await fetch(session, _RECEIPT, match.receipt_id)
    return match, orjson.loads(receipts[0]["receipt"])


async def list_auctions(
    service_db: Database, chain: int, community: int, page: PageParams, *, since: datetime, until: datetime
) -> tuple[list[AuctionResult], int]:
    """The published part of a community's auctions, by interval."""
    async with service_db.begin() as session:
        arguments = (chain, community, since, until)
        total = await fetch(session, "SELECT count(*) AS total" + _AUCTIONS, *arguments)
        rows = await fetch(session, _AUCTION_PAGE, *arguments, *_cut(page))
    return [_auction(row) for row in rows], total[0]["total"]


async def last_trades(
    service_db: Database, chain: int, community: int, delivery_start: datetime, *, limit: int = 20
) -> list[LastTrade]:
    """The last matches of a book without their parties, newest first."""
    async with service_db.begin() as session:
        rows = await fetch(session, _LAST_TRADES, chain, community, delivery_start, limit)
    return [LastTrade(**row) for row in rows]


async def list_offers(
    service_db: Database, chain: int, org_id: UUID, user_id: UUID, page: PageParams, *, since: datetime | None,
    until: datetime | None, now: datetime,
) -> tuple[list[OfferView], int]:  # fmt: skip
    """Direct offers of a community that the user may take now: by interval, cheapest first. Makers stay unnamed."""
    arguments = (chain, org_id, now, user_id, since, until)
    async with service_db.begin() as session:
        total = await fetch(session, "SELECT count(*) AS total" + _OFFERS, *arguments)
        rows = await fetch(session, _OFFER_PAGE, *arguments, *_cut(page))
    return [OfferView(**row) for row in rows], total[0]["total"]


def order_view(row: Any) -> OrderView:
    """An order from its row."""
    values = dict(row)
    kinds = {"kind": OrderKind, "venue": Venue, "state": OrderState}
    return OrderView(**(values | {name: kind(values[name]) for name, kind in kinds.items()}))


def _auction(row: Any) -> AuctionResult:
    return AuctionResult(
        delivery_start=row["delivery_start"],
        rule=row["rule"],
        price_micro_per_kwh=int(row["price"]) if row["price"] is not None else None,
        volume_wh=int(row["volume"]),
        book_hash=row["book_hash"],
        levels=orjson.loads(row["levels"]),
        cleared_at=row["made_at"],
    )


def _where(*conditions: tuple[str, Any]) -> tuple[str, list[Any]]:
    asked = [(text, value) for text, value in conditions if value is not None]
    parts = [text.format(f"${number}") for number, (text, _) in enumerate(asked, 1)]
    return ("WHERE " + " AND ".join(parts) if parts else ""), [value for _, value in asked]


def _page(arguments: Sequence[Any]) -> str:
    return f"LIMIT ${len(arguments) + 1} OFFSET ${len(arguments) + 2}"


def _cut(page: PageParams) -> tuple[int, int]:
    return page.limit, page.offset
