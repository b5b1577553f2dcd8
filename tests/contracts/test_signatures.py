# SPDX-License-Identifier: Apache-2.0
"""Whose signature counts: keys, contract wallets that lie or burn gas, accounts with delegated code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from eth_account import Account

from tests.contracts.market import COMMUNITY, Household, logged, skipped
from tests.contracts.support import ZERO_ADDRESS, Domain, malleate, sign_digest

if TYPE_CHECKING:
    from tests.contracts.market import Market

ACCEPT = 1
LIES = {
    "refuse": 0,
    "short answer": 2,
    "long answer": 3,
    "true instead of the magic": 4,
    "dirty magic": 5,
    "burn all gas": 6,
    "revert": 7,
    "revert with the magic": 8,
    "huge answer": 10,
}
BURN_55_000 = 9
WALLET_METER = 4_000


def _wallet(market: Market, kind: str, *arguments: Any) -> Household:
    contract = market.admin.deploy(getattr(market.project, kind), *arguments)
    market.log.enrolMeter(WALLET_METER, contract, COMMUNITY, ZERO_ADDRESS, sender=market.registrar)
    return Household(contract.address, b"", contract, WALLET_METER)


def _mode_wallet(market: Market, mode: int) -> Household:
    wallet = _wallet(market, "ModeWallet")
    wallet.account.setMode(mode, sender=market.admin)
    return wallet


def _bad(market: Market, signature: bytes, order: Any = None) -> None:
    offer = order or market.offer()
    digest = market.domain.digest(offer)
    with ape.reverts(market.log.EnergyTradeLogBadSignature, maker=offer.maker, digest=digest):
        market.fill(offer, nonce=99, signature=signature)


def test_fill__malleated_signature__reverts(market: Market) -> None:
    _bad(market, malleate(market.sign(market.offer())))


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_fill__other_v__reverts(market: Market, v: int) -> None:
    _bad(market, market.sign(market.offer())[:64] + bytes([v]))


def test_fill__signature_of_another_length__reverts(market: Market) -> None:
    whole = market.sign(market.offer())

    for signature in (b"", whole[:64], whole + b"\x00", bytes(65)):
        _bad(market, signature)


def test_fill__signed_by_another_key__reverts(market: Market) -> None:
    _bad(market, market.sign(market.offer(), market.buyer.key))


@pytest.mark.parametrize("change", ["chain", "contract", "salt", "name", "version"])
def test_fill__signed_for_another_domain__reverts(market: Market, change: str) -> None:
    own = market.domain
    others = {
        "chain": Domain(1, own.contract, own.salt),
        "contract": Domain(own.chain_id, market.buyer.address, own.salt),
        "salt": Domain(own.chain_id, own.contract, b"\x01" * 32),
        "name": Domain(own.chain_id, own.contract, own.salt, name="Gridx"),
        "version": Domain(own.chain_id, own.contract, own.salt, version="2"),
    }

    _bad(market, market.sign(market.offer(), domain=others[change]))


def test_fill__signature_for_an_earlier_deployment__reverts(market: Market) -> None:
    later = market.deploy()
    offer = market.offer()

    with ape.reverts(later.EnergyTradeLogUnknownMeter):
        later.fillOffer(offer.words(), market.sign(offer), 1, 1, market.buyer.meter, sender=market.buyer.account)

    assert market.domain_of(later).salt != market.domain.salt


@pytest.mark.parametrize(
    "field",
    ["expiry", "energyWh", "minFillWh", "pricePerKwh", "slot", "deliveryStart", "taker"],
)
def test_fill__field_changed_after_signing__reverts(market: Market, field: str) -> None:
    signed = market.offer(minFillWh=5)
    changed = signed.but(**{field: market.buyer.address if field == "taker" else getattr(signed, field) + 1})

    _bad(market, market.sign(signed), changed)


@pytest.mark.parametrize("side", ["offer", "bid"])
def test_settle__signature_in_another_form__is_skipped(market: Market, side: str) -> None:
    order = market.offer(taker=market.log.address) if side == "offer" else market.bid()
    signature = market.sign(order)
    other_v = signature[:64] + bytes([signature[64] - 27])
    forms = [malleate(signature), signature + b"\x00", signature[:64], other_v, market.sign(order, market.settler_key)]
    pairs = [market.match(nonce=nonce, **{f"{side}_signature": form}) for nonce, form in enumerate(forms)]

    receipt = market.settle(*pairs)

    reason = market.error("EnergyTradeLogBadSignature")
    assert logged(receipt) == []
    assert skipped(receipt) == [(nonce, reason) for nonce in range(len(forms))]


def test_fill__offer_of_a_contract_wallet__asks_it(market: Market) -> None:
    wallet = _wallet(market, "KeyWallet", market.seller.address)
    offer = market.offer(wallet)

    receipt = market.fill(offer, signature=sign_digest(market.domain.digest(offer), market.seller.key))

    assert logged(receipt)[0].seller == wallet.address.lower()


def test_fill__contract_wallet_changes_its_key__old_signatures_die(market: Market) -> None:
    wallet = _wallet(market, "KeyWallet", market.seller.address)
    offer = market.offer(wallet)
    signature = sign_digest(market.domain.digest(offer), market.seller.key)
    market.fill(offer, nonce=1, energy=10, signature=signature)

    wallet.account.setKey(market.buyer.address, sender=market.admin)

    with ape.reverts(market.log.EnergyTradeLogBadSignature):
        market.fill(offer, nonce=2, energy=10, signature=signature)


@pytest.mark.parametrize("lie", LIES)
def test_fill__contract_wallet_that_lies__reverts(market: Market, lie: str) -> None:
    wallet = _mode_wallet(market, LIES[lie])

    _bad(market, b"anything", market.offer(wallet))


def test_fill__contract_wallet_that_thinks_long__has_its_gas(market: Market) -> None:
    wallet = _mode_wallet(market, BURN_55_000)

    assert len(logged(market.fill(market.offer(wallet), signature=b""))) == 1


def test_fill__too_little_gas_for_the_wallet__is_no_refusal_of_the_wallet(market: Market) -> None:
    wallet = _mode_wallet(market, BURN_55_000)
    offer = market.offer(wallet)
    arguments = (offer.words(), b"", 1, 400, market.buyer.meter)

    reasons = set()
    for gas in range(60_000, 260_000, 10_000):
        call = market.raw.functions.fillOffer(*arguments)
        try:
            call.call({"from": market.buyer.address, "gas": gas})
            reasons.add("logged")
        except Exception as problem:
            data = getattr(problem, "data", None)
            reasons.add(data[:10] if isinstance(data, str) and len(data) >= 10 else "out of gas")

    too_low = "0x" + market.error("EnergyTradeLogGasTooLow").hex()
    assert "0x" + market.error("EnergyTradeLogBadSignature").hex() not in reasons
    assert {too_low, "logged"} <= reasons


@pytest.mark.parametrize("lie", LIES)
def test_settle__contract_wallet_that_lies__costs_the_batch_one_pair(market: Market, lie: str) -> None:
    wallet = _mode_wallet(market, LIES[lie])
    bad = market.match(nonce=2, seller=wallet, offer_signature=b"?")

    receipt = market.settle(market.match(nonce=1), bad, market.match(nonce=3))

    assert [trade.trade_id[-10:] for trade in logged(receipt)] == [
        (nonce << 16).to_bytes(10, "big") for nonce in (1, 3)
    ]
    assert skipped(receipt) == [(2, market.error("EnergyTradeLogBadSignature"))]


def test_settle__burning_wallet__burns_no_more_than_its_share(market: Market) -> None:
    sane = market.settle(market.match(nonce=1), market.match(nonce=2)).gas_used
    wallet = _mode_wallet(market, LIES["burn all gas"])

    receipt = market.settle(market.match(nonce=3, seller=wallet, offer_signature=b"?"))

    assert receipt.gas_used < sane + 100_000


def test_settle__wallet_that_accepts_and_then_refuses__is_logged_once(market: Market) -> None:
    wallet = _mode_wallet(market, ACCEPT)
    pairs = [market.match(nonce=nonce, energy=100, seller=wallet, offer_signature=b"?") for nonce in (1, 2)]

    accepted = market.settle(pairs[0])
    wallet.account.setMode(LIES["refuse"], sender=market.admin)
    refused = market.settle(pairs[1])

    assert len(logged(accepted)) == 1
    assert skipped(refused) == [(2, market.error("EnergyTradeLogBadSignature"))]


def test_settle__contract_wallet_buys_from_a_key__is_logged(market: Market) -> None:
    wallet = _mode_wallet(market, ACCEPT)

    receipt = market.settle(market.match(buyer=wallet, bid_signature=b"?"), market.match(nonce=2, energy=1))

    assert [trade.buyer for trade in logged(receipt)] == [wallet.address.lower(), market.buyer.address.lower()]


def _delegate(market: Market, household: Household, target: str) -> None:
    """Give an account the code of `target` (EIP-7702)."""
    web3 = market.web3
    nonce = web3.eth.get_transaction_count(household.address)
    authorization = Account.sign_authorization(
        {"chainId": market.domain.chain_id, "address": target, "nonce": nonce + 1}, household.key
    )
    transaction = {
        "chainId": market.domain.chain_id,
        "nonce": nonce,
        "gas": 200_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 0,
        "to": household.address,
        "value": 0,
        "data": "0x",
        "authorizationList": [authorization],
    }
    signed = Account.sign_transaction(transaction, household.key)
    web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(signed.raw_transaction))
    assert bytes(web3.eth.get_code(household.address)) == b"\xef\x01\x00" + bytes.fromhex(target[2:])


def test_fill__account_with_delegated_code__still_signs_with_its_key(market: Market) -> None:
    refusing = market.admin.deploy(market.project.ModeWallet)
    maker = market.households[3]
    _delegate(market, maker, refusing.address)

    receipt = market.fill(market.offer(maker))

    assert logged(receipt)[0].seller == maker.address.lower()
    _bad(market, b"not a signature", market.offer(maker))


def test_settle__account_with_delegated_code__signs_by_its_delegate_too(market: Market) -> None:
    delegate = market.admin.deploy(market.project.ModeWallet)
    maker = market.households[3]
    _delegate(market, maker, delegate.address)
    market.project.ModeWallet.at(maker.address, fetch_from_explorer=False).setMode(ACCEPT, sender=market.admin)

    receipt = market.settle(
        market.match(nonce=1, energy=100, seller=maker),
        market.match(nonce=2, energy=100, seller=maker, offer_signature=b"anything"),
    )

    assert len(logged(receipt)) == 2
