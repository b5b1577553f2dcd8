# SPDX-License-Identifier: Apache-2.0
"""The audit's own decoder of the contract's events, made from the ABI file, and the history commitment.

A log is decoded strictly: as many topics as the event has, padding zero, no byte too many. What does not fit is
`Undecodable`, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.audit.encoding import keccak

ABI_FILE = Path(__file__).resolve().parents[2] / "contracts" / "abi" / "EnergyTradeLog.json"
EMPTY_HEAD = bytes(32)
HISTORY_EVENTS = ("EnergyTradeLogged", "EnergyTradeConfirmed")
_DETAILS = (
    ("kind", 8),
    ("offer_slot", 16),
    ("bid_slot", 16),
    ("factor_id", 32),
    ("delivery_minutes", 16),
    ("delivery_start", 32),
    ("buyer_meter", 64),
    ("seller_meter", 64),
)
Word = Callable[[bytes], Any]


class Undecodable(ValueError):
    """A log of the contract that is not one of the ABI's events; the message says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded event: its name and its parameters by the ABI's names."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Details:
    """The packed word of a trade or a confirmation; zero where the kind does not know a value."""

    kind: int
    offer_slot: int
    bid_slot: int
    factor_id: int
    delivery_minutes: int
    delivery_start: int
    buyer_meter: int
    seller_meter: int


@dataclass(frozen=True, slots=True)
class _Layout:
    name: str
    topics: tuple[tuple[str, Word], ...]
    words: tuple[tuple[str, Word | None], ...]


class Decoder:
    """Decodes logs by their first topic. Built once from an ABI (a list, or an object with `abi`)."""

    def __init__(self, abi: Sequence[dict[str, Any]]) -> None:
        self._layouts: dict[bytes, _Layout] = {}
        self.topics: dict[str, bytes] = {}
        for entry in abi:
            if entry.get("type") == "event" and not entry.get("anonymous"):
                self._add(entry)

    @classmethod
    def from_file(cls, path: Path = ABI_FILE) -> Decoder:
        """The decoder of an ABI file. Raises OSError, ValueError."""
        content = json.loads(path.read_text())
        return cls(content["abi"] if isinstance(content, dict) else content)

    def _add(self, entry: dict[str, Any]) -> None:
        inputs = entry["inputs"]
        signature = f"{entry['name']}({','.join(i['type'] for i in inputs)})"
        topic = keccak(signature.encode())
        self._layouts[topic] = _Layout(
            entry["name"],
            tuple((i["name"], _word(i["type"]) or bytes) for i in inputs if i["indexed"]),
            tuple((i["name"], _word(i["type"])) for i in inputs if not i["indexed"]),
        )
        self.topics[entry["name"]] = topic

    def decode(self, topics: Sequence[bytes], data: bytes) -> Event:
        """The event of one log. Raises Undecodable."""
        layout = self._layouts.get(topics[0]) if topics else None
        if layout is None:
            raise Undecodable("the first topic is no event of the ABI")
        if len(topics) != len(layout.topics) + 1:
            raise Undecodable(f"{layout.name} has {len(topics) - 1} indexed values")
        values: dict[str, Any] = {}
        for (name, read), topic in zip(layout.topics, topics[1:], strict=True):
            values[name] = read(topic)
        end = 32 * len(layout.words)
        if len(data) < end:
            raise Undecodable(f"{layout.name} has {len(data)} bytes of data")
        for place, (name, read_word) in enumerate(layout.words):
            word = data[32 * place : 32 * place + 32]
            if read_word is not None:
                values[name] = read_word(word)
            else:
                values[name], end = _text(data, int.from_bytes(word, "big"), end)
        if len(data) != end:
            raise Undecodable(f"{layout.name} has {len(data)} bytes of data")
        return Event(layout.name, values)


def _word(kind: str) -> Word | None:
    """The reader of one 32-byte word, or None for `string`. Raises Undecodable for a type that no event has."""
    if kind.startswith("uint"):
        bits = int(kind[4:])
        return lambda word: _unsigned(word, bits)
    if kind == "address":
        return lambda word: _unsigned(word, 160).to_bytes(20, "big")
    if kind.startswith("bytes") and kind != "bytes":
        size = int(kind[5:])
        return lambda word: _left(word, size)
    if kind == "bool":
        return lambda word: bool(_unsigned(word, 1))
    if kind == "string":
        return None
    raise Undecodable(f"no reader for the ABI type {kind}")


def _unsigned(word: bytes, bits: int) -> int:
    value = int.from_bytes(word, "big")
    if value >> bits:
        raise Undecodable(f"a value does not fit {bits} bits")
    return value


def _left(word: bytes, size: int) -> bytes:
    if any(word[size:]):
        raise Undecodable(f"a bytes{size} is not padded with zeros")
    return word[:size]


def _text(data: bytes, offset: int, end: int) -> tuple[str, int]:
    """A string that starts where the previous one ended (canonical ABI encoding), and where it ends."""
    if offset != end or offset + 32 > len(data):
        raise Undecodable("a string does not lie where it should")
    length = int.from_bytes(data[offset : offset + 32], "big")
    start, padded = offset + 32, offset + 32 + (length + 31) // 32 * 32
    if padded > len(data) or any(data[start + length : padded]):
        raise Undecodable("a string ends early or is not padded with zeros")
    try:
        return data[start : start + length].decode(), padded
    except UnicodeDecodeError as error:
        raise Undecodable("a string is not UTF-8") from error


def unpack_details(word: int) -> Details:
    """The parts of a `details` word. Raises Undecodable when a bit above them is set."""
    values = {}
    for name, bits in _DETAILS:
        values[name] = word & ((1 << bits) - 1)
        word >>= bits
    if word:
        raise Undecodable("details have bits beyond their parts")
    return Details(**values)


def advance(head: bytes, topics: Sequence[bytes], data: bytes) -> bytes:
    """The history head after one trade or confirmation: keccak256(head, topic0, indexed topics, data)."""
    return keccak(b"".join((head, *topics, data)))
