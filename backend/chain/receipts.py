# SPDX-License-Identifier: Apache-2.0
"""A block's receipts from JSON: their root is recomputed against the header, so nothing can be left out. Pure.

Encoding works on the hex text that a node sends and turns it into bytes once per receipt.
"""

from binascii import unhexlify
from collections.abc import Mapping, Sequence
from typing import Any

from backend.chain.errors import RpcGarbage
from backend.chain.headers import quantity_hex, string_hex
from backend.chain.trie import ordered_root, rlp_prefix
from backend.chain.types import BlockHeader, Log, Receipt
from backend.core.crypto import keccak

_TOPICS_PREFIX = tuple(rlp_prefix(33 * count, is_list=True).hex() for count in range(5))
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def _log_hex(log: Mapping[str, Any]) -> str:
    address: str = log["address"]
    topics: list[str] = log["topics"]
    count = len(topics)
    joined = "".join(topics).replace("0x", "a0")  # a topic is always 32 bytes: its RLP is a0 and the bytes
    if len(address) != 42 or len(joined) != 66 * count:
        raise ValueError("log with a malformed address or topic")
    body = "94" + address[2:] + _TOPICS_PREFIX[count] + joined + string_hex(log["data"])
    return rlp_prefix(len(body) // 2, is_list=True).hex() + body


def encode_receipt(receipt: Mapping[str, Any]) -> bytes:
    """The bytes that the receipts trie holds for a JSON receipt: typed (EIP-2718) unless its type is 0."""
    bloom = receipt["logsBloom"]
    if len(bloom) != 514:
        raise ValueError("bloom of a wrong length")
    status = receipt.get("status")
    outcome = quantity_hex(status) if status is not None else string_hex(receipt["root"])
    logs = "".join([_log_hex(log) for log in receipt["logs"]])
    body = (
        f"{outcome}{quantity_hex(receipt['cumulativeGasUsed'])}b90100{bloom[2:]}"
        f"{rlp_prefix(len(logs) // 2, is_list=True).hex()}{logs}"
    )
    kind = int(receipt.get("type") or "0x0", 16)
    if not 0 <= kind < 0x80:
        raise ValueError("receipt of an unknown type")
    prefix = rlp_prefix(len(body) // 2, is_list=True)
    return (bytes((kind,)) + prefix if kind else prefix) + unhexlify(body)


def in_order(receipts: Any, header: BlockHeader) -> list[Mapping[str, Any]]:
    """JSON receipts of a block in order, without a Polygon state-sync receipt that stands outside the root.

    RpcGarbage: not a list of receipts with the positions 0, 1, 2…
    """
    if not isinstance(receipts, list):
        raise RpcGarbage("The node has no receipts for a block that it knows", block=header.number)
    try:
        ordered = sorted(receipts, key=lambda receipt: int(receipt["transactionIndex"], 16))
        if ordered and unhexlify(ordered[-1]["transactionHash"][2:]) == _state_sync_hash(header):
            ordered.pop()
        if [int(receipt["transactionIndex"], 16) for receipt in ordered] != list(range(len(ordered))):
            raise RpcGarbage("A receipt of a block is missing or comes twice", block=header.number)
    except _UNREADABLE as error:
        raise RpcGarbage("A receipt of the node cannot be read", block=header.number) from error
    return ordered


def _state_sync_hash(header: BlockHeader) -> bytes:
    return keccak(b"matic-bor-receipt-" + header.number.to_bytes(8, "big") + header.hash)


def verified(receipts: Any, header: BlockHeader) -> tuple[list[Mapping[str, Any]], list[bytes]]:
    """JSON receipts in order and their encodings, checked against the header's receipts root.

    RpcGarbage: unreadable, or the root (which the block's hash covers) is another.
    """
    ordered = in_order(receipts, header)
    try:
        encoded = [encode_receipt(receipt) for receipt in ordered]
    except _UNREADABLE as error:
        raise RpcGarbage("A receipt of the node cannot be read", block=header.number) from error
    if ordered_root(encoded) != header.receipts_root:
        raise RpcGarbage("The receipts are not those that the block's header commits to", block=header.number)
    return ordered, encoded


def contract_logs(ordered: Sequence[Mapping[str, Any]], header: BlockHeader, address: bytes) -> tuple[Log, ...]:
    """Logs of `address` from verified receipts. Positions are counted by us, never taken from the node."""
    wanted = "0x" + address.hex()
    found: list[Log] = []
    index = 0
    for tx_index, receipt in enumerate(ordered):
        tx_hash: bytes | None = None
        for log in receipt["logs"]:
            if log["address"].lower() == wanted:
                if tx_hash is None:
                    tx_hash = _tx_hash(receipt, header, tx_index)
                found.append(
                    Log(
                        header.number,
                        header.hash,
                        header.time,
                        tx_hash,
                        tx_index,
                        index,
                        tuple([unhexlify(topic[2:]) for topic in log["topics"]]),
                        unhexlify(log["data"][2:]),
                    )
                )
            index += 1
    return tuple(found)


def read_receipt(
    raw: Mapping[str, Any], before: Mapping[str, Any] | None, header: BlockHeader, logs: Sequence[Log]
) -> Receipt:
    """Outcome from a verified JSON receipt, the one `before` it in the block (None: it is the first), and its logs."""
    try:
        tx_index = int(raw["transactionIndex"], 16)
        recipient = raw.get("to")
        return Receipt(
            tx_hash=_tx_hash(raw, header, tx_index),
            tx_index=tx_index,
            block_number=header.number,
            block_hash=header.hash,
            block_time=header.time,
            succeeded=int(raw["status"], 16) == 1,
            gas_used=int(raw["cumulativeGasUsed"], 16) - (int(before["cumulativeGasUsed"], 16) if before else 0),
            logs=tuple(logs),
            sender=unhexlify(raw["from"][2:]),
            recipient=unhexlify(recipient[2:]) if recipient else None,
        )
    except _UNREADABLE as error:
        raise RpcGarbage("A receipt of the node cannot be read", block=header.number) from error


def _tx_hash(receipt: Mapping[str, Any], header: BlockHeader, tx_index: int) -> bytes:
    try:
        tx_hash = unhexlify(receipt["transactionHash"][2:])
    except _UNREADABLE as error:
        raise RpcGarbage("A receipt of the node cannot be read", block=header.number) from error
    if len(tx_hash) != 32 or (header.tx_hashes and header.tx_hashes[tx_index : tx_index + 1] != (tx_hash,)):
        raise RpcGarbage("A receipt names another transaction than its block does", block=header.number)
    return tx_hash
