# SPDX-License-Identifier: Apache-2.0
"""Trades logged by one party: single, in batches, and confirmed by the other party."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest

from tests.contracts.market import (
    AVERAGE_FACTOR,
    FACTOR,
    MG_PER_KWH,
    MINUTES,
    OTHER_FACTOR,
    OTHER_REGION,
    REGION,
    factor,
    logged,
    raw_logs,
    replay,
)
from tests.contracts.support import (
    TOP_NONCE_BIT,
    ZERO_ADDRESS,
    Details,
    carbon_grams,
    pack_items,
    sequential_nonce,
    trade_id,
)

if TYPE_CHECKING:
    from tests.contracts.market import Market

MAX_ENERGY = 2**32 - 1
MAX_PRICE = 2**40 - 1


def test_log_trade__by_the_seller__emits_every_fact(market: Market, log: Any) -> None:
    expected_id = log.nextTradeId(market.seller.address)

    receipt = log.logEnergyTrade(
        market.seller.address, market.buyer.address, 1_234, 5_000_000, sender=market.seller.account
    )

    (trade,) = logged(receipt)
    assert trade.trade_id == trade_id(market.seller.address, sequential_nonce(0)) == bytes(expected_id)
    assert (trade.seller, trade.buyer) == (market.seller.address.lower(), market.buyer.address.lower())
    assert (trade.energy_wh, trade.price, trade.timestamp) == (
        1_234,
        5_000_000,
        market.chain.blocks[receipt.block_number].timestamp,
    )
    assert trade.carbon_g == carbon_grams(1_234, MG_PER_KWH)
    assert trade.details == Details(kind=0, factor_id=FACTOR)


def test_log_trade__by_the_buyer_again__takes_the_next_nonce(market: Market, log: Any) -> None:
    arguments = (market.seller.address, market.buyer.address, 10, 20)

    first = log.logEnergyTrade(*arguments, sender=market.buyer.account)
    second = log.logEnergyTrade(*arguments, sender=market.buyer.account)

    ids = [logged(receipt)[0].trade_id for receipt in (first, second)]
    assert ids == [trade_id(market.buyer.address, sequential_nonce(number)) for number in (0, 1)]
    assert tuple(log.accountOf(market.buyer.address)) == (True, 2)


def test_log_trade__by_a_wallet_without_meter__is_logged(market: Market, log: Any) -> None:
    receipt = log.logEnergyTrade(market.stranger.address, market.buyer.address, 5, 6, sender=market.stranger.account)

    assert logged(receipt)[0].trade_id == trade_id(market.stranger.address, sequential_nonce(0))
    assert tuple(log.accountOf(market.stranger.address)) == (False, 1)


def test_log_trade__largest_amounts__keeps_every_bit(market: Market, log: Any) -> None:
    receipt = log.logEnergyTrade(
        market.seller.address, market.buyer.address, MAX_ENERGY, MAX_PRICE, sender=market.seller.account
    )

    (trade,) = logged(receipt)
    assert (trade.energy_wh, trade.price, trade.carbon_g) == (
        MAX_ENERGY,
        MAX_PRICE,
        carbon_grams(MAX_ENERGY, MG_PER_KWH),
    )


@pytest.mark.parametrize("energy", [0, MAX_ENERGY + 1, 2**255])
def test_log_trade__energy_out_of_range__reverts(market: Market, log: Any, energy: int) -> None:
    with ape.reverts(log.EnergyTradeLogEnergyOutOfRange, energyWh=energy, limit=MAX_ENERGY):
        log.logEnergyTrade(market.seller.address, market.buyer.address, energy, 1, sender=market.seller.account)


@pytest.mark.parametrize("price", [0, MAX_PRICE + 1, 2**255])
def test_log_trade__price_out_of_range__reverts(market: Market, log: Any, price: int) -> None:
    with ape.reverts(log.EnergyTradeLogPriceOutOfRange, pricePerKwh=price, limit=MAX_PRICE):
        log.logEnergyTrade(market.seller.address, market.buyer.address, 1, price, sender=market.seller.account)


def test_log_trade__by_a_third__reverts(market: Market, log: Any) -> None:
    seller, buyer, third = market.households[:3]

    with ape.reverts(log.EnergyTradeLogNotAParty, caller=third.address, seller=seller.address, buyer=buyer.address):
        log.logEnergyTrade(seller.address, buyer.address, 1, 1, sender=third.account)


def test_log_trade__with_oneself__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogSelfTrade, wallet=market.seller.address):
        log.logEnergyTrade(market.seller.address, market.seller.address, 1, 1, sender=market.seller.account)


def test_log_trade__with_nobody__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogZeroParty, seller=market.seller.address, buyer=ZERO_ADDRESS):
        log.logEnergyTrade(market.seller.address, ZERO_ADDRESS, 1, 1, sender=market.seller.account)


def test_log_trades__a_batch__logs_each_item_in_order(market: Market, log: Any) -> None:
    seller, buyer, third = market.households[:3]
    items = [(True, buyer.address, 100, 7), (False, third.address, MAX_ENERGY, MAX_PRICE), (True, third.address, 1, 1)]

    receipt = log.logEnergyTrades(77, pack_items(items), sender=seller.account)

    trades = logged(receipt)
    assert [trade.trade_id for trade in trades] == [trade_id(seller.address, 77, index) for index in range(3)]
    assert [(trade.seller, trade.buyer) for trade in trades] == [
        (seller.address.lower(), buyer.address.lower()),
        (third.address.lower(), seller.address.lower()),
        (seller.address.lower(), third.address.lower()),
    ]
    assert [(trade.energy_wh, trade.price) for trade in trades] == [(100, 7), (MAX_ENERGY, MAX_PRICE), (1, 1)]
    assert log.isNonceUsed(seller.address, 77)


def test_log_trades__nonce_used_before__reverts(market: Market, log: Any) -> None:
    items = pack_items([(True, market.buyer.address, 1, 1)])
    log.logEnergyTrades(5, items, sender=market.seller.account)

    with ape.reverts(log.EnergyTradeLogNonceUsed, namespace=market.seller.address, nonce=5):
        log.logEnergyTrades(5, items, sender=market.seller.account)


def test_log_trades__nonce_of_another_wallet__is_free(market: Market, log: Any) -> None:
    log.logEnergyTrades(5, pack_items([(True, market.buyer.address, 1, 1)]), sender=market.seller.account)

    log.logEnergyTrades(5, pack_items([(True, market.seller.address, 1, 1)]), sender=market.buyer.account)

    assert market.history()[0] == 2


@pytest.mark.parametrize("nonce", [TOP_NONCE_BIT, 2**80 - 1])
def test_log_trades__sequential_nonce__reverts(market: Market, log: Any, nonce: int) -> None:
    with ape.reverts(log.EnergyTradeLogNonceOutOfRange, nonce=nonce):
        log.logEnergyTrades(nonce, pack_items([(True, market.buyer.address, 1, 1)]), sender=market.seller.account)


@pytest.mark.parametrize("length", [0, 29, 31, 59])
def test_log_trades__not_whole_items__reverts(market: Market, log: Any, length: int) -> None:
    with ape.reverts(log.EnergyTradeLogItemsMalformed, length=length):
        log.logEnergyTrades(1, b"\x01" * length, sender=market.seller.account)


def test_log_trades__one_bad_item__logs_none(market: Market, log: Any) -> None:
    items = [(True, market.buyer.address, 1, 1), (True, market.buyer.address, 0, 1)]

    with ape.reverts(log.EnergyTradeLogEnergyOutOfRange, energyWh=0, limit=MAX_ENERGY):
        log.logEnergyTrades(1, pack_items(items), sender=market.seller.account)

    assert market.history() == (0, bytes(32))
    assert not log.isNonceUsed(market.seller.address, 1)


def test_log_trades__bad_items__revert_with_their_facts(market: Market, log: Any) -> None:
    seller, buyer = market.seller, market.buyer

    with ape.reverts(log.EnergyTradeLogPriceOutOfRange, pricePerKwh=0, limit=MAX_PRICE):
        log.logEnergyTrades(1, pack_items([(True, buyer.address, 1, 0)]), sender=seller.account)
    with ape.reverts(log.EnergyTradeLogSelfTrade, wallet=seller.address):
        log.logEnergyTrades(1, pack_items([(True, seller.address, 1, 1)]), sender=seller.account)
    with ape.reverts(log.EnergyTradeLogZeroParty, seller=ZERO_ADDRESS, buyer=seller.address):
        log.logEnergyTrades(1, pack_items([(False, ZERO_ADDRESS, 1, 1)]), sender=seller.account)
    flagged = b"\x02" + pack_items([(True, buyer.address, 1, 1)])[1:]
    with ape.reverts(log.EnergyTradeLogFlagsUnknown, index=0, flags=2):
        log.logEnergyTrades(1, flagged, sender=seller.account)


def _trade(market: Market) -> bytes:
    receipt = market.log.logEnergyTrade(
        market.seller.address, market.buyer.address, 100, 5, sender=market.seller.account
    )
    return logged(receipt)[0].trade_id


def test_confirm__by_the_other_party__is_part_of_the_history(market: Market, log: Any) -> None:
    trade = _trade(market)
    before = market.history()

    receipt = log.confirmTrade(
        trade, market.seller.meter, market.buyer.meter, market.start, FACTOR, sender=market.buyer.account
    )

    ((topics, data),) = raw_logs(receipt)
    expected = Details(3, 0, 0, FACTOR, MINUTES, market.start, market.buyer.meter, market.seller.meter)
    assert topics[1:] == [trade, bytes(12) + bytes.fromhex(market.buyer.address[2:])]
    assert Details.unpack(int.from_bytes(data, "big")) == expected
    assert market.history() == (before[0] + 1, replay(before[1], raw_logs(receipt))[1])


def test_confirm__by_the_seller_of_a_batch_item__is_logged(market: Market, log: Any) -> None:
    items = pack_items([(False, market.seller.address, 1, 1)])
    log.logEnergyTrades(9, items, sender=market.buyer.account)

    receipt = log.confirmTrade(
        trade_id(market.buyer.address, 9),
        market.seller.meter,
        market.buyer.meter,
        market.start,
        FACTOR,
        sender=market.seller.account,
    )

    assert len(raw_logs(receipt)) == 1


def test_confirm__by_the_logger__reverts(market: Market, log: Any) -> None:
    trade = _trade(market)

    with ape.reverts(log.EnergyTradeLogOwnTrade, tradeId=trade, caller=market.seller.address):
        log.confirmTrade(
            trade, market.seller.meter, market.buyer.meter, market.start, FACTOR, sender=market.seller.account
        )


def test_confirm__nothing_logged_under_the_id__reverts(market: Market, log: Any) -> None:
    _trade(market)
    unknown = [
        trade_id(market.seller.address, sequential_nonce(1)),
        trade_id(market.seller.address, sequential_nonce(0), 1),
        trade_id(market.seller.address, 3),
    ]

    for trade in unknown:
        with ape.reverts(log.EnergyTradeLogUnknownTrade, tradeId=trade):
            log.confirmTrade(
                trade, market.seller.meter, market.buyer.meter, market.start, FACTOR, sender=market.buyer.account
            )


def test_confirm__meters_of_others__reverts_with_the_owner(market: Market, log: Any) -> None:
    trade = _trade(market)
    third, far = market.households[2], market.households[4]

    def confirm(seller_meter: int, buyer_meter: int, factor_id: int = FACTOR, start: int = 0) -> None:
        log.confirmTrade(
            trade, seller_meter, buyer_meter, start or market.start, factor_id, sender=market.buyer.account
        )

    with ape.reverts(
        log.EnergyTradeLogNotMeterOwner, meter=third.meter, owner=third.address, wallet=market.seller.address
    ):
        confirm(third.meter, market.buyer.meter)
    with ape.reverts(
        log.EnergyTradeLogNotMeterOwner, meter=third.meter, owner=third.address, wallet=market.buyer.address
    ):
        confirm(market.seller.meter, third.meter)
    with ape.reverts(log.EnergyTradeLogUnknownMeter, meter=99):
        confirm(market.seller.meter, 99)
    with ape.reverts(log.EnergyTradeLogUnknownMeter, meter=98):
        confirm(98, market.buyer.meter)
    with ape.reverts(log.EnergyTradeLogNotMeterOwner, meter=far.meter, owner=far.address, wallet=market.seller.address):
        confirm(far.meter, market.buyer.meter)


def test_confirm__factor_that_does_not_fit__reverts(market: Market, log: Any) -> None:
    trade = _trade(market)

    def confirm(factor_id: int, start: int = 0) -> None:
        log.confirmTrade(
            trade,
            market.seller.meter,
            market.buyer.meter,
            start or market.start,
            factor_id,
            sender=market.buyer.account,
        )

    with ape.reverts(log.EnergyTradeLogUnknownFactor, factorId=55):
        confirm(55)
    with ape.reverts(log.EnergyTradeLogFactorBasis, factorId=AVERAGE_FACTOR, basis=1):
        confirm(AVERAGE_FACTOR)
    with ape.reverts(
        log.EnergyTradeLogFactorRegion, factorId=OTHER_FACTOR, factorRegion=OTHER_REGION, meterRegion=REGION
    ):
        confirm(OTHER_FACTOR)
    with ape.reverts(
        log.EnergyTradeLogFactorNotValid, factorId=FACTOR, validFrom=1_000, validTo=2**40, deliveryStart=999
    ):
        confirm(FACTOR, start=999)
    log.registerFactor(9, *factor(9)[1:], sender=market.keeper)
    with ape.reverts(log.EnergyTradeLogFactorNotEffective, factorId=9):
        confirm(9)
    market.pass_time(24 * 3600)
    market.chain.mine()
    confirm(9)


def test_history__every_kind_of_entry__is_recomputed_from_events(market: Market, log: Any) -> None:
    receipts = [log.logEnergyTrade(market.seller.address, market.buyer.address, 100, 5, sender=market.seller.account)]
    receipts.append(
        log.logEnergyTrades(3, pack_items([(True, market.buyer.address, 9, 9)] * 3), sender=market.seller.account)
    )
    receipts.append(
        log.confirmTrade(
            logged(receipts[0])[0].trade_id,
            market.seller.meter,
            market.buyer.meter,
            market.start,
            FACTOR,
            sender=market.buyer.account,
        )
    )
    receipts.append(market.fill(market.offer(slot=5 << 3)))
    receipts.append(market.settle(market.match(nonce=1), market.match(nonce=1), market.match(nonce=2)))

    events = [entry for receipt in receipts for entry in raw_logs(receipt)]
    assert market.history() == replay(bytes(32), events)
    assert market.history()[0] == 8
