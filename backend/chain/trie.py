# SPDX-License-Identifier: Apache-2.0
"""Root and inclusion proofs of Ethereum's ordered tries: rlp(index) → value, as receipts and transactions are hashed.

Pure. The tree is built in one pass over the keys in nibble order, without a database of nodes.
"""

from collections.abc import Sequence

from backend.core.crypto import keccak

EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
_Item = tuple[str, bytes]


def rlp_prefix(length: int, *, is_list: bool) -> bytes:
    """The RLP header of a string or list payload of `length` bytes (not for a single byte below 0x80)."""
    base = 0xC0 if is_list else 0x80
    if length < 56:
        return bytes((base + length,))
    size = (length.bit_length() + 7) // 8
    return bytes((base + 55 + size,)) + length.to_bytes(size, "big")


def rlp_bytes(value: bytes) -> bytes:
    """RLP of a byte string."""
    if len(value) == 1 and value[0] < 0x80:
        return value
    return rlp_prefix(len(value), is_list=False) + value


def rlp_list(items: Sequence[bytes]) -> bytes:
    """RLP of a list whose items are encoded already."""
    payload = b"".join(items)
    return rlp_prefix(len(payload), is_list=True) + payload


def index_key(index: int) -> bytes:
    """Key of the item at `index`: its RLP."""
    return b"\x80" if index == 0 else rlp_bytes(index.to_bytes((index.bit_length() + 7) // 8, "big"))


def ordered_root(values: Sequence[bytes]) -> bytes:
    """Root hash of the trie that holds `values` by their position."""
    if not values:
        return EMPTY_ROOT
    return keccak(_node(_sorted_items(values), 0))


def ordered_proof(values: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Encoded nodes from the root to the value at `index`; nodes shorter than 32 bytes stand inside their parent."""
    if not 0 <= index < len(values):
        raise IndexError(index)
    items = _sorted_items(values)
    target = index_key(index).hex()
    nodes: list[bytes] = []
    depth = 0
    while True:
        encoded = _node(items, depth)
        if depth == 0 or len(encoded) >= 32:
            nodes.append(encoded)
        if len(items) == 1:
            return tuple(nodes)
        shared = _shared(items, depth)
        if shared:
            depth += shared
            continue
        items = [item for item in items if item[0][depth] == target[depth]]
        depth += 1


def _sorted_items(values: Sequence[bytes]) -> list[_Item]:
    return sorted((index_key(position).hex(), value) for position, value in enumerate(values))


def _shared(items: list[_Item], depth: int) -> int:
    # Items are sorted: what the first and the last share, all share.
    first, last = items[0][0], items[-1][0]
    end = min(len(first), len(last))
    position = depth
    while position < end and first[position] == last[position]:
        position += 1
    return position - depth


def _compact(nibbles: str, *, is_leaf: bool) -> bytes:
    flag = 2 if is_leaf else 0
    text = f"{flag + 1}{nibbles}" if len(nibbles) % 2 else f"{flag}0{nibbles}"
    return rlp_bytes(bytes.fromhex(text))


def _reference(node: bytes) -> bytes:
    return node if len(node) < 32 else b"\xa0" + keccak(node)


def _node(items: list[_Item], depth: int) -> bytes:
    if len(items) == 1:
        key, value = items[0]
        return rlp_list((_compact(key[depth:], is_leaf=True), rlp_bytes(value)))
    shared = _shared(items, depth)
    if shared:
        path = items[0][0][depth : depth + shared]
        return rlp_list((_compact(path, is_leaf=False), _reference(_node(items, depth + shared))))
    children: list[bytes] = []
    position = 0
    for nibble in "0123456789abcdef":
        start = position
        while position < len(items) and items[position][0][depth] == nibble:
            position += 1
        children.append(_reference(_node(items[start:position], depth + 1)) if position > start else b"\x80")
    children.append(b"\x80")  # rlp(index) is never a prefix of another: branches hold no value
    return rlp_list(children)
