# SPDX-License-Identifier: Apache-2.0
"""Mixes against a second model, their prices against small changes of demand, and conflicts by name."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_service.energymix.errors import MixInfeasible
from ai_service.energymix.optimum import front, least_carbon, least_cost
from ai_service.energymix.types import Problem, Source, Storage
from tests.ai_service.energymix import reference
from tests.ai_service.energymix.problems import make_town

CLOSE = 1e-6


def flat(name, *, kw, cost=0.0, carbon=0.0, steps=3, **facts):
    one = np.ones(steps)
    return Source(name, kw * one, facts.pop("minimum", 0.0), cost * one, carbon * one, **facts)


def names_of(refusal: MixInfeasible) -> set[tuple[str, str]]:
    return {(one["constraint"], one["of"]) for one in refusal.details["conflicts"]}


@st.composite
def problems(draw):
    steps = draw(st.integers(1, 8))
    kw = st.floats(0, 20).map(lambda value: round(value, 2))
    share = st.floats(0.5, 1).map(lambda value: round(value, 3))
    each = lambda values: np.array(draw(st.lists(values, min_size=steps, max_size=steps)))  # noqa: E731
    sources = [
        Source(
            f"s{i}",
            each(kw) + 2.0,
            draw(st.sampled_from([0.0, 0.0, 1.5])),
            each(st.floats(-1, 5).map(lambda value: round(value, 3))),
            each(st.floats(0, 900).map(lambda value: round(value, 1))),
            draw(st.none() | kw),
            draw(st.none() | kw),
            draw(st.none() | st.floats(5, 300).map(lambda value: round(value, 1))),
        )
        for i in range(draw(st.integers(1, 4)))
    ]
    storages = [
        Storage(
            f"b{i}",
            10.0,
            draw(kw),
            draw(kw),
            draw(share),
            draw(share),
            4.0,
            draw(st.sampled_from([0.0, 4.0, 9.0])),
            0.01,
        )
        for i in range(draw(st.integers(0, 2)))
    ]
    cap = draw(st.none() | st.floats(100, 20_000).map(lambda value: round(value, 1)))
    return Problem(each(kw), tuple(sources), tuple(storages), draw(st.sampled_from([0.25, 0.5, 1.0])), cap)


@given(problems())
@settings(max_examples=60, deadline=None)
def test_least_cost_and_carbon__any_problem__agree_with_the_second_model(problem):
    expected = reference.optimum(problem), reference.optimum(problem, carbon=True)

    if expected == (None, None):
        with pytest.raises(MixInfeasible) as refused:
            least_cost(problem)
        assert names_of(refused.value)
    else:
        found = least_cost(problem).cost, least_carbon(problem).carbon_g
        assert found == pytest.approx(expected, rel=CLOSE, abs=CLOSE)


def test_least_cost__a_town_of_eight_sources__meets_demand_within_every_limit():
    town = make_town(24)

    mix = least_cost(town)

    battery = mix.storages["battery"]
    given_kw = sum(mix.power_kw.values()) + battery.discharge_kw - battery.charge_kw
    assert given_kw == pytest.approx(town.demand_kw, abs=CLOSE)
    assert mix.cost == pytest.approx(reference.optimum(town), rel=CLOSE)
    assert np.abs(np.diff(mix.power_kw["nuclear"])).max() <= 2 + CLOSE
    assert battery.content_kwh[-1] >= 40 - CLOSE
    assert mix.both_at_once == ()


@pytest.mark.parametrize("find", [least_cost, least_carbon])
def test_marginals__one_more_kwh_in_an_hour__cost_and_emit_what_was_said(find):
    town, more = make_town(24, seed=4), 1e-3
    mix = find(town)

    for hour in (0, 9, 19):
        raised = town.demand_kw.copy()
        raised[hour] += more
        other = find(replace(town, demand_kw=raised))
        assert (other.cost - mix.cost) / more == pytest.approx(mix.price_per_kwh[hour], rel=1e-3, abs=1e-3)
        assert (other.carbon_g - mix.carbon_g) / more == pytest.approx(mix.carbon_g_per_kwh[hour], rel=1e-3, abs=1.0)


def test_front__from_cost_to_carbon__is_monotone_between_the_ends():
    town = make_town(24)

    points = front(town, [0.0, 0.25, 0.5, 0.75, 1.0])

    assert [one.cost for one in points] == sorted(one.cost for one in points)
    assert [one.carbon_g for one in points] == sorted((one.carbon_g for one in points), reverse=True)
    assert points[0].cost == pytest.approx(reference.optimum(town), rel=CLOSE)
    assert points[-1].carbon_g == pytest.approx(reference.optimum(town, carbon=True), rel=CLOSE)


def test_carbon_cap__binding__is_kept_and_has_a_price():
    town = make_town(24)
    free = least_cost(town)
    capped = replace(town, carbon_cap_g=0.8 * free.carbon_g)

    mix = least_cost(capped)

    assert mix.carbon_g == pytest.approx(0.8 * free.carbon_g, rel=CLOSE)
    looser = least_cost(replace(capped, carbon_cap_g=0.8 * free.carbon_g + 1))
    assert mix.cost - looser.cost == pytest.approx(mix.carbon_cap_price_per_g, rel=1e-3)


def test_infeasible__too_little_power__names_demand_and_the_sources_in_the_way():
    problem = Problem(np.array([1.0, 9.0, 1.0]), (flat("gas", kw=3), flat("coal", kw=2)))

    with pytest.raises(MixInfeasible) as refused:
        least_cost(problem)

    assert names_of(refused.value) == {("demand", "demand"), ("capacity", "gas"), ("capacity", "coal")}
    assert {tuple(one["steps"]) for one in refused.value.details["conflicts"]} == {(1,)}
    assert refused.value.details["minimal"] is True


def test_infeasible__carbon_cap_against_a_minimum__names_both_only():
    problem = Problem(
        np.array([5.0, 5.0, 5.0]), (flat("coal", kw=5, minimum=2.0, carbon=900), flat("wind", kw=9)), carbon_cap_g=500
    )

    with pytest.raises(MixInfeasible) as refused:
        least_carbon(problem)

    assert names_of(refused.value) == {("carbonCap", "carbon"), ("minimum", "coal")}


def test_infeasible__ramp__names_it():
    problem = Problem(np.array([1.0, 8.0, 8.0]), (flat("coal", kw=9, ramp_up_kw_per_h=2),))

    with pytest.raises(MixInfeasible) as refused:
        least_cost(problem)

    assert ("ramp", "coal") in names_of(refused.value)


def test_infeasible__storage_that_cannot_be_filled__names_its_charge_and_end():
    battery = Storage("battery", 10, 1, 1, 1.0, 1.0, 0.0, 9.0)
    problem = Problem(np.array([1.0, 1.0, 1.0]), (flat("gas", kw=30),), (battery,))

    with pytest.raises(MixInfeasible) as refused:
        least_cost(problem)

    assert names_of(refused.value) == {("charge", "battery"), ("final", "battery")}


def test_infeasible__less_available_than_the_minimum__is_said_without_a_solver():
    problem = Problem(np.ones(3), (replace(flat("gas", kw=3, minimum=2.0), capacity_kw=np.array([3.0, 1.0, 3.0])),))

    with pytest.raises(MixInfeasible) as refused:
        least_cost(problem)

    assert names_of(refused.value) == {("minimum", "gas"), ("capacity", "gas")}
