# SPDX-License-Identifier: Apache-2.0
"""The contract's history commitment, recomputed from logs: a count and a hash chain over every trade event. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from backend.core.crypto import keccak


def _topic(signature: str) -> bytes:
    return keccak(signature.encode())


LOGGED = _topic("EnergyTradeLogged(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)")
CONFIRMED = _topic("EnergyTradeConfirmed(bytes32,address,uint256)")
CONTINUED = _topic("HistoryContinued(address,uint256,bytes32)")
HISTORY_TOPICS = (LOGGED, CONFIRMED, CONTINUED)
HISTORY_CALL = "0x" + keccak(b"history()")[:4].hex()


@dataclass(frozen=True, slots=True)
class History:
    """Count of entries and the head that commits to them."""

    count: int = 0
    head: bytes = bytes(32)


def fold(history: History, events: Iterable[tuple[bytes, bytes]]) -> History:
    """`history` advanced by events, each as (concatenated topics, data), in chain order; others are passed over.

    head = keccak256(head, topics, data); a contract that continues another one starts from that one's count and head.
    """
    count, head = history.count, history.head
    for topics, data in events:
        first = topics[:32]
        if first in (LOGGED, CONFIRMED):
            count += 1
            head = keccak(head + topics + data)
        elif first == CONTINUED:
            count, head = int.from_bytes(data[:32], "big"), data[32:64]
    return History(count, head)


def read_history(answer: object) -> History | None:
    """What `history()` returned through `eth_call`; None when the answer is not two words."""
    if not isinstance(answer, str) or len(answer) != 130:
        return None
    try:
        raw = bytes.fromhex(answer[2:])
    except ValueError:
        return None
    return History(int.from_bytes(raw[:32], "big"), raw[32:])
