# SPDX-License-Identifier: Apache-2.0
"""Disaster mode over HTTP, as an operator and a member live it."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import orjson
import pytest
from fastapi import FastAPI, Request

from backend.accounts.deps import current_user
from backend.accounts.types import MembershipOf, Principal
from backend.api import errors
from backend.core.clock import utc_now
from backend.core.crypto import address_of, sign
from backend.core.db import Database
from backend.core.units import format_address
from backend.market.islands.checking import check
from backend.market.islands.documents import digest_of_body
from backend.market.islands.router import router
from tests.backend.market.islands.conftest import KEY
from tests.support.square import COMMUNITY

BASE = "/api/market/islands"


@pytest.fixture
async def http(isle, db: Database, service_db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The routes of islands; `X-Test-Person` says who is signed in: 1 operates, the others are members."""
    app = FastAPI()
    errors.install(app)
    app.include_router(router)
    app.state.db, app.state.service_db = db, service_db

    @app.middleware("http")
    async def name_the_request(request: Request, call_next):
        request.state.request_id = "test"
        return await call_next(request)

    async def signed_in(request: Request) -> Principal:
        named = request.headers["x-test-person"]
        held = MembershipOf(isle.square.org_id, "operator" if named == "1" else "member")
        return Principal(user_id=isle.square.people[int(named)], role="both", memberships=(held,))

    app.dependency_overrides[current_user] = signed_in
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gridx.example") as client:
        yield client


@pytest.fixture
def call(http):
    """What a request by a numbered person answers with: its data, after its status was checked."""

    async def send(person: int, method: str, path: str, *, expect: int = 200, **facts):
        answer = await http.request(method, BASE + path, headers={"X-Test-Person": str(person)}, **facts)
        assert answer.status_code == expect, answer.text
        is_json = answer.status_code != 204 and answer.headers["content-type"] == "application/json"
        return answer.json()["error" if answer.status_code >= 400 else "data"] if is_json else answer

    return send


def signature_of(prepared) -> str:
    return "0x" + sign(digest_of_body(prepared["typedData"]), KEY).hex()


async def declare(call, **changes):
    query = {"operator": format_address(address_of(KEY)), "reason": "Flood", "hours": 3, "priceCap": "0.3"}
    prepared = await call(1, "GET", "/prepared", params=query)
    names = ("operator", "community", "startsAt", "endsAt", "expiry")
    body = {name: prepared[name] for name in names} | {"reason": "Flood", "priceCap": "0.3"}
    return await call(1, "POST", "", json=body | {"signature": signature_of(prepared)} | changes, expect=201)


async def test_island__over_http__is_equipped_declared_shared_out_reported_and_ended(isle, call):
    home, hospital = str(isle.square.houses[3]), str(isle.square.houses[2])
    load = await call(1, "POST", "/critical-loads", json={"houseId": hospital, "tier": 2, "powerW": 500}, expect=201)
    changed = {"houseId": hospital, "tier": 1, "powerW": 800, "note": "ventilators"}
    assert (await call(1, "PUT", f"/critical-loads/{load['id']}", json=changed))["powerW"] == 800
    battery = {"name": "town hall", "capacityKwh": "8", "chargeW": 4000, "dischargeW": 4000, "stateKwh": "5.5"}
    storage = await call(1, "POST", "/storages", json=battery, expect=201)
    assert (storage["stateKwh"], storage["reserveKwh"]) == ("5.5", "0")
    coming = isle.square.delivery_start.isoformat()
    expected = {"deliveryStart": coming, "generationKwh": "1", "demandKwh": "0.25"}
    without_offset = {"houseId": home, "intervals": [expected | {"deliveryStart": coming.removesuffix("+00:00")}]}
    await call(3, "POST", "/forecasts", json=without_offset, expect=422)
    assert (await call(3, "POST", "/forecasts", json={"houseId": home, "intervals": [expected]}))["intervals"] == 1

    island = await declare(call)
    await isle.run(utc_now())

    assert (island["state"], island["community"], island["priceCap"]) == ("in_force", COMMUNITY, "0.3")
    assert [one["id"] for one in await call(3, "GET", "")] == [island["id"]]
    assert (await call(3, "GET", f"/{island['id']}"))["reason"] == "Flood"
    own = await call(3, "GET", f"/{island['id']}/allocations")
    assert {share["houseId"] for share in own} == {home}
    every = await call(1, "GET", f"/{island['id']}/allocations")
    ventilators = next(share for share in every if share["houseId"] == hospital)
    assert (ventilators["criticalShareKwh"], ventilators["criticalKwh"]) == ("0.8", "0.8")
    assert ventilators["why"] == "tier 1 (hospital): all of 800 Wh"

    report = await call(1, "GET", f"/{island['id']}/report")
    assert check(orjson.loads(report.content)) == []
    lines = (await call(1, "GET", f"/{island['id']}/report.csv")).text.splitlines()
    assert len(lines) == 1 + len(every)

    query = {"operator": island["signer"]}
    prepared = await call(1, "GET", f"/{island['id']}/end/prepared", params=query)
    ending = {"operator": island["signer"], "expiry": prepared["expiry"], "signature": signature_of(prepared)}
    ended = await call(1, "POST", f"/{island['id']}/end", json=ending)
    assert ended["state"] == "over"
    await call(1, "DELETE", f"/critical-loads/{load['id']}", expect=204)
    await call(1, "DELETE", f"/storages/{storage['id']}", expect=204)
    assert await call(1, "GET", "/critical-loads") == await call(1, "GET", "/storages") == []


async def test_island__over_http__members_and_wrong_signatures_are_refused(isle, call):
    other = "0x" + "11" * 65
    now = int(isle.now.timestamp())
    body = {
        "operator": format_address(address_of(KEY)), "community": COMMUNITY, "reason": "Flood", "startsAt": now,
        "endsAt": now + 3600, "priceCap": "0.3", "expiry": now + 600, "signature": other,
    }  # fmt: skip

    assert (await call(3, "POST", "", json=body, expect=403))["code"] == "auth.role_missing"
    assert (await call(1, "POST", "", json=body, expect=422))["code"] == "island.signature_wrong"
    assert (await call(1, "GET", f"/{UUID(int=5)}", expect=404))["code"] == "island.not_found"
    await call(3, "GET", f"/{UUID(int=5)}/report", expect=403)
    bad = {"name": "x", "capacityKwh": "1", "chargeW": 1, "dischargeW": 1, "reserveKwh": "2"}
    assert (await call(1, "POST", "/storages", json=bad, expect=422))["code"] == "island.storage_impossible"
    await call(1, "PUT", f"/storages/{UUID(int=5)}", json=bad | {"reserveKwh": "1"}, expect=404)
    load = {"houseId": str(isle.square.houses[2]), "tier": 1, "powerW": 5}
    await call(1, "PUT", f"/critical-loads/{UUID(int=5)}", json=load, expect=404)
    await call(1, "DELETE", f"/critical-loads/{UUID(int=5)}", expect=404)
    await call(1, "DELETE", f"/storages/{UUID(int=5)}", expect=404)


async def test_intents__over_http__members_see_the_queue_and_what_became_of_it(isle, call):
    engine = isle.square.engine()
    island = await declare(call)
    await isle.square.sell(engine, 2)
    await isle.square.buy(engine, 3)
    await isle.run(utc_now())

    (intent,) = await call(4, "GET", f"/{island['id']}/intents")

    assert (intent["sequence"], intent["state"], intent["content"]["energyWh"]) == (1, "waiting", 1_000)
    assert (await call(4, "GET", f"/{island['id']}"))["head"] == intent["hash"]
