# SPDX-License-Identifier: Apache-2.0
"""Auctions trade the most that one price can carry, nobody worse than his limit or with himself, always the same."""

from __future__ import annotations

import random
from collections import Counter

import highspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.market.clearing.auctions import clear_columns, clear_pay_as_bid, clear_uniform
from backend.market.clearing.fees import Fees
from backend.market.clearing.plain import clear_plain
from backend.market.clearing.types import MAX_ENERGY_WH, MAX_PRICE_MICRO, Cleared, Order, OrderInvalid, Rule, Side
from tests.backend.market.clearing.books import (
    assert_sound,
    fees_drawn,
    make_order,
    most_energy,
    orders_of,
    willing,
)

BOTH = pytest.mark.parametrize("clear", [clear_uniform, clear_pay_as_bid])


@BOTH
@settings(max_examples=150, deadline=None)
@given(orders=orders_of(), fees=fees_drawn())
def test_clear__any_small_book__trades_what_brute_force_finds(clear, orders, fees):
    cleared = clear(orders, fees)

    assert cleared.volume_wh == sum(match.energy_wh for match in cleared.matches) == most_energy(orders, fees)
    assert_sound(cleared.matches, orders, fees, pairs=False)


@BOTH
@settings(max_examples=100, deadline=None)
@given(orders=orders_of(8), fees=fees_drawn(), seed=st.randoms(use_true_random=False))
def test_clear__shuffled_book__gives_the_same(clear, orders, fees, seed):
    shuffled = list(orders)
    seed.shuffle(shuffled)

    assert clear(shuffled, fees) == clear(orders, fees) == clear(orders, fees)


@pytest.mark.parametrize("rule", [Rule.UNIFORM, Rule.PAY_AS_BID])
@settings(max_examples=300, deadline=None)
@given(orders=orders_of(12, houses=12), fees=fees_drawn())
def test_clear__in_plain_python_and_in_columns__gives_the_same(rule, orders, fees):
    plain, columns = clear_plain(rule, orders, fees), clear_columns(rule, orders, fees)

    if plain is None:  # somebody might have to be held
        offering, bidding = ({order.owner for order in orders if order.side is side} for side in Side)
        assert offering & bidding
    else:
        assert plain == columns


@BOTH
@settings(max_examples=150, deadline=None)
@given(orders=orders_of(), fees=fees_drawn())
def test_clear__any_small_book_in_columns__trades_what_brute_force_finds(clear, orders, fees):
    rule = Rule.UNIFORM if clear is clear_uniform else Rule.PAY_AS_BID

    cleared = clear_columns(rule, orders, fees)

    assert cleared.volume_wh == sum(match.energy_wh for match in cleared.matches) == most_energy(orders, fees)
    assert_sound(cleared.matches, orders, fees, pairs=False)


@settings(max_examples=100, deadline=None)
@given(orders=orders_of(), fees=fees_drawn())
def test_clear_uniform__a_book__has_one_price_inside_its_interval(orders, fees):
    cleared = clear_uniform(orders, fees)

    assert {match.price_micro for match in cleared.matches} <= {cleared.price_micro}
    if cleared.interval is not None:
        assert cleared.interval.low_micro <= cleared.price_micro <= cleared.interval.high_micro
        assert cleared.price_micro == (cleared.interval.low_micro + cleared.interval.high_micro) // 2
        for edge in (cleared.interval.low_micro, cleared.interval.high_micro):
            assert most_energy(willing(orders, fees, edge), fees) == cleared.volume_wh


@settings(max_examples=100, deadline=None)
@given(orders=orders_of(houses=60), fees=fees_drawn())
def test_clear_uniform__different_owners__leaves_no_order_that_would_have_taken_the_price(orders, fees):
    one_each = [Order(o.id, o.side, o.energy_wh, o.price_micro, o.time, house=f"{o.id}", zone=o.zone) for o in orders]
    cleared = clear_uniform(one_each, fees)
    traded = _traded(cleared)

    for order in one_each:
        gain = cleared.price_micro and (fees.energy_price_micro(order) - cleared.price_micro)
        if gain and (gain > 0) == (order.side is Side.BID):
            assert traded[order.id] == order.energy_wh


