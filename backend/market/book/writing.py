# SPDX-License-Identifier: Apache-2.0
"""Writes what happened to locked books: orders, receipts, matches, events and versions, each kind in one statement."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Connection
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import bulk, outbox
from backend.core.db import raw
from backend.core.outbox import Event
from backend.market.book.errors import BookOutOfStep
from backend.market.book.events import BookChanged, LevelChanged, OrderNow, OrdersChanged, PriceMade
from backend.market.book.matching import Change, Explained, Pair, Turn
from backend.market.orders.types import OrderState

_NEW_ORDER = (
    ("id", "uuid"), ("chain", "smallint"), ("org_id", "uuid"), ("community", "bigint"),
    ("delivery_start", "timestamptz"), ("delivery_minutes", "smallint"), ("user_id", "uuid"), ("house_id", "uuid"),
    ("zone", "text"), ("maker", "bytea"), ("taker", "bytea"), ("is_bid", "boolean"), ("kind", "text"),
    ("venue", "text"), ("meter", "bigint"), ("energy_wh", "bigint"), ("min_fill_wh", "bigint"),
    ("price_micro_per_kwh", "bigint"), ("factor_id", "bigint"), ("slot", "integer"), ("expiry", "timestamptz"),
    ("order_hash", "bytea"), ("signature", "bytea"), ("placed_at", "timestamptz"),
)  # fmt: skip
_INSERT_ORDERS = f"""
INSERT INTO orders ({", ".join(name for name, _ in _NEW_ORDER)},
    state, reason, matched_wh, placed_version, changed_version, ended_at)
SELECT {", ".join(name for name, _ in _NEW_ORDER)},
    state, reason, matched_wh, placed_version, changed_version, CASE WHEN state <> 'OPEN' THEN $1::timestamptz END
FROM {{rows}}
"""  # noqa: S608  # names of columns
_UPDATE_ORDERS = """
UPDATE orders o SET state = c.state, reason = c.reason, matched_wh = c.matched_wh, changed_version = c.version,
    ended_at = CASE WHEN c.state <> 'OPEN' THEN coalesce(o.ended_at, $1) END
FROM (SELECT * FROM {rows}) c WHERE o.id = c.id AND o.matched_wh = c.was_matched_wh
"""
_INSERT_RECEIPTS = """
INSERT INTO match_receipts (id, chain, org_id, community, delivery_start, version, rule, book_hash, receipt, made_at)
SELECT id, chain, org_id, community, delivery_start, version, rule, book_hash, receipt::jsonb, $1 FROM {rows}
"""
_INSERT_MATCHES = """
INSERT INTO matches (id, chain, org_id, community, delivery_start, receipt_id, offer_id, bid_id, seller_id, buyer_id,
    energy_wh, price_micro_per_kwh, seller_fee_micro, buyer_fee_micro, settlement_nonce, trade_id, state, matched_at,
    updated_at)
SELECT id, chain, org_id, community, delivery_start, receipt_id, offer_id, bid_id, seller_id, buyer_id,
    energy_wh, price_micro_per_kwh, seller_fee_micro, buyer_fee_micro, nonce,
    $2::bytea || '\\x0000'::bytea || int8send(nonce) || '\\x0000'::bytea, 'MATCHED', $1, $1
FROM (SELECT *, nextval('settlement_nonces') AS nonce FROM {rows}) AS numbered
"""  # the trade's id on chain: the contract (its namespace), 80 bits of settlement nonce, 16 bits of index 0
_UPDATE_BOOKS = """
UPDATE books b SET version = t.version, factor_id = t.factor_id, closed_at = t.closed_at,
    last_price_micro_per_kwh = t.price
