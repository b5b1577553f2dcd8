# SPDX-License-Identifier: Apache-2.0
"""A receipt says why a price is the price, clears again to the same matches, and shows any change made to it."""

from __future__ import annotations

import copy
import hashlib
import json

import pytest
from hypothesis import given, settings

from backend.market.clearing.auctions import clear_pay_as_bid, clear_uniform
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.fees import NO_FEES, Fees
from backend.market.clearing.receipts import ReceiptInvalid, book_hash, faults_of, hash_of_book, receipt_of, reclear
from backend.market.clearing.types import Rule, Side
from tests.backend.market.clearing.books import arrivals, fees_drawn, make_order, orders_of

SURPLUS = [
    make_order(Side.OFFER, 1, price_micro=100, energy_wh=600),
    make_order(Side.OFFER, 2, price_micro=120, energy_wh=600),
    make_order(Side.OFFER, 3, price_micro=170),
    make_order(Side.BID, 1, price_micro=200),
    make_order(Side.BID, 2, price_micro=90, zone="north"),
]
FEES = Fees(11, {"north": 30})


def kept(receipt):
    """A receipt as it comes back from a database."""
    return json.loads(json.dumps(receipt))


@settings(max_examples=100, deadline=None)
@given(orders=arrivals(), fees=fees_drawn())
def test_receipt_of__each_placement__clears_again_to_its_matches(orders, fees):
    book = ContinuousBook(fees)
    for order in orders:
        around = book.around(order)
        matches = book.place(order)

        receipt = kept(receipt_of(Rule.CONTINUOUS, around, fees, incoming=order))

        assert reclear(receipt) == matches
        assert faults_of(receipt) == []


@pytest.mark.parametrize(("rule", "clear"), [(Rule.UNIFORM, clear_uniform), (Rule.PAY_AS_BID, clear_pay_as_bid)])
@settings(max_examples=100, deadline=None)
@given(orders=orders_of(), fees=fees_drawn())
def test_receipt_of__an_auction__clears_again_to_its_matches(rule, clear, orders, fees):
    cleared = clear(orders, fees)

    receipt = kept(receipt_of(rule, reversed(orders), fees, cleared=cleared))

    assert reclear(receipt) == list(cleared.matches)
    assert faults_of(receipt) == []


def test_receipt_of__uniform__explains_price_margins_and_refusals():
    receipt = receipt_of(Rule.UNIFORM, SURPLUS, FEES)

    assert receipt["priceMicro"] == 125
    assert receipt["intervalMicro"] == [125, 125]
    assert (receipt["marginalOffer"], receipt["marginalBid"]) == ("offer-2", "bid-1")
    assert receipt["refusedOffer"] == {"id": "offer-3", "limitMicro": 170, "reason": "limit", "neededMicro": 120}
    assert receipt["refusedBid"] == {"id": "bid-2", "limitMicro": 90, "reason": "limit", "neededMicro": 125 + 6 + 30}
    assert receipt["why"].startswith("125 micro-units per kWh is the only price")
    assert receipt["levels"][0] == {"side": "offer", "zone": "", "priceMicro": 100, "energyWh": 600, "orders": 1}


def test_receipt_of__refused_for_volume__names_the_limit_that_would_have_come_first():
    orders = [make_order(Side.OFFER, n, price_micro=100) for n in (1, 2)] + [make_order(Side.BID, 1)]

    refused = receipt_of(Rule.UNIFORM, orders, NO_FEES)["refusedOffer"]

    assert refused == {"id": "offer-2", "limitMicro": 100, "reason": "volume", "neededMicro": 99}


@pytest.mark.parametrize("rule", [Rule.UNIFORM, Rule.PAY_AS_BID])
def test_receipt_of__nobody_on_the_other_side_or_only_oneself__says_so(rule):
    own = {"house": "ann", "price_micro": 100}
    alone = [make_order(Side.OFFER, 1, **own)]

    assert receipt_of(rule, alone, NO_FEES)["refusedOffer"]["reason"] == "nobody"
    assert receipt_of(rule, [*alone, make_order(Side.BID, 1, **own)], NO_FEES)["refusedOffer"]["reason"] == "owner"


