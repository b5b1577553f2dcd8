# SPDX-License-Identifier: Apache-2.0
"""What has happened to a chain that others want to know."""

from dataclasses import dataclass
from typing import ClassVar

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class ChainHalted(Event):
    """Alarm: the follower stopped. `reason` says why and what an operator can do."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "chain.halted.v1"

    chain: int
    chain_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChainResumed(Event):
    """An operator let the follower go on."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "chain.resumed.v1"

    chain: int
    chain_id: int


@dataclass(frozen=True, slots=True)
class BlocksOrphaned(Event):
    """Blocks lost their place: `from_block` up to `to_block` were undone, `logs` logs among them."""

    topic: ClassVar[str] = "chain"
    name: ClassVar[str] = "chain.blocks_orphaned.v1"

    chain: int
    from_block: int
    to_block: int
    logs: int
    epoch: int


@dataclass(frozen=True, slots=True)
class LogRejected(Event):
    """A log of the contract could not be recorded; the observation keeps the reason."""

    topic: ClassVar[str] = "alarms"
    name: ClassVar[str] = "chain.log_rejected.v1"

    chain: int
    block_number: int
    log_index: int
    tx_hash: bytes
    reason: str
