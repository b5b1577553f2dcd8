# SPDX-License-Identifier: Apache-2.0
"""Pairs that the market matched: what is logged, what is skipped and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from eth_utils.crypto import keccak

from tests.contracts.market import (
    AVERAGE_FACTOR,
    COMMUNITY,
    ENDING_FACTOR,
    FACTOR,
    MG_PER_KWH,
    MINUTES,
    OTHER_COMMUNITY,
    OTHER_FACTOR,
    OTHER_REGION,
    REGION,
    logged,
    raw_logs,
    replay,
    skipped,
)
from tests.contracts.support import (
    ORDER_TYPE,
    TOP_NONCE_BIT,
    ZERO_ADDRESS,
    Details,
    carbon_grams,
    sign_digest,
    trade_id,
)

if TYPE_CHECKING:
    from tests.contracts.market import Market

FULL = 2**32 - 1


def test_settle__a_pair__emits_every_fact(market: Market, log: Any) -> None:
    pair = market.match(nonce=12, offer={"slot": 5 << 3 | 2}, bid={"slot": 6 << 3 | 1})

    receipt = market.settle(pair)

    (trade,) = logged(receipt)
    assert trade.trade_id == trade_id(log.address, 12)
    assert (trade.seller, trade.buyer) == (market.seller.address.lower(), market.buyer.address.lower())
    assert (trade.energy_wh, trade.price, trade.carbon_g) == (400, 5_500_000, carbon_grams(400, MG_PER_KWH))
    assert trade.details == Details(
        2, 5 << 3 | 2, 6 << 3 | 1, FACTOR, MINUTES, market.start, market.buyer.meter, market.seller.meter
    )
    assert market.history() == replay(bytes(32), raw_logs(receipt))
    assert log.filledWh(market.seller.address, 5 << 3 | 2, market.start) == 400
    assert log.filledWh(market.buyer.address, 6 << 3 | 1, market.start) == 400
    assert log.isNonceUsed(log.address, 12)


def test_settle__pairs_of_many_intervals_and_nonce_words__are_all_logged(market: Market, log: Any) -> None:
    pairs = []
    for number, nonce in enumerate([255, 256, 3, 1_000, 257, 2**79 - 1]):
        fields = {"slot": (20 + number % 3) << 3 | number, "deliveryStart": market.start + 900 * (number % 3)}
        pairs.append(market.match(nonce=nonce, offer=fields, bid=fields))

    receipt = market.settle(*pairs)

    assert [trade.trade_id for trade in logged(receipt)] == [trade_id(log.address, pair[4]) for pair in pairs]
    assert all(log.isNonceUsed(log.address, pair[4]) for pair in pairs)
    assert not log.isNonceUsed(log.address, 258)
    assert market.history() == replay(bytes(32), raw_logs(receipt))


def test_settle__same_nonce_again__is_skipped_within_and_across_batches(market: Market) -> None:
    reason = market.error("EnergyTradeLogNonceUsed")
    pairs = [market.match(nonce=1, energy=100), market.match(nonce=2, energy=100), market.match(nonce=1, energy=100)]

    first = market.settle(*pairs)
    second = market.settle(*pairs)

    assert (len(logged(first)), skipped(first)) == (2, [(1, reason)])
    assert (logged(second), skipped(second)) == ([], [(1, reason), (2, reason), (1, reason)])
    assert market.history()[0] == 2


def test_settle__a_bad_pair_between_good_ones__is_skipped_alone(market: Market) -> None:
    bad = market.match(nonce=2, bid={"expiry": 1})

    receipt = market.settle(market.match(nonce=1), bad, market.match(nonce=3))

    assert len(logged(receipt)) == 2
    assert skipped(receipt) == [(2, market.error("EnergyTradeLogOrderExpired"))]
    assert market.history() == replay(bytes(32), raw_logs(receipt))


def test_settle__nothing__changes_nothing(market: Market) -> None:
    market.settle(market.match())
    before = market.history()

    market.settle()

    assert market.history() == before


def test_settle__by_another__reverts(market: Market, log: Any) -> None:
    with ape.reverts(
        log.AccessControlUnauthorizedAccount, account=market.admin.address, neededRole=keccak(b"SETTLER_ROLE")
    ):
        log.settleMatched([market.match()], sender=market.admin)


_Cases = dict[str, tuple[tuple[Any, ...], str, dict[str, Any]]]


def _cases(market: Market) -> _Cases:
    """Pairs with one flaw: the pair, its error and the error's facts."""
    return (
        _pair_cases(market) | _party_cases(market) | _order_cases(market) | _factor_cases(market) | _fill_cases(market)
    )


