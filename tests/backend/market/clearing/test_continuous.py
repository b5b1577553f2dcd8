# SPDX-License-Identifier: Apache-2.0
"""The continuous book matches like a slow list sorted anew for each order, and what rests can be put back as it was."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.fees import NO_FEES, Fees, amounts_of
from backend.market.clearing.types import Level, Match, Order, OrderInvalid, Side
from tests.backend.market.clearing.books import ZONES, arrivals, assert_sound, fees_drawn, make_order


class ListBook:
    """The rule as one would write it down: for each order, sort all others and go through them."""

    def __init__(self, fees: Fees) -> None:
        self.fees = fees
        self.left: dict[str, tuple[Order, int]] = {}

    def place(self, order: Order) -> list[Match]:
        matches = []
        left = order.energy_wh
        for rank, other, rest in sorted(self._ranked(order), key=lambda entry: entry[0]):
            fill = min(left, rest)
            small = any(fill < o.min_fill_wh and fill < most for o, most in ((order, left), (other, rest)))
            if fill == 0 or rank[0] > 0 or other.owner == order.owner or small:
                continue
            bid, offer = (order, other) if order.side is Side.BID else (other, order)
            price = self.fees.energy_price_micro(other) - (0 if other is offer else self._pair(offer, bid))
            matches.append(Match(bid.id, offer.id, fill, price))
            left -= fill
            self.left[other.id] = (other, rest - fill)
        self.left[order.id] = (order, left)
        return matches

    def _pair(self, offer: Order, bid: Order) -> int:
        return self.fees.pair_fee_micro_per_kwh(seller_zone=offer.zone, buyer_zone=bid.zone)

    def _ranked(self, order: Order):
        for other, rest in self.left.values():
            if other.side is not order.side:
                bid, offer = (order, other) if order.side is Side.BID else (other, order)
                gap = self.fees.energy_price_micro(offer) + self._pair(offer, bid) - self.fees.energy_price_micro(bid)
                yield (gap, other.time, other.id), other, rest


def play(orders: Sequence[Order], fees: Fees) -> tuple[ContinuousBook, list[Match]]:
    book = ContinuousBook(fees)
    return book, [match for order in orders for match in book.place(order)]


@settings(max_examples=100, deadline=None)
@given(orders=arrivals(), fees=fees_drawn())
def test_place__any_arrivals__matches_like_the_list_book(orders, fees):
    book, matches = play(orders, fees)
    slow = ListBook(fees)

    assert matches == [match for order in orders for match in slow.place(order)]
    assert_sound(matches, orders, fees, pairs=True)
    assert {order.id: left for order, left in book.orders()} == {
        name: left for name, (_, left) in slow.left.items() if left
    }


@settings(max_examples=100, deadline=None)
@given(orders=arrivals(), fees=fees_drawn())
def test_place__a_match__money_adds_up_and_nobody_pays_past_his_limit(orders, fees):
    by_id = {order.id: order for order in orders}

    for match in play(orders, fees)[1]:
        bid, offer = by_id[match.bid], by_id[match.offer]
        amounts = amounts_of(match, fees, seller_zone=offer.zone, buyer_zone=bid.zone, pair=True)
        fees_micro = amounts.seller_fee_micro + amounts.buyer_fee_micro
        assert amounts.buyer_pays_micro == amounts.seller_gets_micro + fees_micro
        assert amounts.buyer_pays_micro <= match.energy_wh * bid.price_micro // 1000
        assert amounts.seller_gets_micro >= match.energy_wh * offer.price_micro // 1000


@settings(max_examples=100, deadline=None)
@given(orders=arrivals(), fees=fees_drawn(), cut=st.integers(0, 20), seed=st.randoms(use_true_random=False))
def test_restore__in_any_sequence__goes_on_as_if_never_stopped(orders, fees, cut, seed):
    book, _ = play(orders[:cut], fees)
    resting = list(book.orders())
    seed.shuffle(resting)
    rebuilt = ContinuousBook(fees)

    for order, left in resting:
        rebuilt.restore(order, left)

    assert rebuilt.levels() == book.levels()
    for order in orders[cut:]:
        assert rebuilt.place(order) == book.place(order)


@settings(max_examples=100, deadline=None)
@given(orders=arrivals(), fees=fees_drawn(), gone=st.sets(st.integers(0, 19)))
def test_cancel__some_orders__the_rest_matches_as_if_they_had_not_been(orders, fees, gone):
    half = len(orders) // 2
    book = ContinuousBook(fees)
    for order in orders[:half]:
        book.restore(order, order.energy_wh)
    kept = [order for number, order in enumerate(orders[:half]) if number not in gone]
    other = ContinuousBook(fees)
    for order in kept:
        other.restore(order, order.energy_wh)

    for number in gone & set(range(half)):
        assert book.cancel(orders[number].id) == orders[number].energy_wh

    assert book.levels() == other.levels()
    assert [book.place(order) for order in orders[half:]] == [other.place(order) for order in orders[half:]]


@settings(max_examples=100, deadline=None)
@given(orders=arrivals(), fees=fees_drawn())
def test_levels__after_any_arrivals__sum_up_what_rests(orders, fees):
    book, _ = play(orders, fees)
    expected: dict[tuple[Side, str, int], list[int]] = {}
    for order, left in book.orders():
        level = expected.setdefault((order.side, order.zone, order.price_micro), [0, 0])
        level[0] += left
        level[1] += 1

    assert {level[:3]: list(level[3:]) for level in book.levels()} == expected
    assert all(book.level(*level[:3]) == level for level in book.levels())
    assert len(book) == sum(level.orders for level in book.levels())


def test_place__better_price_then_earlier__comes_first():
    book, _ = play([make_order(Side.OFFER, n, price_micro=price) for n, price in enumerate([120, 100, 100])], NO_FEES)

    matches = book.place(make_order(Side.BID, 9, energy_wh=2_500, price_micro=130))

    assert [(match.offer, match.energy_wh, match.price_micro) for match in matches] == [
        ("offer-1", 1_000, 100),
        ("offer-2", 1_000, 100),
        ("offer-0", 500, 120),
    ]
    assert book.rest("offer-0") == 500
    assert book.levels() == [Level(Side.OFFER, "", 120, 500, 1)]


def test_place__fees_of_zones_and_pairs__the_nearer_offer_is_cheaper():
    fees = Fees(11, {"north": 30, "south": 5}, {("north", "south"): 7})
    offers = [make_order(Side.OFFER, 1, price_micro=100, zone="north"), make_order(Side.OFFER, 2, price_micro=120)]
    book, _ = play(offers, fees)

    bid = make_order(Side.BID, 1, price_micro=152, zone="south", energy_wh=2_000)
    [match] = book.place(bid)

    assert (match.offer, match.price_micro) == ("offer-2", 125)
    assert book.rest(bid.id) == 1_000
    assert book.place(make_order(Side.BID, 2, price_micro=152, zone="south")) == []
    assert book.place(make_order(Side.BID, 3, price_micro=153, zone="south"))[0].price_micro == 135


def test_place__resting_bid__is_paid_at_its_limit_less_its_fees():
    book, _ = play([make_order(Side.BID, 1, price_micro=200, zone="south")], Fees(11, {"south": 5}, {("", "south"): 7}))

    [match] = book.place(make_order(Side.OFFER, 1, price_micro=1))

    assert match.price_micro == 200 - 6 - 5 - 7


def test_place__own_order_is_best__is_passed_over_and_keeps_its_place():
    book, _ = play([make_order(Side.OFFER, n, price_micro=100 + n, house=f"house {n}") for n in (1, 2)], NO_FEES)

    [match] = book.place(make_order(Side.BID, 1, price_micro=200, house="house 1"))

    assert match.offer == "offer-2"
    assert book.place(make_order(Side.BID, 2, price_micro=200))[0].offer == "offer-1"


@pytest.mark.parametrize(("asked", "met"), [(400, []), (500, ["offer-1"]), (1_000, ["offer-1"])])
def test_place__minimum_fill_of_a_resting_order__holds_until_its_last_fill(asked, met):
    book, _ = play([make_order(Side.OFFER, 1, min_fill_wh=500)], NO_FEES)

    assert [match.offer for match in book.place(make_order(Side.BID, 1, energy_wh=asked))] == met


def test_place__rest_below_its_minimum_fill__may_be_taken_whole():
    book, _ = play([make_order(Side.OFFER, 1, min_fill_wh=800), make_order(Side.BID, 1, energy_wh=900)], NO_FEES)

    assert book.place(make_order(Side.BID, 2, energy_wh=50)) == []
    assert book.place(make_order(Side.BID, 3, energy_wh=100))[0].energy_wh == 100


def test_place__market_order__takes_what_it_finds_and_never_rests():
    book, _ = play([make_order(Side.OFFER, 1, energy_wh=300)], NO_FEES)
    market = make_order(Side.BID, 1, price_micro=200_000)

    [match] = book.place(market, rests=False)

    assert (match.energy_wh, book.rest(market.id), len(book)) == (300, 0, 0)


def test_place__id_that_rests__is_refused():
    book, _ = play([make_order(Side.OFFER, 1)], NO_FEES)

    with pytest.raises(OrderInvalid, match="offer-1"):
        book.place(make_order(Side.OFFER, 1))


def test_restore__more_than_was_ordered__is_refused():
    with pytest.raises(OrderInvalid, match="1001 Wh"):
        ContinuousBook().restore(make_order(Side.OFFER, 1), 1_001)


def test_cancel__many_orders__leaves_no_trace_of_them():
    book, _ = play([make_order(Side.OFFER, n, zone=ZONES[n % 3]) for n in range(500)], NO_FEES)

    assert sum(book.cancel(f"offer-{n}") for n in range(499)) == 499_000
    assert book.cancel("offer-1") == 0
    assert book.place(make_order(Side.BID, 1))[0].offer == "offer-499"
    assert book.levels() == []
