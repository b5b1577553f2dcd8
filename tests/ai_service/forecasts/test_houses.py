# SPDX-License-Identifier: Apache-2.0
"""POST /api/forecast of houses and communities, over the real backend."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from backend.accounts import service as accounts
from backend.core.clock import utc_now
from backend.core.db import Actor
from tests.ai_service.conftest import made_key
from tests.ai_service.towns import make_town

OTHER = {"email": "bo@example.org", "password": "correct horse battery", "name": "Bo", "role": "both"}


async def ask(ai, **question):
    return await ai.post("/api/forecast", question)


async def told(ai, **question):
    answer = await ask(ai, **question)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def refused(ai, **question):
    answer = await ask(ai, **question)
    return answer.status_code, answer.json()["error"]["code"]


async def stranger(client):
    answer = await client.post("/api/auth/register", json=OTHER)
    return {"Authorization": f"Bearer {answer.json()['data']['accessToken']}"}


async def test_forecast__a_house__tells_the_coming_hours_with_their_origin(ai, town):
    house = await town.house(days=70)

    data = await told(ai, houseId=str(house), horizonHours=48, levels=[50, 90])

    first = datetime.fromisoformat(data["steps"][0]["start"])
    assert timedelta() <= first - utc_now() + timedelta(minutes=1) <= timedelta(hours=1, minutes=1)
    assert len(data["steps"]) == 48
    for step in data["steps"]:
        half, most = step["intervals"]
        assert (half["level"], most["level"]) == (50, 90)
        assert 0 <= most["low"] <= half["low"] <= step["median"] <= half["high"] <= most["high"]
    assert data["model"]["name"] == "recent"
    assert all(data["model"][name] for name in ("version", "dataHash", "codeVersion"))
    assert data["backtest"]["mase"] < 1
    assert data["backtest"]["coverage"]["90"] > 0.75
    assert 0 <= data["dataAgeSeconds"] < 3700
    assert (data["unit"], data["fallback"], data["houseId"]) == ("kWh", None, str(house))


async def test_forecast__again__is_answered_from_the_cache(ai, town):
    house = await town.house(days=20)

    first = await told(ai, houseId=str(house))
    again = await told(ai, houseId=str(house))

    assert again == first
    assert ai.wire.asked["/api/energy-production/series"] == 1


async def test_forecast__house_of_somebody_else__does_not_exist(ai, town, client):
    house = await town.house(days=20)
    await told(ai, houseId=str(house))

    answer = await ai.http.post("/api/forecast", json={"houseId": str(house)}, headers=await stranger(client))

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "forecast.house_unknown")
    assert await refused(ai, houseId=str(uuid4())) == (404, "forecast.house_unknown")


async def test_forecast__api_key_without_the_right_to_see_houses__says_what_it_lacks(ai, town, client):
    house = await town.house(days=20)
    key = await made_key(client, ai.user, "ai:read")

    answer = await ai.http.post("/api/forecast", json={"houseId": str(house)}, headers={"X-API-Key": key})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "auth.scope_missing")
    assert "houses:read" in answer.json()["error"]["details"]["needed"]


async def test_forecast__community_ended_the_membership__is_closed(ai, town, db):
    house = await town.house(days=20)
    operator = Actor(user_id=town.person, org_id=town.org_id, org_role="operator")
    await accounts.remove_member(db, town.org_id, accounts.FORECASTER_ID, actor=operator, now=utc_now())

    assert await refused(ai, houseId=str(house)) == (403, "forecast.readings_closed")


@pytest.mark.parametrize(("days", "readings"), [(0, 0), (1, 24)])
async def test_forecast__new_house__borrows_the_profile_of_its_community_and_says_so(ai, town, days, readings):
    for _ in range(3):
        await town.house(days=40, level_wh=400)
    new = await town.house(days=days, level_wh=800)

    data = await told(ai, houseId=str(new))
    whole = await told(ai, communityId=str(town.org_id))

    total = [sum(step["median"] for step in one["steps"]) for one in (data, whole)]
    assert data["fallback"]["readings"] == readings
    assert data["fallback"]["reason"]
    assert 0.15 < total[0] / total[1] < 0.5


async def test_forecast__community__is_the_sum_of_its_houses(ai, town):
    for level in (300, 600, 1200):
        await town.house(days=40, level_wh=level)
    await town.house(days=0)

    data = await told(ai, communityId=str(town.org_id), withHouses=True)

    for index, step in enumerate(data["steps"]):
        parts = sum(house["median"][index] for house in data["houses"])
        assert step["median"] == pytest.approx(parts, rel=1e-4)
    assert data["coherence"]["houses"] == 3
    assert data["coherence"]["silentHouses"] == 1
    assert {finding["code"] for finding in data["findings"]} >= {"houses_silent"}


async def test_forecast__community_of_others__does_not_exist(ai, service_db, town, client):
    person = (await client.get("/api/users/me", headers=await stranger(client))).json()["data"]["id"]
    other = await make_town(service_db, person, slug="south", number=2)

    assert await refused(ai, communityId=str(other.org_id)) == (404, "forecast.community_unknown")


async def test_forecast__readings_end_earlier__the_gap_is_bridged_and_its_age_told(ai, town):
    house = await town.house(days=40, until=utc_now() - timedelta(hours=30))

    data = await told(ai, houseId=str(house), horizonHours=6)

    assert len(data["steps"]) == 6
    assert 30 * 3600 <= data["dataAgeSeconds"] < 31.1 * 3600


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"until": timedelta(days=9)}, "series.too_old"),
        ({"flat": True, "level_wh": 0}, "series.all_zero"),
        ({"flat": True}, "series.constant"),
    ],
)
async def test_forecast__readings_that_say_nothing__are_refused(ai, town, changes, code):
    if "until" in changes:
        changes = {"until": utc_now() - changes["until"]}
    house = await town.house(days=10, **changes)

    assert await refused(ai, houseId=str(house)) == (422, code)


async def test_forecast__nobody_in_the_community_has_readings__is_refused(ai, town):
    house = await town.house(days=0)

    assert await refused(ai, houseId=str(house)) == (422, "series.empty")
    assert await refused(ai, communityId=str(town.org_id)) == (422, "series.empty")


async def test_forecast__backend_away__is_unavailable(ai, town):
    house = await town.house(days=20)
    await ai.post("/api/price", {"demandKwh": 1})
    ai.wire.cut = True

    assert await refused(ai, houseId=str(house)) == (503, "forecast.backend_away")


async def test_forecast__redis_away__is_computed(ai, town, redis_server):
    house = await town.house(days=20)
    redis_server.stop()

    assert len((await told(ai, houseId=str(house)))["steps"]) == 24


async def test_batch__houses_known_and_not__are_answered_one_by_one(ai, town):
    house = await town.house(days=20)
    questions = [{"houseId": str(house)}, {"houseId": str(uuid4())}, {"houseId": str(house), "horizonHours": 0}]

    answer = await ai.post("/api/forecast/batch", {"questions": questions})

    found = answer.json()["data"]["answers"]
    assert found[0]["error"] is None
    assert len(found[0]["forecast"]["steps"]) == 24
    assert [one["error"]["code"] for one in found[1:]] == ["forecast.house_unknown", "forecast.horizon_invalid"]


async def test_batch__more_than_allowed__is_refused(ai):
    answer = await ai.post("/api/forecast/batch", {"questions": [{"cityId": "x"}] * 101})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "forecast.too_many_series")
