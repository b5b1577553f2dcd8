# SPDX-License-Identifier: Apache-2.0
"""Trade ids after a reorganisation: the same raw transactions in another order give the same trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eth_account import Account

from tests.contracts.market import Logged, Raw, logged
from tests.contracts.support import pack_items, sequential_nonce, trade_id

if TYPE_CHECKING:
    from tests.contracts.market import Household, Market

GAS = 1_000_000


def _signed(market: Market, sender: Household, call: Any, nonce_offset: int = 0) -> str:
    nonce = market.web3.eth.get_transaction_count(sender.address) + nonce_offset
    transaction = {
        "chainId": market.domain.chain_id,
        "to": market.log.address,
        "data": call._encode_transaction_data(),
        "nonce": nonce,
        "gas": GAS,
        "maxFeePerGas": 10**11,
        "maxPriorityFeePerGas": 10**9,
    }
    return "0x" + Account.sign_transaction(transaction, sender.key).raw_transaction.hex()


def _send(market: Market, raw: str) -> str:
    """Send, and wait until it is mined, so that each transaction has a block of its own."""
    name = str(market.provider.make_request("eth_sendRawTransaction", [raw]))
    market.web3.eth.wait_for_transaction_receipt(name, timeout=20, poll_latency=0.01)
    return name


def _trades(market: Market, hashes: list[str]) -> dict[bytes, Logged]:
    found = {}
    for name in hashes:
        receipt = market.web3.eth.wait_for_transaction_receipt(name, timeout=20, poll_latency=0.01)
        assert receipt["status"] == 1
        found |= {trade.trade_id: trade for trade in logged(Raw(True, receipt["logs"]))}
    return found


def test_log__reorganised_in_another_order__keeps_its_ids(market: Market) -> None:
    seller, buyer, third = market.households[:3]
    functions = market.raw.functions
    offer = market.offer(slot=2 << 3)
    raws = [
        _signed(market, seller, functions.logEnergyTrade(seller.address, buyer.address, 11, 5)),
        _signed(market, seller, functions.logEnergyTrade(seller.address, buyer.address, 22, 5), 1),
        _signed(market, buyer, functions.logEnergyTrades(7, pack_items([(True, third.address, 33, 5)] * 2))),
        _signed(market, third, functions.fillOffer(offer.words(), market.sign(offer), 9, 44, third.meter)),
    ]
    hashes = [_send(market, raw) for raw in raws]
    before = _trades(market, hashes)
    first_head = market.history()

    market.provider.make_request("anvil_reorg", [len(raws), [[raws[index], 0] for index in (3, 2, 0, 1)]])

    after = _trades(market, hashes)
    assert (
        set(before)
        == set(after)
        == {
            trade_id(seller.address, sequential_nonce(0)),
            trade_id(seller.address, sequential_nonce(1)),
            trade_id(buyer.address, 7, 0),
            trade_id(buyer.address, 7, 1),
            trade_id(third.address, 9),
        }
    )
    for name, trade in before.items():
        again = after[name]
        assert (trade.seller, trade.buyer, trade.energy_wh, trade.price, trade.details) == (
            again.seller,
            again.buyer,
            again.energy_wh,
            again.price,
            again.details,
        )
    assert market.history()[0] == first_head[0]
    assert market.history()[1] != first_head[1]


def test_settle__batch_split_after_a_reorganisation__keeps_its_ids(market: Market) -> None:
    pairs = [market.match(nonce=nonce, energy=10 * nonce) for nonce in (1, 2, 3)]
    whole = market.settle(*pairs)
    before = {trade.trade_id: trade.energy_wh for trade in logged(whole)}

    market.provider.make_request("anvil_reorg", [1, []])
    parts = [market.settle(pairs[2]), market.settle(pairs[0], pairs[1])]

    after = {trade.trade_id: trade.energy_wh for receipt in parts for trade in logged(receipt)}
    assert before == after
    assert market.history()[0] == 3
