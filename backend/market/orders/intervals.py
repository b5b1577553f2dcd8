# SPDX-License-Identifier: Apache-2.0
"""Delivery intervals of a community's market: their gates, where they stand, the last price of each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from backend.core.db import Database
from backend.core.envelope import PageParams
from backend.market.orders.types import IntervalState, MarketRules, at

_BOOKS = """
SELECT delivery_start, closes_at, closed_at, version, last_price_micro_per_kwh FROM books
WHERE chain = $1 AND community = $2 AND delivery_start >= $3 AND delivery_start < $4
"""
_SETTLED = """
SELECT delivery_start FROM settled_intervals
WHERE chain = $1 AND community = $2 AND delivery_start >= $3 AND delivery_start < $4
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """One delivery interval."""

    start: datetime
    end: datetime
    gate_opens: datetime
    gate_closes: datetime
    state: IntervalState
    last_price_micro_per_kwh: int | None
    book_version: int


async def list_intervals(
    service_db: Database, chain: int, rules: MarketRules, page: PageParams, *,
    since: datetime, until: datetime, now: datetime,
) -> tuple[list[Interval], int]:  # fmt: skip
    """A page of the intervals that start in [since, until), in order, and how many there are."""
    step = timedelta(minutes=rules.delivery_minutes)
    length_s = rules.delivery_minutes * 60
    first, last = (-(-ceil(time.timestamp()) // length_s) for time in (since, until))
    total = max(0, last - first)
    starts = [at((first + number) * length_s) for number in range(page.offset, min(total, page.offset + page.limit))]
    if not starts:
        return [], total
    reach = (chain, rules.community, starts[0], starts[-1] + step)
    books = {row["delivery_start"]: row for row in await service_db.read(_BOOKS, *reach)}
    settled = {row["delivery_start"] for row in await service_db.read(_SETTLED, *reach)}
    intervals = []
    for start in starts:
        opens, closes = rules.gate(start)
        book = books.get(start)
        closes = book["closes_at"] if book else closes
        is_closed = now >= closes or (book is not None and book["closed_at"] is not None)
        if start in settled:
            state = IntervalState.SETTLED
        elif now >= start + step:
            state = IntervalState.DELIVERED
        elif is_closed:
            state = IntervalState.CLOSED
        else:
            state = IntervalState.OPEN if now >= opens else IntervalState.WAITING
        price = book["last_price_micro_per_kwh"] if book else None
        version = book["version"] if book else 0
        intervals.append(Interval(start, start + step, opens, closes, state, price, version))
    return intervals, total
