# SPDX-License-Identifier: Apache-2.0
"""What becomes of pairs that the chain passed over for good: taken out with the contract's reason, or tried again when
the reason is gone."""

from datetime import datetime

import structlog

from backend.market.relayer import encoding, queue
from backend.market.relayer.desk import Desk
from backend.market.relayer.types import Pair, Refused

_log = structlog.get_logger()
_AT_ONCE = 100
_TRIES = 3


async def see_to_skips(desk: Desk, now: datetime) -> int:
    """Deal with final skips of pairs that no trade was recorded for; returns how many."""
    async with desk.db.begin() as session:
        pairs = await queue.skipped(session, desk.chain.id, _AT_ONCE)
        told = await queue.skips(session, desk.chain.id, [pair.nonce for pair in pairs])
    if not pairs:
        return 0
    reasons = await desk.node.check(pairs)
    for pair, reason in zip(pairs, reasons, strict=True):
        times, selector = told[pair.nonce]
        await _see_to(desk, pair, _verdict(pair, reason, times=times, selector=selector), now)
    return len(pairs)


def _verdict(pair: Pair, reason: bytes, *, times: int, selector: bytes) -> Refused | None:
    """Why the pair is taken out; None: it is tried again. A reason that comes and goes counts after three skips."""
    if reason:
        return encoding.read_refusal(reason, pair)
    if times < _TRIES:
        return None
    name = encoding.selector_name(selector)
    return Refused(name, {}, {pair.younger.id: name})


async def _see_to(desk: Desk, pair: Pair, verdict: Refused | None, now: datetime) -> None:
    async with desk.db.begin() as session:
        if verdict is None:
            held = await queue.hold(session, [pair.match_id], "SENT")
            await queue.move(session, list(held), "MATCHED", now)
        elif verdict.reason != encoding.NONCE_USED:  # it is logged: the follower will say so
            await queue.cancel(session, pair, verdict, now, was="SENT")
        await queue.resolve_skips(session, desk.chain.id, [pair.nonce], now)
    _log.warning("relayer.skipped", nonce=pair.nonce, reason=verdict.reason if verdict else "to be tried again")
