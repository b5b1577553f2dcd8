# SPDX-License-Identifier: Apache-2.0
"""Lanes: which fill counter on chain an order uses. `choose` is pure; `hand_out` gives a position to one draft only.

A lane is a word of seven counters that belongs to one delivery interval. The first fill for a later interval recycles
the word and kills what is left of the earlier one, so a lane goes on only when nothing in it can be logged any more:
every gate of its interval has closed, no order in it is open and no match of it is on its way to the chain (book); or
the longest life of a signed offer is over (direct). The lowest such lane is taken first, so that a house which trades
each interval keeps using the same few words, which are cheap because they were written before.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.crypto import keccak
from backend.market.orders.errors import LanesUsedUp
from backend.market.orders.typed_data import LANES, POSITIONS
from backend.market.orders.types import ORDER_LIFE, Venue
from backend.market.sql import execute, fetch

FIRST_LANE = 1024  # lanes below are left to wallets that count for themselves
MAX_DRAFTS = 1000
LATEST_GATE = timedelta(hours=1)  # no gate closes later than this after delivery starts (community_markets)
GRACE = timedelta(minutes=5)  # a request that was let in before its gate closed has ended by then
CANCELLED_TOPIC = keccak(b"OrdersCancelled(address,uint96,uint32,uint8)")
UNSETTLED = "('MATCHED', 'SENT', 'CONFIRMED')"

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('order_lanes ' || encode($2, 'hex'), $1))"
_OF_INTERVAL = """
SELECT lane, delivery_start, next_position FROM order_lanes
WHERE chain = $1 AND maker = $2 AND venue = $3 AND delivery_start = $4 AND next_position < 7 ORDER BY lane
"""
_FREE = f"""
SELECT l.lane, l.delivery_start, l.next_position FROM order_lanes l
WHERE l.chain = $1 AND l.maker = $2 AND l.venue = $3 AND l.delivery_start < least($4, $5::timestamptz)
    AND ($3 = 'direct' OR NOT EXISTS (
        SELECT FROM orders o WHERE o.chain = l.chain AND o.maker = l.maker AND o.delivery_start = l.delivery_start
            AND o.slot BETWEEN l.lane * 8 AND l.lane * 8 + 6
            AND (o.state = 'OPEN'
                OR EXISTS (SELECT FROM matches m WHERE m.offer_id = o.id AND m.state IN {UNSETTLED})
                OR EXISTS (SELECT FROM matches m WHERE m.bid_id = o.id AND m.state IN {UNSETTLED}))))
ORDER BY l.lane LIMIT $6
"""  # noqa: S608  # a constant of this module
_LAST = "SELECT coalesce(max(lane), $3::integer) AS lane FROM order_lanes WHERE chain = $1 AND maker = $2"
_STORE = """
INSERT INTO order_lanes (chain, maker, lane, venue, delivery_start, next_position)
SELECT $1, $2, lane, $3, $4, next_position FROM unnest($5::smallint[], $6::smallint[]) AS t (lane, next_position)
ON CONFLICT (chain, maker, lane) DO UPDATE SET delivery_start = excluded.delivery_start,
    next_position = excluded.next_position
"""
CANCELS_OF = """
SELECT e.data FROM chain_events e
WHERE e.chain = $1 AND e.topics = {topics} AND octet_length(e.topics) = 96 AND e.orphaned_at IS NULL
"""
_CANCELS = f"""
SELECT t.n, e.data FROM unnest($2::bytea[]) WITH ORDINALITY AS t (topics, n)
CROSS JOIN LATERAL ({CANCELS_OF.format(topics="t.topics")}) AS e
"""  # noqa: S608  # a constant of this module


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane that may be used for the wanted interval; `next_position` counts for `delivery_start` only."""

    number: int
    delivery_start: datetime
    next_position: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """What a maker cancelled on chain in one lane: these positions of this interval, and all earlier intervals."""

    delivery_start: int
    mask: int

    def kills(self, position: int, delivery_start: int) -> bool:
        """Whether an order at this position for this interval (seconds) is dead."""
        if delivery_start != self.delivery_start:
            return delivery_start < self.delivery_start
        return bool(self.mask >> position & 1)


