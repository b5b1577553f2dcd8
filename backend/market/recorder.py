# SPDX-License-Identifier: Apache-2.0
"""The one verb that makes trades out of confirmed logs, many at a time, and the one that takes them back.

Callers hold the recorder lock of the chain: writers never overlap, so nothing here can deadlock. Everything happens
in the caller's transaction: trade, seller statistics, carbon ledger, wallets, boards and outbox event, or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon import service as carbon
from backend.carbon.signing import OperatorKey
from backend.carbon.types import Reduction, TradeCycle, earned, holder_of
from backend.chain.types import Chain
from backend.core import bulk, outbox
from backend.core.failpoints import failpoint
from backend.core.ids import uuid7_batch
from backend.market import sql, statistics
from backend.market.eligibility import Facts, judge
from backend.market.events import TradeSeen, TradesOrphaned, TradesRecorded
from backend.market.types import Ineligible, Judgement, TradeLogged


@dataclass(frozen=True, slots=True)
class Judged:
    """A trade together with what it earns."""

    trade: TradeLogged
    judgement: Judgement


def judge_all(trades: Sequence[TradeLogged], facts: Facts) -> list[Judged]:
    """Judge each trade; one that a single party logged waits for consent and earns nothing yet."""
    judged = []
    for trade in trades:
        if trade.terms is None:
            judged.append(Judged(trade, Judgement(0, Ineligible.NO_CONSENT)))
            continue
        judgement = judge(
            trade.terms,
            seller=trade.seller,
            buyer=trade.buyer,
            energy_wh=trade.energy_wh,
            at=trade.block_time,
            facts=facts,
        )
        judged.append(Judged(trade, judgement))
    return judged


async def record(
    session: AsyncSession,
    chain: Chain,
    judged: Sequence[Judged],
    *,
    facts: Facts,
    operator: OperatorKey,
    now: datetime,
) -> list[bytes]:
    """Record trades; returns the ids that were new or came back after having been orphaned.

    A trade that stands already is left as it is: repeating the call changes nothing. What a person sold to himself is
    credited and, by a document of the operator, taken back at once, so that an audit from the chain understands it.
    """
    if not judged:
        return []
    cycles = await _write(session, chain, judged, facts, now)
    booked = [item for item in judged if item.trade.trade_id in cycles]
    await failpoint("recorder.after_trades")
    await statistics.add(session, [_sale(item.trade) for item in booked if item.judgement.ineligible_reason is None])
    await failpoint("recorder.after_statistics")
    await _credit(session, chain, booked, cycles, facts, now)
    await failpoint("recorder.after_credit")
    await _refuse_own(session, chain, booked, cycles, operator, now)
    await failpoint("recorder.after_ledger")
    if booked:
        await outbox.add(session, TradesRecorded(tuple(_seen(item) for item in booked)))
    await failpoint("recorder.after_events")
    return [item.trade.trade_id for item in booked]


async def _write(
    session: AsyncSession, chain: Chain, judged: Sequence[Judged], facts: Facts, now: datetime
) -> dict[bytes, int]:
    ids = uuid7_batch(len(judged))
    rows = [_row(key, item, facts) for key, item in zip(ids, judged, strict=True)]
    named = zip(sql.TRADE_COLUMNS, zip(*rows, strict=True), strict=True)
    source, arguments = bulk.rows([(name, kind, values) for (name, kind), values in named], first=3)
    written = await sql.fetch(session, sql.RECORD_TRADES.format(rows=source), chain.id, now, *arguments)
    return {row["trade_id"]: row["cycle"] for row in written}


def _row(key: object, item: Judged, facts: Facts) -> tuple[object, ...]:
    trade, judgement, terms, log = item.trade, item.judgement, item.trade.terms, item.trade.log
    return (
        key,
        trade.trade_id,
        int(trade.kind),
        trade.seller,
        trade.buyer,
        facts.users.get((trade.seller, trade.block_time)),
        facts.users.get((trade.buyer, trade.block_time)),
        trade.energy_wh,
        trade.price_micro_per_kwh,
        trade.carbon_logged_g,
        trade.factor_id,
        terms.seller_meter if terms else None,
        terms.buyer_meter if terms else None,
        judgement.community,
        terms.delivery_start if terms else None,
        terms.delivery_minutes if terms else None,
        judgement.delivery_date,
        terms is not None,
        judgement.ineligible_reason,
        judgement.claim_g,
        log.block_number,
        log.block_hash,
        log.tx_hash,
        log.log_index,
        trade.block_time,
    )


async def _credit(
    session: AsyncSession, chain: Chain, booked: Sequence[Judged], cycles: dict[bytes, int], facts: Facts, now: datetime
) -> None:
    transfers = [
        earned(
            buyer=trade.buyer,
            grams=judgement.claim_g,
            chain=chain.id,
            trade_id=trade.trade_id,
            cycle=cycles[trade.trade_id],
            holder_id=facts.users.get((trade.buyer, trade.block_time)) or holder_of(trade.buyer),
            community=judgement.community or 0,
            delivery_date=judgement.delivery_date,
            delivery_start=terms.delivery_start,
            booked_at=now,
            factor_id=trade.factor_id,
        )
        for trade, judgement, terms in ((item.trade, item.judgement, item.trade.terms) for item in booked)
        if judgement.claim_g > 0 and terms is not None and judgement.delivery_date is not None
    ]
    await carbon.post(session, transfers)


async def _refuse_own(
    session: AsyncSession,
    chain: Chain,
    booked: Sequence[Judged],
    cycles: dict[bytes, int],
    operator: OperatorKey,
    now: datetime,
) -> None:
    reductions = [
        Reduction(item.trade.trade_id, cycles[item.trade.trade_id], item.judgement.claim_g)
        for item in booked
        if item.judgement.ineligible_reason is Ineligible.SAME_USER and item.judgement.claim_g > 0
    ]
    await carbon.reduce(session, chain.id, reductions, operator=operator, now=now)


def _seen(item: Judged) -> TradeSeen:
    trade = item.trade
    return TradeSeen(
        trade_id=trade.trade_id,
        seller=trade.seller,
        buyer=trade.buyer,
        energy_wh=trade.energy_wh,
        price_micro_per_kwh=trade.price_micro_per_kwh,
        claim_g=item.judgement.claim_g,
        consented=trade.terms is not None,
        block_number=trade.log.block_number,
    )


async def orphan(session: AsyncSession, chain: Chain, block_hashes: Sequence[bytes], *, now: datetime) -> list[bytes]:
    """Mark the trades of blocks that lost as orphaned and reverse what they had earned.

    The next booking of such a trade is a new cycle, so that each life of it stays visible in the ledger.
    """
    lost = await sql.fetch(session, sql.ORPHAN_TRADES, chain.id, list(block_hashes), now)
    if not lost:
        return []
    await failpoint("recorder.after_orphan")
    await statistics.subtract(
        session,
        [
            statistics.Sale(row["seller_address"], row["energy_wh"], row["price_micro_per_kwh"])
            for row in lost
            if row["ineligible_reason"] is None
        ],
    )
    await failpoint("recorder.after_subtraction")
    credited = [TradeCycle(row["trade_id"], row["cycle"]) for row in lost if row["claim_g"] > 0]
    await carbon.reverse_trades(session, chain.id, credited, now=now)
    await failpoint("recorder.after_reversal")
    await outbox.add(session, TradesOrphaned(tuple(row["trade_id"] for row in lost)))
    return [row["trade_id"] for row in lost]


def _sale(trade: TradeLogged) -> statistics.Sale:
    return statistics.Sale(trade.seller, trade.energy_wh, trade.price_micro_per_kwh)
