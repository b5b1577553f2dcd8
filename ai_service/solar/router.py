# SPDX-License-Identifier: Apache-2.0
"""GET /api/solar-forecast."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import httpx
import orjson
import structlog
from fastapi import APIRouter, Query, Request, Response

from ai_service.envelope import EnvelopeRoute
from ai_service.errors import Invalid, TooMany, refusals
from ai_service.forecasting.types import regular
from ai_service.forecasts.engine import trimmed
from ai_service.forecasts.service import ceiling, floor
from ai_service.houses import BackendAway, House, Houses, HouseUnknown, ReadingsClosed
from ai_service.identity import SIGNED_IN, SignedIn, asker_of
from ai_service.solar.correction import WINDOW_DAYS
from ai_service.solar.schemas import NoPanels, SolarOut, SolarQuery, solar_out
from ai_service.solar.service import Readings, forecast
from ai_service.solar.weather import Forecast, WeatherUnusable, read_forecast

log = structlog.get_logger()
SPARE_DAYS = 3  # readings may come late
router = APIRouter(prefix="/api", tags=["solar"], route_class=EnvelopeRoute)


@router.get(
    "/solar-forecast",
    response_model=SolarOut,
    responses=refusals(*SIGNED_IN, Invalid, TooMany, NoPanels, HouseUnknown, ReadingsClosed, BackendAway),
)
async def solar_forecast(asked: Annotated[SolarQuery, Query()], request: Request, caller: SignedIn) -> Response:
    """What a photovoltaic system will give in the coming hours: zero at night, never above its capacity.

    Without a weather forecast the answer says so and reckons with a half-clouded sky. The answer for a house leans on
    what its panels gave in the last weeks.
    """
    state, step_s = request.app.state, asked.step_minutes * 60
    house = None
    if asked.house_id is not None:
        house = await state.forecasts.houses.house(str(asked.house_id), asker_of(request))
    site = asked.site(house)
    now = datetime.now(UTC)
    start = ceiling(now, step_s)

    async def compute() -> bytes:
        weather = await _weather(request, site.latitude, site.longitude)
        readings = None if house is None else await _readings(state.forecasts.houses, house, step_s, now)
        steps = asked.hours * 3600 // step_s
        found = await asyncio.to_thread(
            lambda: forecast(site, start=start, steps=steps, step_s=step_s, weather=weather, readings=readings)
        )
        return solar_out(found, site, step_s=step_s).model_dump_json(by_alias=True).encode()

    question = asked.model_dump(mode="json") | {"start": start.isoformat()}
    return Response(
        await state.cache.answer("solar", question, ttl_s=state.settings.cache_forecast_s, compute=compute),
        media_type="application/json",
    )


async def _readings(houses: Houses, house: House, step_s: int, now: datetime) -> Readings | None:
    """Mean power of the last weeks in kW, up to the newest reading; None without any."""
    until = floor(now, step_s)
    since = until - timedelta(days=WINDOW_DAYS + SPARE_DAYS)
    [found] = await houses.readings(
        house.org_id, "production", since=since, until=until, step_s=step_s, house_id=house.id
    )
    made = trimmed(regular(found.start, step_s, found.kwh))
    if not len(made):
        return None
    return Readings(made.values * 3600 / step_s, made.stamp(len(made)))


async def _weather(request: Request, lat: float, lon: float) -> Forecast | None:
    """The forecast of the place to a tenth of a degree, or None: weather makes an answer better, never impossible."""
    state = request.app.state
    key = state.settings.weather_key
    if key is None:
        return None
    place = {"lat": round(lat, 1), "lon": round(lon, 1)}

    async def fetch() -> bytes:
        answer: httpx.Response = await state.weather_http.get(
            "/data/2.5/forecast", params=place | {"appid": key.get_secret_value()}
        )
        read_forecast(answer.json())  # an error is not kept
        return answer.content

    try:
        body = await state.cache.answer("weather", place, ttl_s=state.settings.cache_weather_s, compute=fetch)
        return read_forecast(orjson.loads(body))
    except (httpx.HTTPError, WeatherUnusable, ValueError) as error:
        log.warning("weather.unusable", error=str(error).replace(key.get_secret_value(), "…"))
        return None
