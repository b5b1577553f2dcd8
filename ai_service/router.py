# SPDX-License-Identifier: Apache-2.0
"""The HTTP edge: translate, ask one verb, return. Answers that are kept travel as bytes."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ai_service.cache import Cache
from ai_service.energymix.errors import MixInfeasible, MixTooHard
from ai_service.energymix.schemas import MixIn, MixOut
from ai_service.energymix.service import find_mix
from ai_service.envelope import EnvelopeRoute
from ai_service.errors import Invalid, TooMany, refusals
from ai_service.identity import SIGNED_IN, SignedIn
from ai_service.pricing.rule import price_of
from ai_service.pricing.schemas import PriceIn, PriceOut

operations = APIRouter(tags=["operations"])
router = APIRouter(prefix="/api", route_class=EnvelopeRoute)
_JSON = "application/json"


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


@router.post("/price", response_model=PriceOut, tags=["price"], responses=refusals(*SIGNED_IN, Invalid, TooMany))
async def price(body: PriceIn, request: Request, caller: SignedIn) -> Response:
    """The price of a demand by the reference rule, with what made it."""
    state = request.app.state

    async def compute() -> bytes:
        return PriceOut.of(price_of(body.demand_kwh, state.price_rule)).model_dump_json(by_alias=True).encode()

    cache: Cache = state.cache
    asked = {"demand": f"{body.demand_kwh.normalize():f}", "rule": str(state.price_rule)}
    return Response(
        await cache.answer("price", asked, ttl_s=state.settings.cache_price_s, compute=compute), media_type=_JSON
    )


@router.post(
    "/energy-mix",
    response_model=MixOut,
    tags=["energy mix"],
    responses=refusals(*SIGNED_IN, Invalid, TooMany, MixInfeasible, MixTooHard),
)
async def energy_mix(body: MixIn, request: Request, caller: SignedIn) -> Response:
    """Which sources should meet a demand: least cost, least carbon, weighted, or the front between.

    When nothing satisfies all constraints, the answer names those that contradict each other; none is ever relaxed.
    """
    async with request.app.state.solving:
        found = await asyncio.to_thread(lambda: find_mix(body).model_dump_json(by_alias=True).encode())
    return Response(found, media_type=_JSON)
