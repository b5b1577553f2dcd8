# SPDX-License-Identifier: Apache-2.0
"""Looks after stored transactions until each nonce is used for good: mined, rolled back, dropped, replaced, too cheap.

All transactions of one nonce are watched, because any of them may be mined. They carry the same pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from backend.chain.types import Observation, TxState
from backend.market.relayer import fees, transactions
from backend.market.relayer.desk import Desk
from backend.market.relayer.encoding import read_transaction
from backend.market.relayer.metrics import BUMPS, PENDING, REBROADCASTS
from backend.market.relayer.node import read_answer
from backend.market.relayer.types import Answer, Fees, Ground, Stop, Stored, TransactionState, Unsigned

_log = structlog.get_logger()
_MINED = (TxState.MINED, TxState.REVERTED)
_MOST_GAPS = 16
_PLAIN_GAS = 21_000


@dataclass(slots=True)
class Patience:
    """Which nonce is the next to be mined, and since when (block, time) it has been; when nodes were asked last."""

    nonce: int = -1
    block: int = 0
    since: datetime | None = None
    offered_at: datetime | None = None

    def is_over(self, nonce: int, head: int, now: datetime, *, blocks: int, seconds: float) -> bool:
        """Whether `nonce` has waited too long as the next one; blocks must have passed it by."""
        if nonce != self.nonce or self.since is None:
            self.restart(nonce, head, now)
            return False
        passed_by = head - self.block
        return passed_by >= blocks or (passed_by > 0 and now - self.since >= timedelta(seconds=seconds))

    def restart(self, nonce: int, head: int, now: datetime) -> None:
        """`nonce` waits from now on."""
        self.nonce, self.block, self.since = nonce, head, now


async def tend(desk: Desk, ground: Ground, patience: Patience, now: datetime) -> None:
    """Look once at everything that is not ended, and do what it needs."""
    async with desk.db.begin() as session:
        held = await transactions.open_ones(session, desk.chain.id, desk.signer.address)
    PENDING.labels(desk.chain.id).set(len({row.nonce for row in held if row.block_hash is None}))
    if not held:
        return
    seen = await desk.observer.observe_many([row.tx_hash for row in held])
    slots = [list(rows) for _, rows in groupby(held, key=lambda row: row.nonce)]
    waiting = [slot for slot in slots if not await _settled(desk, slot, seen, now)]
    if any(slot[0].nonce < ground.next_nonce for slot in waiting):
        waiting = await _without_taken(desk, waiting, now)
    if not waiting:
        return
    await _fill_gaps(desk, ground, waiting[0][0].nonce, now)
    may_offer = patience.offered_at is None or now - patience.offered_at >= timedelta(seconds=desk.options.retry_s)
    for slot in waiting:
        await _offer_again(desk, _newest(slot), seen, patience, now, may_offer=may_offer)
    await _bump_first(desk, ground, _newest(waiting[0]), patience, now)


async def _settled(desk: Desk, slot: Sequence[Stored], seen: Mapping[bytes, Observation], now: datetime) -> bool:
    """Whether a transaction of this nonce is mined; notes what is new about it."""
    winner = next((row for row in slot if seen[row.tx_hash].state in _MINED), None)
    lost = [row for row in slot if row.block_hash is not None and row is not winner]
    if winner is None and any(seen[row.tx_hash].head < (row.block_number or 0) for row in lost):
        return True  # the node lags behind the one that showed it mined
    for row in lost:
        async with desk.db.begin() as session:
            await transactions.vanished(session, row)
        _log.warning("relayer.rolled_back", nonce=row.nonce, tx_hash="0x" + row.tx_hash.hex())
    if winner is None:
        return False
    observed = seen[winner.tx_hash]
    receipt = observed.receipt
    assert receipt is not None
    if winner.block_hash != receipt.block_hash:
        price = await desk.node.price_wei(winner.tx_hash)
        async with desk.db.begin() as session:
            await transactions.mined(
                session,
                winner,
                succeeded=receipt.succeeded,
                block_number=receipt.block_number,
                block_hash=receipt.block_hash,
                gas_used=receipt.gas_used,
                cost_wei=receipt.gas_used * (winner.fees.max_fee_wei if price is None else price),
                now=now,
            )
        if not receipt.succeeded:
            _log.error("relayer.reverted", nonce=winner.nonce, tx_hash="0x" + winner.tx_hash.hex())
    if observed.is_final:
        async with desk.db.begin() as session:
            await transactions.end(session, desk.chain.id, desk.signer.address, winner.nonce, winner=winner.id, now=now)
    return True


async def _without_taken(desk: Desk, waiting: list[list[Stored]], now: datetime) -> list[list[Stored]]:
    """Give up nonces that a transaction of somebody else with our key has used for good."""
    own = desk.signer.address
    gone = await desk.observer.superseded({row.tx_hash: (own, row.nonce) for slot in waiting for row in slot})
    left = []
    for slot in waiting:
        if not all(row.tx_hash in gone for row in slot):
            left.append(slot)
            continue
        async with desk.db.begin() as session:
            await transactions.end(session, desk.chain.id, desk.signer.address, slot[0].nonce, winner=None, now=now)
        _log.error("relayer.nonce_taken", nonce=slot[0].nonce, why="another program sends with this key")
    return left


async def _fill_gaps(desk: Desk, ground: Ground, first: int, now: datetime) -> None:
    """Nonces before ours that nobody uses hold ours up: each is used for an empty transaction to ourselves."""
    nonces = range(ground.next_nonce, min(first, ground.next_nonce + _MOST_GAPS))
    if not nonces:
        return
    async with desk.db.begin() as session:
        gaps = await transactions.missing(session, desk.chain.id, desk.signer.address, nonces)
    offered = await _fresh(desk, ground)
    for nonce in gaps if offered is not None else ():
        assert offered is not None
        unsigned = _empty(desk, nonce, offered)
        stored = await desk.store(unsigned, [], now)
        if stored is not None:
            _log.warning("relayer.gap_filled", nonce=nonce)
            await desk.broadcast(stored, now)


async def _offer_again(
    desk: Desk, newest: Stored, seen: Mapping[bytes, Observation], patience: Patience, now: datetime, *, may_offer: bool
) -> None:
    """Broadcast what the nodes do not have: never sent, dropped from their pools, or rolled back."""
    state = seen[newest.tx_hash].state
    if state is TxState.PENDING:
        if newest.state is TransactionState.SIGNED:
            async with desk.db.begin() as session:
                await transactions.taken(session, newest, now)
        return
    if newest.refused is not None and not may_offer:
        if read_answer(newest.refused) is Answer.NO_FUNDS:
            desk.causes.add(Stop.LOW_BALANCE)  # it was said; nodes are asked again later
        return
    patience.offered_at = now
    REBROADCASTS.labels(desk.chain.id).inc()
    if await desk.broadcast(newest, now) is Answer.NO_FUNDS:
        await desk.stop(Stop.LOW_BALANCE, "A stored transaction cannot be paid: send the account ether", now)


async def _bump_first(desk: Desk, ground: Ground, newest: Stored, patience: Patience, now: datetime) -> None:
    """Replace the transaction that is next to be mined when it has waited too long, or was refused as too cheap.

    One that nodes refuse for what it is makes room for an empty one; its pairs go into another once that is final.
    """
    options = desk.options
    is_over = patience.is_over(newest.nonce, ground.head, now, blocks=options.bump_blocks, seconds=options.bump_s)
    answer = None if newest.refused is None else read_answer(newest.refused)
    if not is_over and answer is not Answer.UNDERPRICED:
        return
    patience.restart(newest.nonce, ground.head, now)
    raised = fees.bump(newest.fees, await _fresh(desk, ground) or newest.fees, cap_wei=options.max_fee_wei)
    if raised is None:
        _log.warning("relayer.not_bumped", nonce=newest.nonce, max_fee_wei=options.max_fee_wei)
        return
    if answer is Answer.REFUSED:
        _log.error("relayer.given_up", nonce=newest.nonce, why=newest.refused)
        unsigned = _empty(desk, newest.nonce, raised)
    else:
        unsigned = replace(read_transaction(newest.raw), fees=raised)
    stored = await desk.replace(newest, unsigned, now)
    if stored is None:
        return
    BUMPS.labels(desk.chain.id).inc()
    _log.info("relayer.bumped", nonce=stored.nonce, max_fee_wei=raised.max_fee_wei, tx_hash="0x" + stored.tx_hash.hex())
    await desk.broadcast(stored, now)


def _newest(slot: Sequence[Stored]) -> Stored:
    """The transaction of a nonce that nothing has replaced."""
    return next(row for row in slot if row.replaced_by is None)


def _empty(desk: Desk, nonce: int, offered: Fees) -> Unsigned:
    """A transaction that only uses up its nonce."""
    return Unsigned(desk.chain.chain_id, nonce, _PLAIN_GAS, offered, desk.signer.address, b"")


async def _fresh(desk: Desk, ground: Ground) -> Fees | None:
    """What would be offered now; None: the chain asks more than we pay."""
    return fees.suggest(
        base_fee_wei=ground.base_fee_wei,
        tip_wei=await desk.node.tip_wei(),
        min_tip_wei=desk.options.min_priority_fee_wei,
        cap_wei=desk.options.max_fee_wei,
    )
