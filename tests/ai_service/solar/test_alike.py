# SPDX-License-Identifier: Apache-2.0
"""What followed days like the last one, standing still, and that nothing ahead of an origin is read."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ai_service.solar import correction, physics
from ai_service.solar.alike import TRUST, follow
from ai_service.solar.physics import Site
from ai_service.solar.service import Readings, forecast
from tests.bench.solar import looks_ahead

ROOF = Site(latitude=38.6, longitude=-121.5, capacity_kwp=5.0, tilt=25, azimuth=180)
MORNING = datetime(2026, 6, 1, 12, tzinfo=UTC)  # before sunrise on the roof
HOURS = np.sin(np.linspace(0, np.pi, 24))


def days(*shares):
    return np.stack([share * HOURS for share in shares])


def at(day_shares, *, end=MORNING):
    count = len(day_shares) * 24
    times = pd.date_range(end - timedelta(hours=count), periods=count, freq="1h")
    return Readings(physics.clear_kw(ROOF, times, 3600) * np.repeat(day_shares, 24), end)


def share_of_clear(found):
    return found.power_kw.sum() / found.clear_kw.sum()


def test_follow__after_a_dull_day__expects_what_followed_dull_days():
    pattern = [0.9, 0.9, 0.3, 0.5]  # a dull day is followed by a middling one

    found = follow(days(*pattern * 6, 0.9, 0.9, 0.3), capacity_kwp=1, step_s=3600)

    assert found.power_kw[12] == pytest.approx(0.5 * HOURS[12], rel=0.01)
    assert 0.3 < found.trust < TRUST


def test_follow__a_day_like_none_before__is_hardly_trusted():
    found = follow(days(*[0.9] * 10, 0.1), capacity_kwp=1, step_s=3600)

    assert found.trust < 0.05


def test_follow__nothing_known_of_the_last_day__answers_with_the_usual():
    readings = days(*[0.8] * 6, 0.8)
    readings[-1] = np.nan

    found = follow(readings, capacity_kwp=1, step_s=3600)

    assert found.trust == 0
    assert found.power_kw == pytest.approx(0.8 * HOURS)
    assert not found.shift_kw.any()


def test_forecast__the_day_before_was_dull__expects_less_than_after_a_clear_one():
    dull, clear = (
        forecast(ROOF, start=MORNING, steps=24, step_s=3600, readings=at([0.8] * 12 + [last])) for last in (0.2, 0.8)
    )

    assert share_of_clear(dull) < 0.9 * share_of_clear(clear)


def test_forecast__nothing_for_a_whole_day__stands_still_then_comes_back():
    found = forecast(ROOF, start=MORNING, steps=96, step_s=3600, readings=at([0.8] * 12 + [0.0]))

    per_day = found.power_kw.reshape(4, 24).sum(axis=1)
    assert per_day[0] == 0
    assert (np.diff(per_day) > 0).all()
    assert "no output for a day: taken to stand still" in found.findings


def test_forecast__unknown_for_a_day__is_not_taken_to_stand_still():
    found = forecast(ROOF, start=MORNING, steps=24, step_s=3600, readings=at([0.8] * 12 + [np.nan]))

    assert share_of_clear(found) == pytest.approx(0.8, rel=0.05)
    assert found.findings == ["no weather forecast"]


def test_clear_kw__the_hour_of_sunrise__is_not_dark():
    times = pd.date_range(MORNING, periods=24, freq="1h")
    quarters = pd.date_range(MORNING, periods=96, freq="15min")

    by_hour, by_quarter = physics.clear_kw(ROOF, times, 3600), physics.clear_kw(ROOF, quarters, 900)

    assert by_hour == pytest.approx(by_quarter.reshape(24, 4).mean(axis=1))


@pytest.mark.parametrize(("peeks_h", "leaks"), [(0, 0), (1, 3)])
def test_looks_ahead__a_planted_leak__is_found_and_only_that(peeks_h, leaks):
    values = at(np.random.default_rng(1).uniform(0.2, 1, 30)).kw
    clear = at([1.0] * 30).kw

    def ask(seen, origin):
        until = origin + peeks_h
        learnt = correction.learn(
            seen[until % 24 : until], clear[until % 24 : until], capacity_kwp=5, step_s=3600, end_s=0.0
        )
        assert learnt is not None
        ahead = 3600.0 * np.arange(24)
        return correction.corrected(learnt, clear[origin : origin + 24], np.full(24, np.nan), ahead, step_s=3600)

    assert looks_ahead(ask, values, [400, 450, 500]) == leaks
