# SPDX-License-Identifier: Apache-2.0
"""How agents forecast, what they wish, and the prices they say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.market.simulation.agents import (
    Memory,
    Outlook,
    Wish,
    ahead_wh,
    assign,
    forecast_wh,
    outlook_of,
    price_of,
    storage_wishes,
)
from backend.market.simulation.storage import Store
from backend.market.simulation.types import Battery, Tariff

TARIFF = Tariff(300_000, 100_000)
CHEAP = Outlook(expected_micro=110_000, stored_worth_micro=250_000, drawn_cost_micro=120_000)
DEAR = Outlook(expected_micro=290_000, stored_worth_micro=250_000, drawn_cost_micro=120_000)


@given(
    is_bid=st.booleans(),
    limit=st.integers(100_000, 300_000),
    yields=st.none() | st.integers(0, 1_000),
    expected=st.integers(100_000, 300_000),
    chance=st.floats(0, 1, exclude_max=True),
    steps=st.integers(1, 4),
    data=st.data(),
)
def test_price_of__any_agent__is_never_worse_than_its_limit(
    is_bid: bool, limit: int, yields: int | None, expected: int, chance: float, steps: int, data: st.DataObject
) -> None:
    wish = Wish(0, is_bid, 1, limit, yields)
    step = data.draw(st.integers(0, steps - 1))

    price = price_of(wish, expected_micro=expected, chance=chance, step=step, steps=steps, tariff=TARIFF)

    assert (100_000 <= price <= limit) if is_bid else (limit <= price <= 300_000)


def test_price_of__last_of_several_rounds__yields_to_the_limit() -> None:
    wish = Wish(0, True, 1, 300_000, 0)

    prices = [price_of(wish, expected_micro=200_000, chance=0, step=step, steps=3, tariff=TARIFF) for step in range(3)]

    assert prices == [200_000, 250_000, 300_000]


def test_forecast_wh__three_days__is_the_mean_of_the_days_before() -> None:
    net = np.array([4, 8, 10, 20, 0, 0], np.int64)

    assert forecast_wh(net, per_day=2).tolist() == [0, 4, 4, 8, 7, 14]


def test_ahead_wh__second_day__adds_the_surplus_of_the_next_half_day() -> None:
    forecast = np.array([0, 0, 0, 0, 5, -7, 3, 1], np.int64)

    assert ahead_wh(forecast, per_day=4).tolist()[4:] == [3, 4, 6, 5]


def test_storage_wishes__cheap__buys_what_its_panels_will_not_fill() -> None:
    store = Store(Battery(1_000, 10_000, 1_000, 1_000), 60)

    wishes = storage_wishes(0, -200, store, CHEAP, TARIFF, surplus_ahead_wh=300, need_ahead_wh=0)

    assert wishes == [Wish(0, True, 200, 300_000, 500), Wish(0, True, 700, 185_000, 500)]


def test_storage_wishes__dear__sells_what_its_house_will_not_need() -> None:
    store = Store(Battery(1_000, 10_000, 1_000, 1_000), 60)
    store.balance(1_000)

    wishes = storage_wishes(0, 50, store, DEAR, TARIFF, surplus_ahead_wh=0, need_ahead_wh=400)

    assert wishes == [Wish(0, False, 50, 100_000, 500), Wish(0, False, 600, 185_000, 500)]


def test_outlook_of__flat_prices__losses_make_arbitrage_pay_nothing() -> None:
    memory = Memory(TARIFF, 24)

    outlook = outlook_of(memory, 0, round_trip_millionths=900_000)

    assert (outlook.stored_worth_micro, outlook.drawn_cost_micro) == (180_000, 222_223)
    assert not outlook.pays


@given(weights=st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any), count=st.integers(0, 50))
def test_assign__any_weights__shares_are_within_one_of_exact(weights: list[int], count: int) -> None:
    names = [str(place) for place in range(len(weights))]

    given_places = assign(names, weights, count)

    assert len(given_places) == count
    for name, weight in zip(names, weights, strict=True):
        assert abs(given_places.count(name) - count * weight / sum(weights)) < 1


@given(
    battery=st.builds(
        Battery, st.integers(1, 5_000), st.integers(1, 5_000), st.integers(1, 1_000), st.integers(1, 1_000)
    ),
    surpluses=st.lists(st.integers(-6_000, 6_000), max_size=20),
)
def test_balance__any_battery__stays_within_its_bounds_and_loses_openly(battery: Battery, surpluses: list[int]) -> None:
    store = Store(battery, 30)

    flows = [store.balance(surplus) for surplus in surpluses]

    assert 0 <= store.content_mwh <= battery.capacity_wh * 1_000
    assert 1_000 * sum(flows) == store.content_mwh + store.lost_mwh
    for flow, surplus in zip(flows, surpluses, strict=True):
        assert abs(flow) <= battery.power_w // 2
        assert 0 <= flow <= surplus or surplus <= flow <= 0
