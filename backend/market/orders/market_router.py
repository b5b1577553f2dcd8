# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of communities' markets: rules, delivery intervals, books and auctions. Everybody may read them."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from backend.accounts.deps import SIGNED_IN, ServiceDb, require_org_role
from backend.accounts.errors import OrganizationNotFound, RoleMissing
from backend.chain.errors import ChainConnecting
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import refusals
from backend.core.units import Moment
from backend.market.book import service as book
from backend.market.book.errors import BookNotFound
from backend.market.book.types import BookKey
from backend.market.orders import queries, service
from backend.market.orders.errors import CommunityNotFound, RangeTooLong, RulesRefused
from backend.market.orders.intervals import list_intervals
from backend.market.orders.market_schemas import (
    AuctionOut,
    BookOut,
    DealOut,
    IntervalOut,
    PriceOut,
    RulesIn,
    RulesOut,
)
from backend.market.orders.parts import chain_of
from backend.market.orders.prices import Reach, Resolution, list_deals, list_prices

market = APIRouter(prefix="/api/market", tags=["market"], route_class=EnvelopeRoute)
community_market = APIRouter(prefix="/api/organizations", tags=["market"], route_class=EnvelopeRoute)
LONGEST = timedelta(days=31)
Community = Annotated[int, Query(ge=1, lt=2**32, description="the community's number on chain")]
From = Annotated[Moment, Query(alias="from", description="start of delivery, inclusive")]
To = Annotated[Moment, Query(alias="to", description="start of delivery, exclusive; at most 31 days later")]


@market.get("/rules", responses=refusals(CommunityNotFound))
async def get_rules(service_db: ServiceDb, community: Community) -> RulesOut:
    """A community's rules: gates, price limits, fees, tariffs."""
    return RulesOut.of(await service.get_rules(service_db, community))


@community_market.put(
    "/{org_id}/market",
    responses=refusals(*SIGNED_IN, OrganizationNotFound, RoleMissing, CommunityNotFound, RulesRefused),
)
async def put_rules(
    body: RulesIn, actor: Annotated[Actor, Depends(require_org_role("operator"))], service_db: ServiceDb
) -> RulesOut:
    """Change a community's rules. Books that exist keep the rule, fees and gate they were made with."""
    rules, _ = await service.put_rules(service_db, body.changes(), actor=actor, now=utc_now())
    return RulesOut.of(rules)


@market.get("/intervals", responses=refusals(CommunityNotFound, RangeTooLong, ChainConnecting))
async def get_intervals(
    request: Request, service_db: ServiceDb, page: PageQuery, community: Community, since: From, until: To
) -> Paged[IntervalOut]:
    """Delivery intervals that start in [from, to): gates, state, last price."""
    _check_range(since, until)
    rules = await service.get_rules(service_db, community)
    found, total = await list_intervals(
        service_db, chain_of(request).id, rules, page, since=since, until=until, now=utc_now()
    )
    items = [IntervalOut.of(interval) for interval in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


@market.get("/book", responses=refusals(BookNotFound, CommunityNotFound, ChainConnecting))
async def get_book(
    request: Request,
    service_db: ServiceDb,
    community: Community,
    delivery_start: Annotated[Moment, Query(alias="deliveryStart")],
) -> BookOut:
    """Levels of both sides, best first, and the last trades of an interval."""
    key = BookKey(chain_of(request).id, community, delivery_start)
    try:
        view = await book.book_view(service_db, key)
    except BookNotFound:
        rules = await service.get_rules(service_db, community)
        if not rules.is_aligned(delivery_start):
            raise
        return BookOut.empty(rules, delivery_start)
    return BookOut.of(view, await queries.last_trades(service_db, *key))


@market.get("/auctions", responses=refusals(RangeTooLong, ChainConnecting))
async def get_auctions(
    request: Request, service_db: ServiceDb, page: PageQuery, community: Community, since: From, until: To
) -> Paged[AuctionOut]:
    """Outcomes of a community's auctions: price, volume, levels and the hash of the book; no owners."""
    _check_range(since, until)
    found, total = await queries.list_auctions(
        service_db, chain_of(request).id, community, page, since=since, until=until
    )
    return Paged(items=[AuctionOut.of(one) for one in found], page=page.page, limit=page.limit, total=total)


@market.get("/prices", responses=refusals(RangeTooLong, ChainConnecting))
async def get_prices(
    request: Request, service_db: ServiceDb, page: PageQuery, community: Community, since: From, until: To,
    resolution: Resolution = Resolution.INTERVAL,
) -> Paged[PriceOut]:  # fmt: skip
    """What was paid for deliveries that start in [from, to): open, close, low, high, average, energy; in order."""
    _check_range(since, until)
    reach = Reach(chain_of(request).id, community, since, until)
    found, total = await list_prices(service_db, reach, resolution, page)
    return Paged(items=[PriceOut.of(one) for one in found], page=page.page, limit=page.limit, total=total)


@market.get("/deals", responses=refusals(RangeTooLong, ChainConnecting))
async def get_deals(
    request: Request, service_db: ServiceDb, page: PageQuery, community: Community, since: From, until: To
) -> Paged[DealOut]:
    """Matches and filled offers of deliveries that start in [from, to), without their parties; the newest first."""
    _check_range(since, until)
    found, total = await list_deals(service_db, Reach(chain_of(request).id, community, since, until), page)
    return Paged(items=[DealOut.of(one) for one in found], page=page.page, limit=page.limit, total=total)


def _check_range(since: datetime, until: datetime) -> None:
    if not timedelta() <= until - since <= LONGEST:
        raise RangeTooLong(since=since, until=until, longest_days=LONGEST.days)
