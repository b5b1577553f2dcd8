# SPDX-License-Identifier: Apache-2.0
"""What happens to observations inside a transaction that holds the recorder lock: stored, applied, rejected, undone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain import queries
from backend.chain.errors import BlockSuperseded, ChainIsHalted, ChainUnknown
from backend.chain.events import BlocksOrphaned, LogRejected
from backend.chain.metrics import LOGS, REJECTED
from backend.chain.types import Block, BlockHeader, Chain, Cursor, Log, Projector
from backend.core import outbox
from backend.core.db import is_away, sqlstate_of
from backend.core.errors import TooMany, Unavailable
from backend.core.failpoints import failpoint

APPLY_AT_ONCE = 1000
_REJECTING_SQLSTATES = ("22", "23", "P0")  # bad data, broken rule, raised by a trigger: the log's own fault
_log = structlog.get_logger()


async def take_recorder_lock(session: AsyncSession, chain: Chain) -> Cursor:
    """Wait for the chain's recorder lock; it is held until the transaction ends. Returns the cursor as it is then."""
    await queries.lock_recorder(session, chain.id)
    return await queries.get_cursor(session, chain.id)


async def store_logs(
    session: AsyncSession, chain: Chain, blocks: Sequence[BlockHeader], logs: Sequence[Log]
) -> list[Log]:
    """Store verified logs of `blocks` ahead of or beside the follower; the caller holds the recorder lock.

    Returns the logs to be applied in the same transaction: new ones, and those that come back from an orphaned block.
    BlockSuperseded: the follower passed another block of that number. ChainIsHalted: an operator has to decide first.
    """
    current = await queries.find_chain(session, chain.id)
    if current is None:
        raise ChainUnknown(chain=chain.id)
    if current.halted_reason is not None:
        raise ChainIsHalted(reason=current.halted_reason)
    cursor = await queries.get_cursor(session, chain.id)
    passed = [header for header in blocks if header.number < cursor.next_block]
    if passed:
        held = await queries.canonical_hashes(session, chain.id, [header.number for header in passed])
        for header in passed:
            if held.get(header.number) != header.hash:
                raise BlockSuperseded(number=header.number, block_hash="0x" + header.hash.hex())
    await queries.insert_blocks(session, chain.id, blocks, canonical=False)
    return await queries.insert_events(session, chain.id, logs)


async def apply_logs(
    session: AsyncSession, chain: Chain, logs: Sequence[Log], projector: Projector, now: datetime
) -> list[tuple[Log, str]]:
    """Apply stored logs, many at a time. Those that the projector cannot take are rejected one by one and returned.

    What is not a log's fault (a lost connection, a missing privilege, a deadlock) is raised.
    """
    rejected: list[tuple[Log, str]] = []
    for start in range(0, len(logs), APPLY_AT_ONCE):
        await _apply(session, chain, logs[start : start + APPLY_AT_ONCE], projector, now, rejected)
    for log, reason in rejected:
        await queries.reject_event(session, chain.id, log, reason)
        _log.warning("chain.log_rejected", block=log.block_number, log_index=log.log_index, why=reason)
    await outbox.add(
        session,
        *(
            LogRejected(chain.id, log.block_number, log.log_index, log.tx_hash, reason)
            for log, reason in rejected[:APPLY_AT_ONCE]
        ),
    )
    LOGS.labels(chain.id).inc(len(logs))
    REJECTED.labels(chain.id).inc(len(rejected))
    return rejected


async def _apply(
    session: AsyncSession,
    chain: Chain,
    logs: Sequence[Log],
    projector: Projector,
    now: datetime,
    rejected: list[tuple[Log, str]],
) -> None:
    try:
        async with session.begin_nested():
            await projector.apply(session, chain, logs, now)
    except Exception as error:
        if is_passing(error):
            raise
        if len(logs) == 1:
            rejected.append((logs[0], f"{type(error).__name__}: {error}"[:1000]))
            return
        middle = len(logs) // 2  # halves, in order: one bad log among 500 costs 18 attempts, not 500
        await _apply(session, chain, logs[:middle], projector, now, rejected)
        await _apply(session, chain, logs[middle:], projector, now, rejected)


def is_passing(error: BaseException) -> bool:
    """True: the machinery failed and the same call may work later. False: this very log cannot be recorded.

    A value that does not fit its column has SQLSTATE 22000 also when the driver refuses it before sending.
    """
    if isinstance(error, (Unavailable, TooMany)) or is_away(error):
        return True
    state = sqlstate_of(error)
    if state is not None:
        return not state.startswith(_REJECTING_SQLSTATES)
    return isinstance(error, SQLAlchemyError)


async def undo(
    session: AsyncSession,
    chain: Chain,
    projector: Projector,
    now: datetime,
    *,
    first: int,
    keep: Collection[bytes],
    last: int | None = None,
) -> int:
    """Orphan live observations of numbers `first` to `last` whose block hash is not in `keep`; returns how many."""
    lost = await queries.live_events(session, chain.id, first=first, last=last, except_hashes=list(keep))
    if not lost:
        return 0
    await failpoint("follower.before_orphan")
    applied = [event.log for event in lost if event.rejected_reason is None]
    for chunk in _whole_blocks(applied):
        await projector.orphan(session, chain, chunk, now)
    await failpoint("follower.after_orphan")
    await queries.orphan_events(session, chain.id, [event.log for event in lost], now)
    return len(lost)


