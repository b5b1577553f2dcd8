# SPDX-License-Identifier: Apache-2.0
"""Headers, receipts and blooms as JSON-RPC gives them, recomputed: nothing a node says of a hash is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.audit.encoding import (
    BadEncoding,
    Rlp,
    as_bytes,
    as_list,
    bytes_of,
    keccak,
    minimal,
    number_of,
    rlp_decode,
    rlp_encode,
)
from backend.audit.patricia import root_of

# Name in JSON-RPC and width in bytes; width 0 is an integer, None is free. Those after `nonce` came with later forks.
_HEADER: tuple[tuple[str, int | None], ...] = (
    ("parentHash", 32),
    ("sha3Uncles", 32),
    ("miner", 20),
    ("stateRoot", 32),
    ("transactionsRoot", 32),
    ("receiptsRoot", 32),
    ("logsBloom", 256),
    ("difficulty", 0),
    ("number", 0),
    ("gasLimit", 0),
    ("gasUsed", 0),
    ("timestamp", 0),
    ("extraData", None),
    ("mixHash", 32),
    ("nonce", 8),
    ("baseFeePerGas", 0),
    ("withdrawalsRoot", 32),
    ("blobGasUsed", 0),
    ("excessBlobGas", 0),
    ("parentBeaconBlockRoot", 32),
    ("requestsHash", 32),
)
_ALWAYS = 15


@dataclass(frozen=True, slots=True)
class Header:
    """A block header whose hash is keccak256 of `rlp`. Times are seconds since 1970."""

    number: int
    hash: bytes
    parent_hash: bytes
    transactions_root: bytes
    receipts_root: bytes
    logs_bloom: bytes
    time: int
    rlp: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChainLog:
    """One log of the contract on the canonical chain. `place` is its place among the logs of its own receipt."""

    block_number: int
    block_hash: bytes
    block_time: int
    tx_hash: bytes
    tx_index: int
    log_index: int
    topics: tuple[bytes, ...]
    data: bytes
    place: int = 0


def header_of(block: dict[str, Any]) -> Header:
    """The header of a JSON-RPC block. Raises BadEncoding when its hash is not the hash of its fields."""
    fields: list[bytes] = []
    for place, (name, width) in enumerate(_HEADER):
        if place >= _ALWAYS and block.get(name) is None:
            break
        value = block.get(name)
        fields.append(minimal(number_of(value)) if width == 0 else bytes_of(value, width))
    header = decode_header(rlp_encode(fields))
    if header.hash != bytes_of(block.get("hash"), 32):
        raise BadEncoding(f"header of block {header.number}: its fields hash to 0x{header.hash.hex()}, not to its hash")
    return header


def decode_header(encoded: bytes) -> Header:
    """The header that `encoded` (RLP) is. Raises BadEncoding."""
    items = as_list(rlp_decode(encoded))
    if not _ALWAYS <= len(items) <= len(_HEADER):
        raise BadEncoding(f"a header has {len(items)} fields")
    fields = {}
    for (name, width), item in zip(_HEADER, items, strict=False):
        value = as_bytes(item, width or None)
        if width == 0 and value[:1] == b"\0":
            raise BadEncoding(f"header: {name} has leading zeros")
        fields[name] = value
    return Header(
        number=int.from_bytes(fields["number"], "big"),
        hash=keccak(encoded),
        parent_hash=fields["parentHash"],
        transactions_root=fields["transactionsRoot"],
        receipts_root=fields["receiptsRoot"],
        logs_bloom=fields["logsBloom"],
        time=int.from_bytes(fields["timestamp"], "big"),
        rlp=encoded,
    )


def encode_receipt(receipt: dict[str, Any]) -> bytes:
    """The bytes under which a JSON-RPC receipt stands in the trie (typed receipts lead with their type)."""
    logs: list[Rlp] = [
        [bytes_of(log["address"], 20), [bytes_of(topic, 32) for topic in log["topics"]], bytes_of(log["data"])]
        for log in receipt["logs"]
    ]
    if receipt.get("status") is not None:
        outcome = minimal(number_of(receipt["status"]))
    else:
        outcome = bytes_of(receipt.get("root"), 32)
    gas = minimal(number_of(receipt["cumulativeGasUsed"]))
    body = rlp_encode([outcome, gas, bytes_of(receipt["logsBloom"], 256), logs])
    kind = number_of(receipt.get("type") or "0x0")
    return bytes((kind,)) + body if kind else body


def receipts_under(root: bytes, receipts: Any) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The receipts of a block and their encodings, when they make up `root`. Raises BadEncoding, KeyError, TypeError.

    Polygon lists the receipt of a state-sync transaction last, with no gas, outside of the root: it is left off.
    """
    ordered = sorted(receipts or [], key=lambda receipt: number_of(receipt["transactionIndex"]))
    encoded = [encode_receipt(receipt) for receipt in ordered]
    if root_of(encoded) != root and ordered and number_of(ordered[-1].get("gasUsed", "0x1")) == 0:
        ordered, encoded = ordered[:-1], encoded[:-1]
    if root_of(encoded) != root:
        raise BadEncoding(f"the receipts do not make up the receipts root 0x{root.hex()}")
    return ordered, encoded


@dataclass(frozen=True, slots=True)
class DecodedReceipt:
    """A receipt as the trie holds it; `logs` are (address, topics, data)."""

    succeeded: bool
    logs: tuple[tuple[bytes, tuple[bytes, ...], bytes], ...]


def decode_receipt(encoded: bytes) -> DecodedReceipt:
    """The receipt that `encoded` is. Raises BadEncoding."""
    body = encoded[1:] if encoded and encoded[0] < 0x80 else encoded
    outcome, _gas, _bloom, logs = as_list(rlp_decode(body), 4)
    decoded = []
    for log in as_list(logs):
        address, topics, data = as_list(log, 3)
        decoded.append((as_bytes(address, 20), tuple(as_bytes(t, 32) for t in as_list(topics)), as_bytes(data)))
    return DecodedReceipt(as_bytes(outcome) == b"\x01", tuple(decoded))


def bloom_bits(value: bytes) -> int:
    """The three bits that `value` (an address or a topic) sets in a bloom, as an integer mask of 2048 bits."""
    digest = keccak(value)
    mask = 0
    for place in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
    return mask


def may_contain(bloom: bytes, address_bits: int, topic_bits: Sequence[int]) -> bool:
    """Whether a bloom admits a log with this address and one of these topics. No means no; yes means perhaps."""
    held = int.from_bytes(bloom, "big")
    return held & address_bits == address_bits and any(held & bits == bits for bits in topic_bits)


def log_of(entry: dict[str, Any], *, time: int) -> ChainLog:
    """A log as `eth_getLogs` gives it. Raises BadEncoding, KeyError, TypeError for what is no log."""
    return ChainLog(
        block_number=number_of(entry["blockNumber"]),
        block_hash=bytes_of(entry["blockHash"], 32),
        block_time=time,
        tx_hash=bytes_of(entry["transactionHash"], 32),
        tx_index=number_of(entry["transactionIndex"]),
        log_index=number_of(entry["logIndex"]),
        topics=tuple(bytes_of(topic, 32) for topic in entry["topics"]),
        data=bytes_of(entry["data"]),
    )
