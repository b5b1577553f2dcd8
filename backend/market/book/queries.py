# SPDX-License-Identifier: Apache-2.0
"""Reads and row locks of books, their orders and matches. All as gridx_service."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Database
from backend.market.book.types import BookKey, BookRow, BookView, OpenOrder
from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Level, Rule, Side
from backend.market.orders import rules
from backend.market.orders.errors import CommunityNotFound
from backend.market.orders.types import OrderKind, OrderState
from backend.market.sql import execute, fetch

_BOOK = """
SELECT b.chain, b.community, b.delivery_start, b.delivery_minutes, b.rule, b.community_fee_micro_per_kwh,
    b.grid_fee_micro_per_kwh::text, b.closes_at, b.factor_id, b.version, b.last_price_micro_per_kwh, b.closed_at
FROM books b
"""
_LOCK = (
    _BOOK
    + """
JOIN unnest($2::bigint[], $3::timestamptz[]) AS k (community, delivery_start) USING (community, delivery_start)
WHERE b.chain = $1 ORDER BY b.community, b.delivery_start FOR UPDATE OF b
"""
)
_MAKE = """
INSERT INTO books (chain, community, delivery_start, delivery_minutes, rule, community_fee_micro_per_kwh,
    grid_fee_micro_per_kwh, closes_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""
_ORDER = """
SELECT o.id, o.community, o.delivery_start, o.org_id, o.user_id, o.house_id, o.zone, o.is_bid, o.kind, o.energy_wh,
    o.min_fill_wh, o.price_micro_per_kwh, o.placed_version, o.matched_wh, o.state, o.reason, o.venue
FROM orders o
"""
# OFFSET 0 lets the planner do nothing but probe the index for each book, whatever it believes about the table's size.
_CHANGED = f"""
SELECT o.* FROM unnest($2::bigint[], $3::timestamptz[], $4::bigint[]) AS k (community, delivery_start, known)
CROSS JOIN LATERAL (
    {_ORDER} WHERE o.chain = $1 AND o.community = k.community AND o.delivery_start = k.delivery_start
        AND o.changed_version > k.known AND o.venue = 'book' AND (k.known > 0 OR o.state = 'OPEN') OFFSET 0
) AS o
"""  # noqa: S608  # a constant of this module
_BY_ID = _ORDER + "WHERE o.id = ANY($1::uuid[])"
_OWN = "SELECT chain, community, delivery_start, venue, state FROM orders WHERE id = $1 AND user_id = $2"
_DUE = """
SELECT community, delivery_start FROM books WHERE chain = $1 AND closed_at IS NULL AND closes_at <= $2
ORDER BY closes_at, community, delivery_start LIMIT $3
"""
_LEVELS = """
SELECT b.*, l.is_bid, l.zone, l.price_micro_per_kwh, l.energy_wh, l.orders
FROM ({book} WHERE b.chain = $1 AND b.community = $2 AND b.delivery_start = $3) AS b LEFT JOIN LATERAL (
    SELECT is_bid, zone, price_micro_per_kwh, sum(energy_wh - matched_wh)::bigint AS energy_wh,
        count(*)::integer AS orders
    FROM orders o
    WHERE o.chain = b.chain AND o.community = b.community AND o.delivery_start = b.delivery_start
        AND o.state = 'OPEN' AND o.venue = 'book'
    GROUP BY is_bid, zone, price_micro_per_kwh) AS l ON true
ORDER BY l.is_bid, CASE WHEN l.is_bid THEN -l.price_micro_per_kwh ELSE l.price_micro_per_kwh END, l.zone
"""
_VIEW = _LEVELS.format(book=_BOOK)
_MATCHES = """
SELECT id, chain, community, delivery_start, offer_id, bid_id, energy_wh, state FROM matches WHERE id = ANY($1::uuid[])
"""


async def lock_books(session: AsyncSession, keys: Iterable[BookKey]) -> dict[BookKey, BookRow]:
    """Lock the books of one chain that exist, always in the same order; they are as the last holder left them."""
    wanted = sorted(set(keys))
    rows = await fetch(
        session, _LOCK, wanted[0].chain, [key.community for key in wanted], [key.delivery_start for key in wanted]
    )
    return {row.key: row for row in map(_book, rows)}


async def make_books(session: AsyncSession, keys: Iterable[BookKey]) -> None:
    """Make the rows of books that are missing, with rule, fees and gate of their communities of now.

    Raises CommunityNotFound.
    """
    wanted = sorted(set(keys))
    known = await rules.rules_of(session, {key.community for key in wanted})
    for key in wanted:
        market = known.get(key.community)
        if market is None:
            raise CommunityNotFound(community=key.community)
        fees = orjson.dumps(dict(market.grid_fee_micro_per_kwh)).decode()
        _, closes_at = market.gate(key.delivery_start)
        await execute(
            session, _MAKE, *key, market.delivery_minutes, market.rule.value, market.community_fee_micro_per_kwh,
            fees, closes_at,
        )  # fmt: skip


async def changed_orders(
    session: AsyncSession, known: Sequence[tuple[BookKey, int]]
) -> list[tuple[BookKey, OpenOrder, OrderState]]:
    """Orders that changed after the version known of each book; of books with version 0 known, those that are open."""
    if not known:
        return []
    chain = known[0][0].chain
    rows = await fetch(
        session, _CHANGED, chain, [key.community for key, _ in known], [key.delivery_start for key, _ in known],
        [version for _, version in known],
    )  # fmt: skip
    return [
        (BookKey(chain, row["community"], row["delivery_start"]), read_order(row), OrderState(row["state"]))
        for row in rows
    ]


async def orders_by_id(session: AsyncSession, ids: Sequence[UUID]) -> list[Any]:
    """Rows of orders in any state; `read_order` makes an order of one."""
    return await fetch(session, _BY_ID, list(ids))


async def read_own(db: Database, order_id: UUID, user_id: UUID) -> Any:
    """Chain, community, delivery_start, venue and state of a user's order, or None."""
    rows = await db.read(_OWN, order_id, user_id)
    return rows[0] if rows else None


async def matches_by_id(session: AsyncSession, ids: Sequence[UUID]) -> list[Any]:
    """Rows of matches: id, chain, community, delivery_start, offer_id, bid_id, energy_wh, state."""
    return await fetch(session, _MATCHES, list(ids))


async def due_books(db: Database, chain: int, now: datetime, *, limit: int) -> list[BookKey]:
    """Books whose gate has closed and that nobody has closed yet, oldest first."""
    rows = await db.read(_DUE, chain, now, limit)
    return [BookKey(chain, row["community"], row["delivery_start"]) for row in rows]


async def view_book(db: Database, key: BookKey) -> BookView | None:
    """A book with its levels, both of one moment."""
    rows = await db.read(_VIEW, *key)
    if not rows:
        return None
    levels = [row for row in rows if row["is_bid"] is not None]
    return BookView(
        _book(rows[0]),
        tuple(
            Level(_side(row), row["zone"], row["price_micro_per_kwh"], row["energy_wh"], row["orders"])
            for row in levels
        ),
    )


def _side(row: Any) -> Side:
    return Side.BID if row["is_bid"] else Side.OFFER


def _book(row: Any) -> BookRow:
    return BookRow(
        key=BookKey(row["chain"], row["community"], row["delivery_start"]),
        delivery_minutes=row["delivery_minutes"],
        rule=Rule(row["rule"]),
        fees=Fees(row["community_fee_micro_per_kwh"], orjson.loads(row["grid_fee_micro_per_kwh"])),
        closes_at=row["closes_at"],
        factor_id=row["factor_id"],
        version=row["version"],
        last_price_micro_per_kwh=row["last_price_micro_per_kwh"],
        closed_at=row["closed_at"],
    )


def read_order(row: Any) -> OpenOrder:
    """The order of a row, as memory holds it."""
    return OpenOrder(
        row["id"], row["org_id"], row["user_id"], row["house_id"], row["zone"], row["is_bid"], OrderKind(row["kind"]),
        row["energy_wh"], row["min_fill_wh"], row["price_micro_per_kwh"], row["placed_version"], row["matched_wh"],
    )  # fmt: skip