@BOTH
@settings(max_examples=100, deadline=None)
@given(orders=orders_of(), fees=fees_drawn())
def test_clear__a_book__serves_price_then_time_then_id(clear, orders, fees):
    cleared = clear(orders, fees)
    traded = _traded(cleared)

    for side, sign in ((Side.OFFER, 1), (Side.BID, -1)):
        waiting = False
        free = [order for order in orders if order.side is side and order.owner != cleared.held_owner]
        for order in sorted(free, key=lambda o: (sign * fees.energy_price_micro(o), o.time, o.id)):
            assert not (waiting and traded[order.id]), order
            waiting = waiting or traded[order.id] < order.energy_wh


@settings(max_examples=100, deadline=None)
@given(orders=orders_of(), fees=fees_drawn())
def test_clear_pay_as_bid__a_book__every_buyer_pays_his_limit_for_the_same_amounts(orders, fees):
    by_id = {order.id: order for order in orders}

    cleared = clear_pay_as_bid(orders, fees)

    assert _traded(cleared) == _traded(clear_uniform(orders, fees))
    for match in cleared.matches:
        bid = by_id[match.bid]
        assert match.price_micro + fees.buyer_micro_per_kwh(bid.zone) == bid.price_micro


def test_clear__same_owner_meets_himself__partners_are_swapped_and_nothing_is_lost():
    orders = [
        make_order(Side.OFFER, 1, price_micro=10, house="ann"),
        make_order(Side.OFFER, 2, price_micro=20, house="bob"),
        make_order(Side.BID, 1, price_micro=90, house="ann"),
        make_order(Side.BID, 2, price_micro=80, house="cem"),
    ]

    cleared = clear_uniform(orders)

    assert {(match.offer, match.bid) for match in cleared.matches} == {("offer-1", "bid-2"), ("offer-2", "bid-1")}
    assert cleared.volume_wh == 2_000


def test_clear__only_the_last_pair_is_of_one_owner__earlier_pairs_swap_with_it():
    orders = [
        make_order(Side.OFFER, 1, price_micro=10, house="bob"),
        make_order(Side.OFFER, 2, price_micro=20, house="ann"),
        make_order(Side.BID, 1, price_micro=90, house="cem"),
        make_order(Side.BID, 2, price_micro=80, house="ann"),
    ]

    cleared = clear_uniform(orders)

    assert {(match.offer, match.bid) for match in cleared.matches} == {("offer-1", "bid-2"), ("offer-2", "bid-1")}


def test_clear__one_owner_has_nearly_all_of_both_sides__trades_only_what_others_can_take():
    orders = [
        make_order(Side.OFFER, 1, price_micro=5, energy_wh=100, house="eve"),
        make_order(Side.BID, 1, price_micro=10, energy_wh=100, house="eve"),
        make_order(Side.BID, 2, price_micro=9, energy_wh=10, house="bob"),
    ]

    cleared = clear_uniform(orders)

    assert [tuple(match) for match in cleared.matches] == [("bid-2", "offer-1", 10, 7)]
    assert cleared.held_owner == "eve"


@pytest.mark.parametrize("with_own_offer", [False, True])
def test_clear_uniform__an_own_offer_that_nobody_takes__does_not_lower_what_its_owner_pays(with_own_offer):
    orders = [
        make_order(Side.OFFER, 1, price_micro=100, energy_wh=1, house="ann"),
        make_order(Side.BID, 1, price_micro=200, energy_wh=1, house="bob"),
        make_order(Side.BID, 2, price_micro=950, house="eve"),
    ]
    own = [make_order(Side.OFFER, 2, price_micro=900, house="eve")] if with_own_offer else []

    assert [tuple(match) for match in clear_uniform(orders + own).matches] == [("bid-2", "offer-1", 1, 950)]


def test_clear_uniform__surplus_of_offers__the_marginal_offer_sets_the_price():
    orders = [
        make_order(Side.OFFER, 1, price_micro=50, energy_wh=10),
        make_order(Side.BID, 1, price_micro=90, energy_wh=6),
    ]

    cleared = clear_uniform(orders)

    assert (cleared.price_micro, cleared.volume_wh) == (50, 6)


def test_clear_uniform__equal_amounts__the_price_is_the_middle_rounded_down():
    orders = [make_order(Side.OFFER, 1, price_micro=50), make_order(Side.BID, 1, price_micro=91)]

    assert clear_uniform(orders).price_micro == 70


@pytest.mark.parametrize("rule", [clear_uniform, clear_pay_as_bid])
def test_clear__one_side_empty_or_no_orders__trades_nothing(rule):
    offer = make_order(Side.OFFER, 1)

    assert rule([]).volume_wh == rule([offer]).volume_wh == 0
    assert rule([offer]).refused_offer == offer


