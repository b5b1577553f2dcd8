# SPDX-License-Identifier: Apache-2.0
"""Merkle-Patricia tries over a block's receipts: root, path of one receipt, and the check of such a path.

The key of a receipt is the RLP of its index in the block. A path is the list of RLP-encoded nodes from the root to the
leaf; nodes shorter than 32 bytes stand inside their parent and are not listed.
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.audit.encoding import BadEncoding, Rlp, as_bytes, as_list, keccak, minimal, rlp_decode, rlp_encode

EMPTY_ROOT = keccak(rlp_encode(b""))
Item = tuple[bytes, bytes]


def index_key(index: int) -> bytes:
    """The trie key of the item at `index`."""
    return rlp_encode(minimal(index))


def root_of(values: Sequence[bytes]) -> bytes:
    """Root hash of the trie that holds `values` under their indexes."""
    return _build(values, {})


def path_of(values: Sequence[bytes], index: int) -> list[bytes]:
    """The nodes that lead from the root to `values[index]`."""
    nodes: dict[bytes, bytes] = {}
    root = _build(values, nodes)
    path: list[bytes] = []
    _walk(root, index_key(index), lambda digest: path.append(nodes[digest]) or nodes[digest])  # type: ignore[func-returns-value]
    return path


def value_at(root: bytes, index: int, path: Sequence[bytes]) -> bytes:
    """The value that `path` proves under `root` at `index`. Raises BadEncoding when it proves none, or holds a node
    that the way to the value does not pass."""
    remaining = list(path)

    def resolve(digest: bytes) -> bytes:
        if not remaining:
            raise BadEncoding("the path ends before the leaf")
        node = remaining.pop(0)
        if keccak(node) != digest:
            raise BadEncoding("a node of the path does not have the hash that its parent names")
        return node

    value = _walk(root, index_key(index), resolve)
    if remaining:
        raise BadEncoding("the path has nodes beyond the leaf")
    return value


def _build(values: Sequence[bytes], nodes: dict[bytes, bytes]) -> bytes:
    if not values:
        return EMPTY_ROOT
    items = sorted((_nibbles(index_key(index)), value) for index, value in enumerate(values))
    encoded = rlp_encode(_node(items, 0, nodes))
    digest = keccak(encoded)
    nodes[digest] = encoded
    return digest


def _node(items: Sequence[Item], depth: int, nodes: dict[bytes, bytes]) -> list[Rlp]:
    first, value = items[0]
    if len(items) == 1:
        return [_compact(first[depth:], is_leaf=True), value]
    shared, last = depth, items[-1][0]
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        return [_compact(first[depth:shared], is_leaf=False), _reference(_node(items, shared, nodes), nodes)]
    branch: list[Rlp] = [b""] * 17
    start = 0
    if len(first) == depth:
        branch[16] = value
        start = 1
    while start < len(items):
        nibble, end = items[start][0][depth], start + 1
        while end < len(items) and items[end][0][depth] == nibble:
            end += 1
        branch[nibble] = _reference(_node(items[start:end], depth + 1, nodes), nodes)
        start = end
    return branch


def _reference(node: list[Rlp], nodes: dict[bytes, bytes]) -> Rlp:
    encoded = rlp_encode(node)
    if len(encoded) < 32:
        return node
    digest = keccak(encoded)
    nodes[digest] = encoded
    return digest


def _nibbles(key: bytes) -> bytes:
    return bytes(part for byte in key for part in (byte >> 4, byte & 15))


def _compact(nibbles: bytes, *, is_leaf: bool) -> bytes:
    odd = len(nibbles) % 2
    head = 2 * is_leaf + odd
    full = bytes((head, *nibbles)) if odd else bytes((head, 0, *nibbles))
    return bytes(full[place] << 4 | full[place + 1] for place in range(0, len(full), 2))


def _expand(packed: bytes) -> tuple[bytes, bool]:
    nibbles = _nibbles(packed)
    if not nibbles or nibbles[0] > 3 or (nibbles[0] % 2 == 0 and nibbles[1] != 0):
        raise BadEncoding("a node of the path has no valid key")
    return nibbles[1 if nibbles[0] % 2 else 2 :], nibbles[0] >= 2


def _walk(root: bytes, key: bytes, resolve: object) -> bytes:
    """Follow `key` from `root`; `resolve` gives the encoded node of a hash."""
    assert callable(resolve)
    nibbles = _nibbles(key)
    node = as_list(rlp_decode(resolve(root)))
    while True:
        if len(node) == 17:
            if not nibbles:
                return as_bytes(node[16])
            target, nibbles = node[nibbles[0]], nibbles[1:]
        elif len(node) == 2:
            part, is_leaf = _expand(as_bytes(node[0]))
            if nibbles[: len(part)] != part or (is_leaf and nibbles != part):
                raise BadEncoding("the path leads to another key")
            if is_leaf:
                return as_bytes(node[1])
            target, nibbles = node[1], nibbles[len(part) :]
        else:
            raise BadEncoding("a node of the path has neither 2 nor 17 items")
        node = as_list(target) if not isinstance(target, bytes) else as_list(rlp_decode(resolve(as_bytes(target, 32))))
