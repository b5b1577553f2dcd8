# SPDX-License-Identifier: Apache-2.0
"""/api/ai over the real AI service, cut off at will; and over answers that no service should give."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import pytest

from ai_service.app import create_app as create_ai
from ai_service.settings import Settings as AiSettings
from backend.accounts.service import equip_forecaster
from backend.core.clock import utc_now
from backend.core.limits import Limiter
from backend.forecasts import client as clients
from backend.forecasts.client import AiClient, Question
from backend.forecasts.service import Forecasts, digest
from tests.ai_service.towns import make_town

SERVICE_KEY = "gxk_" + "s" * 43
ORIGIN = "http://127.0.0.1:3001"
DEMAND = {"demandKwh": "4.5"}
IMPOSSIBLE = {"demandKw": [5], "imports": {"limitKw": 1, "costPerKwh": 1, "carbonGPerKwh": 1}}
PERSON = {"email": "asha@example.org", "password": "correct horse battery", "name": "Asha", "role": "both"}


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """Carries requests to the AI service; what is in `instead` is answered or raised first, one by one."""

    inner: httpx.AsyncBaseTransport | None = None
    instead: list = field(default_factory=list)
    cut: bool = False
    seen: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request):
        self.seen.append(request)
        if self.cut:
            raise httpx.ConnectError("cut", request=request)
        if self.instead:
            first = self.instead.pop(0)
            return await first() if callable(first) else first
        return await self.inner.handle_async_request(request)


@pytest.fixture
async def wire(app, redis_url, service_db):
    """The real AI service behind the backend's client, which believes its tokens by the backend's own key set."""
    await equip_forecaster(service_db, SERVICE_KEY, now=utc_now())
    settings = AiSettings(redis_url=redis_url, backend_url=ORIGIN, issuer=ORIGIN, service_key=SERVICE_KEY)
    service = create_ai(settings, backend=httpx.ASGITransport(app=app))
    async with service.router.lifespan_context(service):
        made = Wire(httpx.ASGITransport(app=service))
        app.state.limiter = Limiter(app.state.redis, {})
        app.state.forecasts = Forecasts(AiClient("http://127.0.0.1:8000", transport=made))
        yield made


@pytest.fixture
async def headers(client):
    """Headers of a signed-in user."""
    answer = await client.post("/api/auth/register", json=PERSON)
    return {"Authorization": f"Bearer {answer.json()['data']['accessToken']}"}


async def ask(client, headers, body=DEMAND):
    return await client.post("/api/ai/price", json=body, headers=headers)


async def test_price__service_there__answers_fresh(client, wire, headers):
    answer = await ask(client, headers)

    data = answer.json()["data"]
    assert answer.status_code == 200
    assert (data["price"], data["stale"], data["ageSeconds"]) == ("5.50", False, 0)
    assert wire.seen[0].headers["x-request-id"] == answer.headers["x-request-id"]


async def test_price__service_away__is_the_last_good_answer_marked_stale_with_its_age(client, wire, headers, owner_db):
    fresh = (await ask(client, headers)).json()["data"]
    async with owner_db.begin() as session:
        connection = await session.connection()
        await connection.exec_driver_sql("UPDATE forecast_answers SET answered_at = answered_at - interval '1 hour'")
    wire.cut = True

    answer = await ask(client, headers, {"demandKwh": "4.5"})

    data = answer.json()["data"]
    assert data["price"] == fresh["price"]
    assert data["stale"] is True
    assert 3600 <= data["ageSeconds"] < 3700
    assert answer.headers["warning"].startswith("110")


async def test_price__service_away_and_never_asked__is_unavailable_not_invented(client, wire, headers):
    await ask(client, headers)
    wire.cut = True

    answer = await ask(client, headers, {"demandKwh": "1"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ai.unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_price__somebody_else_asked__their_answer_is_not_shown(client, wire, headers):
    await ask(client, headers)
    other = await client.post("/api/auth/register", json=PERSON | {"email": "bob@example.org"})
    wire.cut = True

    answer = await ask(client, {"Authorization": f"Bearer {other.json()['data']['accessToken']}"})

    assert answer.status_code == 503


async def test_price__asked_with_other_rights__the_answer_of_the_session_is_not_shown(
    client, wire, headers, service_db
):
    made = await client.post("/api/api-keys", json={"name": "k", "scopes": ["read"]}, headers=headers)
    me = UUID((await client.get("/api/users/me", headers=headers)).json()["data"]["id"])
    await ask(client, headers)
    wire.cut = True

    same = await ask(client, headers)
    by_key = await ask(client, {"X-Api-Key": made.json()["data"]["key"]})
    for_another = await ask(client, headers | {"X-Org-Id": str(uuid4())})
    await make_town(service_db, me)
    as_a_member = await ask(client, headers)

    assert same.status_code == 200
    assert [answer.status_code for answer in (by_key, for_another, as_a_member)] == [503] * 3


async def test_price__input_that_does_not_hold__is_the_services_own_refusal(client, wire, headers):
    answer = await ask(client, headers, {"demandKwh": -1})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
    assert answer.json()["error"]["details"]["problems"][0]["field"] == "body.demandKwh"
    assert len(wire.seen) == 1


async def test_energy_mix__impossible__names_the_conflict(client, wire, headers):
    answer = await client.post("/api/ai/energy-mix", json=IMPOSSIBLE, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "energy_mix.infeasible")


async def test_solar_forecast__parameters__are_passed_on(client, wire, headers):
    params = {"lat": 38.5, "lon": -121, "capacityKwp": 4, "hours": 24}

    answer = await client.get("/api/ai/solar-forecast", params=params, headers=headers)

    assert len(answer.json()["data"]["steps"]) == 24


async def test_forecast__a_house__is_told_and_goes_on_being_told_with_its_age(
    app, client, wire, headers, service_db, monkeypatch
):
    monkeypatch.setattr(clients, "TIMEOUT_S", 30.0)  # what is late on a busy machine is not what is tested here
    app.state.forecasts = Forecasts(AiClient("http://127.0.0.1:8000", transport=wire))
    me = (await client.get("/api/users/me", headers=headers)).json()["data"]["id"]
    town = await make_town(service_db, me)
    question = {"houseId": str(await town.house(days=20)), "horizonHours": 24}

    fresh = await client.post("/api/ai/forecast", json=question, headers=headers)
    unknown = await client.post("/api/ai/forecast", json={"houseId": str(uuid4())}, headers=headers)
    wire.cut = True
    stale = await client.post("/api/ai/forecast", json=question, headers=headers)

    assert len(fresh.json()["data"]["steps"]) == 24, fresh.text
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "forecast.house_unknown")
    assert stale.json()["data"]["steps"] == fresh.json()["data"]["steps"]
    assert (fresh.json()["data"]["stale"], stale.json()["data"]["stale"]) == (False, True)


async def test_market_analysis__community_of_others__is_the_services_own_refusal(client, wire, headers):
    params = {"communityId": str(uuid4())}

    answer = await client.get("/api/ai/market-analysis", params=params, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "forecast.community_unknown")


async def test_ask__one_failure__is_tried_again(client, wire, headers):
    wire.instead.append(httpx.Response(503, json={}))

    answer = await ask(client, headers)

    assert answer.json()["data"]["stale"] is False
    assert len(wire.seen) == 2


@pytest.mark.parametrize(
    "nonsense",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"data": 5}),
        httpx.Response(200, json=[]),
        httpx.Response(401, json={"data": None, "error": {"code": "x", "message": "y", "details": {}}}),
        httpx.Response(422, json={"detail": "no envelope"}),
        httpx.Response(500, json={}),
    ],
)
async def test_ask__answer_that_is_none__counts_as_away(client, wire, headers, nonsense):
    wire.instead.append(nonsense)

    answer = await ask(client, headers)

    assert answer.status_code == 503


async def test_ask__no_answer_in_time__is_away(client, wire, headers, monkeypatch):
    monkeypatch.setattr(clients, "TIMEOUT_S", 0.05)
    wire.instead.append(asyncio.Event().wait)

    answer = await ask(client, headers)

    assert answer.status_code == 503


async def test_ask__away_again_and_again__stops_asking(client, wire, headers):
    wire.cut = True
    for _ in range(5):
        await ask(client, headers)
    asked = len(wire.seen)

    answer = await ask(client, headers)

    assert len(wire.seen) == asked
    assert 5 <= int(answer.headers["retry-after"]) <= 10


async def test_ask__energy_mixes_that_take_too_long__keep_nobody_from_prices(client, wire, headers):
    wire.instead += [httpx.Response(503, json={})] * 10  # each is tried twice
    for _ in range(5):
        await client.post("/api/ai/energy-mix", json=IMPOSSIBLE, headers=headers)
    refused = await client.post("/api/ai/energy-mix", json=IMPOSSIBLE, headers=headers)

    answer = await ask(client, headers)

    assert (refused.status_code, answer.status_code) == (503, 200)


async def test_ask__header_that_is_no_ascii__reaches_the_service_as_it_came(client, wire, headers):
    strange = httpx.Headers(headers | {"X-Org-Id": "é"}, encoding="latin-1")

    answer = await client.get("/api/ai/solar-forecast", params={"houseId": str(uuid4())}, headers=strange)

    assert answer.status_code == 404


def test_digest__fields_in_another_order__is_the_same_question():
    one, other = Question("price", body=b'{"a": 1, "b": 2}'), Question("price", body=b'{"b":2,"a":1}')

    assert digest(one, "") == digest(other, "")
    assert digest(one, "") != digest(Question("energy-mix", body=one.body), "")
    assert digest(Question("x", (("a", "1"), ("b", "2"))), "") == digest(Question("x", (("b", "2"), ("a", "1"))), "")
