# SPDX-License-Identifier: Apache-2.0
"""/api/ai/…: the AI service for signed-in users, with their own credential and address."""

from fastapi import APIRouter, Request, Response

from backend.accounts.deps import SIGNED_IN, CurrentUser, Db
from backend.accounts.types import Principal
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.core.envelope import EnvelopeRoute
from backend.core.errors import Invalid, Malformed, NotFound, TooLarge, TooMany, refusals
from backend.core.limits import client_ip
from backend.forecasts.client import Question
from backend.forecasts.errors import AiAway
from backend.forecasts.schemas import AiAnswerOut, AiQuestion
from backend.forecasts.service import Forecasts

router = APIRouter(prefix="/api/ai", tags=["ai"], route_class=EnvelopeRoute)
_REFUSALS = refusals(*SIGNED_IN, Malformed, NotFound, TooLarge, Invalid, TooMany, AiAway)
_FORWARDED = ("authorization", "x-api-key", "x-org-id", "traceparent")


@router.post("/price", response_model=AiAnswerOut, responses=_REFUSALS)
async def price(body: AiQuestion, request: Request, principal: CurrentUser, db: Db) -> Response:
    """The price of a demand by the reference rule, or of a community's coming intervals, explained."""
    return await _ask(request, Question("price", body=await request.body()), principal, db)


@router.post("/forecast", response_model=AiAnswerOut, responses=_REFUSALS)
async def forecast(body: AiQuestion, request: Request, principal: CurrentUser, db: Db) -> Response:
    """What to expect of a house, a community, a city or a series, with intervals and where they come from."""
    return await _ask(request, Question("forecast", body=await request.body()), principal, db)


@router.post("/forecast/batch", response_model=AiAnswerOut, responses=_REFUSALS)
async def forecast_batch(body: AiQuestion, request: Request, principal: CurrentUser, db: Db) -> Response:
    """Many forecasts in one call; each is answered or refused by itself."""
    return await _ask(request, Question("forecast/batch", body=await request.body()), principal, db)


@router.get("/market-analysis", response_model=AiAnswerOut, responses=_REFUSALS)
async def market_analysis(request: Request, principal: CurrentUser, db: Db) -> Response:
    """Supply, demand, price and carbon of a community's next day or two; parameters as the AI service takes them."""
    question = Question("market-analysis", params=tuple(request.query_params.multi_items()))
    return await _ask(request, question, principal, db)


@router.post("/energy-mix", response_model=AiAnswerOut, responses=_REFUSALS)
async def energy_mix(body: AiQuestion, request: Request, principal: CurrentUser, db: Db) -> Response:
    """Which sources should meet a demand. Problems that need longer than two seconds are for the AI service itself."""
    return await _ask(request, Question("energy-mix", body=await request.body()), principal, db)


@router.get("/solar-forecast", response_model=AiAnswerOut, responses=_REFUSALS)
async def solar_forecast(request: Request, principal: CurrentUser, db: Db) -> Response:
    """What a photovoltaic system will give; parameters as the AI service takes them."""
    question = Question("solar-forecast", params=tuple(request.query_params.multi_items()))
    return await _ask(request, question, principal, db)


def _standing(principal: Principal, org: str) -> str:
    """The organisation that is acted for, the API key that asks, and the roles held now: what an answer hangs on."""
    roles = sorted(f"{held.org_id}={held.role}" for held in principal.memberships)
    return " ".join([org.lower(), str(principal.api_key_id or "session"), *roles])


async def _ask(request: Request, question: Question, principal: Principal, db: Database) -> Response:
    forecasts: Forecasts = request.app.state.forecasts
    headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
    headers |= {"x-forwarded-for": client_ip(request), "x-request-id": request.state.request_id}
    answer = await forecasts.ask(
        db,
        question,
        user_id=principal.user_id,
        standing=_standing(principal, request.headers.get("x-org-id", "")),
        headers=headers,
        now=utc_now(),
    )
    marked = Response(answer.marked(utc_now()), media_type="application/json")
    if answer.stale:
        marked.headers["Warning"] = '110 - "Response is Stale"'
    return marked
