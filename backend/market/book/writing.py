# SPDX-License-Identifier: Apache-2.0
"""Writes what happened to locked books: orders, receipts, matches, events and versions, all in one statement."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
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
_STANDING = (("state", "text"), ("reason", "text"), ("matched_wh", "bigint"))
_BOOK = (("chain", "smallint"), ("community", "bigint"), ("delivery_start", "timestamptz"))
_PLACED = (*_NEW_ORDER, *_STANDING, ("placed_version", "bigint"), ("changed_version", "bigint"))
_CHANGED = (("id", "uuid"), *_STANDING, ("version", "bigint"), ("was_matched_wh", "bigint"))
_RECEIPT = (
    ("id", "uuid"), *_BOOK, ("org_id", "uuid"), ("version", "bigint"), ("rule", "text"), ("book_hash", "bytea"),
    ("receipt", "text"),
)  # fmt: skip
_MATCH = (
    ("id", "uuid"), *_BOOK, ("org_id", "uuid"), ("receipt_id", "uuid"), ("offer_id", "uuid"), ("bid_id", "uuid"),
    ("seller_id", "uuid"), ("buyer_id", "uuid"), ("energy_wh", "bigint"), ("price_micro_per_kwh", "bigint"),
    ("seller_fee_micro", "bigint"), ("buyer_fee_micro", "bigint"),
)  # fmt: skip
_TURNED = (
    *_BOOK, ("version", "bigint"), ("was", "bigint"), ("factor_id", "bigint"), ("closed_at", "timestamptz"),
    ("price", "bigint"),
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


def _write_statement() -> str:
    """All of a transaction's writes in one statement: while books are locked, each round trip keeps others waiting."""
    parts = (
        ("placed", _INSERT_ORDERS, _PLACED),
        ("changed", _UPDATE_ORDERS + "RETURNING 1", _CHANGED),
        ("explained", _INSERT_RECEIPTS, _RECEIPT),
        ("matched", _INSERT_MATCHES, _MATCH),
        ("turned", _UPDATE_BOOKS + "RETURNING 1", _TURNED),
        ("announced", outbox.INSERT, outbox.COLUMNS),
    )
    named, first = [], 3
    for name, statement, columns in parts:
        named.append(f"{name} AS ({statement.format(rows=bulk.arrays(columns, first=first))})")
        first += len(columns)
    counts = "SELECT (SELECT count(*) FROM changed) AS changed, (SELECT count(*) FROM turned) AS turned"
    return f"WITH {', '.join(named)} {counts}"


_WRITE = _write_statement()


async def write(session: AsyncSession, turns: Iterable[Turn], contract: bytes, now: datetime) -> None:
    """Write the turns of locked books, all of one chain with this contract; their memories are at the new versions.

    Raises BookOutOfStep when a row is not as its memory says.
    """
    turns = [turn for turn in turns if turn.version != turn.row.version]
    if not turns:
        return
    changes = [(turn, change) for turn in turns for change in turn.changes.values()]
    placed = [change for _, change in changes if change.new is not None]
    changed = [change for _, change in changes if change.new is None]
    rows = (
        *_placed(placed),
        *_changed(changed),
        *_receipts([(turn, explained) for turn in turns for explained in turn.explained]),
        *_matches([(turn, pair) for turn in turns for pair in turn.pairs]),
        *_turned(turns),
        *outbox.values_of([event for turn in turns for event in events_of(turn)]),
    )
    await session.flush()
    done = await (await raw(session)).fetchrow(_WRITE, now, contract, *rows)
    if done["changed"] != len(changed):
        raise BookOutOfStep(f"{len(changed) - done['changed']} of {len(changed)} orders are not as memory says")
    if done["turned"] != len(turns):
        raise BookOutOfStep("a book that is locked has changed")
    for turn in turns:
        turn.memory.version = turn.version


def _placed(changes: Sequence[Change]) -> list[list[Any]]:
    new = [change.new for change in changes]
    return [
        *([getattr(order, name) for order in new] for name, _ in _NEW_ORDER),
        *_standing(changes),
        [change.order.version for change in changes],
        [change.version for change in changes],
    ]


def _changed(changes: Sequence[Change]) -> list[list[Any]]:
    return [
        [change.order.id for change in changes],
        *_standing(changes),
        [change.version for change in changes],
        [change.was_matched_wh for change in changes],
    ]


def _standing(changes: Sequence[Change]) -> list[list[Any]]:
    return [
        [change.state.value for change in changes],
        [change.reason for change in changes],
        [change.order.matched_wh for change in changes],
    ]


def _books(turns: Sequence[Turn]) -> list[list[Any]]:
    keys = [turn.row.key for turn in turns]
    return [[key.chain for key in keys], [key.community for key in keys], [key.delivery_start for key in keys]]


def _receipts(made: Sequence[tuple[Turn, Explained]]) -> list[list[Any]]:
    return [
        [explained.id for _, explained in made],
        *_books([turn for turn, _ in made]),
        [turn.pairs[0].offer.org_id for turn, _ in made],
        [explained.version for _, explained in made],
        [turn.row.rule.value for turn, _ in made],
        [bytes.fromhex(explained.receipt["bookHash"][2:]) for _, explained in made],
        [orjson.dumps(explained.receipt).decode() for _, explained in made],
    ]


def _matches(matched: Sequence[tuple[Turn, Pair]]) -> list[list[Any]]:
    pairs = [pair for _, pair in matched]
    return [
        [pair.id for pair in pairs],
        *_books([turn for turn, _ in matched]),
        [pair.offer.org_id for pair in pairs],
        [pair.receipt_id for pair in pairs],
        [pair.offer.id for pair in pairs],
        [pair.bid.id for pair in pairs],
        [pair.offer.user_id for pair in pairs],
        [pair.bid.user_id for pair in pairs],
        [pair.energy_wh for pair in pairs],
        [pair.price_micro_per_kwh for pair in pairs],
        [pair.amounts.seller_fee_micro for pair in pairs],
        [pair.amounts.buyer_fee_micro for pair in pairs],
    ]


def _turned(turns: Sequence[Turn]) -> list[list[Any]]:
    return [
        *_books(turns),
        [turn.version for turn in turns],
        [turn.row.version for turn in turns],
        [turn.factor_id for turn in turns],
        [turn.closed_at for turn in turns],
        [turn.pairs[-1].price_micro_per_kwh if turn.pairs else turn.row.last_price_micro_per_kwh for turn in turns],
    ]


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
