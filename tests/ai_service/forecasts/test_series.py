# SPDX-License-Identifier: Apache-2.0
"""POST /api/forecast of a series that the caller brings, and of a city: what holds, what is refused, by its code."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ai_service.forecasts.catalogue import Catalogue

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 24 * 40


def waves(count=HOURS):
    hours = np.arange(count)
    noise = np.random.default_rng(3).normal(0, 0.05, count)
    return [float(value) for value in 2 + np.sin(2 * np.pi * hours / 24) + noise]


def series(values=None, times=None, **more):
    values = waves() if values is None else values
    if times is None:
        times = [(START + timedelta(hours=index)).isoformat() for index in range(len(values))]
    return {"times": times, "values": values} | more


async def ask(ai, **question):
    body = json.dumps(question)  # NaN and Infinity as careless clients write them
    return await ai.http.post("/api/forecast", content=body, headers=ai.user | {"content-type": "application/json"})


async def code_of(ai, **question):
    answer = await ask(ai, **question)
    return answer.status_code, (answer.json()["error"] or {}).get("code")


async def test_forecast__a_series__goes_on_where_it_ended(ai):
    data = (await ask(ai, series=series(), horizonHours=24)).json()["data"]

    assert datetime.fromisoformat(data["steps"][0]["start"]) == START + timedelta(hours=HOURS)
    expected = 2 + np.sin(2 * np.pi * np.arange(24) / 24)
    assert np.abs(np.array([step["median"] for step in data["steps"]]) - expected).max() < 0.2
    assert data["backtest"]["mase"] < 1


async def test_forecast__unsorted_and_twice_given_times__are_mended_and_told(ai):
    values = waves()
    whole = series(values)
    times = whole["times"]
    mixed = series([values[1], values[0], *values[2:], values[5]], [times[1], times[0], *times[2:], times[5]])

    plain, mended = [(await ask(ai, series=one)).json()["data"] for one in (whole, mixed)]

    assert [step["median"] for step in mended["steps"]] == [step["median"] for step in plain["steps"]]
    assert {"unsorted", "duplicate"} <= {finding["code"] for finding in mended["findings"]}


async def test_forecast__unknown_values__stay_unknown(ai):
    values = waves()
    values[100:110] = [None] * 10

    data = (await ask(ai, series=series(values))).json()["data"]

    assert "gap_long" in {finding["code"] for finding in data["findings"]}
    assert min(step["median"] for step in data["steps"]) > 0.5


def shifted(index, value):
    values = waves()
    values[index] = value
    return series(values)


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ({"series": series([])}, "series.empty"),
        ({"series": series([None] * 100)}, "series.empty"),
        ({"series": series(waves(30))}, "series.too_short"),
        ({"series": series([1.0, 2.0])}, "series.too_short"),
        ({"series": series([0.0] * 200)}, "series.all_zero"),
        ({"series": series([3.0] * 200)}, "series.constant"),
        ({"series": shifted(7, float("nan"))}, "series.not_finite"),
        ({"series": shifted(7, float("inf"))}, "series.not_finite"),
        ({"series": shifted(7, 1e12)}, "series.value_too_large"),
        ({"series": series(waves(3), ["2026-03-01T00:00:00Z", "2026-03-01T01:00:00", "2026-03-01T02:00:00Z"])},
         "series.mixed_zones"),
        ({"series": series(waves(3), ["yesterday", "2026-03-01", "2026-03-02"])}, "series.time_unreadable"),
        ({"series": series(waves(100), timezone="Mars/Olympus")}, "series.zone_unknown"),
        ({"series": series(waves(100), region="XX")}, "forecast.region_unknown"),
        ({"series": series() | {"values": [1.0]}}, "series.uneven"),
        ({"series": series([1.0, 2.0] * 10_001)}, "series.too_long"),
        ({"series": series(), "resolution": "7min"}, "series.resolution_invalid"),
        ({"series": series(), "resolution": "15min"}, "series.resolution_invalid"),
        ({"series": series(), "horizonHours": 0}, "forecast.horizon_invalid"),
        ({"series": series(), "horizonHours": 10_000}, "forecast.horizon_invalid"),
        ({"series": series(), "levels": [99]}, "forecast.level_invalid"),
        ({"series": series(), "levels": []}, "forecast.level_invalid"),
        ({"series": series(), "cityId": "x"}, "forecast.subject_invalid"),
        ({}, "forecast.subject_invalid"),
        ({"series": series(), "surprise": 1}, "request.invalid"),
        ({"houseId": "x"}, "request.invalid"),
    ],
)  # fmt: skip
async def test_forecast__what_does_not_hold__is_refused_by_name(ai, question, code):
    assert await code_of(ai, **question) == (422, code)


async def test_forecast__many_wrong_values__the_first_is_named(ai):
    wrong = {"series": {"times": [1] * 5_000, "values": ["x"] * 5_000}, "levels": ["x"] * 5_000}

    answer = await ai.post("/api/forecast", wrong)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
    assert len(answer.content) < 2_000


async def test_forecast__city__is_read_from_the_catalogue(ai, tmp_path):
    rows = "\n".join(f"{START + timedelta(hours=index)},{value}" for index, value in enumerate(waves()))
    (tmp_path / "demand.csv").write_text("when,load\n" + rows)
    entry = {"name": "Lake", "csv": "demand.csv", "timeColumn": "when", "valueColumn": "load", "unit": "MWh"}
    (tmp_path / "cities.json").write_text(json.dumps({"lake": entry}))
    ai.app.state.forecasts.catalogue = Catalogue(tmp_path / "cities.json")

    data = (await ask(ai, cityId="lake", resolution="1h")).json()["data"]

    assert (data["cityId"], data["unit"], len(data["steps"])) == ("lake", "MWh", 24)
    assert await code_of(ai, cityId="sea") == (404, "forecast.city_unknown")
