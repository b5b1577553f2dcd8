# SPDX-License-Identifier: Apache-2.0
"""The audit's pure parts against other people's libraries: decoder, tries, headers, signatures, what earns."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import rlp
from eth_abi.abi import encode
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie

from backend.audit import ledger
from backend.audit.blocks import ChainLog, bloom_bits, decode_header, header_of, may_contain
from backend.audit.decode import ABI_FILE, Decoder, Undecodable, unpack_details
from backend.audit.encoding import BadEncoding, keccak, rlp_decode, rlp_encode
from backend.audit.merging import merged
from backend.audit.patricia import index_key, path_of, root_of, value_at
from backend.audit.rebuild import History
from backend.audit.signatures import signer_of

DECODER = Decoder(json.loads(ABI_FILE.read_text()))
SELLER, BUYER, OTHER = b"\x01" * 20, b"\x02" * 20, b"\x03" * 20
TRADE = SELLER + bytes(12)
NOON = 1_800_000_000
nested = st.recursive(st.binary(max_size=80), lambda part: st.lists(part, max_size=5), max_leaves=20)


# --- encodings ---


@given(nested)
def test_rlp_encode__any_item__equals_the_reference_and_comes_back(item):
    encoded = rlp_encode(item)

    assert encoded == rlp.encode(item)
    assert rlp_decode(encoded) == item


@given(st.binary(max_size=40))
def test_rlp_decode__any_bytes__is_strict_like_the_reference(data):
    try:
        expected = rlp.decode(data, strict=True)
    except rlp.exceptions.DecodingError:
        expected = None

    if expected is None:
        with pytest.raises(BadEncoding):
            rlp_decode(data)
    else:
        assert rlp_encode(rlp_decode(data)) == data


@given(st.lists(st.binary(min_size=1, max_size=120), min_size=1, max_size=300))
def test_root_of__any_values__equals_the_reference_trie(values):
    reference = HexaryTrie({})
    for index, value in enumerate(values):
        reference[index_key(index)] = value

    assert root_of(values) == reference.root_hash


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=200), st.data())
def test_value_at__path_of_a_value__proves_it_and_nothing_else(values, data):
    index = data.draw(st.integers(0, len(values) - 1))
    root, path = root_of(values), path_of(values, index)

    assert value_at(root, index, path) == values[index]
    other = data.draw(st.integers(0, len(values) + 5).filter(lambda place: place != index))
    try:
        proven = value_at(root, other, path)
    except BadEncoding:
        proven = None
    assert proven is None or proven == values[other]


def test_value_at__node_added_or_left_out__is_refused():
    values = [bytes([number]) * 40 for number in range(50)]
    path = path_of(values, 30)

    for forged in ([*path, path[-1]], path[:-1], [path[0], *path], []):
        with pytest.raises(BadEncoding):
            value_at(root_of(values), 30, forged)


def test_header_of__block_of_a_node__hashes_to_its_hash(traded):
    block = traded.anvil.rpc("eth_getBlockByNumber", "latest", False)

    header = header_of(block)

    assert "0x" + header.hash.hex() == block["hash"]
    assert decode_header(header.rlp) == header


@pytest.mark.parametrize("field", ["stateRoot", "timestamp", "gasUsed", "extraData", "receiptsRoot", "number"])
def test_header_of__any_field_changed__is_refused(traded, field):
    block = traded.anvil.rpc("eth_getBlockByNumber", "latest", False)
    block[field] = "0x" + "12" * 32 if field.endswith("Root") else "0x77"

    with pytest.raises(BadEncoding):
        header_of(block)


def test_may_contain__bloom_of_a_block_with_a_trade__admits_it(traded):
    block = header_of(traded.anvil.rpc("eth_getBlockByNumber", "latest", False))
    topic = DECODER.topics["EnergyTradeLogged"]

    assert may_contain(block.logs_bloom, bloom_bits(traded.deployment.address), [bloom_bits(topic)])
    assert not may_contain(bytes(256), bloom_bits(traded.deployment.address), [bloom_bits(topic)])


def test_signer_of__malleated_signature__is_nobody():
    digest, key = keccak(b"x"), b"\x05" * 32
    signed = Account.unsafe_sign_hash(digest, key)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = signed.r.to_bytes(32, "big") + (order - signed.s).to_bytes(32, "big") + bytes([55 - signed.v])

    assert signer_of(digest, bytes(signed.signature)) == bytes.fromhex(Account.from_key(key).address[2:])
    assert signer_of(digest, high) is None


# --- decoding ---


def word(value: int | bytes) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def details(kind: int = 0, *, factor: int = 7, start: int = NOON, sold: int = 101, bought: int = 102) -> int:
    return kind | factor << 40 | 15 << 72 | start << 88 | bought << 120 | sold << 184


def trade_log(details_word: int, *, energy_wh: int = 1000, at: int = 10, seller: bytes = SELLER) -> ChainLog:
    topics = (DECODER.topics["EnergyTradeLogged"], TRADE, word(seller), word(BUYER))
    return _log(at, topics, encode(["uint256"] * 5, [energy_wh, 5, 437, NOON, details_word]))


def confirmation_log(confirmer: bytes, details_word: int, *, at: int = 11) -> ChainLog:
    return _log(at, (DECODER.topics["EnergyTradeConfirmed"], TRADE, word(confirmer)), word(details_word))


def meter_log(meter: int, owner: bytes, *, community: int = 3, region: bytes = b"CAMX", at: int = 1) -> ChainLog:
    topics = (DECODER.topics["MeterEnrolled"], word(meter), word(owner), word(community))
    return _log(at, topics, encode(["bytes4", "uint16", "address"], [region, 15, "0x" + "00" * 20]))


def factor_log(**changes: Any) -> ChainLog:
    fields = {"id": 7, "region": b"CAMX", "basis": 2, "mg": 437_515, "from": 0, "to": 2**40, "effective": 0} | changes
    topics = (DECODER.topics["EmissionFactorRegistered"], word(fields["id"]), fields["region"].ljust(32, b"\0"),
              word(fields["basis"]))  # fmt: skip
    values = [fields["mg"], fields["from"], fields["to"], fields["effective"], "EPA", "2023", bytes(32)]
    return _log(1, topics, encode(["uint32", "uint64", "uint64", "uint64", "string", "string", "bytes32"], values))


def _log(at: int, topics: tuple[bytes, ...], data: bytes) -> ChainLog:
    return ChainLog(at, bytes(32), NOON, bytes(32), 0, len(data) % 7, topics, data)


def history(*logs: ChainLog) -> History:
    made = History(DECODER)
    for log in logs:
        made.take(log)
    return made


REGISTERS = (meter_log(101, SELLER), meter_log(102, BUYER), meter_log(103, OTHER, community=4), factor_log())


@given(st.binary(max_size=400), st.lists(st.binary(min_size=32, max_size=32), max_size=4))
def test_decode__any_log__gives_an_event_or_says_why_not(data, topics):
    for topic in (*DECODER.topics.values(), b"\0" * 32):
        try:
            event = DECODER.decode((topic, *topics[:3]), data)
        except Undecodable:
            continue
        assert DECODER.topics[event.name] == topic


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: replace(log, data=log.data + b"\0"),
        lambda log: replace(log, data=log.data[:-1]),
        lambda log: replace(log, topics=log.topics[:-1]),
        lambda log: replace(log, topics=(*log.topics[:2], b"\1" + log.topics[2][1:], log.topics[3])),
        lambda log: replace(log, topics=()),
    ],
)
def test_take__log_that_is_not_exactly_the_event__changes_nothing(spoil):
    made = history(spoil(trade_log(details(1))))

    assert (made.count, made.head) == (0, bytes(32))


def test_unpack_details__bits_above__are_refused():
    with pytest.raises(Undecodable):
        unpack_details(1 << 248)


def test_head__two_entries__is_the_chained_hash():
    first, second = trade_log(details(1)), confirmation_log(BUYER, details(3))

    made = history(first, second)

    one = keccak(bytes(32) + b"".join(first.topics) + first.data)
    assert made.count == 2
    assert made.head == keccak(one + b"".join(second.topics) + second.data)


# --- what a trade is worth ---


def judged(trade: ChainLog, *logs: ChainLog) -> Any:
    return history(*logs, trade, *(log for log in logs if log.block_number > trade.block_number)).judge(trade)


@pytest.mark.parametrize("kind", [1, 2])
def test_judge__filled_or_matched_between_neighbours__earns(kind):
    trade = judged(trade_log(details(kind)), *REGISTERS)

    assert (trade.consented, trade.reason, trade.claim_g, trade.community) == (True, None, 437, 3)


@pytest.mark.parametrize(
    ("registers", "terms", "reason"),
    [
        (REGISTERS[1:], {}, "unknown_meter"),
        (REGISTERS, {"bought": 999}, "unknown_meter"),
        (REGISTERS, {"sold": 102, "bought": 101}, "meter_of_another"),
        (REGISTERS, {"bought": 103}, "meter_of_another"),
        ((*REGISTERS[:1], meter_log(102, BUYER, community=4), REGISTERS[3]), {}, "another_community"),
        (REGISTERS[:3], {}, "unknown_factor"),
        ((*REGISTERS[:3], factor_log(region=b"NYUP")), {}, "unknown_factor"),
        ((*REGISTERS[:3], factor_log(to=NOON)), {}, "unknown_factor"),
        ((*REGISTERS[:3], factor_log(**{"from": NOON + 1})), {}, "unknown_factor"),
        ((*REGISTERS[:3], factor_log(effective=NOON + 1)), {}, "unknown_factor"),
        ((*REGISTERS[:3], factor_log(basis=1)), {}, "average_factor"),
    ],
)
def test_judge__something_missing__earns_nothing_and_says_why(registers, terms, reason):
    trade = judged(trade_log(details(1, **terms)), *registers)

    assert (trade.consented, trade.reason, trade.claim_g) == (True, reason, 0)


def test_judge__meter_enrolled_after_the_trade__earns_nothing():
    late = (REGISTERS[0], meter_log(102, BUYER, at=12), REGISTERS[3])

    assert judged(trade_log(details(1)), *late).reason == "unknown_meter"


def test_judge__one_party_alone__earns_nothing():
    trade = judged(trade_log(details(0)), *REGISTERS)

    assert (trade.consented, trade.reason, trade.claim_g, trade.seller_meter) == (False, "no_consent", 0, None)


def test_judge__other_party_confirmed__earns():
    trade = judged(trade_log(details(0)), *REGISTERS, confirmation_log(BUYER, details(3)))

    assert (trade.consented, trade.claim_g, trade.seller_meter, trade.buyer_meter) == (True, 437, 101, 102)


@pytest.mark.parametrize("confirmer", [SELLER, OTHER])
def test_judge__confirmed_by_who_logged_it_or_a_stranger__is_no_consent(confirmer):
    trade = judged(trade_log(details(0)), *REGISTERS, confirmation_log(confirmer, details(3)))

    assert not trade.consented


def test_judge__confirmed_before_it_was_logged__is_no_consent():
    early = history(*REGISTERS, confirmation_log(BUYER, details(3), at=9), trade_log(details(0)))

    assert not early.judge(trade_log(details(0))).consented


def test_judge__confirmed_twice__the_first_counts():
    other = confirmation_log(BUYER, details(3, factor=8), at=12)
    trade = judged(trade_log(details(0)), *REGISTERS, confirmation_log(BUYER, details(3)), other)

    assert trade.factor_id == 7


@given(st.integers(1, 2**32 - 1), st.integers(1, 3_000_000))
def test_judge__any_amount__claims_the_whole_grams(energy_wh, mg_per_kwh):
    trade = judged(trade_log(details(1), energy_wh=energy_wh), *REGISTERS[:3], factor_log(mg=mg_per_kwh))

    assert trade.claim_g * 10**6 <= energy_wh * mg_per_kwh < (trade.claim_g + 1) * 10**6


@given(st.integers(0, 1000))
def test_settlement__any_delivery__shares_the_claim(delivered_wh):
    trade = judged(trade_log(details(1)), *REGISTERS)

    released, reduced = ledger.settlement(trade, ledger.Booked("FINAL", 1, delivered_wh), 437_515)

    assert released + reduced == trade.claim_g
    assert released == delivered_wh * 437_515 // 10**6


# --- merging ---


@given(st.sets(st.integers(0, 30)), st.lists(st.integers(0, 30)))
async def test_merged__any_two_streams__pairs_what_is_equal(left, right):
    async def stream():
        for number in sorted(right):
            yield (number, 0)

    ours = iter([(number, 0) for number in sorted(left)])
    pairs = [pair async for pair in merged(ours, lambda key: key, stream(), lambda key: key)]

    assert [one for one, _ in pairs if one is not None] == [(number, 0) for number in sorted(left)]
    assert [two for _, two in pairs if two is not None] == [(number, 0) for number in sorted(right)]
    assert sum(one is not None and two is not None for one, two in pairs) == len(left & set(right))
    assert all(one == two for one, two in pairs if one is not None and two is not None)