def test_clear_uniform__largest_values__are_exact():
    most = {"energy_wh": MAX_ENERGY_WH, "price_micro": MAX_PRICE_MICRO}
    orders = [make_order(Side.OFFER, n, **most) for n in range(50)] + [
        make_order(Side.BID, n, **most) for n in range(50)
    ]

    cleared = clear_uniform(orders)

    assert (cleared.volume_wh, cleared.price_micro) == (50 * MAX_ENERGY_WH, MAX_PRICE_MICRO)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("energy_wh", 0),
        ("energy_wh", 2**32),
        ("price_micro", -1),
        ("price_micro", 2**40),
        ("min_fill_wh", 1_001),
        ("time", -1),
    ],
)
def test_order__value_out_of_range__is_refused_by_name(field, value):
    with pytest.raises(OrderInvalid, match=field):
        make_order(Side.BID, 1, **{field: value})


@pytest.mark.parametrize("owners", [25, 12, 3])
def test_clear__200_orders__trades_what_highs_finds(owners):
    chance = random.Random(owners)
    fees = Fees(1_001, {"north": 700, "south": 90})
    orders = _random_book(chance, 200, owners)

    for rule in (clear_uniform, clear_pay_as_bid):
        cleared = rule(orders, fees)
        assert cleared.volume_wh == _highs_volume(orders, fees)
        assert_sound(cleared.matches, orders, fees, pairs=False)


def test_clear_uniform__200_orders_of_different_owners__reaches_the_welfare_of_highs():
    fees = Fees(1_001, {"north": 700, "south": 90})
    orders = _random_book(random.Random(7), 200, 100_000)
    by_id = {order.id: order for order in orders}

    cleared = clear_uniform(orders, fees)

    welfare = sum(
        match.energy_wh * (fees.energy_price_micro(by_id[match.bid]) - fees.energy_price_micro(by_id[match.offer]))
        for match in cleared.matches
    )
    assert (cleared.rule, welfare) == (Rule.UNIFORM, _highs_welfare(orders, fees))


def _traded(cleared: Cleared) -> Counter[str]:
    traded: Counter[str] = Counter()
    for match in cleared.matches:
        traded[match.bid] += match.energy_wh
        traded[match.offer] += match.energy_wh
    return traded


def _random_book(chance: random.Random, count: int, owners: int) -> list[Order]:
    return [
        Order(
            id=f"{number}",
            side=chance.choice(list(Side)),
            energy_wh=chance.randint(1, 5_000),
            price_micro=chance.randrange(50_000, 300_000, 5_000),
            time=number // 3,
            house=f"{min(chance.randrange(owners), chance.randrange(owners))}",
            zone=chance.choice(["north", "south", "west"]),
        )
        for number in range(count)
    ]


def _highs_volume(orders: list[Order], fees: Fees) -> int:
    """The largest flow between different owners at the best price, by a linear programme for each price."""
    best = 0.0
    for price in {fees.energy_price_micro(order) for order in orders}:
        sells: Counter[str] = Counter()
        buys: Counter[str] = Counter()
        for order in willing(orders, fees, price):
            (sells if order.side is Side.OFFER else buys)[order.owner] += order.energy_wh
        model = highspy.Highs()
        model.silent()
        flows = {(seller, buyer): model.addVariable(lb=0) for seller in sells for buyer in buys if seller != buyer}
        for seller, limit in sells.items():
            if own := [flow for pair, flow in flows.items() if pair[0] == seller]:
                model.addConstr(model.qsum(own) <= limit)
        for buyer, limit in buys.items():
            if own := [flow for pair, flow in flows.items() if pair[1] == buyer]:
                model.addConstr(model.qsum(own) <= limit)
        if flows:
            model.maximize(model.qsum(list(flows.values())))
            best = max(best, model.getObjectiveValue())
    return round(best)


def _highs_welfare(orders: list[Order], fees: Fees) -> int:
    """The most that buyers' and sellers' limits can differ over all energy that changes hands."""
    model = highspy.Highs()
    model.silent()
    amounts = [model.addVariable(lb=0, ub=order.energy_wh) for order in orders]
    signs = [1 if order.side is Side.BID else -1 for order in orders]
    model.addConstr(model.qsum([sign * amount for sign, amount in zip(signs, amounts, strict=True)]) == 0)
    worth = [sign * fees.energy_price_micro(order) for sign, order in zip(signs, orders, strict=True)]
    model.maximize(model.qsum([value * amount for value, amount in zip(worth, amounts, strict=True)]))
    return round(model.getObjectiveValue())