@dataclass(frozen=True, slots=True)
class HandedOut:
    """The slots of a draft's orders, and the lanes as they stand afterwards: number -> next position."""

    slots: tuple[int, ...]
    lanes: Mapping[int, int]


def choose(
    lanes: Sequence[Lane],
    last_lane: int,
    cancels: Mapping[int, Sequence[Cancel]],
    *,
    delivery_start: datetime,
    count: int,
) -> HandedOut:
    """`count` unused slots for an interval: from `lanes` in their order, then from new ones above `last_lane`.

    `lanes` are those of the interval with room left, then those that may be recycled. Positions that `cancels` kill are
    passed over. Raises LanesUsedUp.
    """
    slots: list[int] = []
    touched: dict[int, int] = {}
    wanted = int(delivery_start.timestamp())
    fresh = (Lane(number, delivery_start, 0) for number in range(last_lane + 1, LANES))
    for lane in itertools.chain(lanes, fresh):
        position = lane.next_position if lane.delivery_start == delivery_start else 0
        while position < POSITIONS and len(slots) < count:
            if not any(cancel.kills(position, wanted) for cancel in cancels.get(lane.number, ())):
                slots.append(lane.number << 3 | position)
            position += 1
            touched[lane.number] = position
        if len(slots) == count:
            return HandedOut(tuple(slots), touched)
    raise LanesUsedUp(lanes=LANES - FIRST_LANE)


def recyclable_before(venue: Venue, now: datetime) -> datetime:
    """Lanes of intervals that start before this may go on, as far as time decides it."""
    life = LATEST_GATE if venue is Venue.BOOK else ORDER_LIFE
    return now - life - GRACE


async def hand_out(
    session: AsyncSession,
    chain: int,
    maker: bytes,
    *,
    venue: Venue,
    delivery_start: datetime,
    now: datetime,
    count: int = 1,
) -> tuple[int, ...]:
    """`count` slots for orders of `maker` in one interval, which nobody gets again. `session` works as gridx_service.

    Slots are unique under concurrency: hand-outs to one maker wait for each other. Raises LanesUsedUp.
    """
    if not 1 <= count <= MAX_DRAFTS:
        raise ValueError(f"{count} slots at once")
    await fetch(session, _LOCK, chain, maker)
    found = await fetch(session, _OF_INTERVAL, chain, maker, venue.value, delivery_start)
    room = sum(POSITIONS - row["next_position"] for row in found)
    if room < count:
        before = recyclable_before(venue, now)
        needed = (count - room) // POSITIONS + 1
        found += await fetch(session, _FREE, chain, maker, venue.value, delivery_start, before, needed)
    last = (await fetch(session, _LAST, chain, maker, FIRST_LANE - 1))[0]["lane"]
    lanes = [Lane(row["lane"], row["delivery_start"], row["next_position"]) for row in found]
    fresh = range(last + 1, min(LANES, last + 2 + count // POSITIONS))
    cancels = await cancels_of(session, chain, maker, [*(lane.number for lane in lanes), *fresh])
    chosen = choose(lanes, last, cancels, delivery_start=delivery_start, count=count)
    numbers, positions = list(chosen.lanes), list(chosen.lanes.values())
    await execute(session, _STORE, chain, maker, venue.value, delivery_start, numbers, positions)
    return chosen.slots


async def cancels_of(session: AsyncSession, chain: int, maker: bytes, lanes: Sequence[int]) -> dict[int, list[Cancel]]:
    """What a maker has cancelled on chain in these lanes, as far as the follower has read."""
    found: dict[int, list[Cancel]] = {}
    for row in await fetch(session, _CANCELS, chain, [cancel_topics(maker, lane) for lane in lanes]):
        found.setdefault(lanes[row["n"] - 1], []).append(read_cancel(row["data"]))
    return found


def cancel_topics(maker: bytes, lane: int) -> bytes:
    """The topics of the events by which a maker cancels orders of one lane, in a row as `chain_events` keeps them."""
    return CANCELLED_TOPIC + bytes(12) + maker + lane.to_bytes(32, "big")


def read_cancel(data: bytes) -> Cancel:
    """The cancel that the data of an event says."""
    return Cancel(int.from_bytes(data[:32], "big"), int.from_bytes(data[32:64], "big"))
