# SPDX-License-Identifier: Apache-2.0
"""POST /api/forecast and its batch form."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from ai_service.envelope import EnvelopeRoute
from ai_service.errors import Invalid, Refusal, TooMany, Unauthenticated, refusals
from ai_service.forecasting import errors as series_errors
from ai_service.forecasts import errors
from ai_service.forecasts.schemas import BatchIn, BatchOut, ForecastIn, ForecastOut, HousePartOut, forecast_out
from ai_service.forecasts.schemas import CoherentOut as Coherence
from ai_service.forecasts.service import Forecasts, OfTown, ceiling, step_of, steps_of, subject_of
from ai_service.houses import BackendAway, CommunityUnknown, HouseUnknown, ReadingsClosed
from ai_service.identity import SIGNED_IN, Asker, SignedIn, asker_of

router = APIRouter(prefix="/api", tags=["forecasts"], route_class=EnvelopeRoute)
SERIES_REFUSED = (
    series_errors.SeriesEmpty,
    series_errors.SeriesTooShort,
    series_errors.SeriesTooSparse,
    series_errors.SeriesAllZero,
    series_errors.SeriesConstant,
    series_errors.ValueNotFinite,
    series_errors.ValueTooLarge,
    series_errors.TimeUnreadable,
    series_errors.ZonesMixed,
    series_errors.ZoneUnknown,
    series_errors.RegionUnknown,
    series_errors.ResolutionInvalid,
    series_errors.HorizonInvalid,
    errors.SubjectInvalid,
    errors.LevelInvalid,
    errors.SeriesTooOld,
    errors.SeriesTooLong,
    errors.SeriesUneven,
)
BACKEND_REFUSED = (HouseUnknown, CommunityUnknown, ReadingsClosed, BackendAway)
REFUSED = (*SIGNED_IN, Invalid, TooMany, *SERIES_REFUSED, *BACKEND_REFUSED, errors.CityUnknown)


@router.post("/forecast", response_model=ForecastOut, responses=refusals(*REFUSED))
async def forecast(body: ForecastIn, request: Request, caller: SignedIn) -> Response:
    """What to expect of a house, a community, a city or a series: median, intervals, and where they come from.

    Houses and communities are told from the coming interval on, cities and series from their end on.
    """
    found = await _answer(body, request, asker_of(request), datetime.now(UTC))
    return Response(found, media_type="application/json")


@router.post(
    "/forecast/batch", response_model=BatchOut, responses=refusals(*SIGNED_IN, Invalid, TooMany, errors.TooManySeries)
)
async def forecast_batch(body: BatchIn, request: Request, caller: SignedIn) -> Response:
    """Many forecasts in one call; each is answered or refused by itself."""
    most = request.app.state.settings.limit_series
    if len(body.questions) > most:
        raise errors.TooManySeries(questions=len(body.questions), limit=most)
    now, asker = datetime.now(UTC), asker_of(request)

    async def one(question: ForecastIn) -> bytes:
        try:
            return b'{"forecast":' + await _answer(question, request, asker, now) + b',"error":null}'
        except Unauthenticated:
            raise
        except Refusal as refusal:
            told = {"code": refusal.code, "message": refusal.message, "details": refusal.details}
            return orjson.dumps({"forecast": None, "error": told}, default=str)

    answers = await asyncio.gather(*(one(question) for question in body.questions))
    return Response(b'{"answers":[' + b",".join(answers) + b"]}", media_type="application/json")


async def _answer(asked: ForecastIn, request: Request, asker: Asker, now: datetime) -> bytes:
    """The JSON of one forecast, from the cache where it is there. The caller's right is looked at before."""
    state = request.app.state
    forecasts: Forecasts = state.forecasts
    subject = subject_of(asked)
    question: dict[str, Any] = asked.model_dump(mode="json")
    if subject == "house":
        house = await forecasts.houses.house(str(asked.house_id), asker)
        question["start"] = ceiling(now, step_of(asked)).isoformat()

        async def compute() -> bytes:
            found = await forecasts.of_house(house, asked, now=now)
            told = forecast_out(found, asked.levels, now=now, unit="kWh", house_id=house.id, quantity=asked.quantity)
            return _json(told)

    elif subject == "community":
        org_id = str(asked.community_id)
        community = await forecasts.houses.community(org_id, asker)
        seen = await forecasts.houses.seen_houses(org_id, asker) if asked.with_houses else frozenset()
        question |= {"start": ceiling(now, step_of(asked)).isoformat(), "seen": sorted(seen)}

        async def compute() -> bytes:
            step_s = step_of(asked)
            found = await forecasts.of_community(
                community.id, asked.quantity, step_s=step_s, steps=steps_of(asked, step_s), now=now
            )
            return _json(_town_out(found, asked, community.id, seen, now))

    elif subject == "city":
        assert asked.city_id is not None
        city_id, unit = asked.city_id, forecasts.catalogue.city(asked.city_id).unit

        async def compute() -> bytes:
            found = await forecasts.of_city(city_id, asked, now=now)
            return _json(forecast_out(found, asked.levels, now=now, unit=unit, city_id=city_id))

    else:
        assert asked.series is not None
        brought = asked.series

        async def compute() -> bytes:
            return _json(forecast_out(await forecasts.of_series(brought, asked), asked.levels, now=now, unit=""))

    answer: bytes = await state.cache.answer(
        "forecast", question, ttl_s=state.settings.cache_forecast_s, compute=compute
    )
    return answer


def _town_out(found: OfTown, asked: ForecastIn, community_id: str, seen: frozenset[str], now: datetime) -> ForecastOut:
    told = forecast_out(
        found.forecast, asked.levels, now=now, unit="kWh", community_id=community_id, quantity=asked.quantity
    )
    town, parts = found.town, found.parts
    told.coherence = Coherence(houses=len(town.house_ids), silent_houses=town.silent, moved=round(parts.moved, 6))
    if asked.with_houses:
        told.houses = [
            HousePartOut(house_id=house_id, median=[float(f"{value:.6g}") for value in row])
            for house_id, row in zip(town.house_ids, parts.houses, strict=True)
            if house_id in seen
        ]
    return told


def _json(told: ForecastOut) -> bytes:
    return told.model_dump_json(by_alias=True).encode()
