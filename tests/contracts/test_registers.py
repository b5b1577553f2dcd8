# SPDX-License-Identifier: Apache-2.0
"""Communities, meters and emission factors: what may be registered, by whom, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from eth_utils.crypto import keccak

from tests.contracts.market import (
    AVERAGE_FACTOR,
    COMMUNITY,
    DAY_S,
    MG_PER_KWH,
    MINUTES,
    OTHER_FACTOR,
    OTHER_MG_PER_KWH,
    REGION,
    factor,
    logged,
)
from tests.contracts.support import ZERO_ADDRESS, carbon_grams

if TYPE_CHECKING:
    from tests.contracts.market import Market


def test_register_community__new__is_kept_and_announced(market: Market, log: Any) -> None:
    receipt = log.registerCommunity(99, b"ERCT", 60, sender=market.registrar)

    (event,) = receipt.decode_logs(log.CommunityRegistered)
    assert (event.community, bytes(event.region), event.deliveryMinutes) == (99, b"ERCT", 60)
    assert tuple(log.communityOf(99)) == (b"ERCT", 60)


def test_register_community__again__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogCommunityRegistered, community=COMMUNITY):
        log.registerCommunity(COMMUNITY, REGION, MINUTES, sender=market.registrar)


@pytest.mark.parametrize(("number", "region", "minutes"), [(0, REGION, 15), (9, bytes(4), 15), (9, REGION, 20)])
def test_register_community__malformed__reverts(
    market: Market, log: Any, number: int, region: bytes, minutes: int
) -> None:
    with ape.reverts(log.EnergyTradeLogCommunityMalformed, community=number, region=region, deliveryMinutes=minutes):
        log.registerCommunity(number, region, minutes, sender=market.registrar)


def test_enrol_meter__new__is_kept_and_announced(market: Market, log: Any) -> None:
    owner = market.stranger.address

    receipt = log.enrolMeter(2**63 - 1, owner, COMMUNITY, market.keeper, sender=market.registrar)

    (event,) = receipt.decode_logs(log.MeterEnrolled)
    assert (event.meter, event.owner, event.community) == (2**63 - 1, owner, COMMUNITY)
    assert (bytes(event.region), event.deliveryMinutes, event.deviceKey) == (REGION, MINUTES, market.keeper.address)
    assert tuple(log.meterOf(2**63 - 1)) == (owner, COMMUNITY, REGION, MINUTES)
    assert tuple(log.accountOf(owner)) == (True, 0)


def test_enrol_meter__of_a_wallet_that_has_traded__keeps_its_nonce(market: Market, log: Any) -> None:
    stranger = market.stranger
    log.logEnergyTrade(stranger.address, market.buyer.address, 1, 1, sender=stranger.account)

    log.enrolMeter(5, stranger.address, COMMUNITY, ZERO_ADDRESS, sender=market.registrar)

    assert tuple(log.accountOf(stranger.address)) == (True, 1)


def test_enrol_meter__twice__reverts_with_the_owner(market: Market, log: Any) -> None:
    meter, owner = market.seller.meter, market.seller.address

    with ape.reverts(log.EnergyTradeLogMeterEnrolled, meter=meter, owner=owner):
        log.enrolMeter(meter, market.buyer.address, COMMUNITY, ZERO_ADDRESS, sender=market.registrar)


@pytest.mark.parametrize("meter", [0, 2**63, 2**64 - 1])
def test_enrol_meter__reference_out_of_range__reverts(market: Market, log: Any, meter: int) -> None:
    with ape.reverts(log.EnergyTradeLogMeterOutOfRange, meter=meter):
        log.enrolMeter(meter, market.buyer.address, COMMUNITY, ZERO_ADDRESS, sender=market.registrar)


def test_enrol_meter__without_owner_or_community__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogZeroOwner, meter=5):
        log.enrolMeter(5, ZERO_ADDRESS, COMMUNITY, ZERO_ADDRESS, sender=market.registrar)
    with ape.reverts(log.EnergyTradeLogUnknownCommunity, community=1234):
        log.enrolMeter(5, market.buyer.address, 1234, ZERO_ADDRESS, sender=market.registrar)


def test_register_factor__new__takes_effect_a_day_later(market: Market, log: Any) -> None:
    receipt = log.registerFactor(
        44, b"ERCT", 2, 3_000_000, 5, 2**64 - 1, "EPA eGRID", "2023", b"\x07" * 32, sender=market.keeper
    )

    now = market.chain.blocks[receipt.block_number].timestamp
    (event,) = receipt.decode_logs(log.EmissionFactorRegistered)
    assert (event.factorId, bytes(event.region), event.basis, event.mgPerKwh) == (44, b"ERCT", 2, 3_000_000)
    assert (event.validFrom, event.validTo, event.effectiveAt) == (5, 2**64 - 1, now + DAY_S)
    assert (event.source, event.vintage, bytes(event.documentHash)) == ("EPA eGRID", "2023", b"\x07" * 32)
    assert tuple(log.factor(44)) == (b"ERCT", 3_000_000, 5, 2**64 - 1, now + DAY_S, 2)


def test_register_factor__number_used__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogFactorRegistered, factorId=OTHER_FACTOR):
        log.registerFactor(*factor(OTHER_FACTOR), sender=market.keeper)


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"region": bytes(4)},
        {"basis": 0},
        {"basis": 3},
        {"mg_per_kwh": 0},
        {"mg_per_kwh": 3_000_001},
        {"valid_from": 10, "valid_to": 10},
    ],
)
def test_register_factor__malformed__reverts(market: Market, log: Any, change: dict[str, Any]) -> None:
    values = factor(**({"number": 50} | change))

    with ape.reverts(
        log.EnergyTradeLogFactorMalformed,
        factorId=values[0],
        region=values[1],
        basis=values[2],
        mgPerKwh=values[3],
        validFrom=values[4],
        validTo=values[5],
    ):
        log.registerFactor(*values, sender=market.keeper)


def test_set_default__another_factor__changes_the_rate_of_plain_trades(market: Market, log: Any) -> None:
    receipt = log.setDefaultFactor(OTHER_FACTOR, sender=market.keeper)

    trade = log.logEnergyTrade(market.seller.address, market.buyer.address, 999, 1, sender=market.seller.account)

    assert [event.factorId for event in receipt.decode_logs(log.DefaultFactorChanged)] == [OTHER_FACTOR]
    assert tuple(log.defaultFactor()) == (OTHER_FACTOR, OTHER_MG_PER_KWH)
    assert logged(trade)[0].carbon_g == carbon_grams(999, OTHER_MG_PER_KWH)
    assert logged(trade)[0].details.factor_id == OTHER_FACTOR


def test_set_default__after_trades__leaves_the_count_alone(market: Market, log: Any) -> None:
    log.logEnergyTrade(market.seller.address, market.buyer.address, 1, 1, sender=market.seller.account)
    before = market.history()

    log.setDefaultFactor(OTHER_FACTOR, sender=market.keeper)

    assert market.history() == before


def test_set_default__unusable_factor__reverts(market: Market, log: Any) -> None:
    log.registerFactor(*factor(60), sender=market.keeper)

    with ape.reverts(log.EnergyTradeLogUnknownFactor, factorId=1234):
        log.setDefaultFactor(1234, sender=market.keeper)
    with ape.reverts(log.EnergyTradeLogFactorBasis, factorId=AVERAGE_FACTOR, basis=1):
        log.setDefaultFactor(AVERAGE_FACTOR, sender=market.keeper)
    with ape.reverts(log.EnergyTradeLogFactorNotEffective, factorId=60):
        log.setDefaultFactor(60, sender=market.keeper)
    assert tuple(log.defaultFactor()) == (1, MG_PER_KWH)


def test_registers__callers_without_the_role__are_refused(market: Market, log: Any) -> None:
    calls = {
        "REGISTRAR_ROLE": [
            lambda who: log.registerCommunity(9, REGION, 15, sender=who),
            lambda who: log.enrolMeter(9, who, COMMUNITY, who, sender=who),
        ],
        "FACTOR_KEEPER_ROLE": [
            lambda who: log.registerFactor(*factor(9), sender=who),
            lambda who: log.setDefaultFactor(1, sender=who),
        ],
        "PAUSER_ROLE": [lambda who: log.pause(sender=who), lambda who: log.unpause(sender=who)],
        "SETTLER_ROLE": [lambda who: log.settleMatched([], sender=who)],
    }
    holders = {
        "REGISTRAR_ROLE": market.registrar,
        "FACTOR_KEEPER_ROLE": market.keeper,
        "PAUSER_ROLE": market.pauser,
        "SETTLER_ROLE": market.settler,
    }

    for role, forbidden in calls.items():
        for name, who in [*holders.items(), ("admin", market.admin)]:
            for call in forbidden if name != role else []:
                with ape.reverts(
                    log.AccessControlUnauthorizedAccount, account=who.address, neededRole=keccak(role.encode())
                ):
                    call(who)