FROM (SELECT * FROM {rows}) t
WHERE b.chain = t.chain AND b.community = t.community AND b.delivery_start = t.delivery_start AND b.version = t.was
"""


async def write(session: AsyncSession, turns: Iterable[Turn], contract: bytes, now: datetime) -> None:
    """Write the turns of locked books, all of one chain with this contract; their memories are at the new versions.

    Raises BookOutOfStep when a row is not as its memory says.
    """
    turns = [turn for turn in turns if turn.version != turn.row.version]
    if not turns:
        return
    changes = [(turn, change) for turn in turns for change in turn.changes.values()]
    connection = await raw(session)  # inside the session's transaction; each statement goes straight to the driver
    await _insert_orders(connection, [(turn, change) for turn, change in changes if change.new is not None], now)
    await _update_orders(connection, [change for _, change in changes if change.new is None], now)
    await _insert_matches(connection, turns, contract, now)
    await _update_books(connection, turns)
    await outbox.add(session, *(event for turn in turns for event in events_of(turn)))
    for turn in turns:
        turn.memory.version = turn.version


async def _insert_orders(connection: Connection, placed: Sequence[tuple[Turn, Change]], now: datetime) -> None:
    if not placed:
        return
    new = [change.new for _, change in placed if change.new is not None]
    columns: list[bulk.Column] = [(name, kind, [getattr(order, name) for order in new]) for name, kind in _NEW_ORDER]
    columns += _standing([change for _, change in placed])
    columns.append(("placed_version", "bigint", [change.order.version for _, change in placed]))
    columns.append(("changed_version", "bigint", [change.version for _, change in placed]))
    source, arguments = bulk.rows(columns, first=2)
    await connection.execute(_INSERT_ORDERS.format(rows=source), now, *arguments)


async def _update_orders(connection: Connection, changed: Sequence[Change], now: datetime) -> None:
    if not changed:
        return
    columns: list[bulk.Column] = [("id", "uuid", [change.order.id for change in changed])]
    columns += _standing(changed)
    columns.append(("version", "bigint", [change.version for change in changed]))
    columns.append(("was_matched_wh", "bigint", [change.was_matched_wh for change in changed]))
    source, arguments = bulk.rows(columns, first=2)
    touched = await _count(connection, _UPDATE_ORDERS.format(rows=source), now, *arguments)
    if touched != len(changed):
        raise BookOutOfStep(f"{len(changed) - touched} of {len(changed)} orders are not as memory says")


def _standing(changes: Sequence[Change]) -> list[bulk.Column]:
    return [
        ("state", "text", [change.state.value for change in changes]),
        ("reason", "text", [change.reason for change in changes]),
        ("matched_wh", "bigint", [change.order.matched_wh for change in changes]),
    ]


def _books(turns: Sequence[Turn]) -> list[bulk.Column]:
    return [
        ("chain", "smallint", [turn.row.key.chain for turn in turns]),
        ("community", "bigint", [turn.row.key.community for turn in turns]),
        ("delivery_start", "timestamptz", [turn.row.key.delivery_start for turn in turns]),
    ]


async def _insert_matches(connection: Connection, turns: Sequence[Turn], contract: bytes, now: datetime) -> None:
    """Receipts and the matches that they explain."""
    made = [(turn, explained) for turn in turns for explained in turn.explained]
    if not made:
        return
    receipts, arguments = bulk.rows(_receipts(made), first=3)
    matches, more = bulk.rows(
        _matches([(turn, pair) for turn in turns for pair in turn.pairs]), first=3 + len(arguments)
    )
    statement = f"WITH receipts AS ({_INSERT_RECEIPTS.format(rows=receipts)}) {_INSERT_MATCHES.format(rows=matches)}"
    await connection.execute(statement, now, contract, *arguments, *more)


def _receipts(made: Sequence[tuple[Turn, Explained]]) -> list[bulk.Column]:
    return [
        ("id", "uuid", [explained.id for _, explained in made]),
        *_books([turn for turn, _ in made]),
        ("org_id", "uuid", [turn.pairs[0].offer.org_id for turn, _ in made]),
        ("version", "bigint", [explained.version for _, explained in made]),
        ("rule", "text", [turn.row.rule.value for turn, _ in made]),
        ("book_hash", "bytea", [bytes.fromhex(explained.receipt["bookHash"][2:]) for _, explained in made]),
        ("receipt", "text", [orjson.dumps(explained.receipt).decode() for _, explained in made]),
    ]


def _matches(matched: Sequence[tuple[Turn, Pair]]) -> list[bulk.Column]:
    pairs = [pair for _, pair in matched]
    return [
        ("id", "uuid", [pair.id for pair in pairs]),
        *_books([turn for turn, _ in matched]),
        ("org_id", "uuid", [pair.offer.org_id for pair in pairs]),
        ("receipt_id", "uuid", [pair.receipt_id for pair in pairs]),
        ("offer_id", "uuid", [pair.offer.id for pair in pairs]),
        ("bid_id", "uuid", [pair.bid.id for pair in pairs]),
        ("seller_id", "uuid", [pair.offer.user_id for pair in pairs]),
        ("buyer_id", "uuid", [pair.bid.user_id for pair in pairs]),
        ("energy_wh", "bigint", [pair.energy_wh for pair in pairs]),
        ("price_micro_per_kwh", "bigint", [pair.price_micro_per_kwh for pair in pairs]),
        ("seller_fee_micro", "bigint", [pair.amounts.seller_fee_micro for pair in pairs]),
        ("buyer_fee_micro", "bigint", [pair.amounts.buyer_fee_micro for pair in pairs]),
    ]


async def _update_books(connection: Connection, turns: Sequence[Turn]) -> None:
    prices: list[Any] = [
        turn.pairs[-1].price_micro_per_kwh if turn.pairs else turn.row.last_price_micro_per_kwh for turn in turns
    ]
    columns: list[bulk.Column] = [
        *_books(turns)[1:],
        *_books(turns)[:1],
        ("version", "bigint", [turn.version for turn in turns]),
        ("was", "bigint", [turn.row.version for turn in turns]),
        ("factor_id", "bigint", [turn.factor_id for turn in turns]),
        ("closed_at", "timestamptz", [turn.closed_at for turn in turns]),
        ("price", "bigint", prices),
    ]
    source, arguments = bulk.rows(columns, first=1)
    touched = await _count(connection, _UPDATE_BOOKS.format(rows=source), *arguments)
    if touched != len(turns):
        raise BookOutOfStep("a book that is locked has changed")


async def _count(connection: Connection, statement: str, *arguments: Any) -> int:
    return int((await connection.execute(statement, *arguments)).rpartition(" ")[2])


def events_of(turn: Turn) -> list[Event]:
    """What is announced of a turn: the book's levels, the price that was made, and to each owner his orders."""
    _, community, delivery_start = turn.row.key
    levels = tuple(
        LevelChanged(level.side.value, level.zone, level.price_micro, level.energy_wh, level.orders)
        for level in turn.levels()
    )
    events: list[Event] = [
        BookChanged(community, delivery_start, turn.version, is_closed=turn.closed_at is not None, levels=levels)
    ]
    if turn.pairs:
        prices = [pair.price_micro_per_kwh for pair in turn.pairs]
        events.append(
            PriceMade(
                community=community,
                delivery_start=delivery_start,
                version=turn.version,
                rule=turn.row.rule.value,
                price_micro_per_kwh=prices[-1],
                low_micro_per_kwh=min(prices),
                high_micro_per_kwh=max(prices),
                energy_wh=sum(pair.energy_wh for pair in turn.pairs),
            )
        )
    owned: dict[UUID, list[OrderNow]] = defaultdict(list)
    for change in turn.changes.values():
        rest = change.order.rest_wh if change.state is OrderState.OPEN else 0
        owned[change.order.user_id].append(
            OrderNow(change.order.id, change.state.value, change.reason, rest, change.order.matched_wh)
        )
    return events + [
        OrdersChanged(owner, community, delivery_start, turn.version, tuple(orders)) for owner, orders in owned.items()
    ]
