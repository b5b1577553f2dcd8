# SPDX-License-Identifier: Apache-2.0
"""Arbitrary amounts, slots, batches, pairs and signatures against a model of what the log promises."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.market import MG_PER_KWH, logged, skipped
from tests.contracts.support import CURVE_ORDER, ORDER_FIELDS, carbon_grams, pack_items, trade_id

if TYPE_CHECKING:
    from tests.contracts.market import Market

MAX_ENERGY = 2**32 - 1
MAX_PRICE = 2**40 - 1
FULL = 2**32 - 1
NONCES = count(10_000)

amounts = st.one_of(
    st.integers(0, 3), st.integers(1, 10**6), st.integers(MAX_ENERGY - 2, MAX_ENERGY + 2), st.integers(0, 2**256 - 1)
)
prices = st.one_of(st.integers(0, 3), st.integers(MAX_PRICE - 2, MAX_PRICE + 2), st.integers(0, 2**256 - 1))
fuzz = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


@settings(fuzz, max_examples=60)
@given(energy=amounts, price=prices, caller_sells=st.booleans())
def test_log_trade__any_amounts__is_logged_exactly_when_in_range(
    market: Market, energy: int, price: int, caller_sells: bool
) -> None:
    caller = market.seller if caller_sells else market.buyer

    outcome = market.send(
        market.raw.functions.logEnergyTrade(market.seller.address, market.buyer.address, energy, price), caller.address
    )

    in_range = 1 <= energy <= MAX_ENERGY and 1 <= price <= MAX_PRICE
    found = [(trade.energy_wh, trade.price, trade.carbon_g) for trade in logged(outcome)]
    assert outcome.succeeded == in_range
    assert found == ([(energy, price, carbon_grams(energy, MG_PER_KWH))] if in_range else [])


@settings(fuzz, max_examples=40)
@given(
    items=st.lists(
        st.tuples(st.booleans(), st.integers(1, 4), st.integers(0, MAX_ENERGY), st.integers(0, MAX_PRICE)),
        min_size=1,
        max_size=12,
    )
)
def test_log_trades__any_batch__is_logged_whole_or_not_at_all(
    market: Market, items: list[tuple[bool, int, int, int]]
) -> None:
    caller, nonce = market.seller, next(NONCES)
    named = [(sells, market.households[other].address, energy, price) for sells, other, energy, price in items]

    outcome = market.send(market.raw.functions.logEnergyTrades(nonce, pack_items(named)), caller.address)

    assert outcome.succeeded == all(energy > 0 and price > 0 for _, _, energy, price in named)
    expected = [
        (
            trade_id(caller.address, nonce, index),
            *((caller.address, other) if sells else (other, caller.address)),
            energy,
            price,
        )
        for index, (sells, other, energy, price) in enumerate(named)
    ]
    found = [(t.trade_id, t.seller, t.buyer, t.energy_wh, t.price) for t in logged(outcome)]
    lower = [(name, seller.lower(), buyer.lower(), energy, price) for name, seller, buyer, energy, price in expected]
    assert found == (lower if outcome.succeeded else [])


@settings(fuzz, max_examples=40)
@given(
    fills=st.lists(
        st.tuples(st.integers(0, 7), st.sampled_from([1, 2, 10**3, FULL - 1, FULL]), st.integers(0, FULL)),
        min_size=1,
        max_size=6,
    )
)
def test_fill__any_positions_and_amounts__touches_its_own_counter_only(
    market: Market, fills: list[tuple[int, int, int]]
) -> None:
    lane, filled = 77, [0] * 7
    with market.undone():
        for position, limit, energy in fills:
            offer = market.offer(slot=lane << 3 | position, energyWh=limit)
            call = market.raw.functions.fillOffer(
                offer.words(), market.sign(offer), next(NONCES), energy, market.buyer.meter
            )

            outcome = market.send(call, market.buyer.address)

            fits = position < 7 and energy > 0 and filled[position] + energy <= limit
            assert outcome.succeeded == fits
            if fits:
                filled[position] += energy
            word = market.raw.functions.countersOf(market.seller.address, lane).call()
            assert [word >> 32 * place & FULL for place in range(7)] == filled


words = st.one_of(
    st.integers(0, 8),
    st.integers(0, 2**16),
    st.integers(0, 2**40),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**256 - 1),
)


@st.composite
def pair_changes(draw: st.DrawFn) -> dict[str, Any]:
    """At most one or two fields with other values within their types; about a third of the pairs stay sound."""
    changes: dict[str, Any] = {"offer": {}, "bid": {}}
    for side in draw(st.lists(st.sampled_from(["offer", "bid", "both"]), max_size=2, unique=True)):
        for kind, name in [draw(st.sampled_from(ORDER_FIELDS[2:]))]:
            if kind == "bool":
                value: Any = draw(st.booleans())
            else:
                value = draw(words) % 2 ** int(kind.removeprefix("uint"))
            for target in ("offer", "bid") if side == "both" else (side,):
                changes[target][name] = value
    changes["energy"] = draw(st.sampled_from([1, 400, 849, 850, 850, 851, FULL, 0]))
    changes["price"] = draw(st.sampled_from([5_000_000, 5_500_000, 6_000_000, 4_999_999, 6_000_001, 0]))
    changes["seller"], changes["buyer"] = draw(st.sampled_from([(0, 1), (0, 2), (2, 1), (0, 3), (0, 4), (1, 1)]))
    changes["start"] = draw(st.sampled_from([0, 0, 0, 900]))
    return changes


@settings(fuzz, max_examples=150)
@given(changes=pair_changes())
def test_settle__any_pair__both_checks_agree(market: Market, changes: dict[str, Any]) -> None:
    houses = market.households
    later = {"deliveryStart": market.start + changes["start"]}
    arguments = {
        "nonce": next(NONCES),
        "energy": changes["energy"],
        "price": changes["price"],
        "seller": houses[changes["seller"]],
        "buyer": houses[changes["buyer"]],
        "offer": later | changes["offer"],
        "bid": later | changes["bid"],
    }
    pair = market.match(**arguments)
    with market.undone():
        market.send(
            market.raw.functions.settleMatched([market.match(nonce=1, energy=100), market.match(nonce=2, energy=50)]),
            market.settler.address,
        )
        explained = market.raw.functions.checkMatch(pair).call()

        outcome = market.send(market.raw.functions.settleMatched([pair]), market.settler.address)

        assert outcome.succeeded
        assert (len(logged(outcome)), skipped(outcome)) == (
            (1, []) if explained == b"" else (0, [(arguments["nonce"], explained[:4])])
        )


@settings(fuzz, max_examples=80)
@given(
    place=st.integers(0, 64), change=st.integers(1, 255), cut=st.integers(0, 65), kind=st.sampled_from(["flip", "cut"])
)
def test_sign__any_change_of_a_signature__is_refused(
    market: Market, place: int, change: int, cut: int, kind: str
) -> None:
    offer = market.offer(slot=88 << 3)
    signature = bytearray(market.sign(offer))
    if kind == "flip":
        signature[place] ^= change
    else:
        signature = signature[:cut] + bytes(max(0, 64 - cut))
    pair = market.match(nonce=next(NONCES), offer_signature=bytes(signature), offer={"slot": 88 << 3})
    fill = market.raw.functions.fillOffer(offer.words(), bytes(signature), next(NONCES), 1, market.buyer.meter)

    outcomes = [
        market.send(fill, market.buyer.address),
        market.send(market.raw.functions.settleMatched([pair]), market.settler.address),
    ]

    assert [logged(outcome) for outcome in outcomes] == [[], []]


@settings(fuzz, max_examples=40)
@given(r=st.integers(0, 2**256 - 1), s=st.integers(0, CURVE_ORDER), v=st.sampled_from([0, 1, 27, 28]))
def test_sign__arbitrary_signature_values__are_refused_for_the_zero_maker_too(
    market: Market, r: int, s: int, v: int
) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
    nobody = {"maker": "0x" + "00" * 20, "meter": 0}
    pairs = [
        market.match(nonce=next(NONCES), offer_signature=signature),
        market.match(nonce=next(NONCES), offer=nobody, offer_signature=signature),
        market.match(nonce=next(NONCES), bid=nobody, bid_signature=signature),
    ]

    outcome = market.send(market.raw.functions.settleMatched(pairs), market.settler.address)

    assert (logged(outcome), len(skipped(outcome))) == ([], 3)
