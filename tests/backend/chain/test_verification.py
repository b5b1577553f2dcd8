# SPDX-License-Identifier: Apache-2.0
"""Headers, receipts and tries against independent libraries and real blocks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import rlp
from eth_bloom import BloomFilter
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from backend.chain.errors import RpcGarbage
from backend.chain.headers import bloom_may_hold, check_links, read_header
from backend.chain.receipts import contract_logs, encode_receipt, in_order, verified
from backend.chain.trie import EMPTY_ROOT, index_key, ordered_proof, ordered_root
from backend.core.crypto import keccak
from scripts.embedded.anvil import Anvil
from tests.backend.chain.support import TradeLog, block

VALUES = st.lists(st.binary(min_size=1, max_size=80), max_size=300)


def _trie(values: list[bytes]) -> HexaryTrie:
    trie = HexaryTrie({})
    for index, value in enumerate(values):
        trie[rlp.encode(index)] = value
    return trie


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_ordered_root__any_values__is_what_the_trie_library_computes(values: list[bytes]) -> None:
    assert ordered_root(values) == _trie(values).root_hash


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 255, 256, 257, 1000])
def test_ordered_root__around_key_lengths__is_what_the_trie_library_computes(count: int) -> None:
    values = [b"v" * (1 + index % 40) for index in range(count)]

    assert ordered_root(values) == _trie(values).root_hash


def test_ordered_root__nothing__is_the_well_known_root() -> None:
    assert ordered_root([]) == EMPTY_ROOT == keccak(b"\x80")


@given(VALUES.filter(bool), st.data())
@settings(max_examples=60, deadline=None)
def test_ordered_proof__any_position__is_accepted_by_the_trie_library(values: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(values) - 1))

    path = ordered_proof(values, index)

    nodes = [rlp.decode(node) for node in path]
    assert HexaryTrie.get_from_proof(ordered_root(values), rlp.encode(index), nodes) == values[index]


def test_ordered_proof__position_outside__is_refused() -> None:
    with pytest.raises(IndexError):
        ordered_proof([b"a"], 1)


@given(st.integers(0, 2**40))
def test_index_key__any_index__is_its_rlp(index: int) -> None:
    assert index_key(index) == rlp.encode(index)


@given(st.lists(st.binary(min_size=20, max_size=20), max_size=30), st.binary(min_size=20, max_size=20))
def test_bloom__addresses__are_never_missed(addresses: list[bytes], other: bytes) -> None:
    bloom = BloomFilter()
    for address in addresses:
        bloom.add(address)
    raw = int(bloom).to_bytes(256, "big")

    assert all(bloom_may_hold(raw, address) for address in addresses)
    assert bloom_may_hold(raw, other) == (other in bloom)


# --- shapes of every fork ---------------------------------------------------------------------------------------------

OPTIONAL = ("baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash")
QUANTITY = st.integers(0, 2**64 - 1)
WORD = st.binary(min_size=32, max_size=32)


@st.composite
def headers(draw: st.DrawFn) -> dict[str, Any]:
    """A JSON block of some fork with the hash that the `rlp` library gives it."""
    fields: list[tuple[str, bytes | int]] = [
        ("parentHash", draw(WORD)),
        ("sha3Uncles", draw(WORD)),
        ("miner", draw(st.binary(min_size=20, max_size=20))),
        ("stateRoot", draw(WORD)),
        ("transactionsRoot", draw(WORD)),
        ("receiptsRoot", draw(WORD)),
        ("logsBloom", draw(st.binary(min_size=256, max_size=256))),
        ("difficulty", draw(st.integers(0, 2**256 - 1))),
        ("number", draw(QUANTITY)),
        ("gasLimit", draw(QUANTITY)),
        ("gasUsed", draw(QUANTITY)),
        ("timestamp", draw(QUANTITY)),
        ("extraData", draw(st.binary(max_size=100))),
        ("mixHash", draw(WORD)),
        ("nonce", draw(st.binary(min_size=8, max_size=8))),
    ]
    for name in OPTIONAL[: draw(st.integers(0, len(OPTIONAL)))]:
        fields.append((name, draw(WORD) if name.endswith(("Root", "Hash")) else draw(QUANTITY)))
    encoded = rlp.encode([value for _, value in fields])
    shown = {name: hex(value) if isinstance(value, int) else "0x" + value.hex() for name, value in fields}
    return {**shown, "hash": "0x" + keccak(encoded).hex(), "transactions": []}


@given(headers())
@settings(max_examples=80, deadline=None)
def test_read_header__header_of_any_fork__has_the_hash_of_its_rlp(shown: dict[str, Any]) -> None:
    header = read_header(shown)

    assert header.hash == keccak(header.rlp)
    assert (hex(header.number), hex(header.time)) == (shown["number"], shown["timestamp"])


@given(headers(), st.data())
@settings(max_examples=80, deadline=None)
def test_read_header__one_field_altered__is_found(shown: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(shown) - {"transactions"})))
    altered = "0x01" if shown[name] == "0x" else shown[name][:-1] + ("0" if shown[name][-1] != "0" else "1")

    with pytest.raises(RpcGarbage):
        read_header({**shown, name: altered})


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, {"hash": "0x"}, {"hash": None, "parentHash": 3}])
def test_read_header__junk__is_typed(junk: Any) -> None:
    with pytest.raises(RpcGarbage):
        read_header(junk)


LOG = st.fixed_dictionaries(
    {
        "address": st.binary(min_size=20, max_size=20),
        "topics": st.lists(WORD, max_size=4),
        "data": st.one_of(st.binary(max_size=70), st.binary(min_size=250, max_size=300)),
    }
)


@given(
    kind=st.integers(0, 4),
    status=st.one_of(st.sampled_from([0, 1]), WORD),
    gas=QUANTITY,
    bloom=st.binary(min_size=256, max_size=256),
    logs=st.lists(LOG, max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_encode_receipt__any_type__is_what_the_rlp_library_encodes(
    kind: int, status: int | bytes, gas: int, bloom: bytes, logs: list[dict[str, Any]]
) -> None:
    shown: dict[str, Any] = {
        "type": hex(kind),
        "cumulativeGasUsed": hex(gas),
        "logsBloom": "0x" + bloom.hex(),
        "logs": [
            {
                "address": "0x" + log["address"].hex(),
                "topics": ["0x" + topic.hex() for topic in log["topics"]],
                "data": "0x" + log["data"].hex(),
            }
            for log in logs
        ],
    }
    shown |= {"status": hex(status)} if isinstance(status, int) else {"root": "0x" + status.hex()}

    encoded = encode_receipt(shown)

    body = rlp.encode([status, gas, bloom, [[log["address"], log["topics"], log["data"]] for log in logs]])
    assert encoded == (bytes([kind]) if kind else b"") + body


# --- real blocks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mined(anvil: Anvil) -> tuple[Anvil, TradeLog, Any, Any]:
    """A real block with several transactions of the contract among others, and its receipts."""
    log = TradeLog(anvil)
    anvil.rpc("evm_setAutomine", False)
    for nonce in range(1, 4):
        data = keccak(b"logEnergyTrade(address,address,uint256,uint256)")[:4] + b"".join(
            bytes(12) + bytes.fromhex(anvil.accounts[account].address[2:]) for account in (nonce, 9)
        )
        data += (1000).to_bytes(32, "big") + (5).to_bytes(32, "big")
        sender = anvil.accounts[nonce].address
        call = {"from": sender, "to": "0x" + log.address.hex(), "data": "0x" + data.hex(), "gas": hex(500_000)}
        anvil.rpc("eth_sendTransaction", call)
        anvil.rpc("eth_sendTransaction", {"from": anvil.accounts[8].address, "to": sender, "value": "0x1"})
    anvil.mine(1)
    anvil.rpc("evm_setAutomine", True)
    shown = block(anvil, "latest")
    return anvil, log, shown, anvil.rpc("eth_getBlockReceipts", shown["number"])


def test_verified__real_block__holds_and_has_every_log(mined: tuple[Anvil, TradeLog, Any, Any]) -> None:
    _, log, shown, receipts = mined
    header = read_header(shown)

    ordered, _ = verified(receipts, header)
    logs = contract_logs(ordered, header, log.address)

    assert [found.log_index for found in logs] == [0, 1, 2]
    assert [(found.block_number, found.log_index) for found in logs] == log.truth()[-3:]
    assert len({found.tx_hash for found in logs}) == 3


def test_verified__receipts_out_of_order__are_put_in_order(mined: tuple[Anvil, TradeLog, Any, Any]) -> None:
    _, _, shown, receipts = mined
    header = read_header(shown)

    ordered, _ = verified(list(reversed(receipts)), header)

    assert ordered == receipts


@pytest.mark.parametrize(
    "path",
    [
        ("logs", 0, "data"),
        ("logs", 0, "address"),
        ("logs", 0, "topics", 1),
        ("status",),
        ("cumulativeGasUsed",),
        ("logsBloom",),
    ],
)
def test_verified__anything_that_the_root_covers_is_altered__is_found(
    mined: tuple[Anvil, TradeLog, Any, Any], path: tuple[Any, ...]
) -> None:
    _, _, shown, receipts = mined
    altered = copy.deepcopy(receipts)
    place = next(receipt for receipt in altered if receipt["logs"])
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = place[path[-1]][:-1] + ("0" if place[path[-1]][-1] != "0" else "1")

    with pytest.raises(RpcGarbage):
        verified(altered, read_header(shown))


@pytest.mark.parametrize("lose", [0, 2, -1])
def test_verified__receipt_left_out__is_found(mined: tuple[Anvil, TradeLog, Any, Any], lose: int) -> None:
    _, _, shown, receipts = mined
    fewer = list(receipts)
    del fewer[lose]

    with pytest.raises(RpcGarbage):
        verified(fewer, read_header(shown))


def test_contract_logs__receipt_names_another_transaction__is_found(mined: tuple[Anvil, TradeLog, Any, Any]) -> None:
    _, log, shown, receipts = mined
    altered = copy.deepcopy(receipts)
    for receipt in altered:
        receipt["transactionHash"] = "0x" + "ab" * 32
    header = read_header(shown)

    with pytest.raises(RpcGarbage):
        contract_logs(verified(altered, header)[0], header, log.address)


def test_in_order__state_sync_receipt_of_polygon__stands_outside_the_root(
    mined: tuple[Anvil, TradeLog, Any, Any],
) -> None:
    _, _, shown, receipts = mined
    header = read_header(shown)
    sync_hash = keccak(b"matic-bor-receipt-" + header.number.to_bytes(8, "big") + header.hash)
    sync = {**receipts[-1], "transactionHash": "0x" + sync_hash.hex(), "transactionIndex": hex(len(receipts))}

    assert in_order([*receipts, sync], header) == receipts


def test_check_links__real_chain__holds_and_a_gap_is_found(anvil: Anvil) -> None:
    anvil.mine(5)
    headers = [read_header(block(anvil, number)) for number in range(6)]

    check_links(None, headers, first_number=0)
    with pytest.raises(RpcGarbage):
        check_links(None, [headers[0], headers[2]], first_number=0)
    with pytest.raises(RpcGarbage):
        check_links(headers[0].hash, headers[2:], first_number=2)
