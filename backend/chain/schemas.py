# SPDX-License-Identifier: Apache-2.0
"""What the blockchain routes answer with."""

from datetime import datetime
from typing import Any, Literal

from backend.chain.types import Chain, ChainStatus, Observation, StoredEvent, TxState
from backend.core.clock import from_unix
from backend.core.envelope import ApiModel
from backend.core.units import format_address, format_hex


class ChainStatusOut(ApiModel):
    """Where the chain and its follower stand. `lagBlocks`: blocks that may be recorded and are not yet."""

    chain_id: int
    network: str
    genesis_hash: str
    contract_address: str
    state: Literal["following", "waiting", "halted", "away"]
    head_block: int
    indexed_block: int
    lag_blocks: int
    final_block: int
    confirmations: int | None
    reorganisations: int
    rejected_logs: int
    history_count: int
    history_head: str
    note: str | None
    halted_reason: str | None
    halted_at: datetime | None
    seen_at: datetime | None


class ContractOut(ApiModel):
    """The trade log: where it stands and how to talk to it. `salt` belongs to the EIP-712 domain."""

    chain_id: int
    network: str
    address: str
    deployment_block: int
    deployment_block_hash: str
    genesis_hash: str
    salt: str
    explorer_url: str | None
    abi: list[dict[str, Any]]


class LogOut(ApiModel):
    """A log of the contract. `orphanedAt`: its block lost; `rejectedReason`: why no record could be made of it."""

    block_number: int
    block_hash: str
    block_time: datetime
    log_index: int
    topics: list[str]
    data: str
    orphaned_at: datetime | None = None
    rejected_reason: str | None = None


class TransactionOut(ApiModel):
    """What is known of a transaction: its present state, and every log of ours that was ever observed in it."""

    tx_hash: str
    state: TxState
    block_number: int | None
    block_hash: str | None
    depth: int | None
    is_confirmed: bool
    is_final: bool
    explorer_url: str | None
    logs: list[LogOut]


def state_of(status: ChainStatus, now: datetime) -> Literal["following", "waiting", "halted", "away"]:
    """In one word, what the follower does; `away` when it gave no sign of life for 30 s."""
    if status.chain.halted_reason is not None:
        return "halted"
    if status.seen_at is None or (now - status.seen_at).total_seconds() > 30:
        return "away"
    return "waiting" if status.note else "following"


def status_out(status: ChainStatus, now: datetime) -> ChainStatusOut:
    """The status as it travels."""
    chain = status.chain
    return ChainStatusOut(
        chain_id=chain.chain_id,
        network=chain.network,
        genesis_hash=format_hex(chain.genesis_hash),
        contract_address=format_address(chain.contract_address),
        state=state_of(status, now),
        head_block=status.head_block,
        indexed_block=status.indexed_block,
        lag_blocks=status.lag_blocks,
        final_block=status.final_block,
        confirmations=chain.confirmations,
        reorganisations=chain.epoch,
        rejected_logs=status.rejected_events,
        history_count=status.history_count,
        history_head=format_hex(status.history_head),
        note=status.note,
        halted_reason=chain.halted_reason,
        halted_at=status.halted_at,
        seen_at=status.seen_at,
    )


def contract_out(chain: Chain, abi: list[dict[str, Any]], explorer_url: str | None) -> ContractOut:
    """The contract as it travels."""
    address = format_address(chain.contract_address)
    return ContractOut(
        chain_id=chain.chain_id,
        network=chain.network,
        address=address,
        deployment_block=chain.deployment_block,
        deployment_block_hash=format_hex(chain.deployment_block_hash),
        genesis_hash=format_hex(chain.genesis_hash),
        salt=format_hex(chain.salt),
        explorer_url=f"{explorer_url.rstrip('/')}/address/{address}" if explorer_url else None,
        abi=abi,
    )


def transaction_out(seen: Observation, events: list[StoredEvent], explorer_url: str | None) -> TransactionOut:
    """A transaction as it travels: stored observations, and logs that the node shows and nobody stored yet."""
    stored = {(event.log.block_hash, event.log.log_index) for event in events}
    fresh = [
        StoredEvent(log)
        for log in (seen.receipt.logs if seen.receipt else ())
        if (log.block_hash, log.log_index) not in stored
    ]
    tx_hash = format_hex(seen.tx_hash)
    return TransactionOut(
        tx_hash=tx_hash,
        state=seen.state,
        block_number=seen.receipt.block_number if seen.receipt else None,
        block_hash=format_hex(seen.receipt.block_hash) if seen.receipt else None,
        depth=seen.depth if seen.receipt else None,
        is_confirmed=seen.is_confirmed,
        is_final=seen.is_final,
        explorer_url=f"{explorer_url.rstrip('/')}/tx/{tx_hash}" if explorer_url else None,
        logs=[_log_out(event) for event in [*events, *fresh]],
    )


def _log_out(event: StoredEvent) -> LogOut:
    log = event.log
    return LogOut(
        block_number=log.block_number,
        block_hash=format_hex(log.block_hash),
        block_time=from_unix(log.block_time),
        log_index=log.log_index,
        topics=[format_hex(topic) for topic in log.topics],
        data=format_hex(log.data),
        orphaned_at=event.orphaned_at,
        rejected_reason=event.rejected_reason,
    )
