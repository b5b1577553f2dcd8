# SPDX-License-Identifier: Apache-2.0
"""Offers taken by their buyers: terms, fills, lanes, cancelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest

from tests.contracts.market import (
    AVERAGE_FACTOR,
    COMMUNITY,
    FACTOR,
    MG_PER_KWH,
    MINUTES,
    OTHER_COMMUNITY,
    OTHER_FACTOR,
    OTHER_REGION,
    REGION,
    logged,
)
from tests.contracts.support import TOP_NONCE_BIT, Details, carbon_grams, trade_id

if TYPE_CHECKING:
    from tests.contracts.market import Market

FULL = 2**32 - 1
SLOT = 1 << 3


def test_fill__by_an_enrolled_buyer__emits_every_fact(market: Market) -> None:
    offer = market.offer(slot=5 << 3 | 6, pricePerKwh=4_444_444)

    receipt = market.fill(offer, nonce=2**79 - 1, energy=250)

    (trade,) = logged(receipt)
    assert trade.trade_id == trade_id(market.buyer.address, 2**79 - 1)
    assert (trade.seller, trade.buyer) == (market.seller.address.lower(), market.buyer.address.lower())
    assert (trade.energy_wh, trade.price, trade.carbon_g) == (250, 4_444_444, carbon_grams(250, MG_PER_KWH))
    assert trade.details == Details(
        1, 5 << 3 | 6, 0, FACTOR, MINUTES, market.start, market.buyer.meter, market.seller.meter
    )


def test_fill__several_times__stops_at_the_order(market: Market, log: Any) -> None:
    offer = market.offer(energyWh=1_000)
    market.fill(offer, nonce=1, energy=400)
    market.fill(offer, nonce=2, energy=500)
    facts = {"maker": market.seller.address, "filledWh": 900, "energyWh": 101, "limitWh": 1_000}

    with ape.reverts(log.EnergyTradeLogOverfilled, **facts):
        market.fill(offer, nonce=3, energy=101)

    market.fill(offer, nonce=3, energy=100)
    assert log.filledWh(market.seller.address, SLOT, market.start) == 1_000


def test_fill__nonce_used_before__reverts(market: Market, log: Any) -> None:
    market.fill(market.offer(), nonce=5, energy=10)

    with ape.reverts(log.EnergyTradeLogNonceUsed, namespace=market.buyer.address, nonce=5):
        market.fill(market.offer(), nonce=5, energy=10)


def test_fill__nonce_out_of_range__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogNonceOutOfRange, nonce=TOP_NONCE_BIT):
        market.fill(market.offer(), nonce=TOP_NONCE_BIT)


def test_fill__a_bid__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogWrongSide, maker=market.seller.address, isBid=True):
        market.fill(market.offer(isBid=True))


def test_fill__meant_for_another__reverts(market: Market, log: Any) -> None:
    third = market.households[2]
    for taker in (third.address, log.address):
        with ape.reverts(log.EnergyTradeLogWrongTaker, taker=taker, caller=market.buyer.address):
            market.fill(market.offer(taker=taker))

    market.fill(market.offer(taker=third.address), buyer=third)


def test_fill__after_expiry__reverts(market: Market, log: Any) -> None:
    now = market.chain.blocks.head.timestamp

    with ape.reverts(log.EnergyTradeLogOrderExpired, expiry=now - 1):
        market.fill(market.offer(expiry=now - 1))


def test_fill__in_its_last_second__is_logged(market: Market) -> None:
    last = market.chain.blocks.head.timestamp + 50
    market.provider.make_request("evm_setNextBlockTimestamp", [last])

    receipt = market.fill(market.offer(expiry=last))

    assert logged(receipt)[0].timestamp == last


def test_fill__interval_of_another_length__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogWrongInterval, deliveryMinutes=30, communityMinutes=MINUTES):
        market.fill(market.offer(deliveryMinutes=30))


def test_fill__own_offer__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogSelfTrade, wallet=market.seller.address):
        market.fill(market.offer(), buyer=market.seller)


def test_fill__meters_of_others__reverts(market: Market, log: Any) -> None:
    third, far = market.households[2], market.households[4]
    maker, buyer = market.seller.address, market.buyer.address

    with ape.reverts(log.EnergyTradeLogUnknownMeter, meter=77):
        market.fill(market.offer(), meter=77)
    with ape.reverts(log.EnergyTradeLogUnknownMeter, meter=78):
        market.fill(market.offer(meter=78))
    with ape.reverts(log.EnergyTradeLogNotMeterOwner, meter=third.meter, owner=third.address, wallet=buyer):
        market.fill(market.offer(), meter=third.meter)
    with ape.reverts(log.EnergyTradeLogNotMeterOwner, meter=third.meter, owner=third.address, wallet=maker):
        market.fill(market.offer(meter=third.meter))
    with ape.reverts(log.EnergyTradeLogCommunitiesDiffer, sellerCommunity=COMMUNITY, buyerCommunity=OTHER_COMMUNITY):
        market.fill(market.offer(), buyer=far)


def test_fill__stranger_without_meter__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogUnknownMeter, meter=0):
        market.fill(market.offer(), buyer=market.stranger)


def test_fill__factor_that_does_not_fit__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogUnknownFactor, factorId=99):
        market.fill(market.offer(factorId=99))
    with ape.reverts(log.EnergyTradeLogFactorBasis, factorId=AVERAGE_FACTOR, basis=1):
        market.fill(market.offer(factorId=AVERAGE_FACTOR))
    facts = {"factorId": OTHER_FACTOR, "factorRegion": OTHER_REGION, "meterRegion": REGION}
    with ape.reverts(log.EnergyTradeLogFactorRegion, **facts):
        market.fill(market.offer(factorId=OTHER_FACTOR))
    with ape.reverts(
        log.EnergyTradeLogFactorNotValid, factorId=FACTOR, validFrom=1_000, validTo=2**40, deliveryStart=900
    ):
        market.fill(market.offer(deliveryStart=900))


def test_fill__amounts_out_of_range__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogEnergyOutOfRange, energyWh=0, limit=FULL):
        market.fill(market.offer(), energy=0)
    with ape.reverts(log.EnergyTradeLogPriceOutOfRange, pricePerKwh=0, limit=2**40 - 1):
        market.fill(market.offer(pricePerKwh=0))


def test_fill__below_the_minimum__only_completes(market: Market, log: Any) -> None:
    offer = market.offer(energyWh=1_000, minFillWh=300)

    with ape.reverts(log.EnergyTradeLogFillTooSmall, maker=market.seller.address, energyWh=299, minFillWh=300):
        market.fill(offer, nonce=1, energy=299)

    market.fill(offer, nonce=1, energy=800)
    market.fill(offer, nonce=2, energy=200)
    assert log.filledWh(market.seller.address, SLOT, market.start) == 1_000


def test_fill__position_seven__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogPositionOutOfRange, slot=3 << 3 | 7):
        market.fill(market.offer(slot=3 << 3 | 7))


def test_fill__largest_order__leaves_its_neighbours_alone(market: Market, log: Any) -> None:
    for position in range(7):
        energy = FULL if position % 2 == 0 else position
        offer = market.offer(slot=9 << 3 | position, energyWh=energy)
        market.fill(offer, nonce=position, energy=energy)

    word = log.countersOf(market.seller.address, 9)
    assert [word >> 32 * position & FULL for position in range(7)] == [FULL, 1, FULL, 3, FULL, 5, FULL]
    assert word >> 224 == market.start
    with ape.reverts(log.EnergyTradeLogOverfilled, filledWh=FULL, energyWh=1, limitWh=FULL):
        market.fill(market.offer(slot=9 << 3, energyWh=FULL), nonce=9, energy=1)


def test_fill__later_interval_in_the_lane__kills_the_earlier(market: Market, log: Any) -> None:
    early, late = market.start, market.start + 900
    market.fill(market.offer(), nonce=1, energy=10)
    market.fill(market.offer(deliveryStart=late), nonce=2, energy=20)
    facts = {"maker": market.seller.address, "lane": 1, "laneStart": late, "deliveryStart": early}

    with ape.reverts(log.EnergyTradeLogLaneRecycled, **facts):
        market.fill(market.offer(), nonce=3, energy=10)

    assert log.filledWh(market.seller.address, SLOT, late) == 20
    assert log.filledWh(market.seller.address, SLOT, early) == FULL
    assert log.filledWh(market.seller.address, SLOT, late + 900) == 0


def test_cancel__some_positions__kills_these_only(market: Market, log: Any) -> None:
    receipt = log.cancel(1, market.start, 0b101, sender=market.seller.account)

    (event,) = receipt.decode_logs(log.OrdersCancelled)
    assert (event.maker, event.lane, event.deliveryStart, event.mask) == (market.seller.address, 1, market.start, 5)
    for position in (0, 2):
        slot = SLOT | position
        facts = {"maker": market.seller.address, "slot": slot, "deliveryStart": market.start}
        with ape.reverts(log.EnergyTradeLogOrderCancelled, **facts):
            market.fill(market.offer(slot=slot))
    market.fill(market.offer(slot=SLOT | 1))


def test_cancel__partly_filled_order__stops_the_rest(market: Market, log: Any) -> None:
    market.fill(market.offer(), nonce=1, energy=100)

    log.cancel(1, market.start, 1, sender=market.seller.account)

    with ape.reverts(log.EnergyTradeLogOrderCancelled, slot=SLOT):
        market.fill(market.offer(), nonce=2, energy=1)


def test_cancel__later_interval__kills_every_earlier_order(market: Market, log: Any) -> None:
    log.cancel(1, market.start + 900, 0b1000000, sender=market.seller.account)

    with ape.reverts(log.EnergyTradeLogLaneRecycled, laneStart=market.start + 900):
        market.fill(market.offer())
    market.fill(market.offer(deliveryStart=market.start + 900))


def test_cancel__twice__changes_nothing_more(market: Market, log: Any) -> None:
    log.cancel(1, market.start, 0b11, sender=market.seller.account)
    before = log.countersOf(market.seller.address, 1)

    log.cancel(1, market.start, 0b10, sender=market.seller.account)

    assert log.countersOf(market.seller.address, 1) == before


def test_cancel__interval_that_is_over_in_the_lane__reverts(market: Market, log: Any) -> None:
    market.fill(market.offer())
    facts = {"maker": market.seller.address, "lane": 1, "laneStart": market.start, "deliveryStart": market.start - 900}

    with ape.reverts(log.EnergyTradeLogLaneRecycled, **facts):
        log.cancel(1, market.start - 900, 1, sender=market.seller.account)


@pytest.mark.parametrize("mask", [0, 128, 255])
def test_cancel__mask_out_of_range__reverts(market: Market, log: Any, mask: int) -> None:
    with ape.reverts(log.EnergyTradeLogMaskOutOfRange, mask=mask):
        log.cancel(1, market.start, mask, sender=market.seller.account)


@pytest.mark.parametrize("lane", [1 << 13, 2**96 - 1])
def test_cancel__lane_out_of_range__reverts(market: Market, log: Any, lane: int) -> None:
    with ape.reverts(log.EnergyTradeLogLaneOutOfRange, lane=lane):
        log.cancel(lane, market.start, 1, sender=market.seller.account)


def test_cancel__by_another__leaves_the_order_alone(market: Market, log: Any) -> None:
    log.cancel(1, market.start, 1, sender=market.households[2].account)

    assert len(logged(market.fill(market.offer()))) == 1
