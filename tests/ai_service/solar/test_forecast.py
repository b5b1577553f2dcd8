# SPDX-License-Identifier: Apache-2.0
"""Solar forecasts: what no answer may break, what readings and weather change, and bad weather files."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_service.solar import physics
from ai_service.solar.physics import Site
from ai_service.solar.service import Readings, forecast
from ai_service.solar.weather import Forecast, WeatherUnusable, read_forecast

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAMPLES = Path(__file__).parents[4] / "shared/data/api_samples"
ROOF = Site(latitude=38.6, longitude=-121.5, capacity_kwp=5.0, tilt=25, azimuth=180)
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the folder of sample answers is not here")


def sample(name):
    return json.loads((SAMPLES / name).read_text())


def weather(clouds, *, start=NOON, hours=48):
    times = start.timestamp() + np.arange(0, hours * 3600, 10_800, dtype=np.float64)
    return Forecast(times, np.full(len(times), clouds), np.full(len(times), 15.0), np.full(len(times), 2.0))


def measured(site, *, days, share, end=NOON):
    count = days * 24
    times = pd.date_range(end - timedelta(hours=count), periods=count, freq="1h")
    return Readings(share * physics.clear_kw(site, times, 3600), end)


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    tilt=st.floats(0, 90),
    azimuth=st.floats(0, 360),
    capacity=st.floats(0.1, 1e4),
    day=st.integers(0, 364),
    clouds=st.none() | st.floats(0, 1),
    share=st.none() | st.floats(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_forecast__anywhere_on_the_globe__is_bounded_and_dark_at_night(
    latitude, longitude, tilt, azimuth, capacity, day, clouds, share
):
    site, start = Site(latitude, longitude, capacity, tilt, azimuth), NOON + timedelta(days=day)

    found = forecast(
        site,
        start=start,
        steps=24,
        step_s=3600,
        weather=None if clouds is None else weather(clouds, start=start),
        readings=None if share is None else measured(site, days=4, share=share, end=start),
    )

    assert np.isfinite(found.power_kw).all()
    assert (found.power_kw >= 0).all()
    assert (found.power_kw <= capacity).all()
    assert (found.power_kw[found.clear_kw == 0] == 0).all()


def test_forecast__clear_summer_day__peaks_at_solar_noon_near_the_capacity():
    found = forecast(ROOF, start=NOON, steps=24, step_s=3600, weather=weather(0.0))

    peak = found.start[int(np.argmax(found.power_kw))]
    assert peak.hour in (19, 20)
    assert 3.5 < found.power_kw.max() <= 5.0
    assert found.power_kw.sum() == pytest.approx(found.clear_kw.sum(), rel=0.05)


def test_forecast__polar_night__is_zero_and_says_so():
    arctic = Site(latitude=78.2, longitude=15.6, capacity_kwp=5, tilt=45, azimuth=180)

    found = forecast(arctic, start=datetime(2026, 12, 20, tzinfo=UTC), steps=48, step_s=3600, weather=None)

    assert not found.power_kw.any()
    assert "the sun stays below the horizon" in found.findings


def test_forecast__overcast__gives_a_fraction():
    clear, grey = (forecast(ROOF, start=NOON, steps=24, step_s=3600, weather=weather(c)) for c in (0.0, 1.0))

    assert 0.1 < grey.power_kw.sum() / clear.power_kw.sum() < 0.4


def test_forecast__a_shaded_system__learns_its_share_from_its_readings():
    plain = forecast(ROOF, start=NOON, steps=24, step_s=3600)
    learnt = forecast(ROOF, start=NOON, steps=24, step_s=3600, readings=measured(ROOF, days=10, share=0.5))

    assert learnt.power_kw.sum() == pytest.approx(0.5 * learnt.clear_kw.sum(), rel=0.02)
    assert learnt.basis == ["clearSky", "readings"]
    assert plain.basis == ["clearSky"]


def test_forecast__darker_than_usual_just_now__lowers_the_next_hours_most():
    end = datetime(2026, 6, 1, 18, tzinfo=UTC)
    usual = measured(ROOF, days=10, share=0.8, end=end)
    darker = Readings(np.concatenate([usual.kw[:-2], usual.kw[-2:] * 0.2]), end)

    before, after = (forecast(ROOF, start=end, steps=24, step_s=3600, readings=each) for each in (usual, darker))

    share = after.power_kw[:6] / before.power_kw[:6]
    assert share[0] < 0.5
    assert (np.diff(share) > 0).all()
    assert share[5] > 0.8


def test_forecast__two_days_of_readings__are_not_enough_and_said():
    found = forecast(ROOF, start=NOON, steps=24, step_s=3600, readings=measured(ROOF, days=2, share=0.5))

    assert "fewer than three days of readings" in found.findings


def test_forecast__weather_of_last_week__is_called_stale():
    found = forecast(ROOF, start=NOON + timedelta(days=9), steps=24, step_s=3600, weather=weather(0.0))

    assert "the weather forecast is stale" in found.findings
    assert found.basis == ["clearSky"]


@needs_samples
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("owm25_forecast_london_2017_40steps.json", 40),
        ("owm25_forecast_capetown_2023.json", 40),
        ("owm25_forecast_3h_short.json", 1),
    ],
)
def test_read_forecast__answers_as_they_come__are_read_in_our_units(name, steps):
    found = read_forecast(sample(name))

    assert len(found.time_s) == steps
    assert ((found.clouds >= 0) & (found.clouds <= 1)).all()
    assert ((found.air_c > -20) & (found.air_c < 40)).all()


@needs_samples
@pytest.mark.parametrize("name", ["owm25_weather_404.json", "owm25_weather_500.json", "owm25_weather_london_2013.json"])
def test_read_forecast__errors_and_other_answers__are_refused(name):
    with pytest.raises(WeatherUnusable):
        read_forecast(sample(name))


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"cod": "200"}, {"cod": "200", "list": []}, {"cod": "200", "list": [1, {"dt": "x"}]}],
)
def test_read_forecast__no_forecast__is_refused(answer):
    with pytest.raises(WeatherUnusable):
        read_forecast(answer)


def test_read_forecast__impossible_values__are_unknown_not_zero():
    steps = [{"dt": 1e9, "clouds": {"all": 400}, "main": {"temp": -1e12}, "wind": {"speed": "x"}}]

    found = read_forecast({"cod": "200", "list": steps})

    assert np.isnan([found.clouds[0], found.air_c[0], found.wind_ms[0]]).all()
