# SPDX-License-Identifier: Apache-2.0
"""GET /api/solar-forecast: what travels, and what is refused."""

from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from ai_service.app import create_app
from ai_service.settings import Settings
from backend.core.clock import utc_now
from tests.ai_service.conftest import BACKEND, PERSON, Wire

ROOF = {"lat": 38.58, "lon": -121.49, "capacityKwp": 5}


async def ask(ai, **changes):
    return await ai.http.get("/api/solar-forecast", params=ROOF | changes, headers=ai.user)


async def test_solar_forecast__a_roof__has_a_value_per_step_within_its_capacity(ai):
    answer = await ask(ai, hours=24, stepMinutes=30)

    data = answer.json()["data"]
    assert answer.status_code == 200
    assert len(data["steps"]) == 48
    assert all(0 <= step["powerKw"] <= 5 for step in data["steps"])
    assert data["energyKwh"] > 0
    assert data["findings"] == ["no weather forecast", "no readings to learn from"]


@pytest.mark.parametrize(
    "changes",
    [
        {"lat": 90.1},
        {"lat": "nan"},
        {"lon": -181},
        {"capacityKwp": 0},
        {"capacityKwp": 1e12},
        {"hours": 0},
        {"hours": 10_000},
        {"stepMinutes": 7},
        {"stepMinutes": 20},
        {"stepMinutes": 45},
        {"tilt": 91},
        {"surprise": 1},
        {"houseId": "01912f6c-0000-7000-8000-000000000001"},
    ],
)
async def test_solar_forecast__what_does_not_hold__is_invalid(ai, changes):
    answer = await ask(ai, **changes)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")


async def test_solar_forecast__a_house__leans_on_what_its_panels_gave(ai, town):
    house = await town.house(days=30, level_wh=500)

    answer = await ai.http.get("/api/solar-forecast", params={"houseId": str(house), "hours": 48}, headers=ai.user)

    data = answer.json()["data"]
    assert answer.status_code == 200
    assert data["basis"] == ["clearSky", "readings"]
    assert all(0 <= step["powerKw"] <= 5 for step in data["steps"])
    assert any(step["powerKw"] == 0 for step in data["steps"])


async def test_solar_forecast__a_new_house__is_told_without_readings(ai, town):
    house = await town.house(days=0)

    answer = await ai.http.get("/api/solar-forecast", params={"houseId": str(house)}, headers=ai.user)

    assert "no readings to learn from" in answer.json()["data"]["findings"]


async def test_solar_forecast__polar_night__is_zero_and_says_why(ai):
    north, south = [await ask(ai, lat=lat, hours=24) for lat in (89.9, -89.9)]

    for answer in (north, south):
        data = answer.json()["data"]
        assert (data["energyKwh"] == 0) == ("the sun stays below the horizon" in data["findings"])


async def test_solar_forecast__house_that_is_not_there_or_has_no_panels__is_refused(ai, town, service_db):
    house = await town.house(days=0)
    async with service_db.begin() as session:
        await session.execute(text("UPDATE houses SET capacity_w = 0"))

    answers = [
        await ai.http.get("/api/solar-forecast", params={"houseId": str(one)}, headers=ai.user)
        for one in (house, uuid4())
    ]

    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [
        (422, "solar.no_panels"),
        (404, "forecast.house_unknown"),
    ]


async def test_solar_forecast__weather_away_once__is_asked_again_for_the_next_answer(redis_url, client, app):
    asked = []

    async def weather(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["appid"])
        if len(asked) == 1:
            return httpx.Response(500, json={"cod": "500", "message": "later"})
        now = int(utc_now().timestamp())
        steps = [{"dt": now + hour * 3600, "clouds": {"all": 10}, "main": {"temp": 290}} for hour in range(0, 48, 3)]
        return httpx.Response(200, json={"cod": "200", "list": steps})

    registered = await client.post("/api/auth/register", json=PERSON)
    user = {"Authorization": f"Bearer {registered.json()['data']['accessToken']}"}
    settings = Settings(redis_url=redis_url, backend_url=BACKEND, issuer=BACKEND, weather_key="secret")
    service = create_app(settings, backend=Wire(app), weather=httpx.MockTransport(weather))
    async with service.router.lifespan_context(service):
        transport = httpx.ASGITransport(app=service)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            first, second, third = [
                (await http.get("/api/solar-forecast", params=ROOF | {"hours": hours}, headers=user)).json()["data"]
                for hours in (24, 25, 26)
            ]

    assert "no weather forecast" in first["findings"]
    assert "weather" in second["basis"]
    assert "weather" in third["basis"]
    assert asked == ["secret", "secret"]
