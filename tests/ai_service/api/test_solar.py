# SPDX-License-Identifier: Apache-2.0
"""GET /api/solar-forecast: what travels, and what is refused."""

import pytest

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
        {"tilt": 91},
        {"surprise": 1},
    ],
)
async def test_solar_forecast__what_does_not_hold__is_invalid(ai, changes):
    answer = await ask(ai, **changes)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