def _whole_blocks(logs: Sequence[Log]) -> list[list[Log]]:
    chunks: list[list[Log]] = []
    for position, log in enumerate(logs):
        is_new_block = position == 0 or logs[position - 1].block_hash != log.block_hash
        if not chunks or (is_new_block and len(chunks[-1]) >= APPLY_AT_ONCE):
            chunks.append([])
        chunks[-1].append(log)
    return chunks


async def advance(
    session: AsyncSession,
    chain: Chain,
    blocks: Sequence[Block],
    projector: Projector,
    now: datetime,
    *,
    ahead: Mapping[bytes, bool],
    final: int | None,
) -> list[int]:
    """Record consecutive blocks at the cursor: losers undone, logs stored and applied, cursor moved.

    A poster may have recorded blocks over the last one already: `ahead` says of each hash whether it is canonical.
    Returns the numbers of those that `ahead` does not know; then nothing was changed and the caller finds out first.
    `final` is the last number that will not be rolled back, as far as it is known.
    """
    cursor = await queries.get_cursor(session, chain.id)
    first, last = blocks[0].header, blocks[-1].header
    if first.number != cursor.next_block or first.parent_hash != cursor.last_hash:
        raise BlockSuperseded("The cursor was moved by another follower", expected=first.number, at=cursor.next_block)
    observed = await queries.blocks_with_events(session, chain.id, first.number - 1)
    if unknown := [number for number, block_hash in observed if number > last.number and block_hash not in ahead]:
        return unknown
    known = {block.header.hash for block in blocks} | {block_hash for block_hash, is_right in ahead.items() if is_right}
    if any(block_hash not in known for _, block_hash in observed):
        await undo(session, chain, projector, now, first=first.number, keep=known)
    settled = max(cursor.final_block, final or 0)
    kept = [block.header for block in blocks if block.logs or block.header.number >= settled or block is blocks[-1]]
    await queries.insert_blocks(session, chain.id, kept, canonical=True)
    await failpoint("follower.after_blocks")
    logs = [log for block in blocks for log in block.logs]
    await queries.insert_events(session, chain.id, logs)
    await failpoint("follower.after_events")
    if logs:
        await apply_logs(session, chain, logs, projector, now)
    await failpoint("follower.after_apply")
    moved = {"next_block": last.number + 1, "last_hash": last.hash, "note": None}
    moved |= await _finalise(session, chain, projector, now, cursor=cursor, final=min(final or 0, last.number))
    await queries.move_cursor(session, chain.id, moved, now)
    await failpoint("follower.after_cursor")
    return []


async def settle(session: AsyncSession, chain: Chain, projector: Projector, now: datetime, *, final: int) -> int:
    """Make what is recorded final up to `final`, never back; returns the last final block."""
    cursor = await queries.get_cursor(session, chain.id)
    target = min(final, cursor.next_block - 1)
    moved = await _finalise(session, chain, projector, now, cursor=cursor, final=target)
    if not moved:
        return cursor.final_block
    await queries.move_cursor(session, chain.id, moved, now)
    return target


async def _finalise(
    session: AsyncSession, chain: Chain, projector: Projector, now: datetime, *, cursor: Cursor, final: int
) -> dict[str, object]:
    """Columns of the cursor that change."""
    if final <= cursor.final_block:
        return {}
    await projector.finalise(session, chain, final, now)
    await failpoint("follower.after_finalise")
    await queries.forget_blocks(session, chain.id, first=cursor.final_block, below=final)
    return {"final_block": final}


async def rewind(
    session: AsyncSession,
    chain: Chain,
    projector: Projector,
    now: datetime,
    *,
    ancestor: int,
    ancestor_hash: bytes,
    keep: Collection[bytes],
) -> int:
    """Go back to `ancestor`, which both forks share; returns the number of logs undone. Blocks in `keep` stay.

    BlockSuperseded: the cursor is below or the ancestor is not what the follower holds; nothing was changed.
    """
    cursor = await queries.get_cursor(session, chain.id)
    if not cursor.final_block <= ancestor < cursor.next_block - 1:
        raise BlockSuperseded("The cursor was moved by another follower", at=cursor.next_block)
    undone = await undo(session, chain, projector, now, first=ancestor + 1, keep=keep)
    await queries.drop_canonical(session, chain.id, ancestor)
    await queries.move_cursor(session, chain.id, {"next_block": ancestor + 1, "last_hash": ancestor_hash}, now)
    epoch = await queries.bump_epoch(session, chain.id)
    await outbox.add(session, BlocksOrphaned(chain.id, ancestor + 1, cursor.next_block - 1, undone, epoch))
    await failpoint("follower.after_rewind")
    return undone
