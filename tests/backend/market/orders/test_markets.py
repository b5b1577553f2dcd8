# SPDX-License-Identifier: Apache-2.0
"""What everybody sees of a market: gates, intervals and where they stand, results of auctions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backend.core.clock import utc_now
from backend.core.envelope import PageParams
from backend.core.ids import uuid7
from backend.market.book.auctions import clear_due
from backend.market.orders.facts import interval_factor
from backend.market.orders.intervals import list_intervals
from backend.market.orders.queries import list_auctions
from backend.market.orders.types import IntervalState, MarketRules
from tests.backend.market.orders.conftest import LATE_FACTOR, Stall
from tests.support.square import COMMUNITY, FACTOR, MINUTES

RULES = MarketRules(org_id=uuid7(), community=COMMUNITY, delivery_minutes=MINUTES, gate_opening_s=7200)
HOUR = timedelta(hours=1)
TIMES = st.integers(1_780_000_000, 1_790_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(TIMES, st.integers(3600, 2_678_400), st.integers(-3600, 3599), st.integers(-3_000_000, 10_000))
def test_gate__any_setting__is_open_from_its_opening_until_before_its_closure(
    start: datetime, opening_s: int, closure_s: int, offset_s: int
) -> None:
    rules = MarketRules(RULES.org_id, COMMUNITY, MINUTES, gate_opening_s=opening_s, gate_closure_s=closure_s)

    is_open = rules.is_open(start, start + timedelta(seconds=offset_s))

    assert is_open is (-opening_s <= offset_s < -closure_s)


@given(TIMES, st.integers(0, 100 * 3600), st.sampled_from([15, 30, 60]), st.integers(1, 6), st.integers(1, 7))
async def test_list_intervals__any_range_and_page__are_those_that_start_in_it(
    since: datetime, length_s: int, minutes: int, page: int, limit: int
) -> None:
    class NoBooks:
        async def read(self, statement: str, *arguments: object) -> list[object]:
            return []

    rules = MarketRules(RULES.org_id, COMMUNITY, minutes)
    until = since + timedelta(seconds=length_s)

    intervals, total = await list_intervals(
        NoBooks(), 1, rules, PageParams(page, limit), since=since, until=until, now=since
    )  # type: ignore[arg-type]

    step = minutes * 60
    first, last = -(-int(since.timestamp()) // step), -(-int(until.timestamp()) // step)
    everything = [datetime.fromtimestamp(number * step, UTC) for number in range(first, last)]
    assert total == len(everything)
    assert [interval.start for interval in intervals] == everything[(page - 1) * limit : page * limit]


async def test_list_intervals__around_now__say_where_they_stand(stall: Stall) -> None:
    await stall.submit(1, await stall.order(1))
    await stall.submit(2, await stall.order(2, is_bid=True))
    start, chain = stall.square.delivery_start, stall.square.chain.id
    await stall.square.rows(
        """INSERT INTO settled_intervals (community, chain, delivery_start, delivery_minutes,
               retail_price_micro_per_kwh, feed_in_price_micro_per_kwh, version, settled_at)
           VALUES (:community, :chain, :start, :minutes, 0, 0, 1, now()) RETURNING 1""",
        community=COMMUNITY, chain=chain, start=start - 3 * HOUR, minutes=MINUTES,
    )  # fmt: skip

    intervals, _ = await list_intervals(
        stall.db, chain, RULES, PageParams(1, 10), since=start - 3 * HOUR, until=start + 3 * HOUR,
        now=start - timedelta(minutes=30),
    )  # fmt: skip

    assert [interval.state for interval in intervals] == [
        IntervalState.SETTLED, IntervalState.DELIVERED, IntervalState.CLOSED, IntervalState.OPEN, IntervalState.OPEN,
        IntervalState.WAITING,
    ]  # fmt: skip
    assert [interval.last_price_micro_per_kwh for interval in intervals] == [None] * 3 + [240_000, None, None]


async def test_list_auctions__uniform__shows_price_volume_and_levels(stall: Stall) -> None:
    await stall.square.set_rules("uniform")
    await stall.submit(1, await stall.order(1))
    await stall.submit(2, await stall.order(2, is_bid=True, energy_wh=600, price_micro_per_kwh=300_000))
    await stall.square.pass_gate()
    await clear_due(stall.db, stall.square.chain.id, now=utc_now())
    start = stall.square.delivery_start

    (result,), total = await list_auctions(
        stall.db, stall.square.chain.id, COMMUNITY, PageParams(1, 10), since=start, until=start + HOUR
    )

    assert (total, result.volume_wh, result.rule, len(result.book_hash)) == (1, 600, "uniform", 32)
    assert result.price_micro_per_kwh is not None
    assert 240_000 <= result.price_micro_per_kwh <= 300_000
    assert [(level["side"], level["energyWh"]) for level in result.levels] == [("offer", 1_000), ("bid", 600)]


async def test_interval_factor__one_that_is_registered_later__is_not_the_intervals_for_a_month(stall: Stall) -> None:
    chain = stall.square.chain.id

    async with stall.db.begin() as session:
        soon, late = [
            await interval_factor(session, chain, "CAMX", utc_now() + timedelta(days=days)) for days in (1, 31)
        ]

    assert (soon, late) == (FACTOR, LATE_FACTOR)