def test_receipt_of__placement__holds_the_crossed_part_and_the_next_best_alone():
    book = ContinuousBook(NO_FEES)
    for number in range(100):
        book.place(make_order(Side.OFFER, number, price_micro=100 + number))
        book.place(make_order(Side.BID, number, price_micro=90 - number // 2))
    bid = make_order(Side.BID, 200, price_micro=150, energy_wh=1_500)

    receipt = receipt_of(Rule.CONTINUOUS, book.around(bid), NO_FEES, incoming=bid)

    assert {row["id"] for row in receipt["orders"]} == {"bid-200", "offer-0", "offer-1", "offer-2", "bid-0"}
    assert (receipt["marginalOffer"], receipt["intervalMicro"]) == ("offer-1", [101, 150])
    assert receipt["refusedOffer"] == {"id": "offer-2", "limitMicro": 102, "reason": "volume", "neededMicro": 100}
    assert receipt["refusedBid"] == {"id": "bid-0", "limitMicro": 90, "reason": "limit", "neededMicro": 100}
    assert "met 2 resting offers" in receipt["why"]


@pytest.mark.parametrize(
    ("values", "reason", "needed"),
    [
        ({"price_micro": 160}, "limit", 150),
        ({"price_micro": 110}, "volume", 99),
        ({"price_micro": 90, "house": "eve"}, "owner", None),
        ({"price_micro": 90, "min_fill_wh": 900}, "min_fill", None),
    ],
)
def test_receipt_of__placement__says_why_the_best_resting_order_was_not_met(values, reason, needed):
    book = ContinuousBook(NO_FEES)
    book.place(make_order(Side.OFFER, 1, price_micro=100, energy_wh=800))
    book.place(make_order(Side.OFFER, 2, **values))
    bid = make_order(Side.BID, 1, price_micro=150, energy_wh=800, house="eve")

    refused = receipt_of(Rule.CONTINUOUS, book.around(bid), NO_FEES, incoming=bid)["refusedOffer"]

    assert (refused["id"], refused["reason"], refused["neededMicro"]) == ("offer-2", reason, needed)


def test_book_hash__any_receipt__is_the_sha256_of_the_canonical_facts():
    receipt = kept(receipt_of(Rule.UNIFORM, SURPLUS, FEES))
    facts = {name: receipt[name] for name in ("rule", "fees", "orders", "incoming")}
    plain = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    assert receipt["bookHash"] == "0x" + hashlib.sha256(plain).hexdigest() == "0x" + book_hash(receipt).hex()
    assert receipt["bookHash"] == hash_of_book(Rule.UNIFORM, reversed(SURPLUS), FEES)


def test_receipt_of__owners__are_numbered_and_never_named():
    receipt = receipt_of(Rule.UNIFORM, SURPLUS, FEES)

    assert {row["owner"] for row in receipt["orders"]} == {"1", "2", "3", "4", "5"}
    assert "house" not in json.dumps(receipt)


@pytest.mark.parametrize("field", ["energyWh", "priceMicro", "time"])
def test_faults_of__an_order_changed__the_hash_no_longer_fits(field):
    receipt = kept(receipt_of(Rule.UNIFORM, SURPLUS, FEES))
    receipt["orders"][0][field] += 1

    assert "bookHash" in faults_of(receipt)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priceMicro", 126),
        ("matches", []),
        ("volumeWh", 1),
        ("marginalBid", "bid-2"),
        ("refusedOffer", None),
        ("extra", 1),
        ("why", None),
    ],
)
def test_faults_of__an_outcome_changed__is_named(field, value):
    receipt = kept(receipt_of(Rule.UNIFORM, SURPLUS, FEES))
    receipt[field] = value

    assert faults_of(receipt) == [field]


def test_faults_of__sentence_of_another_release__is_no_fault():
    receipt = kept(receipt_of(Rule.UNIFORM, SURPLUS, FEES))
    receipt["why"] = "Everybody trades at 125."

    assert faults_of(receipt) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda receipt: receipt.pop("orders"),
        lambda receipt: receipt.update(rule="dutch"),
        lambda receipt: receipt.update(incoming="bid-1"),
        lambda receipt: receipt["orders"][0].update(energyWh=1.5),
        lambda receipt: receipt["fees"].update(communityFeeMicroPerKwh=-1),
    ],
)
def test_reclear__not_a_receipt__is_refused(change):
    receipt = copy.deepcopy(receipt_of(Rule.UNIFORM, SURPLUS, FEES))
    change(receipt)

    with pytest.raises(ReceiptInvalid):
        reclear(receipt)


def test_receipt_of__continuous_without_incoming_order__is_refused():
    with pytest.raises(ReceiptInvalid, match="incoming"):
        receipt_of(Rule.CONTINUOUS, SURPLUS, FEES)


def test_reclear__another_file__names_the_field_that_is_missing():
    with pytest.raises(ReceiptInvalid, match="the field 'rule' is missing"):
        reclear({"name": "gridx"})
