# SPDX-License-Identifier: Apache-2.0
"""The hash chain of intents: matches in the order in which they must be logged. Pure.

An intent's hash is keccak("GridX intent" ‖ island 16 ‖ sequence 8 ‖ previous hash 32 ‖ keccak(content)), the content
being its JSON with sorted names and no spaces. Sequence 1 follows 32 zero bytes; the last hash is the head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from backend.core.crypto import keccak

BEGINNING = bytes(32)


@dataclass(frozen=True, slots=True)
class Intent:
    """One link; `content` is what the match says, whole numbers and text only."""

    sequence: int
    previous_hash: bytes
    content: Mapping[str, Any]
    hash: bytes


def append(island_id: UUID, head: bytes, after: int, contents: Sequence[Mapping[str, Any]]) -> list[Intent]:
    """The links that follow link number `after`, whose hash is `head`."""
    links: list[Intent] = []
    for number, content in enumerate(contents, after + 1):
        links.append(Intent(number, head, content, _hash(island_id, number, head, content)))
        head = links[-1].hash
    return links


def faults(island_id: UUID, head: bytes, links: Sequence[Intent]) -> list[str]:
    """What is wrong with a chain that begins at 1 and should end in `head`; empty: nothing."""
    found, previous = [], BEGINNING
    for number, link in enumerate(links, 1):
        if link.sequence != number:
            found.append(f"intent {link.sequence} stands where intent {number} belongs")
        if link.previous_hash != previous:
            found.append(f"intent {link.sequence} does not follow the one before it")
        if link.hash != _hash(island_id, link.sequence, link.previous_hash, link.content):
            found.append(f"intent {link.sequence} was changed: its content has another hash")
        previous = link.hash
    if previous != head:
        found.append(f"the chain ends in 0x{previous.hex()}, the published head is 0x{head.hex()}")
    return found


def _hash(island_id: UUID, sequence: int, previous: bytes, content: Mapping[str, Any]) -> bytes:
    body = keccak(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))
    return keccak(b"GridX intent" + island_id.bytes + sequence.to_bytes(8, "big") + previous + body)
