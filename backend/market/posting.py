# SPDX-License-Identifier: Apache-2.0
"""Posted trades: stored, checked against the chain and recorded in groups (≤ 5 ms, ≤ 500), one answer for each.

A claim is stored before anything else happens, so that it is finished without its client. What the chain does not
confirm yet stays pending; what contradicts the chain is refused and blocks nobody.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon.signing import OperatorKey
from backend.chain import service as chains
from backend.chain.errors import BlockSuperseded
from backend.chain.observer import Observer
from backend.chain.types import BlockHeader, Chain, Log, Observation, TxState
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.errors import Refusal
from backend.core.failpoints import failpoint
from backend.core.observability import RECORDED
from backend.market import facts as gathering
from backend.market import queries, recorder, submissions
from backend.market.claims import pick
from backend.market.decoding import TRADE_LOGGED, decode_logged
from backend.market.errors import LogNotStorable, NotOurEvent, TooManyUnknown, TradeReverted, UnknownParty
from backend.market.submissions import Move, WalletHistory
from backend.market.types import Claim, Ineligible, SubmissionState, TradeLogged, TradeStatus, TradeView

GROUP_WINDOW_S = 0.005
GROUP_LIMIT = 500
_ATTEMPTS = 3
_NOT_STORED = UUID(int=0)
_REGISTERS_UNREAD = (Ineligible.UNKNOWN_METER, Ineligible.UNKNOWN_FACTOR)


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a claim stands: tied to a recorded trade, or pending with what is known of its transaction."""

    submission_id: UUID
    trade: TradeView | None = None
    depth: int = 0


@dataclass(slots=True)
class _Waiting:
    claim: Claim
    answer: asyncio.Future[Posted]
    submission_id: UUID = _NOT_STORED
    found: TradeLogged | None = None
    outcome: Posted | Refusal | None = None

    def say(self) -> None:
        """Answer with the outcome, if there is one; called only after what it says was committed."""
        if self.outcome is None or self.answer.done():
            return
        if isinstance(self.outcome, Refusal):
            self.answer.set_exception(self.outcome)
        else:
            self.answer.set_result(self.outcome)


