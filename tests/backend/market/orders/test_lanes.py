# SPDX-License-Identifier: Apache-2.0
"""Lanes: no two orders share a fill counter, and a lane goes on only when nothing in it can be logged any more."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.clock import utc_now
from backend.core.db import Database
from backend.market.orders.errors import LanesUsedUp
from backend.market.orders.lanes import FIRST_LANE, Cancel, Lane, choose, hand_out, recyclable_before
from backend.market.orders.typed_data import LANES
from backend.market.orders.types import ORDER_LIFE, OrderState, Venue
from tests.backend.market.orders.conftest import Stall

T0 = datetime(2026, 6, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
STEPS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 10), st.booleans(), st.integers(0, 3)), min_size=1, max_size=60
)


class Chain:
    """The contract's words of one maker: a later interval recycles a word, and earlier orders in it are dead."""

    def __init__(self) -> None:
        self.tags: dict[int, datetime] = {}

    def log(self, slot: int, start: datetime) -> None:
        """Log a fill; an AssertionError says that the order was killed before."""
        tag = self.tags.get(slot >> 3, start)
        assert tag <= start, f"slot {slot} of {start} was recycled for {tag}"
        self.tags[slot >> 3] = start


class Maker:
    """One maker's lanes as the table keeps them. Drafts may be placed until their gate closes, at delivery; what was
    placed is logged at any time after it."""

    def __init__(self) -> None:
        self.lanes: dict[int, tuple[datetime, int]] = {}
        self.chain = Chain()
        self.drafts: list[tuple[int, datetime]] = []
        self.unsettled: list[tuple[int, datetime]] = []
        self.given: Counter[tuple[int, datetime]] = Counter()

    def hand_out(self, start: datetime, count: int, now: datetime) -> None:
        """What `hand_out` does with rows."""
        before = recyclable_before(Venue.BOOK, now)
        busy = {slot >> 3 for slot, _ in self.unsettled}
        same = [Lane(n, at, used) for n, (at, used) in sorted(self.lanes.items()) if at == start and used < 7]
        free = [
            Lane(n, at, used)
            for n, (at, used) in sorted(self.lanes.items())
            if at < min(start, before) and n not in busy
        ]
        last = max(self.lanes, default=FIRST_LANE - 1)
        chosen = choose([*same, *free], last, {}, delivery_start=start, count=count)
        self.lanes |= {number: (start, used) for number, used in chosen.lanes.items()}
        for slot in chosen.slots:
            self.given[slot, start] += 1
            self.drafts.append((slot, start))

    def place(self, now: datetime, count: int) -> None:
        """Hand in some of the drafts whose gate is open; the others are void."""
        self.drafts = [draft for draft in self.drafts if now < draft[1]]
        self.unsettled += self.drafts[:count]
        del self.drafts[:count]


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_choose__any_trading__shares_no_position_and_kills_no_order(steps: list[tuple[int, int, bool, int]]) -> None:
    maker, now = Maker(), T0

    for ahead, count, settles, hours in steps:
        now += timedelta(hours=hours)
        quarter = T0 + (now - T0) // QUARTER * QUARTER
        maker.place(now, count // 2)
        maker.hand_out(quarter + (1 + ahead) * QUARTER, count, now)
        due = [order for order in maker.unsettled if order[1] <= now] if settles else []
        for slot, start in sorted(due, key=lambda order: order[1], reverse=True):  # the worst for earlier orders
            maker.chain.log(slot, start)
            maker.unsettled.remove((slot, start))
    maker.place(now, len(maker.drafts))
    for slot, start in sorted(maker.unsettled, key=lambda order: order[1], reverse=True):
        maker.chain.log(slot, start)

    assert all(times == 1 for times in maker.given.values())
    assert all(slot & 7 < 7 and slot >> 3 >= FIRST_LANE for slot, _ in maker.given)


def test_choose__house_that_trades_each_interval__keeps_to_a_few_words() -> None:
    maker = Maker()

    for number in range(200):
        now = T0 + number * QUARTER
        maker.hand_out(now + QUARTER, 1, now)
        maker.place(now, 1)
        for slot, start in [order for order in maker.unsettled if order[1] <= now]:
            maker.chain.log(slot, start)
            maker.unsettled.remove((slot, start))

    assert len(maker.lanes) <= 8


def test_choose__cancelled_positions__are_passed_over() -> None:
    start = int(T0.timestamp())
    cancels = {FIRST_LANE: [Cancel(start, 0b0000101)], FIRST_LANE + 1: [Cancel(start + 1, 1)]}

    chosen = choose([], FIRST_LANE - 1, cancels, delivery_start=T0, count=6)

    assert [(slot >> 3) - FIRST_LANE for slot in chosen.slots] == [0, 0, 0, 0, 0, 2]
    assert [slot & 7 for slot in chosen.slots] == [1, 3, 4, 5, 6, 0]


def test_choose__no_lane_left__is_refused() -> None:
    with pytest.raises(LanesUsedUp):
        choose([], LANES - 2, {}, delivery_start=T0, count=8)


async def test_hand_out__many_processes_at_once__gives_each_slot_to_one(stall: Stall, databases) -> None:
    others = [Database(databases.service, pool_size=8) for _ in range(2)]

    async def take(db: Database) -> tuple[int, ...]:
        async with db.begin() as session:
            return await hand_out(
                session, stall.square.chain.id, stall.address(1), venue=Venue.BOOK,
                delivery_start=stall.square.delivery_start, now=utc_now(), count=3,
            )  # fmt: skip

    taken = await asyncio.gather(*(take(others[number % 2]) for number in range(12)))
    for db in others:
        await db.close()

    slots = [slot for of_one in taken for slot in of_one]
    assert len(set(slots)) == 36
    assert {slot >> 3 for slot in slots} == set(range(FIRST_LANE, FIRST_LANE + 6))  # 36 of 42 positions


@pytest.mark.parametrize(
    ("match_state", "order_state", "goes_on"),
    [
        (None, OrderState.OPEN, False),
        (None, OrderState.CLOSED, True),
        ("MATCHED", OrderState.FILLED, False),
        ("SENT", OrderState.CLOSED, False),
        ("CONFIRMED", OrderState.FILLED, False),
        ("FINAL", OrderState.FILLED, True),
        ("CANCELLED", OrderState.CANCELLED, True),
    ],
)
async def test_hand_out__lane_of_a_past_interval__goes_on_once_nothing_in_it_can_be_logged(
    stall: Stall, match_state: str | None, order_state: OrderState, goes_on: bool
) -> None:
    new, _ = await stall.submit(1, await stall.order(1))
    if match_state is not None:
        await stall.submit(2, await stall.order(2, is_bid=True))
        reason = "'order.test'" if match_state == "CANCELLED" else "NULL"
        await stall.square.rows(f"UPDATE matches SET state = '{match_state}', reason = {reason} RETURNING 1")
    await stall.square.rows(
        "UPDATE orders SET state = CAST(:s AS text), ended_at = CASE WHEN :s = 'OPEN' THEN NULL ELSE now() END"
        " WHERE id = :id RETURNING 1",
        s=order_state.value, id=new.id,
    )  # fmt: skip
    later = stall.square.delivery_start + timedelta(hours=2)

    async with stall.db.begin() as session:
        (slot,) = await hand_out(
            session, stall.square.chain.id, stall.address(1), venue=Venue.BOOK,
            delivery_start=later + timedelta(hours=1), now=later,
        )  # fmt: skip

    assert (slot >> 3 == new.slot >> 3) is goes_on


async def test_hand_out__lane_of_direct_offers__goes_on_when_no_signature_can_live_any_more(stall: Stall) -> None:
    start = stall.square.delivery_start
    lanes = []

    for now in (start + ORDER_LIFE, start + ORDER_LIFE + timedelta(minutes=6)):
        async with stall.db.begin() as session:
            for at in (start, now + timedelta(hours=1)):
                (slot,) = await hand_out(
                    session, stall.square.chain.id, stall.address(1), venue=Venue.DIRECT, delivery_start=at, now=now
                )
                lanes.append(slot >> 3)

    assert lanes == [FIRST_LANE, FIRST_LANE + 1, FIRST_LANE, FIRST_LANE]


async def test_hand_out__lane_cancelled_on_chain_for_a_later_interval__is_left_alone(stall: Stall) -> None:
    start = stall.square.delivery_start
    await stall.cancelled_on_chain(1, FIRST_LANE, start + timedelta(days=1), 1)

    slot = await stall.slot(1)

    assert slot >> 3 == FIRST_LANE + 1
