# SPDX-License-Identifier: Apache-2.0
"""Makes the market's records out of the contract's logs: what the follower calls for each batch of blocks."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon.signing import OperatorKey
from backend.chain.types import Chain, Log
from backend.core import outbox
from backend.core.observability import CONFIRMATION, RECORDED
from backend.market import consent, facts, recorder, registers, sql, submissions
from backend.market.decoding import TRADE_CONFIRMED, TRADE_LOGGED, decode_confirmed, decode_logged
from backend.market.events import TradesFinal
from backend.market.relayer import feedback


class TradeProjector:
    """The market's `Projector`. Registers first (a trade never precedes its meters), then trades, then consents, then
    what all that means for matches and orders."""

    def __init__(self, operator: OperatorKey) -> None:
        self.operator = operator

    async def apply(self, session: AsyncSession, chain: Chain, logs: Sequence[Log], now: datetime) -> None:
        """Record what `logs` say. Raises LogNotStorable for a log that no record can be made of."""
        await registers.apply(session, chain, logs)
        trades = [decode_logged(log) for log in logs if log.topics[0] == TRADE_LOGGED]
        if trades:
            known = await facts.for_trades(session, chain, trades)
            judged = recorder.judge_all(trades, known)
            booked = await recorder.record(session, chain, judged, facts=known, operator=self.operator, now=now)
            await submissions.settle_claims(session, chain, trades, now=now)
            RECORDED.labels("follower").inc(len(booked))
            CONFIRMATION.observe(max(0.0, now.timestamp() - trades[-1].log.block_time))
        for log in logs:
            if log.topics[0] == TRADE_CONFIRMED:
                await consent.confirm(session, chain, decode_confirmed(log), operator=self.operator, now=now)
        await feedback.apply(session, chain, logs, trades, now)

    async def orphan(self, session: AsyncSession, chain: Chain, logs: Sequence[Log], now: datetime) -> None:
        """Take back what logs of losing blocks had caused: consents, then trades, then registers."""
        lost = sorted({log.block_hash for log in logs})
        await consent.withdraw(session, chain, lost, now=now)
        orphaned = await recorder.orphan(session, chain, lost, now=now)
        await submissions.reopen(session, chain, orphaned, now=now)
        await feedback.orphan(session, chain, lost, orphaned, now)
        await registers.forget(session, chain, logs)

    async def finalise(self, session: AsyncSession, chain: Chain, up_to_block: int, now: datetime) -> None:
        """Trades up to `up_to_block` are final; their carbon can be released once their intervals are settled."""
        moved = await sql.execute(session, sql.FINALISE_TRADES, chain.id, up_to_block, now)
        if moved:
            await outbox.add(session, TradesFinal(up_to_block=up_to_block, trades=moved))
        await feedback.finalise(session, chain, up_to_block, now)