def _pair_cases(market: Market) -> _Cases:
    """What is wrong between an offer and a bid."""
    seller = market.households[0]
    return {
        "nonce": (market.match(nonce=TOP_NONCE_BIT), "NonceOutOfRange", {"nonce": TOP_NONCE_BIT}),
        "self": (market.match(buyer=seller), "SelfTrade", {"wallet": seller.address}),
        "energy": (market.match(energy=0), "EnergyOutOfRange", {"energyWh": 0, "limit": FULL}),
        "price": (
            market.match(price=0, offer={"pricePerKwh": 0}),
            "PriceOutOfRange",
            {"pricePerKwh": 0, "limit": 2**40 - 1},
        ),
        "price below offer": (
            market.match(price=4_999_999),
            "PriceOutsideLimits",
            {"pricePerKwh": 4_999_999, "offerLimit": 5_000_000, "bidLimit": 6_000_000},
        ),
        "price above bid": (
            market.match(price=6_000_001),
            "PriceOutsideLimits",
            {"pricePerKwh": 6_000_001, "offerLimit": 5_000_000, "bidLimit": 6_000_000},
        ),
        "interval": (
            market.match(bid={"deliveryStart": market.start + 900}),
            "IntervalsDiffer",
            {"offerStart": market.start, "bidStart": market.start + 900},
        ),
        "factors": (market.match(bid={"factorId": 3}), "FactorsDiffer", {"offerFactorId": 1, "bidFactorId": 3}),
    }


def _party_cases(market: Market) -> _Cases:
    """What is wrong with whose meters they are."""
    seller, buyer, third, _, far = market.households
    return {
        "seller meter": (market.match(offer={"meter": 55}), "UnknownMeter", {"meter": 55}),
        "buyer meter": (market.match(bid={"meter": 56}), "UnknownMeter", {"meter": 56}),
        "seller's meter": (
            market.match(offer={"meter": third.meter}),
            "NotMeterOwner",
            {"meter": third.meter, "owner": third.address, "wallet": seller.address},
        ),
        "buyer's meter": (
            market.match(bid={"meter": third.meter}),
            "NotMeterOwner",
            {"meter": third.meter, "owner": third.address, "wallet": buyer.address},
        ),
        "community": (
            market.match(buyer=far),
            "CommunitiesDiffer",
            {"sellerCommunity": COMMUNITY, "buyerCommunity": OTHER_COMMUNITY},
        ),
    }


