# SPDX-License-Identifier: Apache-2.0
"""The verbs of the book. Whoever changes orders of a book does it through these.

Each locks its books and raises their versions, so that every process that holds a book in memory learns of it. Verbs
that take a `session` work as gridx_service; the order of locks is matches, books, orders.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain import service as chains
from backend.core.db import Database
from backend.market.book import queries
from backend.market.book.engine import Engine, remember
from backend.market.book.errors import BookNotFound, OrderEnded
from backend.market.book.matching import UNMATCHED, Turn
from backend.market.book.memory import Shelf
from backend.market.book.types import BookKey, BookRow, BookView, Ended, OpenOrder, Placed, Undone
from backend.market.book.writing import write
from backend.market.orders.errors import CancelOnChain, GateClosed, OrderNotFound
from backend.market.orders.types import NewOrder, OrderKind, OrderState, Venue


async def place(engine: Engine, order: NewOrder) -> Placed:
    """Place a checked order; durable when this returns. Raises the refusal of its book, or of the last look."""
    return await engine.place(order)


async def lock_book(session: AsyncSession, key: BookKey) -> BookRow:
    """Lock a book, made if it is missing. Raises CommunityNotFound."""
    locked = await queries.lock_books(session, [key])
    if key not in locked:
        await queries.make_books(session, [key])
        locked = await queries.lock_books(session, [key])
    return locked[key]


async def cancel_order(db: Database, engine: Engine, order_id: UUID, *, user_id: UUID) -> Ended:
    """Take what rests of an order out of its book, for its owner. Repeating the call is refused with how it ended.

    Raises OrderNotFound (also for an order of somebody else), OrderEnded, CancelOnChain for a direct offer.
    """
    row = await queries.read_own(db, order_id, user_id)
    if row is None:
        raise OrderNotFound(order_id=order_id)
    if row["venue"] != Venue.BOOK:
        raise CancelOnChain(order_id=order_id)
    try:
        return await engine.cancel(_key(row["chain"], row), order_id)
    except OrderEnded as ended:
        row = await queries.read_own(db, order_id, user_id)
        raise OrderEnded(order_id=order_id, state=row["state"] if row else None) from ended


async def end_orders(
    session: AsyncSession, chain: int, order_ids: Sequence[UUID], *, reason: str, now: datetime
) -> int:
    """End those of the orders that rest in a book, as the chain says or as they expired; how many there were."""
    rows = [row for row in await queries.orders_by_id(session, order_ids) if row["venue"] == Venue.BOOK]
    turns = await open_turns(session, {_key(chain, row) for row in rows})
    ended = 0
    for key, turn in turns.items():
        known = turn.memory.orders
        orders = [known[str(row["id"])] for row in rows if _key(chain, row) == key and str(row["id"]) in known]
        if orders:
            turn.end(orders, reason=reason)
            ended += len(orders)
    await _write(session, list(turns.values()), now)
    return ended


async def undo_match(
    session: AsyncSession, match_id: UUID, *, ended: Mapping[UUID, str] | None = None, now: datetime
) -> None:
    """`undo_matches` for one match."""
    await undo_matches(session, [Undone(match_id, ended or {})], now=now)


async def undo_matches(session: AsyncSession, undone: Sequence[Undone], *, now: datetime) -> None:
    """Give the energy of matches that will not be settled back to their orders. The caller has cancelled the matches.

    Orders that `ended` names end with their reasons. The others are open again while their gate is: they meet the book
    as it stands, and what then rests keeps its place in time. After the gate, and for market orders, they end.
    """
    matches = await queries.matches_by_id(session, [each.match_id for each in undone])
    freed: dict[UUID, int] = defaultdict(int)
    for match in matches:
        freed[match["offer_id"]] += match["energy_wh"]
        freed[match["bid_id"]] += match["energy_wh"]
    reasons = {order_id: reason for each in undone for order_id, reason in each.ended.items()}
    turns = await open_turns(session, {_key(match["chain"], match) for match in matches})
    chain = matches[0]["chain"] if matches else 0
    rows = await queries.orders_by_id(session, list(freed))  # read under the locks of their books
    again: list[tuple[Turn, OpenOrder]] = []
    for row in sorted(rows, key=lambda row: row["placed_version"]):
        turn = turns[_key(chain, row)]
        order = turn.memory.orders.get(str(row["id"])) or queries.read_order(row)
        end = _end_of(turn.row, row, reasons.get(row["id"]), now)
        if end is None:
            again.append((turn, order))
        else:
            turn.give_back(order, freed[row["id"]], state=end[0], reason=end[1])
    for turn, order in again:
        turn.reopen(order, freed[order.id])
    await _write(session, list(turns.values()), now)


def _end_of(book: BookRow, row: Any, reason: str | None, now: datetime) -> tuple[OrderState, str | None] | None:
    """State and reason of an order whose match is undone; None when the energy is open again."""
    state = OrderState(row["state"])
    if state in (OrderState.CANCELLED, OrderState.CLOSED):
        return state, row["reason"]
    if reason is not None:
        return OrderState.CANCELLED, reason
    if row["kind"] == OrderKind.MARKET:
        return OrderState.CANCELLED, UNMATCHED
    return None if book.is_open(now) else (OrderState.CLOSED, GateClosed.code)


async def book_view(service_db: Database, key: BookKey) -> BookView:
    """A book with its levels, as everybody may see it. Raises BookNotFound."""
    view = await queries.view_book(service_db, key)
    if view is None:
        raise BookNotFound(community=key.community, delivery_start=key.delivery_start)
    return view


def _key(chain: int, row: Any) -> BookKey:
    return BookKey(chain, row["community"], row["delivery_start"])


async def open_turns(session: AsyncSession, keys: Iterable[BookKey]) -> dict[BookKey, Turn]:
    """Lock books and read what rests in them."""
    if not (wanted := set(keys)):
        return {}
    rows = await queries.lock_books(session, wanted)
    memories = await remember(session, rows.values(), Shelf())
    return {key: Turn(row, memories[key]) for key, row in rows.items()}


async def _write(session: AsyncSession, turns: Sequence[Turn], now: datetime) -> None:
    if turns:
        chain = await chains.get_chain(session, turns[0].row.key.chain)
        await write(session, turns, chain.contract_address, now)
