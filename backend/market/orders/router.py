# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of orders: drafts, signed orders, matches with their receipts, direct offers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from backend.accounts.deps import SIGNED_IN, Acting, CurrentUser, Db, OrgScope, ServiceDb
from backend.accounts.errors import OrganizationNeeded, OrganizationNotFound
from backend.chain.errors import ChainConnecting
from backend.core.clock import utc_now
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import Unavailable, refusals
from backend.core.units import Hash32, Moment
from backend.market.book import service as book
from backend.market.book.errors import AuctionTakesLimits, OrderEnded
from backend.market.clearing.types import Side
from backend.market.islands.errors import PriceAboveCap
from backend.market.orders import cancelling, capacities, drafts, errors, queries, reservations
from backend.market.orders.intake import Intake
from backend.market.orders.parts import chain_of, intake_of
from backend.market.orders.queries import OrderFilter
from backend.market.orders.schemas import (
    CancelledOut,
    CapacityOut,
    DraftIn,
    DraftOut,
    MatchOut,
    OfferOut,
    OrderIn,
    OrderOut,
    PlacedOut,
    ReceiptOut,
    ReservationIn,
    ReservationOut,
)
from backend.market.orders.types import OrderState, Venue

orders = APIRouter(prefix="/api/market/orders", tags=["orders"], route_class=EnvelopeRoute)
matches = APIRouter(prefix="/api/market/matches", tags=["orders"], route_class=EnvelopeRoute)
offers = APIRouter(prefix="/api/market/offers", tags=["orders"], route_class=EnvelopeRoute)
IN_ORG = (*SIGNED_IN, OrganizationNotFound)
UNFIT = (
    errors.OrderMalformed, errors.TakerWrong, errors.MeterNotYours, errors.IntervalWrong, errors.ClockWrong,
    errors.OrderExpired, errors.ExpiryRefused, errors.PriceRefused, errors.FactorRefused, PriceAboveCap,
)  # fmt: skip
From = Annotated[Moment | None, Query(alias="from", description="start of delivery, inclusive")]
To = Annotated[Moment | None, Query(alias="to", description="start of delivery, exclusive")]


@orders.post(
    "/drafts",
    status_code=201,
    responses=refusals(
        *SIGNED_IN,
        *UNFIT,
        errors.MakerNotYours,
        errors.GateClosed,
        errors.LanesUsedUp,
        errors.OverCapacity,
        errors.CancelledOnChain,
        ChainConnecting,
    ),
)
async def prepare_order(body: DraftIn, request: Request, principal: CurrentUser, service_db: ServiceDb) -> DraftOut:
    """An order ready for signing: typed data with a fill counter of its own, the interval's factor, an expiry."""
    now = utc_now()
    wanted = body.wanted(principal.user_id)
    return DraftOut.of(await drafts.prepare(service_db, chain_of(request), wanted, now=now), now)


@orders.post(
    "",
    status_code=201,
    responses=refusals(
        *SIGNED_IN, *UNFIT, errors.SignatureWrong, errors.MakerNotYours, errors.GateClosed, errors.LaneForeign,
        errors.SlotUsed, errors.OrderReplayed, errors.CancelledOnChain, errors.OverCapacity, AuctionTakesLimits,
        Unavailable,
    ),
)  # fmt: skip
async def place_order(body: OrderIn, request: Request, principal: CurrentUser) -> PlacedOut:
    """Hand in a signed order. It is stored and matched when this answers."""
    intake: Intake = intake_of(request)
    order, placed = await intake.submit(principal.user_id, body.signed(), client_time=body.client_time)
    return PlacedOut.of(order, placed)


@orders.get("", responses=refusals(*IN_ORG))
async def list_orders(
    actor: Acting, db: Db, page: PageQuery, state: OrderState | None = None, side: Side | None = None,
    venue: Venue | None = None, since: From = None, until: To = None, mine: bool = False,
) -> Paged[OrderOut]:  # fmt: skip
    """Your orders and, for an operator who does not ask for `mine`, the community's; newest first."""
    is_bid = None if side is None else side is Side.BID
    user_id = actor.user_id if mine else None
    wanted = OrderFilter(state=state, is_bid=is_bid, venue=venue, since=since, until=until, user_id=user_id)
    found, total = await queries.list_orders(db, actor, wanted, page)
    return Paged(items=[OrderOut.of(order) for order in found], page=page.page, limit=page.limit, total=total)