def _order_cases(market: Market) -> _Cases:
    """What is wrong with one order."""
    seller, buyer = market.households[:2]
    log = market.log
    return {
        "offer is a bid": (market.match(offer={"isBid": True}), "WrongSide", {"maker": seller.address, "isBid": True}),
        "bid is an offer": (
            market.match(bid={"isBid": False}),
            "WrongSide",
            {"maker": buyer.address, "isBid": False},
        ),
        "offer for anyone": (
            market.match(offer={"taker": ZERO_ADDRESS}),
            "WrongTaker",
            {"taker": ZERO_ADDRESS, "caller": log.address},
        ),
        "bid for the settler": (
            market.match(bid={"taker": market.settler.address}),
            "WrongTaker",
            {"taker": market.settler.address, "caller": log.address},
        ),
        "offer expired": (market.match(offer={"expiry": 7}), "OrderExpired", {"expiry": 7}),
        "bid expired": (market.match(bid={"expiry": 8}), "OrderExpired", {"expiry": 8}),
        "offer minutes": (
            market.match(offer={"deliveryMinutes": 60}),
            "WrongInterval",
            {"deliveryMinutes": 60, "communityMinutes": MINUTES},
        ),
        "bid minutes": (
            market.match(bid={"deliveryMinutes": 0}),
            "WrongInterval",
            {"deliveryMinutes": 0, "communityMinutes": MINUTES},
        ),
    }


def _factor_cases(market: Market) -> _Cases:
    """What is wrong with the emission factor."""
    return {
        "factor": (_both(market, factorId=99), "UnknownFactor", {"factorId": 99}),
        "basis": (
            _both(market, factorId=AVERAGE_FACTOR),
            "FactorBasis",
            {"factorId": AVERAGE_FACTOR, "basis": 1},
        ),
        "region": (
            _both(market, factorId=OTHER_FACTOR),
            "FactorRegion",
            {"factorId": OTHER_FACTOR, "factorRegion": OTHER_REGION, "meterRegion": REGION},
        ),
        "validity": (
            _both(market, deliveryStart=900),
            "FactorNotValid",
            {"factorId": FACTOR, "validFrom": 1_000, "validTo": 2**40, "deliveryStart": 900},
        ),
    }


def _fill_cases(market: Market) -> _Cases:
    """What is wrong with how much of an order is filled, and with its signature."""
    seller, buyer, third = market.households[:3]
    log = market.log
    at = {"maker": seller.address}
    return {
        "offer position": (market.match(offer={"slot": 15}), "PositionOutOfRange", {"slot": 15}),
        "bid position": (market.match(bid={"slot": 7}), "PositionOutOfRange", {"slot": 7}),
        "offer filled": (
            market.match(offer={"energyWh": 399}),
            "Overfilled",
            at | {"filledWh": 0, "energyWh": 400, "limitWh": 399},
        ),
        "bid filled": (
            market.match(bid={"energyWh": 399}),
            "Overfilled",
            {"maker": buyer.address, "filledWh": 0, "energyWh": 400, "limitWh": 399},
        ),
        "offer minimum": (
            market.match(offer={"minFillWh": 401}),
            "FillTooSmall",
            at | {"energyWh": 400, "minFillWh": 401},
        ),
        "bid minimum": (
            market.match(bid={"minFillWh": 401}),
            "FillTooSmall",
            {"maker": buyer.address, "energyWh": 400, "minFillWh": 401},
        ),
        "offer signature": (
            market.match(offer_signature=bytes(65)),
            "BadSignature",
            at | {"digest": market.domain.digest(market.offer(taker=log.address))},
        ),
        "bid signature": (
            market.match(bid_signature=market.sign(market.bid(), third.key)),
            "BadSignature",
            {"maker": buyer.address, "digest": market.domain.digest(market.bid())},
        ),
    }


def _both(market: Market, **fields: Any) -> tuple[Any, ...]:
    return market.match(offer=fields, bid=fields)


