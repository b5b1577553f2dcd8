# SPDX-License-Identifier: Apache-2.0
"""Looks after posted claims that wait: the follower records their trades; this tells what else became of them."""

from datetime import datetime, timedelta
from typing import Any

import structlog

from backend.chain import service as chains
from backend.chain.observer import Observer
from backend.chain.types import Chain, Observation, TxState
from backend.core.db import Database
from backend.market import sql, submissions
from backend.market.errors import NotOurEvent, TradeReverted
from backend.market.posting import logged_trades
from backend.market.submissions import Move
from backend.market.types import SubmissionState

log = structlog.get_logger()

DROPPED_AFTER_BLOCKS = 12
_AT_ONCE = 200
_UNKNOWN_AT_ONCE = 50


async def watch(db: Database, chain: Chain, observer: Observer, *, now: datetime, every: timedelta) -> int:
    """Look once at open claims that were not looked at for `every`; returns how many changed their state.

    A confirmed transaction without a trade of ours ends MISMATCHED: the follower has nothing to say about it.
    A transaction that the node does not know is DROPPED after `DROPPED_AFTER_BLOCKS` blocks, and REPLACED only when
    another one with its nonce is final. Neither is an end: mined again, it is recorded like any other.
    """
    async with db.begin() as session:
        since = now - submissions.GIVE_UP_AFTER
        places = (_AT_ONCE, _UNKNOWN_AT_ONCE)
        rows = await sql.fetch(session, submissions.DUE, chain.id, now - every, since, *places, now)
    if not rows:
        return 0
    observations = await observer.observe_many([row["tx_hash"] for row in rows])
    vanished = [row for row in rows if observations[row["tx_hash"]].state is TxState.NOT_FOUND]
    known = [row for row in vanished if row["sender"] and row["nonce"] is not None]
    superseded = await observer.superseded({row["tx_hash"]: (row["sender"], row["nonce"]) for row in known})
    moves = [_next(row, observations[row["tx_hash"]], row["tx_hash"] in superseded) for row in rows]
    mined = [row["tx_hash"] for move, row in zip(moves, rows, strict=True) if move.state is SubmissionState.MINED]
    async with db.begin() as session:
        if mined:
            await chains.take_recorder_lock(session, chain)
        await submissions.move(session, moves, now=now)
        if mined:
            await submissions.settle_recorded(session, chain, mined, now=now)
    changed = sum(move.state != row["state"] for move, row in zip(moves, rows, strict=True))
    if changed:
        log.info("submissions.moved", changed=changed, looked_at=len(rows))
    return int(changed)


def _next(row: Any, seen: Observation, is_superseded: bool) -> Move:
    if seen.state is TxState.REVERTED:
        return Move(row["id"], SubmissionState.REVERTED, reason=TradeReverted.code, depth=seen.depth)
    if seen.is_confirmed and seen.receipt is not None and not logged_trades(seen.receipt.logs):
        return Move(row["id"], SubmissionState.MISMATCHED, reason=str(NotOurEvent(tx_hash=row["tx_hash"])))
    if seen.state is TxState.MINED:
        return Move(row["id"], SubmissionState.MINED, depth=seen.depth)
    if seen.state is TxState.PENDING:
        return Move(row["id"], SubmissionState.SUBMITTED, sender=seen.sender, nonce=seen.nonce)
    return _missing(row, seen, is_superseded)


def _missing(row: Any, seen: Observation, is_superseded: bool) -> Move:
    since = row["missing_since_block"] if row["missing_since_block"] is not None else seen.head
    if is_superseded:
        return Move(row["id"], SubmissionState.REPLACED, reason="trade.replaced", missing_since_block=since)
    if seen.head - since >= DROPPED_AFTER_BLOCKS:
        return Move(row["id"], SubmissionState.DROPPED, reason="trade.dropped", missing_since_block=since)
    return Move(row["id"], SubmissionState.SUBMITTED, missing_since_block=since)
