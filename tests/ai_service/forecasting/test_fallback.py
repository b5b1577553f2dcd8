# SPDX-License-Identifier: Apache-2.0
"""New houses borrow their community's profile; a community equals the sum of its houses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_service.forecasting import errors
from ai_service.forecasting.fallback import borrow, needs_fallback, reconcile
from tests.ai_service.forecasting.makers import make_series

PROFILE = np.linspace(1, 2, 24)[:, None] * np.array([0.8, 1.0, 1.2])


def test_borrow__one_day_of_readings__scales_the_community_and_says_so():
    community = make_series(30)
    house = replace(community.tail(24), values=community.tail(24).values * 0.3)

    borrowed = borrow(house, community, PROFILE, houses=10)

    assert needs_fallback(house)
    assert borrowed.ratio == pytest.approx((0.3 + 0.1) / 2)
    assert borrowed.quantiles == pytest.approx(PROFILE * borrowed.ratio)
    assert "24 readings" in borrowed.reason


def test_borrow__no_reading_at_all__is_an_average_house():
    community = make_series(30)
    house = replace(community.tail(24), values=np.full(24, np.nan))

    borrowed = borrow(house, community, PROFILE, houses=10)

    assert borrowed.ratio == pytest.approx(0.1)
    assert "no readings" in borrowed.reason


def test_borrow__a_community_without_readings__is_refused():
    community = make_series(30)
    silent = replace(community, values=np.full(len(community), np.nan))

    with pytest.raises(errors.SeriesEmpty):
        borrow(community.tail(24), silent, PROFILE, houses=10)


def test_needs_fallback__two_days__are_enough():
    assert not needs_fallback(make_series(2))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 8), st.floats(0.01, 100), st.integers(0, 1000))
def test_reconcile__any_forecasts__lie_between_both_sums(count, variance, seed):
    random = np.random.default_rng(seed)
    houses, community = random.uniform(0, 5, (count, 24)), random.uniform(0, 20, 24)

    moved = reconcile(houses, community, house_variance=random.uniform(0.1, 2, count), community_variance=variance)

    low, high = np.minimum(houses.sum(axis=0), community), np.maximum(houses.sum(axis=0), community)
    assert (moved.sum(axis=0) >= low - 1e-9).all()
    assert (moved.sum(axis=0) <= high + 1e-9).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 8), st.floats(0.01, 100), st.integers(0, 1000))
def test_reconcile__any_forecasts__are_those_of_the_general_formula(count, variance, seed):
    random = np.random.default_rng(seed)
    houses, community = random.uniform(0, 5, (count, 24)), random.uniform(0, 20, 24)
    own = random.uniform(0.1, 2, count)

    moved = reconcile(houses, community, house_variance=own, community_variance=variance)

    # MinT (Wickramasuriya et al. 2019, theorem 1): S (S' W^-1 S)^-1 S' W^-1 y, with all forecasts below one another.
    summing = np.vstack([np.ones(count), np.eye(count)])
    inverse = np.diag(1 / np.append(variance, own))
    bottom = np.linalg.solve(summing.T @ inverse @ summing, summing.T @ inverse @ np.vstack([community, houses]))
    assert moved == pytest.approx(bottom, abs=1e-8)