CASES = (
    "nonce", "self", "energy", "price", "price below offer", "price above bid", "interval", "factors", "seller meter",
    "buyer meter", "seller's meter", "buyer's meter", "community", "offer is a bid", "bid is an offer",
    "offer for anyone", "bid for the settler", "offer expired", "bid expired", "offer minutes", "bid minutes", "factor",
    "basis", "region", "validity", "offer position", "bid position", "offer filled", "bid filled", "offer minimum",
    "bid minimum", "offer signature", "bid signature",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_settle__one_flaw__is_skipped_with_its_reason(market: Market, case: str) -> None:
    pair, name, facts = _cases(market)[case]

    receipt = market.settle(pair)
    explained = bytes(market.log.checkMatch(pair))

    selector = market.error(f"EnergyTradeLog{name}")
    assert skipped(receipt) == [(pair[4], selector)]
    assert logged(receipt) == []
    assert market.history() == (0, bytes(32))
    assert explained[:4] == selector
    decoded = market.decode_error(f"EnergyTradeLog{name}", explained)
    assert facts.items() <= decoded.items()


def test_settle__cancelled_and_recycled_orders__are_skipped(market: Market, log: Any) -> None:
    log.cancel(1, market.start, 1, sender=market.seller.account)
    log.cancel(2, market.start + 900, 1, sender=market.buyer.account)
    cancelled = market.match(nonce=1)
    recycled = market.match(nonce=2, offer={"slot": 9}, bid={"slot": 2 << 3})

    receipt = market.settle(cancelled, recycled)

    assert skipped(receipt) == [
        (1, market.error("EnergyTradeLogOrderCancelled")),
        (2, market.error("EnergyTradeLogLaneRecycled")),
    ]
    assert market.decode_error("EnergyTradeLogLaneRecycled", bytes(log.checkMatch(recycled))) == {
        "maker": market.buyer.address, "lane": 2, "laneStart": market.start + 900, "deliveryStart": market.start,
    }  # fmt: skip


def test_settle__factor_not_effective_yet__is_skipped_until_it_is(market: Market, log: Any) -> None:
    from tests.contracts.market import factor

    log.registerFactor(9, *factor(9)[1:], sender=market.keeper)
    pair = _both(market, factorId=9)

    early = market.settle(pair)
    market.pass_time(24 * 3600)
    late = market.settle(pair)

    assert skipped(early) == [(1, market.error("EnergyTradeLogFactorNotEffective"))]
    assert len(logged(late)) == 1


def test_settle__factor_that_ends_with_the_interval__covers_the_one_before(market: Market) -> None:
    before = _both(market, factorId=ENDING_FACTOR, deliveryStart=market.start - 900)
    after = market.match(nonce=2, **{side: {"factorId": ENDING_FACTOR, "slot": 9 << 3} for side in ("offer", "bid")})

    receipt = market.settle(before, after)

    assert [trade.details.delivery_start for trade in logged(receipt)] == [market.start - 900]
    assert skipped(receipt) == [(2, market.error("EnergyTradeLogFactorNotValid"))]


@pytest.mark.parametrize("resigned", [False, True])
def test_settle__field_with_dirty_bits__is_skipped_as_malformed(market: Market, log: Any, resigned: bool) -> None:
    data = bytes(log.settleMatched.encode_input([market.match()]))
    pair = 4 + 32 * 3
    for word in range(24):
        dirty = bytearray(data)
        dirty[pair + 32 * word] = 1
        if resigned:
            _sign_as_it_stands(market, dirty, pair, is_bid=word >= 12)
        receipt = market.settler.call(
            market.provider.network.ecosystem.create_transaction(
                receiver=log.address, data=bytes(dirty), gas=1_000_000, chain_id=31337
            )
        )
        assert skipped(receipt) == [(1, market.error("EnergyTradeLogOrderMalformed"))], word


def _sign_as_it_stands(market: Market, data: bytearray, pair: int, *, is_bid: bool) -> None:
    """Replace the signature of an encoded order by one of its words as they are, dirty bits included."""
    start = pair + (12 * 32 if is_bid else 0)
    digest = keccak(
        b"\x19\x01" + market.domain.separator() + keccak(keccak(ORDER_TYPE) + data[start : start + 12 * 32])
    )
    offset = pair + (25 if is_bid else 24) * 32
    place = pair + int.from_bytes(data[offset : offset + 32], "big") + 32
    data[place : place + 65] = sign_digest(digest, (market.buyer if is_bid else market.seller).key)
