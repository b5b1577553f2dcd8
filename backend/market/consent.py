# SPDX-License-Identifier: Apache-2.0
"""Consent given later: the party that did not log a trade confirms it on chain, and the trade starts to count."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon import service as carbon
from backend.carbon.signing import OperatorKey
from backend.carbon.types import Reduction, TradeCycle, earned, holder_of
from backend.chain.types import Chain
from backend.core import outbox
from backend.core.failpoints import failpoint
from backend.market import facts as gathering
from backend.market import sql, statistics
from backend.market.eligibility import judge
from backend.market.events import TradeSeen, TradesOrphaned, TradesRecorded
from backend.market.types import Ineligible, Judgement, TradeConfirmed


async def confirm(
    session: AsyncSession, chain: Chain, confirmation: TradeConfirmed, *, operator: OperatorKey, now: datetime
) -> bool:
    """Book the consent in `confirmation`; False when it says nothing about a trade that waits for it.

    It counts only from the party that did not log the trade: the id starts with the wallet that did.
    """
    found = await sql.fetch(session, sql.TRADE_TO_CONSENT, chain.id, confirmation.trade_id)
    if not found or not _from_other_party(confirmation, found[0]):
        return False
    trade = found[0]
    seller, buyer, terms = trade["seller_address"], trade["buyer_address"], confirmation.terms
    wallets = [(seller, trade["block_time"]), (buyer, trade["block_time"])]
    facts = await gathering.gather(session, chain, [terms], wallets)
    judgement = judge(
        terms, seller=seller, buyer=buyer, energy_wh=trade["energy_wh"], at=trade["block_time"], facts=facts
    )
    await _book(session, chain, confirmation, judgement)
    await failpoint("consent.after_booking")
    if judgement.ineligible_reason is None:
        await statistics.add(session, [_sale(trade)])
    await failpoint("consent.after_statistics")
    if judgement.claim_g > 0 and judgement.delivery_date is not None:
        transfer = earned(
            buyer=buyer,
            grams=judgement.claim_g,
            chain=chain.id,
            trade_id=confirmation.trade_id,
            cycle=trade["cycle"],
            holder_id=facts.users.get((buyer, trade["block_time"])) or holder_of(buyer),
            community=judgement.community or 0,
            delivery_date=judgement.delivery_date,
            delivery_start=terms.delivery_start,
            booked_at=now,
            factor_id=terms.factor_id,
        )
        await carbon.post(session, [transfer])
    if judgement.ineligible_reason is Ineligible.SAME_USER:
        reduction = Reduction(confirmation.trade_id, trade["cycle"], judgement.claim_g)
        await carbon.reduce(session, chain.id, [reduction], operator=operator, now=now)
    await failpoint("consent.after_ledger")
    await outbox.add(session, TradesRecorded((_seen(confirmation, trade, judgement),)))
    return True


def _from_other_party(confirmation: TradeConfirmed, trade: Any) -> bool:
    logged_by = confirmation.trade_id[:20]
    parties = {trade["seller_address"], trade["buyer_address"]}
    return logged_by in parties and parties - {logged_by} == {confirmation.confirmer}


async def _book(session: AsyncSession, chain: Chain, confirmation: TradeConfirmed, judgement: Judgement) -> None:
    terms, log = confirmation.terms, confirmation.log
    await sql.fetch(
        session,
        sql.CONSENT_TRADE,
        chain.id,
        confirmation.trade_id,
        terms.seller_meter,
        terms.buyer_meter,
        judgement.community,
        terms.delivery_start,
        terms.delivery_minutes,
        judgement.delivery_date,
        terms.factor_id,
        judgement.ineligible_reason,
        judgement.claim_g,
        log.block_number,
        log.block_hash,
        log.tx_hash,
    )


async def withdraw(session: AsyncSession, chain: Chain, block_hashes: Sequence[bytes], *, now: datetime) -> None:
    """Take back consents whose block lost, and what they had earned."""
    lost = await sql.fetch(session, sql.WITHDRAW_CONSENT, chain.id, list(block_hashes))
    if not lost:
        return
    await failpoint("consent.after_withdrawal")
    await statistics.subtract(session, [_sale(row) for row in lost if row["ineligible_reason"] is None])
    credited = [TradeCycle(row["trade_id"], row["cycle"]) for row in lost if row["claim_g"] > 0]
    await carbon.reverse_trades(session, chain.id, credited, now=now)
    await failpoint("consent.after_reversal")
    await outbox.add(session, TradesOrphaned(tuple(row["trade_id"] for row in lost)))


def _seen(confirmation: TradeConfirmed, trade: Any, judgement: Judgement) -> TradeSeen:
    return TradeSeen(
        trade_id=confirmation.trade_id,
        seller=trade["seller_address"],
        buyer=trade["buyer_address"],
        energy_wh=trade["energy_wh"],
        price_micro_per_kwh=trade["price_micro_per_kwh"],
        claim_g=judgement.claim_g,
        consented=True,
        block_number=confirmation.log.block_number,
    )


def _sale(row: Any) -> statistics.Sale:
    return statistics.Sale(row["seller_address"], row["energy_wh"], row["price_micro_per_kwh"])
