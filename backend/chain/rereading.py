# SPDX-License-Identifier: Apache-2.0
"""Final blocks read once more, after the follower halted over a difference: what is missing is recorded.

What is stored and not on the chain, or stored otherwise, is counted and left alone: an operator has to look at it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain import queries
from backend.chain.errors import BlocksNotFinal, FinalBlockDiffers, RpcUnavailable
from backend.chain.reader import Reader
from backend.chain.recording import apply_logs
from backend.chain.safety import HistoryCheck, check_history
from backend.chain.types import Block, Chain, Log, Projector
from backend.core.db import Database

_BLOCKS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What rereading came to. `missing` logs were not stored and were applied, `rejected` of them without success;
    `surplus` stored logs are not on the chain, `altered` ones say something else there."""

    logs: int = 0
    missing: int = 0
    rejected: int = 0
    surplus: int = 0
    altered: int = 0

    def plus(self, other: "Found") -> "Found":
        """Both together."""
        return Found(
            self.logs + other.logs,
            self.missing + other.missing,
            self.rejected + other.rejected,
            self.surplus + other.surplus,
            self.altered + other.altered,
        )


@dataclass(frozen=True, slots=True)
class Reread:
    """The blocks that were read, what was found, and how the contract's history compares now."""

    first: int
    last: int
    found: Found
    history: HistoryCheck
    explanation: str


async def reread(
    db: Database, reader: Reader, projector: Projector, *, first: int, last: int | None, now: datetime
) -> Reread:
    """Read blocks `first` to `last` (None: the last final one) again; repeating it changes nothing.

    BlocksNotFinal: the follower gets to these by itself. FinalBlockDiffers: the node is on another chain than what is
    final here. RpcUnavailable: no node answers, or it does not know the blocks.
    """
    chain = reader.chain
    reader.rpc.expect(chain.chain_id)
    async with db.begin() as session:
        final = (await queries.get_cursor(session, chain.id)).final_block
    first, last = max(first, chain.deployment_block), final if last is None else last
    if not first <= last <= final:
        raise BlocksNotFinal(first=first, last=last, final_block=final)
    found, parent = Found(), None
    for start in range(first, last + 1, _BLOCKS_AT_ONCE):
        end = min(start + _BLOCKS_AT_ONCE - 1, last)
        headers = await reader.headers(start, end, parent=parent)
        if len(headers) < end - start + 1:
            raise RpcUnavailable("The node does not know these blocks", first=start, last=end)
        blocks = [block for group in reader.groups(headers) for block in await reader.with_logs(group)]
        async with db.begin() as session:
            await queries.lock_recorder(session, chain.id)
            found = found.plus(await _restore(session, chain, blocks, projector, now))
        parent = headers[-1].hash
    return Reread(first, last, found, *await check_history(db, reader, now=now))


async def _restore(
    session: AsyncSession, chain: Chain, blocks: Sequence[Block], projector: Projector, now: datetime
) -> Found:
    """Store and apply what is missing of final blocks; the caller holds the recorder lock."""
    headers = [block.header for block in blocks]
    held = await queries.canonical_hashes(session, chain.id, [header.number for header in headers])
    for header in headers:
        if held.get(header.number, header.hash) != header.hash:
            raise FinalBlockDiffers(number=header.number, node="0x" + header.hash.hex())
    logs = [log for block in blocks for log in block.logs]
    stored = await queries.live_events(session, chain.id, first=headers[0].number, last=headers[-1].number)
    surplus, altered = _differences(logs, [event.log for event in stored])
    await queries.insert_blocks(session, chain.id, [block.header for block in blocks if block.logs], canonical=True)
    missing = await queries.insert_events(session, chain.id, logs)
    rejected = []
    if missing:
        rejected = await apply_logs(session, chain, missing, projector, now)
        cursor = await queries.get_cursor(session, chain.id)
        await projector.finalise(session, chain, cursor.final_block, now)
        if missing[0].block_number <= cursor.history_block:  # it was folded without them: fold anew
            anew = {"history_block": chain.deployment_block - 1, "history_count": 0, "history_head": bytes(32)}
            await queries.move_cursor(session, chain.id, anew, now)
    return Found(len(logs), len(missing), len(rejected), surplus, altered)


def _differences(true: Sequence[Log], stored: Sequence[Log]) -> tuple[int, int]:
    """How many stored logs are not among the true ones, and how many are there with other content."""
    by_place = {(log.block_hash, log.log_index): log for log in true}
    found = [by_place.get((log.block_hash, log.log_index)) for log in stored]
    surplus = sum(log is None for log in found)
    altered = sum(
        one is not None and (one.topics, one.data, one.tx_hash) != (held.topics, held.data, held.tx_hash)
        for one, held in zip(found, stored, strict=True)
    )
    return surplus, altered
