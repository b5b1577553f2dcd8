# SPDX-License-Identifier: Apache-2.0
"""What the operator does to balances when readings differ from trades, each time by a signed document.

Before the release a reduction takes pending carbon back from the buyer. After it the carbon may be retired or gone,
so a correction goes against the community's reserve (backend/decisions/carbon-corrections.md). Each verb holds the
ledger's lock, the issuance row, which every other writer takes first as well.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.carbon import ledger, queries
from backend.carbon.documents import CorrectionOrder, Document, Domain, Head, ReductionOrder, digest
from backend.carbon.errors import TradeCarbonTooSmall
from backend.carbon.orders import Booked, domain_of, store
from backend.carbon.signing import OperatorKey
from backend.carbon.types import ISSUANCE, RESERVE_LIMIT_G, Bucket, Correction, Kind, Reduction, Transfer, reserve_of
from backend.core.db import raw
from backend.core.ids import uuid7

_LOCK = text("SELECT carbon_lock_ledger()")


async def reduce(
    session: AsyncSession, chain: int, reductions: Sequence[Reduction], *, operator: OperatorKey, now: datetime
) -> UUID | None:
    """Take pending carbon back because less was metered than traded; returns the signed document's id.

    Raises TradeCarbonTooSmall when a trade has less pending than its reduction. Not repeatable by itself: the caller
    says once per settled trade what it loses. None when there is nothing to take.
    """
    wanted = tuple(item for item in reductions if item.grams > 0)
    if not wanted:
        return None
    domain, head = await _operator_head(session, operator, chain)
    order = ReductionOrder(operator.address, head.sequence + 1, head.hash, int(now.timestamp()), wanted)
    booked = await _sign(session, domain, order, operator, now)
    if await ledger.reduce(await raw(session), chain, wanted, booked.document_id, now) < len(wanted):
        raise TradeCarbonTooSmall("A trade of this reduction has no carbon, or is named twice")
    return booked.document_id


async def correct(
    session: AsyncSession, corrections: Sequence[Correction], *, operator: OperatorKey, chain: int, now: datetime
) -> UUID | None:
    """Book corrected readings of released carbon against reserves; returns the signed document's id.

    Negative grams leave the reserve for issuance, down to RESERVE_LIMIT_G below zero; the rest becomes a claim on the
    reserve. Positive grams pay open claims first, by refilling the reserve. Corrections of a community are summed.
    """
    sums: dict[int, int] = {}
    for item in corrections:
        sums[item.community] = sums.get(item.community, 0) + item.grams
    wanted = tuple(Correction(community, grams) for community, grams in sorted(sums.items()) if grams != 0)
    if not wanted:
        return None
    domain, head = await _operator_head(session, operator, chain)
    order = CorrectionOrder(operator.address, head.sequence + 1, head.hash, int(now.timestamp()), wanted)
    booked = await _sign(session, domain, order, operator, now)
    for item in wanted:
        await _correct_one(session, item, booked.document_id, now)
    return booked.document_id


async def settle_claims(session: AsyncSession, community: int, *, document_id: UUID, now: datetime) -> int:
    """Pay open claims, oldest first, from what the reserve holds above its limit; returns the grams paid.

    `document_id` is what refilled the reserve (a transfer, a correction); repeating the call pays nothing twice.
    """
    await session.execute(_LOCK)
    free_g = await queries.available(session, reserve_of(community)) + RESERVE_LIMIT_G
    paid_g = await queries.pay_claims(session, community, free_g)
    if paid_g:
        await _book(session, reserve_of(community), ISSUANCE, paid_g, document_id, now)
    return paid_g


async def _correct_one(session: AsyncSession, item: Correction, document_id: UUID, now: datetime) -> None:
    reserve = reserve_of(item.community)
    if item.grams > 0:
        await _book(session, ISSUANCE, reserve, item.grams, document_id, now)
        await settle_claims(session, item.community, document_id=document_id, now=now)
        return
    free_g = max(0, await queries.available(session, reserve) + RESERVE_LIMIT_G)
    taken_g = min(-item.grams, free_g)
    if taken_g:
        await _book(session, reserve, ISSUANCE, taken_g, document_id, now)
    if taken_g < -item.grams:
        await queries.open_claim(session, uuid7(), item.community, document_id, -item.grams - taken_g, now)


async def _book(
    session: AsyncSession, source: bytes, target: bytes, grams: int, document_id: UUID, now: datetime
) -> None:
    moved = Transfer(
        Kind.CORRECTED, source, Bucket.AVAILABLE, target, Bucket.AVAILABLE, grams, now, document_id=document_id
    )
    await ledger.insert(await raw(session), [moved])


async def _operator_head(session: AsyncSession, operator: OperatorKey, chain: int) -> tuple[Domain, Head]:
    await session.execute(_LOCK)
    return await domain_of(session, chain), await queries.head_of(session, operator.address)


async def _sign(session: AsyncSession, domain: Domain, order: Document, operator: OperatorKey, now: datetime) -> Booked:
    signature = operator.sign(digest(domain, order))
    return await store(session, domain, order, signer=operator.address, signature=signature, now=now)
