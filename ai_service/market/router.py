# SPDX-License-Identifier: Apache-2.0
"""GET /api/market-analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ai_service.envelope import EnvelopeRoute
from ai_service.errors import Invalid, TooMany, refusals
from ai_service.forecasting.errors import SeriesEmpty, SeriesTooShort, SeriesTooSparse
from ai_service.forecasts.errors import SeriesTooOld
from ai_service.forecasts.service import ceiling
from ai_service.houses import BackendAway, CommunityUnknown, ReadingsClosed
from ai_service.identity import SIGNED_IN, SignedIn, asker_of
from ai_service.market.curve import TariffsMissing
from ai_service.market.schemas import AnalysisOut, MarketQuery, analysis_out
from ai_service.market.service import Market, NoMarket

router = APIRouter(prefix="/api", tags=["market"], route_class=EnvelopeRoute)
MARKET_REFUSED = (
    CommunityUnknown,
    ReadingsClosed,
    BackendAway,
    NoMarket,
    TariffsMissing,
    SeriesEmpty,
    SeriesTooShort,
    SeriesTooSparse,
    SeriesTooOld,
)


@router.get(
    "/market-analysis", response_model=AnalysisOut, responses=refusals(*SIGNED_IN, Invalid, TooMany, *MARKET_REFUSED)
)
async def market_analysis(asked: Annotated[MarketQuery, Query()], request: Request, caller: SignedIn) -> Response:
    """A community's next 24 to 48 hours: supply, demand, price, carbon; best hours to buy and to sell."""
    state, now = request.app.state, datetime.now(UTC)
    market: Market = state.market
    community = await state.forecasts.houses.community(str(asked.community_id), asker_of(request))

    async def compute() -> bytes:
        found = await market.outlook(community, hours=asked.hours, now=now)
        return analysis_out(found, now=now).model_dump_json(by_alias=True).encode()

    start = ceiling(now, community.delivery_minutes * 60)
    question = {"community": community.id, "hours": asked.hours, "start": start.isoformat()}
    answer = await state.cache.answer("market", question, ttl_s=state.settings.cache_market_s, compute=compute)
    return Response(answer, media_type="application/json")
