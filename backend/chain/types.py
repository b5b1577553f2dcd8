# SPDX-License-Identifier: Apache-2.0
"""Values of a chain that cross into other domains: chains, headers, receipts, logs, and who consumes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlmodel.ext.asyncio.session import AsyncSession


@dataclass(frozen=True, slots=True)
class ChainRef:
    """What makes a chain the same chain: a local chain that was reset keeps its chain id, never these hashes."""

    chain_id: int
    genesis_hash: bytes
    deployment_block_hash: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """A contract on a chain that GridX follows. `id` is the key of table `chains`, `chain_id` the EVM's number.

    `confirmations` is the depth (`head - block + 1`) from which a block is applied; None: from the `finalized` tag.
    `salt` is the EIP-712 salt of the contract (the deployment block's parent hash).
    """

    id: int
    chain_id: int
    genesis_hash: bytes
    contract_address: bytes
    deployment_block: int
    deployment_block_hash: bytes
    salt: bytes
    network: str
    confirmations: int | None
    epoch: int = 0
    halted_reason: str | None = None

    @property
    def ref(self) -> ChainRef:
        """Identity of the chain, to be compared with what a node says."""
        return ChainRef(self.chain_id, self.genesis_hash, self.deployment_block_hash)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the follower is: everything below `next_block` is recorded, everything up to `final_block` for good.

    `last_hash` is the hash of block `next_block - 1`. Count and head of the history hold for `history_block`.
    `note` says what the follower waits for.
    """

    next_block: int
    last_hash: bytes
    head_block: int
    final_block: int
    history_block: int
    history_count: int
    history_head: bytes
    note: str | None
    seen_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """Where the chain and its follower stand. `lag_blocks`: blocks that may be recorded and are not yet."""

    chain: Chain
    head_block: int
    indexed_block: int
    final_block: int
    lag_blocks: int
    rejected_events: int
    history_count: int
    history_head: bytes
    note: str | None
    halted_at: datetime | None
    seen_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A log as it is kept: orphaned when its block lost, rejected when it could not be recorded."""

    log: Log
    orphaned_at: datetime | None = None
    rejected_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """One log of the followed contract. Hashes and topics are 32 bytes, `block_time` is in seconds since 1970."""

    block_number: int
    block_hash: bytes
    block_time: int
    tx_hash: bytes
    tx_index: int
    log_index: int
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """A header whose hash was recomputed from its fields. `rlp` is its encoding: keccak(rlp) == hash."""

    number: int
    hash: bytes
    parent_hash: bytes
    time: int
    receipts_root: bytes
    logs_bloom: bytes
    transactions_root: bytes
    gas_used: int
    rlp: bytes = field(repr=False)
    tx_hashes: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A verified header with all logs that the followed contract emitted in it, in order."""

    header: BlockHeader
    logs: tuple[Log, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Outcome of one transaction in one block. `logs` holds only logs of the followed contract.

    `sender` and `recipient` are what the node says: the receipts root does not cover them.
    """

    tx_hash: bytes
    tx_index: int
    block_number: int
    block_hash: bytes
    block_time: int
    succeeded: bool
    gas_used: int
    logs: tuple[Log, ...]
    sender: bytes = b""
    recipient: bytes | None = None


class TxState(StrEnum):
    """What a node knows of a transaction."""

    NOT_FOUND = "not_found"
    PENDING = "pending"
    REVERTED = "reverted"
    MINED = "mined"


@dataclass(frozen=True, slots=True)
class Observation:
    """A transaction as a node shows it, verified against the canonical block's header when it is mined.

    `depth` is `head - block + 1`; `is_confirmed` judges it by the chain's setting, `is_final` by the `finalized` tag.
    `nonce` and `sender` (None when unknown) help to tell whether a transaction that vanished was replaced.
    """

    tx_hash: bytes
    state: TxState
    head: int
    final: int | None = None
    receipt: Receipt | None = None
    header: BlockHeader | None = None
    depth: int = 0
    is_confirmed: bool = False
    is_final: bool = False
    sender: bytes | None = None
    nonce: int | None = None


class Projector(Protocol):
    """Turns logs into records of a domain. Called inside the transaction that stores the logs and moves the cursor.

    Implementations never commit, never wait on the network, and leave no trace outside the session, because a call
    that fails is rolled back to a savepoint and repeated log by log.
    """

    async def apply(self, session: AsyncSession, chain: Chain, logs: Sequence[Log], now: datetime) -> None:
        """Record logs in chain order. A log may come again, orphaned meanwhile or not: what stands stays as it is."""

    async def orphan(self, session: AsyncSession, chain: Chain, logs: Sequence[Log], now: datetime) -> None:
        """Undo logs whose block lost, newest first, whole blocks at a time; none that `apply` refused is among them."""

    async def finalise(self, session: AsyncSession, chain: Chain, up_to_block: int, now: datetime) -> None:
        """Everything up to and including `up_to_block` will not be rolled back any more. May be repeated."""