class Poster:
    """Groups posted claims. One a process; `post` may be called by any number of requests at once."""

    def __init__(self, db: Database, chain: Chain, observer: Observer, operator: OperatorKey) -> None:
        self._db = db
        self._chain = chain
        self.observer = observer
        self._operator = operator
        self._queue: list[_Waiting] = []
        self._busy = False

    async def post(self, claim: Claim) -> Posted:
        """Store the claim and say where it stands. Raises the refusal that the chain gives reason for."""
        waiting = _Waiting(claim, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().create_task(self._drain())
        return await waiting.answer

    async def _drain(self) -> None:
        try:
            while self._queue:
                if len(self._queue) < GROUP_LIMIT:
                    await asyncio.sleep(GROUP_WINDOW_S)
                group, self._queue = self._queue[:GROUP_LIMIT], self._queue[GROUP_LIMIT:]
                await self._handle(group)
        finally:
            self._busy = False

    async def _handle(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._settle(group)
        except Exception as error:
            for waiting in group:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)

    async def _settle(self, group: Sequence[_Waiting]) -> None:
        now = utc_now()
        wallets = await self._store(group, now)
        await failpoint("posting.after_store")
        for _ in range(_ATTEMPTS):
            left = [waiting for waiting in group if not waiting.answer.done()]
            if not left:
                return
            chain = await self._read_chain()
            observations = await self.observer.observe_many([waiting.claim.tx_hash for waiting in left])
            await failpoint("posting.after_observe")
            confirmed = await self._sort(left, observations, wallets, now)
            with suppress(BlockSuperseded):
                await self._record(chain, confirmed, observations, now)
            await failpoint("posting.after_record")
        for waiting in group:
            if not waiting.answer.done():
                waiting.answer.set_result(Posted(waiting.submission_id))

    async def _read_chain(self) -> Chain:
        async with self._db.begin() as session:
            return await chains.get_chain(session, self._chain.id)

    async def _store(self, group: Sequence[_Waiting], now: datetime) -> WalletHistory:
        """Store the claims; answer those whose trade is recorded already."""
        users = [user for w in group for user in (w.claim.seller_id, w.claim.buyer_id)]
        async with self._db.begin() as session:
            wallets = await submissions.wallets_of(session, users)
            group = [waiting for waiting in group if _has_wallets(waiting, wallets)]
            if not group:
                return wallets
            ids = await submissions.store(session, self._chain, [waiting.claim for waiting in group], now=now)
            for waiting, submission_id in zip(group, ids, strict=True):
                waiting.submission_id = submission_id
            hashes = [waiting.claim.tx_hash for waiting in group]
            is_any_recorded = bool(await queries.trades_of_transactions(session, self._chain.id, hashes))
        if is_any_recorded:
            await self._tie(group, wallets, now)
        return wallets

    async def _tie(self, group: Sequence[_Waiting], wallets: WalletHistory, now: datetime) -> None:
        """Answer the claims whose trade stands. The recorder lock keeps it standing until they are tied to it."""
        recorded: dict[bytes, list[TradeView]] = {}
        async with self._db.begin() as session:
            await chains.take_recorder_lock(session, self._chain)
            hashes = [waiting.claim.tx_hash for waiting in group]
            for trade in await queries.trades_of_transactions(session, self._chain.id, hashes):
                if trade.status is not TradeStatus.ORPHANED:
                    recorded.setdefault(trade.tx_hash, []).append(trade)
            moves = [_tie(w, recorded[w.claim.tx_hash], wallets) for w in group if w.claim.tx_hash in recorded]
            await submissions.move(session, moves, now=now)
        for waiting in group:
            waiting.say()

    async def _sort(
        self,
        group: Sequence[_Waiting],
        observations: dict[bytes, Observation],
        wallets: WalletHistory,
        now: datetime,
    ) -> list[_Waiting]:
        """Answer what is refused or pending; returns those whose trade is confirmed on chain."""
        moves, confirmed = [], []
        unknown = [w for w in group if observations[w.claim.tx_hash].state is TxState.NOT_FOUND]
        crowding = await self._crowding(unknown, now)
        for waiting in group:
            observation = observations[waiting.claim.tx_hash]
            move = judge(waiting, observation, wallets)
            if observation.state is TxState.NOT_FOUND and waiting.claim.user_id in crowding:
                move = _refuse(waiting, TooManyUnknown(retry_after_s=60, limit=submissions.MOST_UNKNOWN))
            if move is None:
                confirmed.append(waiting)
                continue
            moves.append(move)
            waiting.outcome = waiting.outcome or Posted(move.id, depth=observation.depth)
        if moves:
            async with self._db.begin() as session:
                await submissions.move(session, moves, now=now)
        for waiting in group:
            waiting.say()
        return confirmed

    async def _crowding(self, unknown: Sequence[_Waiting], now: datetime) -> set[UUID]:
        if not unknown:
            return set()
        async with self._db.begin() as session:
            return await submissions.crowding(session, self._chain, [w.claim.user_id for w in unknown], now=now)

    async def _record(
        self, chain: Chain, confirmed: Sequence[_Waiting], observations: dict[bytes, Observation], now: datetime
    ) -> None:
        """Record in one transaction; after a reorganisation meanwhile nothing happens: the caller looks again."""
        headers = {o.header.hash: o.header for o in observations.values() if o.header is not None}
        trades = {waiting.found.trade_id: waiting.found for waiting in confirmed if waiting.found}
        async with self._db.begin() as session:
            await chains.take_recorder_lock(session, chain)
            if (await chains.get_chain(session, chain.id)).epoch != chain.epoch:
                return
            booked = await self._book(session, chain, list(trades.values()), headers, now)
            views = await queries.trades_by_event(session, chain.id, list(trades))
            standing = {v.trade_id: v for v in views if v.status is not TradeStatus.ORPHANED}
            await submissions.move(session, [_recorded(w) for w in confirmed if _id_of(w) in standing], now=now)
            await failpoint("posting.before_commit")
        RECORDED.labels("posted").inc(len(booked))
        for waiting in confirmed:
            depth = observations[waiting.claim.tx_hash].depth
            waiting.answer.set_result(Posted(waiting.submission_id, standing.get(_id_of(waiting)), depth))

    async def _book(
        self,
        session: AsyncSession,
        chain: Chain,
        trades: Sequence[TradeLogged],
        headers: dict[bytes, BlockHeader],
        now: datetime,
    ) -> list[bytes]:
        """Record trades that stand nowhere yet. What only the follower can judge (a trade whose meter's block it has
        not read, a trade that stands in a block which just lost) is left to the follower."""
        views = await queries.trades_by_event(session, chain.id, [trade.trade_id for trade in trades])
        standing = {view.trade_id for view in views if view.status is not TradeStatus.ORPHANED}
        known = await gathering.for_trades(session, chain, trades)
        ready = [
            item
            for item in recorder.judge_all([trade for trade in trades if trade.trade_id not in standing], known)
            if item.judgement.ineligible_reason not in _REGISTERS_UNREAD
        ]
        logs = [item.trade.log for item in ready]
        fresh = set(
            await chains.store_logs(
                session, chain, [headers[block] for block in {log.block_hash for log in logs}], logs
            )
        )
        booked = [item for item in ready if item.trade.log in fresh]
        return await recorder.record(session, chain, booked, facts=known, operator=self._operator, now=now)


def _has_wallets(waiting: _Waiting, wallets: WalletHistory) -> bool:
    """Whether both parties are users with a wallet; if not, the claim is refused and not stored."""
    claim = waiting.claim
    missing = [user for user in (claim.seller_id, claim.buyer_id) if user not in wallets.of_user]
    if missing:
        waiting.outcome = UnknownParty(user_ids=missing)
        waiting.say()
    return not missing


def _id_of(waiting: _Waiting) -> bytes:
    return waiting.found.trade_id if waiting.found else b""


def _recorded(waiting: _Waiting) -> Move:
    return Move(waiting.submission_id, SubmissionState.RECORDED, trade_id=_id_of(waiting), claim=waiting.claim)


def _tie(waiting: _Waiting, trades: Sequence[TradeView], wallets: WalletHistory) -> Move:
    claim = waiting.claim
    try:
        trade = pick(claim, wallets.parties(claim.seller_id, claim.buyer_id, trades), trades)
    except Refusal as refusal:
        return _refuse(waiting, refusal)
    waiting.outcome = Posted(waiting.submission_id, trade)
    return Move(waiting.submission_id, SubmissionState.RECORDED, trade_id=trade.trade_id, claim=claim)


def _refuse(waiting: _Waiting, refusal: Refusal) -> Move:
    waiting.outcome = refusal
    return Move(waiting.submission_id, SubmissionState.MISMATCHED, reason=str(refusal), claim=waiting.claim)


def judge(waiting: _Waiting, observation: Observation, wallets: WalletHistory) -> Move | None:
    """The state that an observation leads to; None when the claimed trade is confirmed and can be recorded."""
    if observation.state in (TxState.NOT_FOUND, TxState.PENDING):
        return Move(
            waiting.submission_id, SubmissionState.SUBMITTED, sender=observation.sender, nonce=observation.nonce
        )
    if observation.state is TxState.REVERTED:
        waiting.outcome = TradeReverted(tx_hash=waiting.claim.tx_hash)
        return Move(waiting.submission_id, SubmissionState.REVERTED, reason=TradeReverted.code)
    assert observation.receipt is not None
    trades = logged_trades(observation.receipt.logs)
    claim = waiting.claim
    try:
        if not trades:
            raise NotOurEvent(tx_hash=claim.tx_hash)
        waiting.found = pick(claim, wallets.parties(claim.seller_id, claim.buyer_id, trades), trades)
    except Refusal as refusal:
        return _refuse(waiting, refusal)
    if observation.is_confirmed:
        return None
    return Move(waiting.submission_id, SubmissionState.MINED, depth=observation.depth)


def logged_trades(logs: Sequence[Log]) -> list[TradeLogged]:
    """The trades among a transaction's logs; logs that cannot be stored as a trade are passed over."""
    trades = []
    for log in logs:
        if log.topics and log.topics[0] == TRADE_LOGGED:
            with suppress(LogNotStorable):
                trades.append(decode_logged(log))
    return trades
