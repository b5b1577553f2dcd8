# SPDX-License-Identifier: Apache-2.0
"""Netting, prices, deals, and moving data to the present."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.demo.community import (
    FEED_IN_MICRO,
    MIN_DEAL_WH,
    RETAIL_MICRO,
    DataProblem,
    Reading,
    check,
    moved_to,
    plan,
    price_of,
)
from tests.backend.demo.helpers import MIDNIGHT, make_community

ENERGY = st.tuples(st.integers(0, 5_000), st.integers(0, 5_000))


@pytest.mark.parametrize(
    ("consumption", "generation", "export", "taken"), [(300, 1_000, 700, 0), (1_000, 300, 0, 700), (500, 500, 0, 0)]
)
def test_reading__both_directions__are_netted_within_the_interval(
    consumption: int, generation: int, export: int, taken: int
) -> None:
    reading = Reading(MIDNIGHT, consumption, generation)

    assert (reading.export_wh, reading.import_wh) == (export, taken)


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_price_of__any_supply_and_demand__lies_between_feed_in_and_retail(supply: int, demand: int) -> None:
    assert FEED_IN_MICRO <= price_of(supply, demand) <= RETAIL_MICRO


def test_price_of__more_demand__is_dearer() -> None:
    prices = [price_of(1_000, demand) for demand in (100, 1_000, 10_000)]

    assert prices == [101_818, 200_000, 298_181]


def test_plan__one_exports_two_import__largest_import_is_served_first() -> None:
    community = make_community([(0, 1_000)], [(300, 0)], [(900, 0)])

    deals = plan(community)

    assert [(deal.seller, deal.buyer, deal.energy_wh) for deal in deals] == [(0, 2, 900), (0, 1, 100)]
    assert {deal.price_micro for deal in deals} == {price_of(1_000, 1_200)}


def test_plan__small_remainder__is_left_to_the_grid() -> None:
    community = make_community([(0, 1_000)], [(1_000 - MIN_DEAL_WH + 1, 0)], [(MIN_DEAL_WH - 1, 0)])

    assert [deal.energy_wh for deal in plan(community)] == [1_000 - MIN_DEAL_WH + 1]


@given(st.lists(st.tuples(ENERGY, ENERGY), min_size=2, max_size=6))
def test_plan__any_homes__nobody_sells_or_buys_more_than_measured(homes: list[tuple[tuple[int, int], ...]]) -> None:
    community = make_community(*homes)
    sold: Counter[tuple[int, int]] = Counter()
    bought: Counter[tuple[int, int]] = Counter()

    for deal in plan(community):
        sold[deal.interval, deal.seller] += deal.energy_wh
        bought[deal.interval, deal.buyer] += deal.energy_wh

    assert all(wh <= community.homes[home].readings[place].export_wh for (place, home), wh in sold.items())
    assert all(wh <= community.homes[home].readings[place].import_wh for (place, home), wh in bought.items())


def test_moved_to__old_data__ends_just_before_now_at_the_same_time_of_day() -> None:
    now = datetime.fromisoformat("2026-11-21T02:04:00+00:00")
    community = make_community([(1, 0), (2, 0)], [(1, 0), (2, 0)])

    moved, days = moved_to(community, now)

    end = moved.starts[-1] + timedelta(hours=1)
    assert end <= now < end + timedelta(days=1)
    assert moved.starts[0].time() == MIDNIGHT.time()
    assert moved.starts[0] - MIDNIGHT == timedelta(days=days)
    assert [reading.consumption_wh for reading in moved.homes[0].readings] == [1, 2]


def test_moved_to__data_of_the_future__moves_back() -> None:
    community = make_community([(1, 0)], [(1, 0)])

    moved, days = moved_to(community, MIDNIGHT - timedelta(days=3))

    assert days == -4
    assert moved.starts[0] == MIDNIGHT - timedelta(days=4)


def test_moved_to__yesterdays_data__stays() -> None:
    community = make_community([(1, 0)], [(1, 0)])

    assert moved_to(community, MIDNIGHT + timedelta(hours=20)) == (community, 0)


def test_check__other_interval_length__is_refused() -> None:
    with pytest.raises(DataProblem, match="45 minutes cannot be traded"):
        check(make_community([(1, 0)], [(1, 0)], minutes=45))


def test_check__one_home__is_refused() -> None:
    with pytest.raises(DataProblem, match="two households"):
        check(make_community([(1, 0)]))


def test_check__gap__is_refused() -> None:
    community = make_community([(1, 0), (1, 0)], [(1, 0), (1, 0)])
    homes = tuple(
        replace(home, readings=(home.readings[0], replace(home.readings[1], start=MIDNIGHT + timedelta(hours=2))))
        for home in community.homes
    )

    with pytest.raises(DataProblem, match="follow each other"):
        check(replace(community, homes=homes))


def test_check__half_hour_offset_of_hours__is_refused() -> None:
    community = make_community([(1, 0)], [(1, 0)])
    shifted = tuple(
        replace(home, readings=(replace(home.readings[0], start=MIDNIGHT + timedelta(minutes=30)),))
        for home in community.homes
    )

    with pytest.raises(DataProblem, match="finer grid"):
        check(replace(community, homes=shifted))
