# SPDX-License-Identifier: Apache-2.0
"""What holds for every request of the AI service: shape, identity, limits, bounds, caching, faults."""

import asyncio
import json

import httpx
import pytest

import ai_service.errors
import backend.core.errors
from ai_service.app import create_app
from ai_service.cache import Cache
from ai_service.energymix.places import Places
from ai_service.errors import TooMany
from ai_service.identity import INTROSPECTION_S, counted_as
from ai_service.limits import Limiter
from ai_service.settings import Settings
from tests.ai_service.conftest import made_key

DEMAND = {"demandKwh": "4.5"}


def shape_of(value):
    """Names of everything in a JSON answer, without its values."""
    return {name: shape_of(inner) for name, inner in value.items()} if isinstance(value, dict) else None


async def test_shape__the_same_mistakes__look_as_in_the_backend(ai, client):
    pairs = [
        (await ai.http.get("/api/nothing"), await client.get("/api/nothing")),
        (await ai.http.delete("/api/price"), await client.delete("/api/energy-trades")),
        (await ai.http.post("/api/price", json=DEMAND), await client.get("/api/users/me")),
        (await ai.post("/api/price", {"demandKwh": -1}), await client.post("/api/api-keys", json={}, headers=ai.user)),
    ]
    for ours, theirs in pairs:
        assert (ours.status_code, shape_of(ours.json())) == (theirs.status_code, shape_of(theirs.json()))
        assert ours.json()["error"]["code"] == theirs.json()["error"]["code"]
        assert ours.json()["meta"]["version"] == theirs.json()["meta"]["version"]
        assert ours.headers["x-request-id"] == ours.json()["meta"]["requestId"]
    problems = [answer.json()["error"]["details"]["problems"][0] for answer in pairs[-1]]
    assert problems[0].keys() == problems[1].keys()


def test_refusals__by_name__are_those_of_the_backend():
    for name, ours in vars(ai_service.errors).items():
        if isinstance(ours, type) and issubclass(ours, ai_service.errors.Refusal) and not name.startswith("_"):
            theirs = getattr(backend.core.errors, name)
            assert (ours.status, ours.code, ours.title) == (theirs.status, theirs.code, theirs.title)


async def test_price__access_token__answers_in_the_envelope(ai):
    answer = await ai.post("/api/price", DEMAND)

    assert answer.status_code == 200
    assert answer.json()["data"]["price"] == "5.50"
    assert answer.json()["error"] is None


async def test_token__changed_or_of_another_service__is_refused(ai):
    changed = {"Authorization": ai.user["Authorization"][:-8] + "AAAAAAAA"}

    for headers in (changed, {"Authorization": "Bearer x.y.z"}, {"X-API-Key": "gxk_guess"}):
        answer = await ai.http.post("/api/price", json=DEMAND, headers=headers)
        assert answer.status_code == 401


async def test_api_key__twice__is_introspected_once(ai):
    answers = [await ai.http.post("/api/price", json=DEMAND, headers=ai.key) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert ai.wire.asked["/api/api-keys/introspection"] == 1
    assert INTROSPECTION_S == 60


async def test_api_key__of_another_scope__is_forbidden(ai, client):
    other = await made_key(client, ai.user, "houses:read")

    answer = await ai.http.post("/api/price", json=DEMAND, headers={"X-API-Key": other})

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "auth.scope_missing")


async def test_identity__backend_away__known_callers_go_on_and_others_wait(ai):
    await ai.post("/api/price", DEMAND)
    ai.wire.cut = True

    known = await ai.post("/api/price", DEMAND)
    stranger = await ai.http.post("/api/price", json=DEMAND, headers=ai.key)

    assert known.status_code == 200
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (503, "auth.unavailable")
    assert int(stranger.headers["retry-after"]) >= 1


