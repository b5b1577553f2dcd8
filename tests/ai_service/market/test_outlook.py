# SPDX-License-Identifier: Apache-2.0
"""Market prices and GET /api/market-analysis over the real backend."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import text

from ai_service.houses import Readings
from ai_service.market.service import netted
from backend.core.limits import Limiter
from backend.emissions import service as emissions
from backend.emissions.types import Basis, FactorRow

TARIFFS = {"retailPricePerKwh": "0.32", "feedInPricePerKwh": "0.08"}


@pytest.fixture
async def market(ai, client, town):
    """The town with tariffs, and three houses with panels."""
    answer = await client.put(f"/api/organizations/{town.org_id}/market", json=TARIFFS, headers=ai.user)
    assert answer.status_code == 200, answer.text
    for level in (300, 600, 1200):
        await town.house(days=40, level_wh=level)
    return town


async def price(ai, **question):
    answer = await ai.post("/api/price", question)
    return answer.status_code, answer.json()


async def analysis(ai, org_id, **more):
    params = {"communityId": str(org_id)} | more
    answer = await ai.http.get("/api/market-analysis", params=params, headers=ai.user)
    return answer.status_code, answer.json()


async def test_price__of_a_community__lies_between_the_tariffs_and_explains_itself(ai, market):
    status, told = await price(ai, communityId=str(market.org_id), demandKwh="4.5", levels=[50, 90])

    found = told["data"]["market"]
    assert status == 200
    assert (told["data"]["price"], found["currency"], len(found["steps"])) == ("5.50", "USD", 24)
    for step in found["steps"]:
        amount = Decimal(step["pricePerKwh"])
        half, most = step["intervals"]
        ends = [Decimal(one[end]) for one, end in ((most, "lowPerKwh"), (half, "lowPerKwh"))]
        assert Decimal("0.08") <= ends[0] <= ends[1] <= amount <= Decimal(most["highPerKwh"]) <= Decimal("0.32")
        moved = step["explanation"]
        parts = [Decimal(value) for name, value in moved.items() if name != "text"]
        assert sum(parts) == pytest.approx(amount, abs=Decimal("0.000005"))
        assert "supply of" in moved["text"] or "demand of" in moved["text"]
    sunny = max(found["steps"], key=lambda step: step["supplyKwh"])
    dark = min(found["steps"], key=lambda step: step["supplyKwh"])
    assert Decimal(sunny["pricePerKwh"]) < Decimal(dark["pricePerKwh"])
    assert Decimal(sunny["explanation"]["supplyPerKwh"]) < 0
    assert found["models"]["demand"]["dataHash"]


async def test_analysis__of_a_community__names_hours_surplus_carbon_and_confidence(ai, market, service_db):
    await ai.post("/api/price", {"communityId": str(market.org_id)})
    status, told = await analysis(ai, market.org_id, hours=48)

    data = told["data"]
    assert (status, len(data["steps"])) == (200, 48)
    prices = {step["start"]: Decimal(step["pricePerKwh"]) for step in data["steps"]}
    buy, sell = [[hour["start"] for hour in data[name]] for name in ("bestToBuy", "bestToSell")]
    assert len(set(prices.values())) < len(prices)  # of equal ones the soonest is named
    assert buy == sorted(prices, key=lambda start: (prices[start], start))[:3]
    assert sell == sorted(prices, key=lambda start: (-prices[start], start))[:3]
    total = sum(step["supplyKwh"] - step["demandKwh"] for step in data["steps"])
    assert data["expectedSurplusKwh"] == pytest.approx(total, rel=1e-3)
    assert data["confidence"]["level"] in ("high", "medium", "low")
    assert datetime.fromisoformat(data["availableAt"])
    assert data["gridCarbon"] is None
    assert any("CAMX" in finding for finding in data["findings"])


async def test_analysis__the_backend_counts_requests__those_of_this_service_are_not_counted(ai, app, market):
    known_after = "5/hour"  # a key counts as a stranger until it was looked up once
    app.state.limiter = Limiter(app.state.redis, {"anonymous": known_after, "user": "1/hour"})

    status, told = await analysis(ai, market.org_id)

    assert status == 200, told


async def test_analysis__a_house_measured_its_feed_in_for_an_hour__is_still_netted_from_what_was_used(
    ai, market, service_db
):
    async with service_db.begin() as session:
        await session.execute(text("UPDATE energy_production SET export_wh = NULL, import_wh = NULL"))
        newest = "(SELECT max(start_at) FROM energy_production)"
        await session.execute(
            text(f"UPDATE energy_production SET export_wh = 5, import_wh = 0 WHERE start_at = {newest}")
        )

    status, told = await analysis(ai, market.org_id)

    assert status == 200, told
    assert told["data"]["expectedSupplyKwh"] > 1


async def test_analysis__one_house_without_measured_feed_in__counts_with_what_it_made_and_used(
    ai, app, market, service_db
):
    whole = (await analysis(ai, market.org_id))[1]["data"]
    async with service_db.begin() as session:
        one = "(SELECT min(house_id::text)::uuid FROM energy_production WHERE export_wh > 0)"
        await session.execute(
            text(f"UPDATE energy_production SET export_wh = NULL, import_wh = NULL WHERE house_id = {one}")
        )
    await app.state.redis.flushdb()

    told = (await analysis(ai, market.org_id))[1]["data"]

    for name in ("expectedSupplyKwh", "expectedDemandKwh"):
        assert told[name] == pytest.approx(whole[name], rel=0.01)


async def test_analysis__factor_of_the_region__makes_carbon_of_what_neighbours_do_not_cover(ai, market, service_db):
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2023, 2100))
    factor = FactorRow(7, "CAMX", Basis.AVERAGE, 200_000, start, end, start, "eGRID", "2023", b"\x01" * 32, 1, 1)
    async with service_db.begin() as session:
        await emissions.record_factors(session, 1, [factor])

    data = (await analysis(ai, market.org_id))[1]["data"]

    assert data["gridCarbon"]["gramsPerKwh"] == 200
    grams = [step["carbonGramsPerKwh"] for step in data["steps"] if step["demandKwh"] > 0]
    assert max(grams) == pytest.approx(200, rel=0.02)
    assert min(grams) < 100


async def test_price__no_tariffs__says_what_is_missing(ai, town):
    await town.house(days=10)

    status, told = await price(ai, communityId=str(town.org_id))

    assert (status, told["error"]["code"]) == (422, "price.tariffs_missing")


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"horizonHours": 0}, "forecast.horizon_invalid"),
        ({"horizonHours": 49}, "forecast.horizon_invalid"),
        ({"levels": [0]}, "forecast.level_invalid"),
        ({"communityId": None}, "request.invalid"),
    ],
)
async def test_price__question_that_does_not_hold__is_refused(ai, town, question, code):
    status, told = await price(ai, **({"communityId": str(town.org_id)} | question))

    assert (status, told["error"]["code"]) == (422, code)


@pytest.mark.parametrize("hours", [0, 23, 49, 10_000])
async def test_analysis__hours_that_are_not_served__are_invalid(ai, town, hours):
    status, told = await analysis(ai, town.org_id, hours=hours)

    assert (status, told["error"]["code"]) == (422, "request.invalid")


async def test_analysis__nobody_has_readings__is_refused(ai, client, town):
    await client.put(f"/api/organizations/{town.org_id}/market", json=TARIFFS, headers=ai.user)
    await town.house(days=0)

    status, told = await analysis(ai, town.org_id)

    assert (status, told["error"]["code"]) == (422, "series.empty")


def test_netted__unknown_on_either_side__stays_unknown():
    def readings(*kwh):
        return [Readings("h", datetime(2026, 1, 1), 3600, np.array(kwh, dtype=float))]

    [found] = netted(readings(3, 1, np.nan, 2), readings(1, 3, 1, np.nan))

    assert found.kwh[:2].tolist() == [2, 0]
    assert np.isnan(found.kwh[2:]).all()
