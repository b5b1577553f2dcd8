# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of settlement: statements, the imbalance rule, deliveries of a trade before and after corrections."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from backend.accounts.deps import SIGNED_IN, Db, OrgScope
from backend.accounts.errors import OrganizationNeeded, OrganizationNotFound, UserNotFound
from backend.core.clock import utc_now
from backend.core.envelope import EnvelopeRoute, Paged, PageParams, PageQuery
from backend.core.errors import refusals
from backend.core.units import Hash32
from backend.market.settlement import papers, reading
from backend.market.settlement.errors import MonthWrong, StatementTooLong
from backend.market.settlement.schemas import DeliveryOut, EntryOut, MonthOut, RuleOut, StatementOut
from backend.market.settlement.statements import Month
from backend.sites.errors import NotACommunity

router = APIRouter(prefix="/api/market", tags=["settlement"], route_class=EnvelopeRoute)
REFUSED = refusals(*SIGNED_IN, OrganizationNeeded, OrganizationNotFound, UserNotFound, NotACommunity, MonthWrong)
OfUser = Annotated[
    UUID | None, Query(alias="userId", description="for operators: the member whose statement it is; default: yourself")
]


async def _month(month: Annotated[str, Path(description="YYYY-MM, a calendar month of the community")]) -> Month:
    try:
        return Month.parse(month)
    except ValueError as error:
        raise MonthWrong(month=month[:20]) from error


OfMonth = Annotated[Month, Depends(_month)]


@router.get("/statements", responses=REFUSED)
async def list_months(actor: OrgScope, db: Db, page: PageQuery, user_id: OfUser = None) -> Paged[MonthOut]:
    """Months for which there is a statement, newest first."""
    found, total = await reading.months(db, actor, user_id=user_id, page=page)
    return Paged(items=[MonthOut.of(month) for month in found], page=page.page, limit=page.limit, total=total)


@router.get("/statements/{month}", responses=REFUSED)
async def get_statement(month: OfMonth, actor: OrgScope, db: Db, user_id: OfUser = None) -> StatementOut:
    """Bought, sold, fees, imbalance, savings and carbon of a month."""
    return StatementOut.of(await reading.statement(db, actor, month, user_id=user_id))


@router.get("/statements/{month}/entries", responses=REFUSED)
async def list_entries(
    month: OfMonth, actor: OrgScope, db: Db, page: PageQuery, user_id: OfUser = None
) -> Paged[EntryOut]:
    """The entries behind a statement, by delivery time."""
    found, total = await reading.entries(db, actor, month, user_id=user_id, page=page)
    return Paged(items=[EntryOut.of(entry) for entry in found], page=page.page, limit=page.limit, total=total)


@router.get(
    "/statements/{month}/csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **REFUSED, **refusals(StatementTooLong)},
)
async def get_csv(month: OfMonth, actor: OrgScope, db: Db, user_id: OfUser = None) -> Response:
    """Every entry of a month as CSV; the column `amount` adds up to the statement's net amount."""
    statement = await reading.statement(db, actor, month, user_id=user_id)
    everything = PageParams(page=1, limit=reading.MOST_ENTRIES)
    entries, total = await reading.entries(db, actor, month, user_id=user_id, page=everything)
    if total > len(entries):
        raise StatementTooLong(entries=total, limit=reading.MOST_ENTRIES)
    content = await asyncio.to_thread(papers.csv_of, statement, entries)
    return _file(content.encode(), f"statement-{month}.csv", "text/csv; charset=utf-8")


@router.get(
    "/statements/{month}/pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}, **REFUSED},
)
async def get_pdf(month: OfMonth, actor: OrgScope, db: Db, user_id: OfUser = None) -> Response:
    """The statement on paper."""
    statement = await reading.statement(db, actor, month, user_id=user_id)
    content = await asyncio.to_thread(papers.pdf_of, statement, made_at=utc_now())
    return _file(content, f"statement-{month}.pdf", "application/pdf")


@router.get("/imbalance")
async def get_rule() -> RuleOut:
    """The published rule of imbalance. Public."""
    return RuleOut.published()


@router.get("/deliveries/{trade_id}")
async def list_deliveries(
    trade_id: Annotated[Hash32, Path(description="the trade's id on chain")], db: Db, page: PageQuery
) -> Paged[DeliveryOut]:
    """What was delivered of a trade: as first settled, then after each correction. Public, as trades are."""
    found, total = await reading.deliveries(db, trade_id, page)
    return Paged(items=[DeliveryOut.of(delivery) for delivery in found], page=page.page, limit=page.limit, total=total)


def _file(content: bytes, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=media_type, headers=headers)
