# SPDX-License-Identifier: Apache-2.0
"""Deployment, roles, pause, close and succession."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest

from tests.contracts.market import AVERAGE_FACTOR, FACTOR, REGION, factor, logged, raw_logs, replay
from tests.contracts.support import ZERO_ADDRESS, pack_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contracts.market import Market

ADMIN_ROLE = bytes(32)


def _logging_calls(market: Market) -> dict[str, Callable[[], Any]]:
    log, seller, buyer = market.log, market.seller, market.buyer
    items = pack_items([(True, buyer.address, 1, 1)])
    trade_id = bytes(log.nextTradeId(seller.address))
    return {
        "logEnergyTrade": lambda: log.logEnergyTrade(seller.address, buyer.address, 1, 1, sender=seller.account),
        "logEnergyTrades": lambda: log.logEnergyTrades(1, items, sender=seller.account),
        "confirmTrade": lambda: log.confirmTrade(
            trade_id, seller.meter, buyer.meter, market.start, FACTOR, sender=buyer.account
        ),
        "fillOffer": lambda: market.fill(market.offer()),
        "settleMatched": lambda: market.settle(market.match()),
    }


LOGGING = ("logEnergyTrade", "logEnergyTrades", "confirmTrade", "fillOffer", "settleMatched")


@pytest.mark.parametrize("name", LOGGING)
def test_log__while_paused__reverts(market: Market, log: Any, name: str) -> None:
    log.pause(sender=market.pauser)

    with ape.reverts(log.EnergyTradeLogPaused):
        _logging_calls(market)[name]()


@pytest.mark.parametrize("name", LOGGING)
def test_log__after_the_close__reverts_with_the_successor(market: Market, log: Any, name: str) -> None:
    log.close(market.keeper, sender=market.admin)

    with ape.reverts(log.EnergyTradeLogIsClosed, successor=market.keeper.address):
        _logging_calls(market)[name]()


@pytest.mark.parametrize("name", LOGGING)
def test_log__after_the_pause__goes_on(market: Market, log: Any, name: str) -> None:
    calls = _logging_calls(market)
    if name == "confirmTrade":
        calls["logEnergyTrade"]()
    log.pause(sender=market.pauser)
    log.unpause(sender=market.pauser)
    before = market.history()[0]

    calls[name]()

    assert market.history()[0] == before + 1


def test_cancel__while_paused_or_closed__works(market: Market, log: Any) -> None:
    log.pause(sender=market.pauser)
    log.cancel(1, market.start, 1, sender=market.seller.account)
    log.close(ZERO_ADDRESS, sender=market.admin)
    log.cancel(1, market.start, 2, sender=market.seller.account)

    assert log.filledWh(market.seller.address, 1 << 3 | 1, market.start) == 2**32 - 1


def test_pause__and_unpause__are_announced(market: Market, log: Any) -> None:
    paused = log.pause(sender=market.pauser)
    state = log.paused()
    unpaused = log.unpause(sender=market.pauser)

    assert [event.account for event in paused.decode_logs(log.Paused)] == [market.pauser.address]
    assert [event.account for event in unpaused.decode_logs(log.Unpaused)] == [market.pauser.address]
    assert (state, log.paused()) == (True, False)


def test_pause__in_the_wrong_state__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogNotPaused):
        log.unpause(sender=market.pauser)
    log.pause(sender=market.pauser)
    with ape.reverts(log.EnergyTradeLogPaused):
        log.pause(sender=market.pauser)
    log.close(ZERO_ADDRESS, sender=market.admin)
    with ape.reverts(log.EnergyTradeLogIsClosed, successor=ZERO_ADDRESS):
        log.unpause(sender=market.pauser)
    with ape.reverts(log.EnergyTradeLogIsClosed, successor=ZERO_ADDRESS):
        log.pause(sender=market.pauser)


def test_close__by_the_admin__is_final_and_announces_the_history(market: Market, log: Any) -> None:
    log.logEnergyTrade(market.seller.address, market.buyer.address, 1, 1, sender=market.seller.account)
    count, head = market.history()

    receipt = log.close(market.keeper, sender=market.admin)

    (event,) = receipt.decode_logs(log.LogClosed)
    assert (event.count, bytes(event.head), event.successor) == (count, head, market.keeper.address)
    assert (log.closed(), log.successor()) == (True, market.keeper.address)
    with ape.reverts(log.EnergyTradeLogIsClosed, successor=market.keeper.address):
        log.close(ZERO_ADDRESS, sender=market.admin)


def test_close__by_another__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.AccessControlUnauthorizedAccount, account=market.pauser.address, neededRole=ADMIN_ROLE):
        log.close(ZERO_ADDRESS, sender=market.pauser)


def test_continue__after_the_close__goes_on_with_the_history(market: Market, log: Any) -> None:
    receipts = [log.logEnergyTrade(market.seller.address, market.buyer.address, 1, 1, sender=market.seller.account)]
    successor = market.deploy(predecessor=log.address)
    log.close(successor, sender=market.admin)
    count, head = market.history()

    taken = successor.continueHistory(sender=market.buyer.account)
    receipts.append(
        successor.logEnergyTrade(market.seller.address, market.buyer.address, 2, 2, sender=market.seller.account)
    )

    (event,) = taken.decode_logs(successor.HistoryContinued)
    assert (event.predecessor, event.count, bytes(event.head)) == (log.address, count, head)
    found = successor.call_view_method("history")
    events = [entry for receipt in receipts for entry in raw_logs(receipt)]
    assert (found[0], bytes(found[1])) == replay(bytes(32), events)
    with ape.reverts(successor.EnergyTradeLogStarted):
        successor.continueHistory(sender=market.admin)


def test_continue__before_the_predecessor_hands_over__reverts(market: Market, log: Any) -> None:
    successor = market.deploy(predecessor=log.address)
    with ape.reverts(successor.EnergyTradeLogNotSuccessor, predecessor=log.address, successor=ZERO_ADDRESS):
        successor.continueHistory(sender=market.admin)
    with ape.reverts(successor.EnergyTradeLogNotStarted, predecessor=log.address):
        successor.logEnergyTrade(market.seller.address, market.buyer.address, 1, 1, sender=market.seller.account)
    log.close(market.keeper, sender=market.admin)
    with ape.reverts(successor.EnergyTradeLogNotSuccessor, predecessor=log.address, successor=market.keeper.address):
        successor.continueHistory(sender=market.admin)


def test_continue__log_without_predecessor__reverts(market: Market, log: Any) -> None:
    with ape.reverts(log.EnergyTradeLogStarted):
        log.continueHistory(sender=market.admin)


def test_hand_over__of_the_admin__takes_two_steps_and_the_delay(market: Market) -> None:
    log = market.deploy(delay_s=3_600)
    heir = market.households[3].account

    log.beginDefaultAdminTransfer(heir, sender=market.admin)
    with ape.reverts(log.AccessControlEnforcedDefaultAdminDelay):
        log.acceptDefaultAdminTransfer(sender=heir)
    market.pass_time(3_700)
    with ape.reverts(log.AccessControlInvalidDefaultAdmin, defaultAdmin=market.keeper.address):
        log.acceptDefaultAdminTransfer(sender=market.keeper)
    log.acceptDefaultAdminTransfer(sender=heir)

    assert log.defaultAdmin() == heir.address
    with ape.reverts(log.AccessControlUnauthorizedAccount, account=market.admin.address, neededRole=ADMIN_ROLE):
        log.close(ZERO_ADDRESS, sender=market.admin)


def test_admin__replaces_a_role_holder__the_old_one_is_out(market: Market, log: Any) -> None:
    role, heir = log.SETTLER_ROLE(), market.households[3].account

    log.grantRole(role, heir, sender=market.admin)
    log.revokeRole(role, market.settler, sender=market.admin)

    log.settleMatched([market.match()], sender=heir)
    with ape.reverts(log.AccessControlUnauthorizedAccount, account=market.settler.address, neededRole=role):
        market.settle(market.match(nonce=2))


def test_deploy__five_roles__the_deployer_holds_only_its_own(market: Market) -> None:
    holders = [item.account.address for item in market.households]
    log = market.deploy(roles=tuple(holders))

    roles = [ADMIN_ROLE, log.FACTOR_KEEPER_ROLE(), log.REGISTRAR_ROLE(), log.PAUSER_ROLE(), log.SETTLER_ROLE()]
    for index, role in enumerate(roles):
        assert [log.hasRole(role, who) for who in holders] == [number == index for number in range(5)]
        assert not log.hasRole(role, market.admin)


@pytest.mark.parametrize("missing", [1, 2, 3, 4])
def test_deploy__role_without_holder__reverts(market: Market, missing: int) -> None:
    holders = [market.admin.address] * 5
    holders[missing] = ZERO_ADDRESS

    with ape.reverts(market.log.EnergyTradeLogZeroAddress):
        market.deploy(roles=tuple(holders))


def test_deploy__without_admin__reverts(market: Market) -> None:
    with ape.reverts(market.log.AccessControlInvalidDefaultAdmin, defaultAdmin=ZERO_ADDRESS):
        market.deploy(roles=(ZERO_ADDRESS, *[market.admin.address] * 4))


def test_deploy__unusable_default_factor__reverts(market: Market) -> None:
    with ape.reverts(market.log.EnergyTradeLogUnknownFactor, factorId=77):
        market.deploy(default=77)
    with ape.reverts(market.log.EnergyTradeLogFactorBasis, factorId=AVERAGE_FACTOR, basis=1):
        market.deploy(default=AVERAGE_FACTOR)
    with ape.reverts(market.log.EnergyTradeLogFactorRegistered, factorId=FACTOR):
        market.deploy(factors=[factor(FACTOR), factor(FACTOR)])


def test_deploy__initial_factors__hold_at_once(market: Market) -> None:
    log = market.deploy()

    receipt = log.logEnergyTrade(market.seller.address, market.buyer.address, 10, 1, sender=market.seller.account)

    assert logged(receipt)[0].details.factor_id == FACTOR
    assert log.factor(FACTOR).region == REGION


def test_domain__of_the_deployed_log__is_what_wallets_compute(market: Market, log: Any) -> None:
    found = log.eip712Domain()

    assert (bytes(found.fields), found.name, found.version) == (b"\x1f", "GridX", "1")
    assert (found.chainId, found.verifyingContract) == (market.domain.chain_id, log.address)
    assert bytes(found.salt) == market.domain.salt
    assert bytes(log.domainSeparator()) == market.domain.separator()
    order = market.offer()
    assert bytes(log.hashOrder(order.words())) == market.domain.digest(order)
