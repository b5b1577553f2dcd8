# SPDX-License-Identifier: Apache-2.0
"""Block headers from JSON: the hash is recomputed, so a field that a node altered is found. Pure."""

from binascii import unhexlify
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from backend.chain.errors import RpcGarbage
from backend.chain.trie import rlp_prefix
from backend.chain.types import BlockHeader
from backend.core.crypto import keccak

_Q = 0  # a quantity; otherwise the number of bytes; -1: any length
_REQUIRED: tuple[tuple[str, int], ...] = (
    ("parentHash", 32),
    ("sha3Uncles", 32),
    ("miner", 20),
    ("stateRoot", 32),
    ("transactionsRoot", 32),
    ("receiptsRoot", 32),
    ("logsBloom", 256),
    ("difficulty", _Q),
    ("number", _Q),
    ("gasLimit", _Q),
    ("gasUsed", _Q),
    ("timestamp", _Q),
    ("extraData", -1),
    ("mixHash", 32),
    ("nonce", 8),
)
_OPTIONAL: tuple[tuple[str, int], ...] = (  # in the order in which forks added them: London, Shanghai, Cancun, Prague
    ("baseFeePerGas", _Q),
    ("withdrawalsRoot", 32),
    ("blobGasUsed", _Q),
    ("excessBlobGas", _Q),
    ("parentBeaconBlockRoot", 32),
    ("requestsHash", 32),
)
HEADER_FIELDS = tuple(name for name, _ in _REQUIRED + _OPTIONAL)
_MAX_TRANSACTIONS = 100_000


def quantity_hex(value: str) -> str:
    """RLP, as hex, of a JSON quantity of at most 32 bytes."""
    digits = value[2:].lstrip("0")
    if not digits:
        return "80"
    if len(digits) % 2:
        digits = "0" + digits
    if len(digits) > 64:
        raise ValueError("quantity over 32 bytes")
    return digits if len(digits) == 2 and digits < "80" else f"{0x80 + len(digits) // 2:02x}{digits}"


def string_hex(value: str) -> str:
    """RLP, as hex, of JSON data of any length."""
    digits = value[2:]
    if len(digits) == 2 and digits < "80":
        return digits
    return rlp_prefix(len(digits) // 2, is_list=False).hex() + digits


_PREFIX = {size: rlp_prefix(size, is_list=False).hex() for size in (8, 20, 32, 256)}


def _field_hex(value: str, size: int) -> str:
    if size == _Q:
        return quantity_hex(value)
    if size < 0:
        return string_hex(value)
    if len(value) != 2 * size + 2:
        raise ValueError("wrong length")
    return _PREFIX[size] + value[2:]


def encode_header(block: Mapping[str, Any]) -> bytes:
    """RLP of the header in a JSON block; fields of forks that the block does not have are left out."""
    parts = [_field_hex(block[name], size) for name, size in _REQUIRED]
    missing = False
    for name, size in _OPTIONAL:
        value = block.get(name)
        if value is None:
            missing = True
        elif missing:
            raise ValueError(f"{name} without the field before it")
        else:
            parts.append(_field_hex(value, size))
    payload = unhexlify("".join(parts))
    return rlp_prefix(len(payload), is_list=True) + payload


def read_header(block: Any) -> BlockHeader:
    """The header of a JSON block, its hash recomputed. RpcGarbage: unreadable, or the hash is not the header's."""
    try:
        encoded = encode_header(block)
        claimed = unhexlify(block["hash"][2:])
        found = keccak(encoded)
        if found != claimed:
            raise RpcGarbage("The block's hash is not the hash of its header", claimed=block["hash"])
        return BlockHeader(
            number=int(block["number"], 16),
            hash=found,
            parent_hash=unhexlify(block["parentHash"][2:]),
            time=int(block["timestamp"], 16),
            receipts_root=unhexlify(block["receiptsRoot"][2:]),
            logs_bloom=unhexlify(block["logsBloom"][2:]),
            transactions_root=unhexlify(block["transactionsRoot"][2:]),
            gas_used=int(block["gasUsed"], 16),
            rlp=encoded,
            tx_hashes=_tx_hashes(block.get("transactions") or ()),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RpcGarbage("A block of the node cannot be read", why=f"{type(error).__name__}: {error}"[:200]) from error


def _tx_hashes(transactions: Sequence[Any]) -> tuple[bytes, ...]:
    if len(transactions) > _MAX_TRANSACTIONS:
        raise ValueError("too many transactions")
    return tuple([unhexlify((tx if isinstance(tx, str) else tx["hash"])[2:]) for tx in transactions])


def check_links(previous_hash: bytes | None, headers: Sequence[BlockHeader], *, first_number: int) -> None:
    """RpcGarbage unless `headers` are consecutive from `first_number` and each names the one before as its parent."""
    for number, header in enumerate(headers, first_number):
        if header.number != number:
            raise RpcGarbage("The node answered with another block", asked=number, got=header.number)
        if previous_hash is not None and header.parent_hash != previous_hash:
            raise RpcGarbage("A block does not name the block before it as its parent", number=number)
        previous_hash = header.hash


@lru_cache(maxsize=1024)
def bloom_mask(value: bytes) -> int:
    """The three bits that `value` (an address or topic) sets in a logs bloom, as a number of 2048 bits."""
    digest = keccak(value)
    mask = 0
    for position in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[position : position + 2], "big") & 2047)
    return mask


def bloom_may_hold(bloom: bytes, value: bytes) -> bool:
    """False: certainly no log of the block has `value` as its address or topic."""
    mask = bloom_mask(value)
    return int.from_bytes(bloom, "big") & mask == mask