async def test_limits__more_than_allowed__are_told_when_to_come_back(ai):
    ai.app.state.limiter = Limiter(ai.app.state.redis, {"user": "2/minute"})

    answers = [await ai.post("/api/price", DEMAND) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_limits__a_large_limit_over_two_processes__is_kept_with_few_exchanges(ai):
    limiters = [Limiter(ai.app.state.redis, {"user": "100/hour"}) for _ in range(2)]
    refused = 0
    await ai.app.state.redis.config_resetstat()

    for number in range(150):
        try:
            await limiters[number % 2].hit("user", "somebody")
        except TooMany:
            refused += 1

    assert 45 <= refused <= 60  # each process may lose what it took in advance
    assert (await ai.app.state.redis.info("commandstats"))["cmdstat_evalsha"]["calls"] < 130


@pytest.mark.parametrize("declared", [True, False])
async def test_body__too_large__is_refused(ai, declared):
    async def pieces():
        for _ in range(20):
            yield b" " * 100_000

    content = b" " * 2_000_000 if declared else pieces()
    headers = ai.user | {"content-type": "application/json"}

    answer = await ai.http.post("/api/price", content=content, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request.too_large")


async def test_redis__away__computes_and_says_degraded(ai, redis_server):
    redis_server.stop()

    answer = await ai.post("/api/price", DEMAND)
    health = await ai.http.get("/health")

    assert answer.json()["data"]["price"] == "5.50"
    assert health.json()["status"] == "degraded"


async def test_cache__many_ask_a_cold_key__is_computed_once_over_two_processes(ai):
    computed, started, release = [], asyncio.Event(), asyncio.Event()

    async def compute():
        computed.append(1)
        started.set()
        await release.wait()
        return json.dumps({"n": len(computed)}).encode()

    caches = [Cache(ai.app.state.redis), Cache(ai.app.state.redis)]
    asked = [
        asyncio.create_task(cache.answer("forecast", {"house": 1}, ttl_s=5, compute=compute)) for cache in caches * 5
    ]
    await started.wait()
    release.set()

    assert set(await asyncio.gather(*asked)) == {b'{"n": 1}'}
    assert len(computed) == 1
    assert await caches[0].answer("forecast", {"house": 1}, ttl_s=5, compute=compute) == b'{"n": 1}'
    assert 0 < await ai.app.state.redis.pttl((await ai.app.state.redis.keys("gridx:ai:forecast:*"))[0]) <= 5000


async def test_cache__computing_fails__nothing_is_kept_and_the_next_tries_again(ai):
    cache = Cache(ai.app.state.redis)

    async def fail():
        raise ValueError("no readings")

    async def work():
        return b"{}"

    with pytest.raises(ValueError):
        await cache.answer("forecast", "k", ttl_s=5, compute=fail)

    assert await cache.answer("forecast", "k", ttl_s=5, compute=work) == b"{}"


async def test_energy_mix__example_of_the_document__is_solved(ai):
    document = (await ai.http.get("/api/openapi.json")).json()
    example = document["components"]["schemas"]["MixIn"]["examples"][0]

    answer = await ai.post("/api/energy-mix", example)

    mix = answer.json()["data"]["mixes"][0]
    assert answer.status_code == 200
    assert len(mix["marginalPricePerKwh"]) == 3
    assert set(mix["powerKw"]) == {"solar", "gas", "import"}


async def test_energy_mix__impossible__names_the_conflict(ai):
    body = {"demandKw": [5, 1], "sources": [{"name": "gas", "capacityKw": 2, "costPerKwh": 1, "carbonGPerKwh": 1}]}

    answer = await ai.post("/api/energy-mix", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "energy_mix.infeasible")
    assert {one["constraint"] for one in answer.json()["error"]["details"]["conflicts"]} == {"demand", "capacity"}


@pytest.mark.parametrize(
    "change",
    [
        {"demandKw": []},
        {"demandKw": [1e12]},
        {"demandKw": ["NaN"]},
        {"stepMinutes": 0},
        {"sources": [{"name": "a", "capacityKw": 1, "availability": [1, 1], "costPerKwh": 1, "carbonGPerKwh": 1}]},
        {"sources": [{"name": "a", "capacityKw": -1, "costPerKwh": 1, "carbonGPerKwh": 1}]},
        {"storages": [{"name": "b", "capacityKwh": 1, "chargeKw": 1, "dischargeKw": 1, "initialKwh": 2}]},
        {"imports": {"limitKw": 1, "costPerKwh": ["x"] * 1000, "carbonGPerKwh": 1}},
        {"storages": [{"name": "b", "capacityKwh": 1, "chargeKw": 1, "dischargeKw": 1, "chargeEfficiency": 1e-300}]},
        {"surprise": 1},
        {},
    ],
)
async def test_energy_mix__input_that_does_not_hold__is_invalid(ai, change):
    answer = await ai.post("/api/energy-mix", {"demandKw": [1]} | change)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
    assert len(answer.json()["error"]["details"]["problems"]) <= 2  # the first of a thousand wrong values is enough


async def test_energy_mix__others_solve_for_long__is_told_to_come_back(ai):
    ai.app.state.solving = Places(0, wait_s=0.01)
    body = {"demandKw": [1], "imports": {"limitKw": 1, "costPerKwh": 1, "carbonGPerKwh": 1}}

    answer = await ai.post("/api/energy-mix", body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "energy_mix.busy")
    assert answer.headers["retry-after"] == "1"


async def test_refusal__of_an_integer_beyond_64_bits__repeats_it(ai, town):
    answer = await ai.post("/api/price", {"communityId": str(town.org_id), "horizonHours": 10**40})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "forecast.horizon_invalid")
    assert answer.json()["error"]["details"] == {"hours": 10**40}


async def test_body__number_of_too_many_digits__is_malformed(ai):
    headers = ai.user | {"content-type": "application/json"}

    answer = await ai.http.post("/api/price", content=b'{"demandKwh": %s}' % (b"9" * 5_000), headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.malformed")


async def test_houses__organisation_header_that_is_none__is_refused_as_the_backend_does(ai, town):
    strange = httpx.Headers(ai.user | {"X-Org-Id": "é"}, encoding="latin-1")

    answer = await ai.http.post("/api/price", json={"communityId": str(town.org_id)}, headers=strange)

    assert 400 <= answer.status_code < 500


async def test_metrics__after_requests__count_them_by_route(ai):
    await ai.post("/api/price", DEMAND)

    text = (await ai.http.get("/metrics")).text

    assert 'gridx_ai_request_seconds_count{method="POST",route="/api/price",status="200"}' in text
    assert (await ai.http.get("/health")).json()["status"] == "ok"


async def test_features__switched_off__answer_nothing_and_the_others_go_on(redis_url):
    settings = Settings(redis_url=redis_url, features_off="price, solar")
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            off = await http.post("/api/price", json=DEMAND)
            on = await http.post("/api/forecast", json={})

    assert (off.status_code, off.json()["error"]["code"]) == (404, "feature.off")
    assert on.status_code == 401


def test_features__a_name_that_is_none__stops_the_start(redis_url):
    with pytest.raises(ValueError, match="weather"):
        create_app(Settings(redis_url=redis_url, features_off="weather"))


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        ("no:address", "no:address"),
    ],
)
def test_counted_as__ipv6__is_the_network_of_one_customer(address, counted):
    assert counted_as(address) == counted
