# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of trades: post a transaction's hash, list, get."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as PathParam

from backend.accounts.deps import SIGNED_IN, CurrentUser, Db, OptionalUser, ServiceDb
from backend.accounts.types import Principal
from backend.chain.errors import ChainConnecting
from backend.core.db import Actor
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import Unauthenticated, Unavailable, refusals
from backend.core.units import Address, Moment
from backend.market import service
from backend.market.errors import (
    ClaimMismatch,
    ExportTooLarge,
    NotAParty,
    NotOurEvent,
    SeveralTrades,
    TooManyUnknown,
    TradeNotFound,
    TradeReverted,
    UnknownParty,
    WalletsNeeded,
)
from backend.market.posting import Poster
from backend.market.schemas import (
    KIND_OF,
    STATES_OF,
    STATUS_OF,
    Kind,
    Status,
    TotalsOut,
    TradeIn,
    TradeOut,
    submission_out,
    trade_out,
)
from backend.market.service import TradeListing
from backend.market.types import Claim, SubmissionView, TradeOrder, TradeSide, TradeView

router = APIRouter(prefix="/api/energy-trades", tags=["trades"], route_class=EnvelopeRoute)


async def poster_of(request: Request) -> Poster:
    """The process's poster; it is there once the chain is known."""
    poster: Poster | None = request.app.state.poster
    if poster is None:
        raise ChainConnecting
    return poster


@router.post(
    "",
    status_code=201,
    responses={
        202: {"model": TradeOut, "description": "Stored and pending; it is finished without the client"},
        **refusals(
            *SIGNED_IN,
            NotAParty,
            UnknownParty,
            TradeReverted,
            NotOurEvent,
            ClaimMismatch,
            SeveralTrades,
            TooManyUnknown,
            Unavailable,
        ),
    },
)
async def post_trade(
    body: TradeIn,
    request: Request,
    response: Response,
    principal: CurrentUser,
    poster: Annotated[Poster, Depends(poster_of)],
) -> TradeOut:
    """Record the trade that a transaction logged: 201 when it is confirmed, 202 while it is pending."""
    claim = Claim(
        user_id=principal.user_id,
        tx_hash=body.tx_hash,
        event_id=body.trade_id,
        seller_id=body.seller_id,
        buyer_id=body.buyer_id,
        energy_wh=body.energy_kwh,
        price_micro_per_kwh=body.price_per_kwh,
    )
    posted = await service.post_trade(poster, principal, claim)
    if posted.trade is not None:
        trade = replace(posted.trade, confirmations=max(posted.trade.confirmations, posted.depth))
        return trade_out(trade, **_shown(request))
    response.status_code = 202
    return TradeOut(
        id=posted.submission_id,
        status="pending",
        seller_id=claim.seller_id,
        buyer_id=claim.buyer_id,
        energy_kwh=claim.energy_wh,
        price_per_kwh=claim.price_micro_per_kwh,
        tx_hash=claim.tx_hash,
        confirmations=posted.depth,
        **_required(request),
    )


async def _listing(
    user_id: Annotated[UUID | None, Query(alias="userId", description="trades of this user's wallets")] = None,
    wallet: Annotated[Address | None, Query(description="trades of this wallet")] = None,
    side: Annotated[TradeSide | None, Query(description="where those wallets sold, or bought")] = None,
    status: Status | None = None,
    kind: Kind | None = None,
    since: Annotated[Moment | None, Query(alias="from", description="block time, inclusive")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="block time, exclusive")] = None,
    sort: TradeOrder = TradeOrder.NEWEST,
) -> TradeListing:
    stored = STATUS_OF.get(status) if status else None
    return TradeListing(user_id, wallet, side, stored, KIND_OF[kind] if kind else None, since, until, sort)


Listing = Annotated[TradeListing, Depends(_listing)]


@router.get("", responses=refusals(*SIGNED_IN, WalletsNeeded))
async def list_trades(
    request: Request,
    page: PageQuery,
    wanted: Listing,
    principal: OptionalUser,
    db: Db,
    service_db: ServiceDb,
    status: Status | None = None,
) -> Paged[TradeOut]:
    """Trades, newest first or as `sort` says; `status=pending|failed` lists the signed-in user's own claims."""
    shown = _shown(request)
    if status in STATES_OF:
        claims, total = await service.list_submissions(db, _poster(principal), STATES_OF[status], page)
        items = [submission_out(claim, **shown) for claim in claims]
    else:
        trades, total = await service.list_trades(db, service_db, wanted, page)
        items = [trade_out(trade, **shown) for trade in trades]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


def _poster(principal: Principal | None) -> Actor:
    if principal is None:
        raise Unauthenticated("Pending and failed claims are shown to whoever posted them: sign in")
    return principal.actor()


@router.get(
    "/export",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **refusals(*SIGNED_IN, WalletsNeeded, ExportTooLarge)},
)
async def export_trades(
    wanted: Listing, principal: OptionalUser, db: Db, service_db: ServiceDb, status: Status | None = None
) -> Response:
    """The same list as a CSV file, 10,000 lines at most. Recorded trades are public, claims their poster's."""
    if status in STATES_OF:
        content = await service.export_submissions(db, _poster(principal), STATES_OF[status])
    else:
        content = await service.export_trades(db, service_db, wanted)
    named = {"Content-Disposition": 'attachment; filename="gridx-trades.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=named)


@router.get("/totals")
async def get_totals(db: Db, service_db: ServiceDb) -> TotalsOut:
    """What has been traded in all with the consent of both parties, and the carbon that it earned. Public."""
    sums, earned_g = await service.totals(db, service_db)
    return TotalsOut(trades=sums.trades, sellers=sums.sellers, energy_kwh=sums.energy_wh, carbon_saved_kg=earned_g)


@router.get("/{trade_id}", responses=refusals(TradeNotFound, *SIGNED_IN))
async def get_trade(
    trade_id: Annotated[str, PathParam(description="key of a trade or claim, or tradeId on chain (0x…)")],
    request: Request,
    principal: OptionalUser,
    db: Db,
) -> TradeOut:
    """One trade, or the signed-in user's own claim."""
    found = await service.find_trade(db, principal.actor() if principal else None, _key(trade_id))
    return _out(found, request)


def _key(given: str) -> UUID | bytes:
    try:
        raw = bytes.fromhex(given[2:]) if given.startswith("0x") else b""
        return raw if len(raw) == 32 else UUID(given)
    except ValueError as error:
        raise TradeNotFound(id=given) from error


def _out(found: TradeView | SubmissionView, request: Request) -> TradeOut:
    if isinstance(found, TradeView):
        return trade_out(found, **_shown(request))
    return submission_out(found, **_shown(request))


def _required(request: Request) -> dict[str, Any]:
    return {"required_confirmations": request.app.state.chain.confirmations if request.app.state.chain else None}


def _shown(request: Request) -> dict[str, Any]:
    chain = request.app.state.chain
    return {"required": chain.confirmations if chain else None, "explorer": request.app.state.explorer_url}
