# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge: translate, ask one verb, return. Answers that are kept travel as bytes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ai_service.cache import Cache
from ai_service.energymix.errors import MixBusy, MixesUnderWay, MixInfeasible, MixTooHard
from ai_service.energymix.places import Places
from ai_service.energymix.schemas import MixIn, MixOut
from ai_service.energymix.service import find_mix
from ai_service.envelope import EnvelopeRoute
from ai_service.errors import Invalid, TooMany, refusals
from ai_service.forecasting.errors import HorizonInvalid
from ai_service.forecasts.errors import LevelInvalid
from ai_service.forecasts.service import ceiling, check_levels
from ai_service.identity import SIGNED_IN, SignedIn, asker_of
from ai_service.market.router import MARKET_REFUSED
from ai_service.market.schemas import prices_out
from ai_service.pricing.rule import price_of
from ai_service.pricing.schemas import PriceIn, PriceOut

operations = APIRouter(tags=["operations"])
router = APIRouter(prefix="/api", route_class=EnvelopeRoute)
_JSON = "application/json"
LONGEST_MARKET_H = 48


@operations.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """The process answers; without Redis it computes every answer and says `degraded`."""
    try:
        await asyncio.wait_for(request.app.state.redis.ping(), 1.0)
    except Exception as error:
        return {"status": "degraded", "redis": type(error).__name__}
    return {"status": "ok", "redis": "ok"}


@operations.get("/metrics")
async def metrics() -> Response:
    """Prometheus text."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.post(
    "/price",
    response_model=PriceOut,
    tags=["price"],
    responses=refusals(*SIGNED_IN, Invalid, TooMany, HorizonInvalid, LevelInvalid, *MARKET_REFUSED),
)
async def price(body: PriceIn, request: Request, caller: SignedIn) -> Response:
    """The price of a demand by the reference rule, with what made it.

    Given a community: the price that each coming delivery interval of its market is likely to see, with an interval,
    and which input moved it by how much.
    """
    state, now = request.app.state, datetime.now(UTC)
    asked: dict[str, Any] = {"rule": str(state.price_rule)}
    if body.demand_kwh is not None:
        asked["demand"] = f"{body.demand_kwh.normalize():f}"
    community = None
    if body.community_id is not None:
        if not 1 <= body.horizon_hours <= LONGEST_MARKET_H:
            raise HorizonInvalid(f"A market is priced for 1 to {LONGEST_MARKET_H} hours", hours=body.horizon_hours)
        check_levels(body.levels)
        community = await state.forecasts.houses.community(str(body.community_id), asker_of(request))
        start = ceiling(now, community.delivery_minutes * 60)
        asked |= {"community": community.id, "hours": body.horizon_hours, "levels": body.levels, "start": str(start)}

    async def compute() -> bytes:
        found = None if body.demand_kwh is None else price_of(body.demand_kwh, state.price_rule)
        market = None
        if community is not None:
            outlook = await state.market.outlook(community, hours=body.horizon_hours, now=now)
            market = prices_out(outlook, body.levels, now=now)
        return PriceOut.of(found, market).model_dump_json(by_alias=True).encode()

    cache: Cache = state.cache
    answer = await cache.answer("price", asked, ttl_s=state.settings.cache_price_s, compute=compute)
    return Response(answer, media_type=_JSON)


@router.post(
    "/energy-mix",
    response_model=MixOut,
    tags=["energy mix"],
    responses=refusals(*SIGNED_IN, Invalid, TooMany, MixInfeasible, MixTooHard, MixBusy, MixesUnderWay),
)
async def energy_mix(body: MixIn, request: Request, caller: SignedIn) -> Response:
    """Which sources should meet a demand: least cost, least carbon, weighted, or the front between.

    When nothing satisfies all constraints, the answer names those that contradict each other; none is ever relaxed.
    """
    places: Places = request.app.state.solving
    found = await places.solve(caller.user_id, lambda: find_mix(body).model_dump_json(by_alias=True).encode())
    return Response(found, media_type=_JSON)
