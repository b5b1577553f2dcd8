# SPDX-License-Identifier: Apache-2.0
"""An interval settled in parts and settled again: properties over random trades and readings."""

from collections import Counter
from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from backend.market.settlement.imbalance import CommunityAccounts, Line, Prices, Traded
from backend.market.settlement.money import changes
from backend.market.settlement.outcome import Candidate, Outcome, outcome_of
from backend.market.types import Ineligible
from backend.sites.types import IntervalReading
from tests.backend.market.conftest import START

COMMUNITY = CommunityAccounts(b"grid", b"fees")
PRICES = Prices(300_000, 80_000)
MG_PER_KWH = 437_515
ENERGY = st.none() | st.integers(0, 8_000)
READINGS = st.fixed_dictionaries(
    {
        meter: st.builds(
            lambda made, out, into, meter=meter: IntervalReading(meter, START, 15, made, None, out, into, True),
            ENERGY,
            ENERGY,
            ENERGY,
        )
        for meter in range(1, 5)
    }
)
REASONS = st.sampled_from([None, None, None, Ineligible.AVERAGE_FACTOR, Ineligible.METER_OF_ANOTHER])


@st.composite
def intervals(draw: st.DrawFn) -> list[Candidate]:
    """Trades that wait for settlement, in trade time."""
    rows = draw(st.lists(st.tuples(st.permutations(range(1, 5)), st.integers(1, 5_000), REASONS), max_size=8))
    return [
        Candidate(
            Traded(bytes([n]) * 32, bytes([s]), bytes([b]), s, b, wh, 200_000, 700, 900),
            cycle=1,
            claim_g=wh * MG_PER_KWH // 10**6 if reason is None else 0,
            mg_per_kwh=MG_PER_KWH,
            ineligible_reason=reason,
            last=None,
        )
        for n, ((s, b, *_), wh, reason) in enumerate(rows)
    ]


def settle(trades: list[Candidate], readings: dict[int, IntervalReading]) -> Outcome:
    return outcome_of(trades, readings, PRICES, COMMUNITY)


def settled(trades: list[Candidate], outcome: Outcome) -> list[Candidate]:
    """The same trades once `outcome` is stored."""
    last = {revision.trade_id: revision for revision in outcome.revisions}
    return [replace(item, last=last.get(item.trade_id, item.last)) for item in trades]


@given(intervals(), READINGS, st.integers(0, 8))
def test_outcome_of__trades_that_come_later__changes_nothing_of_those_settled_before(
    trades: list[Candidate], readings: dict[int, IntervalReading], cut: int
) -> None:
    first = settle(trades[:cut], readings)

    second = settle([*settled(trades[:cut], first), *trades[cut:]], readings)

    assert second.delivered[:cut] == first.delivered
    assert all(revision.number == 0 for revision in second.revisions)
    assert second == replace(settle(trades, readings), revisions=second.revisions)


@given(intervals(), READINGS, READINGS)
def test_outcome_of__readings_there_and_back__is_as_before_and_carbon_adds_up(
    trades: list[Candidate], readings: dict[int, IntervalReading], other: dict[int, IntervalReading]
) -> None:
    before = settle(trades, readings)
    trades = settled(trades, before)

    corrected = settle(trades, other)
    grams = carbon_change(trades, corrected)
    trades = settled(trades, corrected)
    back = settle(trades, readings)
    grams += carbon_change(trades, back)

    assert (back.delivered, back.lines) == (before.delivered, before.lines)
    assert grams == 0
    assert settle(settled(trades, back), readings).revisions == ()
    numbers = Counter(revision.trade_id for revision in (*corrected.revisions, *back.revisions))
    assert all(numbers[revision.trade_id] == revision.number for revision in back.revisions)


def carbon_change(trades: list[Candidate], outcome: Outcome) -> int:
    return sum(
        item.carbon_g(delivery.delivered_wh) - item.carbon_g(item.last.delivered_wh if item.last else 0)
        for item, delivery in zip(trades, outcome.delivered, strict=True)
    )


@given(intervals(), READINGS, READINGS)
def test_changes__from_any_lines_to_any__leave_exactly_what_is_right(
    trades: list[Candidate], readings: dict[int, IntervalReading], other: dict[int, IntervalReading]
) -> None:
    standing = numbered(settle(trades, readings).lines)
    right = settle(trades, other).lines

    wrong, booked = changes(standing, right)

    taken_back = {entry_id for entry_id, _ in wrong}
    left: list[Line] = [line for entry_id, line in standing if entry_id not in taken_back]
    assert Counter(left) + Counter(booked) == Counter(right)
    assert not {line for _, line in wrong} & set(booked)
    assert changes(numbered(right), right) == ([], [])


def numbered(lines: tuple[Line, ...]) -> list[tuple[UUID, Line]]:
    return [(UUID(int=n), line) for n, line in enumerate(lines)]
