# SPDX-License-Identifier: Apache-2.0
"""Every step of a simulation, whatever the households, agents and rules: what must never happen does not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.market.clearing.types import Rule
from backend.market.islands.types import Tier
from backend.market.settlement.imbalance import Kind
from backend.market.simulation.engine import Simulation, Step
from backend.market.simulation.totals import is_beyond_a_limit, totals_of
from backend.market.simulation.types import Agent, Battery, Household, Setup, World
from tests.backend.market.simulation.worlds import make_home, make_world, setups, sunny_world, worlds


def _steps(world: World, setup: Setup) -> tuple[Simulation, list[Step]]:
    simulation = Simulation(world, setup)
    return simulation, list(simulation.steps())


@settings(max_examples=60, deadline=None)
@given(world=worlds(), setup=setups())
def test_steps__any_community__conserve_energy_to_the_watt_hour(world: World, setup: Setup) -> None:
    simulation = Simulation(world, setup)
    content = 0

    for step in simulation.steps():
        charged = sum(step.flows_wh)
        for house, home in enumerate(world.households):
            made, used = home.generation_wh[step.interval], home.consumption_wh[step.interval]
            assert step.metered_wh[house] == made - used - step.flows_wh[house]
        held = sum(store.content_mwh + store.lost_mwh for store in simulation.stores.values())
        assert held == content + 1_000 * charged
        content = held


@settings(max_examples=60, deadline=None)
@given(world=worlds(), setup=setups())
def test_steps__any_community__money_adds_up_to_zero_and_nobody_passes_his_limit(world: World, setup: Setup) -> None:
    simulation, steps = _steps(world, setup)

    for step in steps:
        assert sum(step.settled.balance_micro.values()) == 0
        for deal in step.deals:
            seller, buyer = simulation.members[deal.seller], simulation.members[deal.buyer]
            assert seller.owner != buyer.owner
            assert not is_beyond_a_limit(deal, seller.zone, buyer.zone, setup.fees, pair=setup.rule is Rule.CONTINUOUS)
            assert deal.bid.price_micro <= setup.tariff.retail_micro_per_kwh
            assert deal.offer.price_micro >= setup.tariff.feed_in_micro_per_kwh


@settings(max_examples=60, deadline=None)
@given(world=worlds(), setup=setups())
def test_steps__any_community__deliver_no_more_than_meters_show(world: World, setup: Setup) -> None:
    _, steps = _steps(world, setup)

    for step in steps:
        settled = step.settled
        for house, net in enumerate(step.metered_wh):
            assert settled.sold_wh.get(house, 0) <= max(0, net)
            assert settled.bought_wh.get(house, 0) <= max(0, -net)
        assert settled.credited_wh <= settled.delivered_wh <= sum(deal.energy_wh for deal in step.deals)


@settings(max_examples=40, deadline=None)
@given(world=worlds(), setup=setups(), data=st.data())
def test_steps__the_future_changes__the_past_stays(world: World, setup: Setup, data: st.DataObject) -> None:
    end = data.draw(st.integers(1, world.intervals))
    other = replace(world, households=tuple(_dark_after(home, end) for home in world.households))

    _, whole = _steps(world, setup)
    _, changed = _steps(other, setup)

    assert whole[:end] == changed[:end]


def test_steps__island_and_the_future_changes__the_past_stays() -> None:
    world = sunny_world(homes=4, days=2)
    setup = Setup(Rule.UNIFORM, mix={Agent.STORAGE: 1}, island_hour=16)
    other = replace(world, households=tuple(_dark_after(home, 30) for home in world.households))

    _, whole = _steps(world, setup)
    _, changed = _steps(other, setup)

    assert whole[:30] == changed[:30]
    assert whole[30:] != changed[30:]


def _dark_after(home: Household, end: int) -> Household:
    """The home with other energy from interval `end` on."""
    there = np.arange(len(home.consumption_wh)) < end
    return replace(home, consumption_wh=home.consumption_wh * there, generation_wh=home.generation_wh * there)


@settings(max_examples=15, deadline=None)
@given(world=worlds(longest=8), setup=setups())
def test_steps__island__shares_what_is_there_and_no_more(world: World, setup: Setup) -> None:
    simulation = Simulation(world, replace(setup, island_hour=0))
    content = 0

    for step in simulation.steps():
        if step.island is None:
            break
        made = sum(int(home.generation_wh[step.interval]) for home in world.households)
        assert sum(step.metered_wh) == 0
        assert made == sum(step.served_wh) + sum(step.flows_wh) + step.island.spilled_wh
        assert sum(step.settled.balance_micro.values()) == 0
        assert set(step.settled.by_kind_micro) <= {Kind.ENERGY}
        for house, home in enumerate(world.households):
            assert 0 <= step.served_wh[house] <= home.consumption_wh[step.interval]
        held = sum(store.content_mwh + store.lost_mwh for store in simulation.stores.values())
        assert held == content + 1_000 * sum(step.flows_wh)
        content = held


def test_steps__island_too_small__critical_load_first_then_equal_shares() -> None:
    patient = make_home("Patient", [1_000], [0], tier=Tier.HOME_MEDICAL, critical_permille=500)
    world = make_world(patient, make_home("Neighbour", [1_000], [0]), make_home("Panels", [200], [1_100]))

    _, (step,) = _steps(world, Setup(Rule.UNIFORM, mix={Agent.ZERO_INTELLIGENCE: 1}, island_hour=0))

    assert step.served_wh == [700, 200, 200]
    assert step.settled.balance_micro[b"\0\0\0\2"] == 900 * 320
    assert step.island is not None
    assert step.island.served_by_tier[Tier.HOME_MEDICAL] == 500


def test_steps__battery__carries_the_day_into_the_evening() -> None:
    world = sunny_world(homes=4, days=4)

    simulation, steps = _steps(world, Setup(Rule.UNIFORM, mix={Agent.STORAGE: 1}, battery=Battery(4_000, 2_000)))

    charged = np.array([[max(0, flow) for flow in step.flows_wh] for step in steps]).sum()
    given_back = np.array([[max(0, -flow) for flow in step.flows_wh] for step in steps]).sum()
    assert 0 < given_back < charged
    assert all(store.content_mwh <= 4_000_000 for store in simulation.stores.values())


@pytest.mark.parametrize("rule", list(Rule))
def test_totals_of__two_days__checks_are_zero_and_someone_gains(rule: Rule) -> None:
    simulation = Simulation(sunny_world(homes=6, days=3), Setup(rule))

    totals = totals_of(simulation, simulation.steps())

    checks = totals.checks
    assert (checks.energy_residual_wh, checks.money_residual_micro) == (0, 0)
    assert (checks.deals_beyond_a_limit, checks.deals_of_one_owner) == (0, 0)
    assert sum(totals.series["delivered_wh"]) > 0
    houses = sum(house.cost_micro + house.island_cost_micro for house in totals.houses)
    assert houses == totals.fees_micro + totals.supplier_micro
