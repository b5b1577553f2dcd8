# SPDX-License-Identifier: Apache-2.0
"""Drift: indexes and tests of change, and what an operator hears of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ai_service.alerts import Alerts
from ai_service.forecasting import errors
from ai_service.training import drift, learning, watching
from tests.ai_service.training.houses import DAYS, make_houses

NAME = "homes-3600s-24h"
EDGES = np.quantile(np.random.default_rng(1).normal(size=20_000), np.arange(1, 10) / 10)


def test_stability_index__the_same_population__is_near_zero():
    assert drift.stability_index(np.random.default_rng(2).normal(size=20_000), EDGES) < 0.01


def test_stability_index__a_population_moved_by_one_deviation__is_beyond_the_limit():
    assert drift.stability_index(np.random.default_rng(2).normal(1, 1, size=20_000), EDGES) > drift.MOVED


def test_stability_index__by_hand__is_the_sum_over_bins():
    values = np.array([0.5, 0.5, 0.5, 1.5])

    index = drift.stability_index(values, np.array([1.0]))

    assert index == pytest.approx(0.25 * np.log(1.5) - 0.25 * np.log(0.5), rel=1e-5)


def test_stability_index__nothing_known__says_nothing():
    assert drift.stability_index(np.array([np.nan]), EDGES) == 0.0


def test_page_hinkley__errors_as_at_training__stays_low():
    assert drift.page_hinkley(np.random.default_rng(3).normal(size=365)) < drift.ALARM


def test_page_hinkley__errors_two_deviations_higher_from_some_day_on__alarms_within_a_fortnight():
    rises = np.concatenate([np.random.default_rng(3).normal(size=60), np.random.default_rng(4).normal(2, 1, 14)])

    assert drift.page_hinkley(rises) > drift.ALARM


@pytest.fixture
def trained(registry):
    """A model of houses as they were a fortnight ago, in use."""
    houses = make_houses(6, DAYS + 14)
    learning.train_houses(registry, NAME, {n: h.head(DAYS * 24) for n, h in houses.items()}, days=14, rounds=20)
    registry.promote(NAME, 1)
    return houses


def test_watch__houses_go_on_as_before__raises_no_alert(registry, trained, redis_url):
    verdict = watching.watch(registry, NAME, trained, Alerts(redis_url))

    assert (verdict.drifted, verdict.reasons) == (False, ())
    assert Alerts(redis_url).newest() == []


def test_watch__houses_live_at_other_hours_and_wildly__raises_an_alert(registry, trained, redis_url):
    random = np.random.default_rng(5)

    def changed(values):
        late = values[DAYS * 24 :]
        wild = np.roll(late, 9) * random.choice([0.05, 4.0], size=len(late))
        return np.concatenate([values[: DAYS * 24], wild])

    houses = {name: replace(house, values=changed(house.values)) for name, house in trained.items()}

    verdict = watching.watch(registry, NAME, houses, Alerts(redis_url))

    assert verdict.drifted
    assert "errors" in verdict.reasons
    assert Alerts(redis_url).newest()[0]["code"] == "model.drift"


def test_watch__no_day_since_training__is_refused(registry, trained, redis_url):
    with pytest.raises(errors.SeriesTooShort):
        watching.watch(registry, NAME, make_houses(6, DAYS), Alerts(redis_url))
