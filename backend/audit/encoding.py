# SPDX-License-Identifier: Apache-2.0
"""Ethereum's two encodings as the audit needs them: Keccak-256, RLP, and 0x-hex as JSON-RPC writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from Crypto.Hash import keccak as _keccak

Rlp: TypeAlias = "bytes | Sequence[Rlp]"


class BadEncoding(ValueError):
    """Bytes or text that are not what they claim to be; the message says where."""


def keccak(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it, 32 bytes."""
    return _keccak.new(digest_bits=256, data=data).digest()


def hex_of(data: bytes) -> str:
    """0x-hex, lower case."""
    return "0x" + data.hex()


def bytes_of(text: object, length: int | None = None) -> bytes:
    """Bytes from 0x-hex, of exactly `length` when given. Raises BadEncoding."""
    if not isinstance(text, str) or not text.startswith("0x") or len(text) % 2:
        raise BadEncoding(f"not 0x-hex: {str(text)[:80]!r}")
    try:
        data = bytes.fromhex(text[2:])
    except ValueError as error:
        raise BadEncoding(f"not 0x-hex: {text[:80]!r}") from error
    if (length is not None and len(data) != length) or len(text) != 2 + 2 * len(data):
        raise BadEncoding(f"{len(data)} bytes where {length} are due: {text[:80]!r}")
    return data


def number_of(text: object) -> int:
    """A quantity from 0x-hex such as "0x1b4"; plain non-negative integers pass. Raises BadEncoding."""
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    if not isinstance(text, str) or not text.startswith("0x") or not 3 <= len(text) <= 66:
        raise BadEncoding(f"not a quantity: {str(text)[:80]!r}")
    try:
        return int(text[2:], 16)
    except ValueError as error:
        raise BadEncoding(f"not a quantity: {text[:80]!r}") from error


def minimal(number: int) -> bytes:
    """Big-endian bytes without leading zeros; 0 is empty (how RLP writes integers)."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def rlp_encode(item: Rlp) -> bytes:
    """Recursive length prefix of bytes or of nested sequences of bytes."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(len(item), 0x80) + item
    payload = b"".join([rlp_encode(part) for part in item])
    return _prefix(len(payload), 0xC0) + payload


def _prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes((offset + length,))
    size = minimal(length)
    return bytes((offset + 55 + len(size),)) + size


def rlp_decode(data: bytes) -> Rlp:
    """The one item that `data` encodes. Raises BadEncoding for anything but its canonical encoding."""
    item, end = _decode_at(data, 0, 0, len(data))
    if end != len(data):
        raise BadEncoding("bytes follow the RLP item")
    return item


def _decode_at(data: bytes, at: int, depth: int, limit: int) -> tuple[Rlp, int]:
    """The item that begins at `at` and ends before `limit`, and where it ends."""
    if at >= limit or depth > 16:
        raise BadEncoding("RLP ends early or is nested too deeply")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    is_list = first >= 0xC0
    start, length = _span(data, at, first - (0xC0 if is_list else 0x80))
    end = start + length
    if end > limit:
        raise BadEncoding("RLP ends early")
    if not is_list:
        if length == 1 and data[start] < 0x80:
            raise BadEncoding("RLP writes a small byte with a prefix")
        return data[start:end], end
    items = []
    while start < end:
        item, start = _decode_at(data, start, depth + 1, end)
        items.append(item)
    return items, end


def _span(data: bytes, at: int, short: int) -> tuple[int, int]:
    if short < 56:
        return at + 1, short
    size = short - 55
    raw = data[at + 1 : at + 1 + size]
    length = int.from_bytes(raw, "big")
    if len(raw) != size or raw[0] == 0 or length < 56:
        raise BadEncoding("RLP length is not minimal")
    return at + 1 + size, length


def as_list(item: Rlp, length: int | None = None) -> list[Rlp]:
    """`item` as a list, of exactly `length` when given. Raises BadEncoding."""
    if isinstance(item, bytes) or (length is not None and len(item) != length):
        raise BadEncoding("an RLP list of another length is due")
    return list(item)


def as_bytes(item: Rlp, length: int | None = None) -> bytes:
    """`item` as bytes, of exactly `length` when given. Raises BadEncoding."""
    if not isinstance(item, bytes) or (length is not None and len(item) != length):
        raise BadEncoding("RLP bytes of another length are due")
    return item