@orders.get("/capacities", responses=refusals(*IN_ORG, OrganizationNeeded, ChainConnecting))
async def get_capacities(
    request: Request,
    actor: OrgScope,
    service_db: ServiceDb,
    delivery_start: Annotated[Moment, Query(alias="deliveryStart")],
) -> list[CapacityOut]:
    """What each of your houses in the acting community may still offer and bid for, or why it cannot trade."""
    assert actor.org_id is not None
    assert actor.user_id is not None
    houses = await capacities.list_capacities(
        service_db, chain_of(request).id, user_id=actor.user_id, org_id=actor.org_id, delivery_start=delivery_start
    )
    return [CapacityOut.of(house) for house in houses]


@orders.get("/{order_id}", responses=refusals(*IN_ORG, errors.OrderNotFound))
async def get_order(order_id: UUID, actor: Acting, db: Db) -> OrderOut:
    """One order."""
    return OrderOut.of(await queries.get_order(db, actor, order_id))


@orders.delete(
    "/{order_id}",
    responses=refusals(*SIGNED_IN, errors.OrderNotFound, OrderEnded, errors.CancelOnChain, ChainConnecting),
)
async def cancel_order(order_id: UUID, request: Request, principal: CurrentUser, service_db: ServiceDb) -> CancelledOut:
    """Take what rests of your order out of the book. A direct offer is cancelled on chain: the refusal says how."""
    chain = chain_of(request)
    await cancelling.refuse_direct(service_db, chain, order_id, user_id=principal.user_id)
    ended = await book.cancel_order(service_db, request.app.state.engine, order_id, user_id=principal.user_id)
    return CancelledOut.of(ended)


@matches.get("", responses=refusals(*IN_ORG))
async def list_matches(
    actor: Acting, db: Db, page: PageQuery, order_id: Annotated[UUID | None, Query(alias="orderId")] = None,
    trade_id: Annotated[Hash32 | None, Query(alias="tradeId")] = None, since: From = None, until: To = None,
) -> Paged[MatchOut]:  # fmt: skip
    """Matches of your orders and, for an operator, the community's; newest first."""
    found, total = await queries.list_matches(
        db, actor, page, order_id=order_id, since=since, until=until, trade_id=trade_id
    )
    items = [MatchOut.of(match, actor.user_id) for match in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


@matches.get("/{match_id}/receipt", responses=refusals(*IN_ORG, errors.MatchNotFound))
async def get_receipt(match_id: UUID, actor: Acting, db: Db, service_db: ServiceDb) -> ReceiptOut:
    """Why this price: the book as it stood, marginal orders, rule, fees and the best that was refused."""
    match, receipt = await queries.get_receipt(db, service_db, actor, match_id)
    return ReceiptOut(match=MatchOut.of(match, actor.user_id), receipt=receipt)


@offers.get("", responses=refusals(*IN_ORG, OrganizationNeeded, ChainConnecting))
async def list_offers(
    request: Request, actor: OrgScope, service_db: ServiceDb, page: PageQuery, since: From = None, until: To = None
) -> Paged[OfferOut]:
    """Direct offers of the acting community that you may take now, by interval, cheapest first."""
    assert actor.org_id is not None
    assert actor.user_id is not None
    found, total = await queries.list_offers(
        service_db, chain_of(request).id, actor.org_id, actor.user_id, page, since=since, until=until, now=utc_now()
    )
    return Paged(items=[OfferOut.of(offer) for offer in found], page=page.page, limit=page.limit, total=total)


@offers.get("/reservations", responses=refusals(*SIGNED_IN, ChainConnecting))
async def list_reservations(
    request: Request, principal: CurrentUser, service_db: ServiceDb, page: PageQuery
) -> Paged[ReservationOut]:
    """What you hold reserved now, with all that `fillOffer` needs; the newest first."""
    contract = chain_of(request).contract_address
    held = await reservations.held_by(service_db, principal.user_id, now=utc_now())
    items = [ReservationOut.of(one, contract) for one in held[page.offset : page.offset + page.limit]]
    return Paged(items=items, page=page.page, limit=page.limit, total=len(held))


@offers.post(
    "/{offer_id}/reservations",
    status_code=201,
    responses=refusals(
        *SIGNED_IN, errors.OfferNotFound, errors.OwnOffer, errors.BuyerRefused, errors.GateClosed,
        errors.FillTooSmall, errors.OfferTaken, errors.TooManyReservations, ChainConnecting,
    ),
)  # fmt: skip
async def reserve_offer(
    offer_id: UUID, body: ReservationIn, request: Request, principal: CurrentUser, service_db: ServiceDb
) -> ReservationOut:
    """Hold energy of an offer for ten minutes and see its signature: what your wallet needs for `fillOffer`."""
    wish = reservations.Wish(offer_id, principal.user_id, body.energy_kwh, body.buyer)
    made = await reservations.reserve(service_db, wish, now=utc_now())
    return ReservationOut.of(made, chain_of(request).contract_address)
