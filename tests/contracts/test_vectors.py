# SPDX-License-Identifier: Apache-2.0
"""The vector file is what the contracts compute, and what its writer writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from eth_keys import keys

from scripts.contract_build import build
from tests.contracts.market import factor, raw_logs
from tests.contracts.support import ORDER_FIELDS, ZERO_ADDRESS
from tests.contracts.write_vectors import FILE, vectors

if TYPE_CHECKING:
    from tests.contracts.market import Market

VECTORS: dict[str, Any] = json.loads(FILE.read_text())


@pytest.fixture(scope="session")
def harness(market: Market) -> Any:
    """The log with its inner functions laid open."""
    roles = tuple(
        item.address for item in (market.admin, market.keeper, market.registrar, market.pauser, market.settler)
    )
    return market.admin.deploy(market.project.HistoryHarness, roles, [factor(1)])


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def test_vectors__file__is_what_the_writer_writes() -> None:
    assert vectors() == VECTORS


def test_vectors__orders__have_the_digests_of_the_contract(market: Market) -> None:
    domain = VECTORS["domain"]
    code = bytearray(_bytes(market.provider.make_request("eth_getCode", [market.log.address, "latest"])))
    replaced = {market.domain.salt: _bytes(domain["salt"]), market.domain.separator(): _bytes(domain["separator"])}
    for places in build().immutables.values():
        for start, length in places:
            word = bytes(code[start : start + length])
            code[start : start + length] = replaced.get(word, word)
    address = domain["verifyingContract"]
    market.provider.make_request("anvil_setCode", [address, "0x" + code.hex()])
    contract = market.web3.eth.contract(address=address, abi=market.abi)

    assert contract.functions.domainSeparator().call() == _bytes(domain["separator"])
    for vector in VECTORS["orders"]:
        order = vector["order"]
        words = [int(order[name]) if kind.startswith("uint") else order[name] for kind, name in ORDER_FIELDS]
        assert contract.functions.hashOrder(words).call() == _bytes(vector["digest"])


def test_vectors__signatures__recover_their_signers() -> None:
    for vector in VECTORS["orders"]:
        signature = _bytes(vector["signature"])
        recoverable = keys.Signature(signature[:64] + bytes([signature[64] - 27]))
        found = recoverable.recover_public_key_from_msg_hash(_bytes(vector["digest"]))
        assert found.to_checksum_address() == vector["signer"]


def test_vectors__ids_and_details__are_those_of_the_contract(harness: Any) -> None:
    for vector in VECTORS["tradeIds"]:
        found = harness.tradeId(vector["namespace"], int(vector["nonce"]), int(vector["index"]))
        assert bytes(found) == _bytes(vector["tradeId"])
    for vector in VECTORS["details"]:
        fields = [int(value) for name, value in vector.items() if name != "packed"]
        assert harness.pack(fields) == int(vector["packed"])


def test_vectors__history__is_what_the_contract_emits_and_commits_to(market: Market, harness: Any) -> None:
    chain = market.provider.make_request
    for entry in VECTORS["history"]:
        topics, data = [_bytes(topic) for topic in entry["topics"]], _bytes(entry["data"])
        words = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
        parties = ["0x" + topic[12:].hex() for topic in topics[2:]]
        if len(topics) == 4:
            chain("evm_setNextBlockTimestamp", [words[3]])
            rate = int(entry["mgPerKwh"])
            receipt = harness.append(topics[1], *parties, words[0], words[1], rate, words[4], sender=market.admin)
        else:
            chain("anvil_impersonateAccount", [parties[0]])
            chain("anvil_setBalance", [parties[0], hex(10**18)])
            sender = market.project.account_manager[market.web3.to_checksum_address(parties[0])]
            receipt = harness.appendConfirmation(topics[1], words[0], sender=sender)
        count, head = harness.call_view_method("history")

        assert raw_logs(receipt) == [(topics, data)]
        assert (count, bytes(head)) == (int(entry["count"]), _bytes(entry["head"]))


def test_vectors__carbon__is_that_of_the_contract(market: Market, harness: Any) -> None:
    for vector in VECTORS["carbon"]:
        energy, rate = int(vector["energyWh"]), int(vector["mgPerKwh"])
        receipt = harness.append(bytes(32), ZERO_ADDRESS, ZERO_ADDRESS, energy, 1, rate, 0, sender=market.admin)
        ((_, data),) = raw_logs(receipt)
        assert int.from_bytes(data[64:96], "big") == int(vector["grams"])
