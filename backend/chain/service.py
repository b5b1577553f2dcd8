# SPDX-License-Identifier: Apache-2.0
"""The verbs of domain chain: the door through which other domains reach blocks, logs and the follower's state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain import queries
from backend.chain.errors import ChainMismatch, ChainUnknown
from backend.chain.identity import Identity, Likeness, identify_any
from backend.chain.observer import Observer
from backend.chain.proofs import InclusionProof, build_proof
from backend.chain.reader import Reader
from backend.chain.recording import apply_logs, store_logs, take_recorder_lock
from backend.chain.rereading import Reread
from backend.chain.rereading import reread as _reread
from backend.chain.rpc import RpcClient
from backend.chain.safety import halt, resume
from backend.chain.types import Chain, ChainStatus, Observation, Projector, StoredEvent
from backend.core.db import Database

__all__ = [
    "Identity",
    "InclusionProof",
    "Likeness",
    "Reread",
    "apply_logs",
    "chain_status",
    "find_chain",
    "get_chain",
    "halt",
    "identify_chain",
    "lookup_tx",
    "observe",
    "prove_log",
    "register_chain",
    "reread",
    "resume",
    "retry_rejected",
    "store_logs",
    "take_recorder_lock",
]


async def register_chain(
    session: AsyncSession,
    *,
    chain_id: int,
    genesis_hash: bytes,
    contract_address: bytes,
    deployment_block: int,
    deployment_block_hash: bytes,
    parent_hash: bytes,
    network: str,
    confirmations: int | None,
) -> Chain:
    """Make a deployment known; the follower starts at its block. Repeating it changes `confirmations` at most.

    `parent_hash` is the deployment block's parent: the EIP-712 salt. ChainMismatch: the same deployment was registered
    with other facts, or another deployment is registered for this chain id and network.
    """
    facts = {
        "chain_id": chain_id,
        "genesis_hash": genesis_hash,
        "contract_address": contract_address,
        "deployment_block": deployment_block,
        "deployment_block_hash": deployment_block_hash,
        "salt": parent_hash,
        "network": network,
        "confirmations": confirmations,
    }
    await _refuse_reset_chain(session, network, genesis_hash, deployment_block, deployment_block_hash)
    created = await queries.insert_chain(session, facts, parent_hash)
    if created is not None:
        return created
    known = await queries.find_same_chain(session, facts)
    if known is None or (known.deployment_block, known.salt) != (deployment_block, parent_hash):
        raise ChainMismatch(network=network)
    if known.confirmations != confirmations:
        await queries.set_confirmations(session, known.id, confirmations)
        known = await get_chain(session, known.id)
    return known


async def _refuse_reset_chain(
    session: AsyncSession, network: str, genesis_hash: bytes, block: int, block_hash: bytes
) -> None:
    """ChainMismatch when a deployment cannot stand on the chain that was followed under this network's name: another
    genesis, or another block where we know one. A later deployment on the same chain is fine."""
    last = await queries.find_chain(session)
    if last is None or last.network != network:
        return
    held = await queries.canonical_hashes(session, last.id, [block])
    held.setdefault(last.deployment_block, last.deployment_block_hash)
    is_earlier = block < last.deployment_block and block not in held
    if genesis_hash != last.genesis_hash or is_earlier or held.get(block, block_hash) != block_hash:
        raise ChainMismatch(network=network, registered_block=last.deployment_block, found_block=block)


async def find_chain(session: AsyncSession, chain: int | None = None) -> Chain | None:
    """The chain with key `chain`, or the one registered last; None: there is none."""
    return await queries.find_chain(session, chain)


async def get_chain(session: AsyncSession, chain: int | None = None) -> Chain:
    """The chain with key `chain`, or the one registered last. ChainUnknown: there is none."""
    found = await queries.find_chain(session, chain)
    if found is None:
        raise ChainUnknown(chain=chain)
    return found


async def chain_status(session: AsyncSession, chain: int | None = None) -> ChainStatus:
    """Where the chain and its follower stand, from the database alone. ChainUnknown: none is registered."""
    found = await get_chain(session, chain)
    cursor = await queries.get_cursor(session, found.id)
    halted_at, rejected = await queries.halted_and_rejected(session, found.id)
    depth = found.confirmations
    target = cursor.final_block if depth is None else max(0, cursor.head_block - depth + 1)
    return ChainStatus(
        chain=found,
        head_block=cursor.head_block,
        indexed_block=cursor.next_block - 1,
        final_block=cursor.final_block,
        lag_blocks=max(0, target - (cursor.next_block - 1)),
        rejected_events=rejected,
        history_count=cursor.history_count,
        history_head=cursor.history_head,
        note=cursor.note,
        halted_at=halted_at,
        seen_at=cursor.seen_at,
        updated_at=cursor.updated_at,
    )


async def identify_chain(rpc: RpcClient, chain: Chain) -> Identity:
    """Whether the nodes still serve the registered chain, with an explanation for people when they do not."""
    return await identify_any(rpc, chain)


async def observe(
    rpc: RpcClient, chain: Chain, tx_hash: bytes, *, finality_depth: int | None = None, second_node: bool = False
) -> Observation:
    """One transaction as the node shows it, verified when it is mined. Many: keep an `observer.Observer`."""
    return await Observer(rpc, chain, finality_depth=finality_depth, second_node=second_node).observe(tx_hash)


async def lookup_tx(session: AsyncSession, chain: Chain, tx_hash: bytes) -> Sequence[StoredEvent]:
    """What was observed of a transaction, of losing blocks too, in chain order."""
    return await queries.events_of_tx(session, chain.id, tx_hash)


async def prove_log(
    rpc: RpcClient, session: AsyncSession, chain: Chain, *, block_hash: bytes, log_index: int
) -> InclusionProof | None:
    """Inclusion proof of a stored log; None: it was never observed. BlockSuperseded: its block lost."""
    event = await queries.find_event(session, chain.id, block_hash, log_index)
    return None if event is None else await build_proof(Reader(rpc, chain), event.log)


async def reread(
    db: Database, rpc: RpcClient, chain: Chain, projector: Projector, *, first: int, last: int | None, now: datetime
) -> Reread:
    """Read final blocks again and record what is missing; see `rereading.reread`."""
    return await _reread(db, Reader(rpc, chain), projector, first=first, last=last, now=now)


async def retry_rejected(db: Database, chain: Chain, projector: Projector, *, now: datetime, limit: int = 5000) -> int:
    """Apply rejected observations again, after the cause was mended; returns how many are recorded now."""
    async with db.begin() as session:
        await take_recorder_lock(session, chain)
        events = await queries.rejected_events(session, chain.id, limit)
        logs = [event.log for event in events]
        await queries.clear_rejections(session, chain.id, logs)
        return len(logs) - len(await apply_logs(session, chain, logs, projector, now))
