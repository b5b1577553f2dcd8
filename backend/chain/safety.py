# SPDX-License-Identifier: Apache-2.0
"""When not to go on: the contract's own history against ours, and the halt that waits for an operator."""

from datetime import datetime
from enum import StrEnum

import structlog

from backend.chain import queries
from backend.chain.errors import RpcRefused, RpcUnavailable
from backend.chain.events import ChainHalted, ChainResumed
from backend.chain.history import HISTORY_CALL, HISTORY_TOPICS, History, fold, read_history
from backend.chain.reader import Reader
from backend.chain.rpc import Node
from backend.chain.types import Chain
from backend.core import outbox
from backend.core.db import Database

_ROWS_AT_ONCE = 5000
_log = structlog.get_logger()


class HistoryCheck(StrEnum):
    """What the comparison came to."""

    NOTHING_NEW = "nothing_new"
    NO_STATE = "no_state"  # no node has the state of that block; the next final block is tried
    EQUAL = "equal"
    DIFFERS = "differs"


async def halt(db: Database, chain: Chain, reason: str, *, now: datetime) -> None:
    """Stop following the chain and raise the alarm; repeating it changes nothing."""
    async with db.begin() as session:
        await queries.lock_recorder(session, chain.id)
        current = await queries.find_chain(session, chain.id)
        if current is None or current.halted_reason is not None:
            return
        await queries.set_halted(session, chain.id, reason, now)
        await outbox.add(session, ChainHalted(chain.id, chain.chain_id, reason))
    _log.error("chain.halted", chain=chain.id, reason=reason)


async def resume(db: Database, chain: Chain, *, now: datetime) -> bool:
    """Let the follower go on after an operator looked into the halt; False: it was not halted."""
    async with db.begin() as session:
        await queries.lock_recorder(session, chain.id)
        current = await queries.find_chain(session, chain.id)
        if current is None or current.halted_reason is None:
            return False
        await queries.set_halted(session, chain.id, None, now)
        await outbox.add(session, ChainResumed(chain.id, chain.chain_id))
    return True


async def check_history(db: Database, reader: Reader, *, now: datetime) -> tuple[HistoryCheck, str]:
    """Compare `history()` at the last final block with count and head over the stored logs. Explains a difference.

    Each stored log is folded once: count and head are kept with the block for which they hold.
    """
    chain = reader.chain
    async with db.begin() as session:
        cursor = await queries.get_cursor(session, chain.id)
        block = cursor.final_block
        if block <= cursor.history_block:
            return HistoryCheck.NOTHING_NEW, ""
        ours = History(cursor.history_count, cursor.history_head)
        after = (cursor.history_block, 1 << 30)
        while rows := await queries.history_events(
            session, chain.id, after=after, last=block, topics=HISTORY_TOPICS, limit=_ROWS_AT_ONCE
        ):
            ours = fold(ours, ((row[0], row[1]) for row in rows))
            after = (rows[-1][2], rows[-1][3])
    theirs: History | None = None
    for node in [reader.rpc.preferred(), *reader.rpc.others()]:
        answer = await _ask(reader, node, block)
        if answer is not None:
            theirs = answer
        if answer == ours:
            break
    if theirs is not None and theirs != ours:
        return HistoryCheck.DIFFERS, (
            f"At block {block} the contract has {theirs.count} history entries with head 0x{theirs.head.hex()}, the "
            f"stored logs give {ours.count} with head 0x{ours.head.hex()}. Logs were left out or altered. "
            "Find out which with `gridx audit`; `gridx follower reread --from BLOCK` records what is missing, "
            "`gridx follower resume` goes on."
        )
    async with db.begin() as session:
        values = {"history_block": block, "history_count": ours.count, "history_head": ours.head}
        await queries.move_cursor(session, chain.id, values, now)
    return (HistoryCheck.NO_STATE if theirs is None else HistoryCheck.EQUAL), ""


async def _ask(reader: Reader, node: Node, block: int) -> History | None:
    call = {"to": "0x" + reader.chain.contract_address.hex(), "data": HISTORY_CALL}
    try:
        answer = await reader.rpc.call("eth_call", [call, hex(block)], node=node)
    except (RpcRefused, RpcUnavailable):
        return None
    return read_history(answer)
