# SPDX-License-Identifier: Apache-2.0
"""What the rows of a book must look like: as one run of the pure book over all placements and cancels, by version."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from backend.market.book import service
from backend.market.book.engine import BY_OWNER
from backend.market.book.types import BookKey
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.receipts import faults_of
from backend.market.clearing.types import Match, Order, Side
from tests.support.square import Square


def _order(row: Any) -> Order:
    return Order(
        id=str(row.id), side=Side.BID if row.is_bid else Side.OFFER, energy_wh=row.energy_wh,
        price_micro=row.price_micro_per_kwh, time=row.placed_version, house=str(row.house_id),
        owner=str(row.user_id), zone=row.zone, min_fill_wh=row.min_fill_wh,
    )  # fmt: skip


async def check_book(square: Square, key: BookKey) -> int:
    """Assert that a continuous book in the database is what one sequential run gives; returns how many matches."""
    place = {"start": key.delivery_start}
    orders = await square.rows("SELECT * FROM orders WHERE delivery_start = :start ORDER BY placed_version", **place)
    matches = await square.rows(
        """SELECT m.*, r.version, r.receipt FROM matches m JOIN match_receipts r ON r.id = m.receipt_id
           WHERE m.delivery_start = :start ORDER BY m.settlement_nonce""",
        **place,
    )
    steps = [(row.placed_version, "place", row) for row in orders]
    steps += [(row.changed_version, "cancel", row) for row in orders if row.reason == BY_OWNER]
    made: dict[int, list[Match]] = defaultdict(list)
    for row in matches:
        made[row.version].append(Match(str(row.bid_id), str(row.offer_id), row.energy_wh, row.price_micro_per_kwh))

    book, replayed = ContinuousBook(), {}
    for version, step, row in sorted(steps, key=lambda each: each[0]):
        if step == "cancel":
            book.cancel(str(row.id))
        elif found := book.place(_order(row), rests=row.kind == "limit"):
            replayed[version] = found

    assert [version for version, _, _ in sorted(steps, key=lambda each: each[0])] == list(range(1, len(steps) + 1))
    assert made == replayed
    _check_energy(orders, matches)
    assert [fault for row in matches for fault in faults_of(row.receipt)] == []
    view = await service.book_view(square.db, key)
    async with square.db.begin() as session:
        rebuilt = (await service.open_turns(session, [key]))[key].memory.book
    assert list(view.levels) == rebuilt.levels() == book.levels()
    assert view.row.version == len(steps)
    return len(matches)


def _check_energy(orders: list[Any], matches: list[Any]) -> None:
    """Nothing is sold or bought twice, nothing gets lost, nobody trades with himself."""
    sold: Counter[Any] = Counter()
    for match in matches:
        sold[match.offer_id] += match.energy_wh
        sold[match.bid_id] += match.energy_wh
    for row in orders:
        assert row.matched_wh == sold[row.id] <= row.energy_wh
        assert (row.state == "FILLED") == (row.matched_wh == row.energy_wh)
    by_side = {side: sum(row.matched_wh for row in orders if row.is_bid is side) for side in (True, False)}
    assert by_side[True] == by_side[False] == sum(match.energy_wh for match in matches)
    assert all(match.seller_id != match.buyer_id for match in matches)
