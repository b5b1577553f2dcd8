# SPDX-License-Identifier: Apache-2.0
"""The figures of a report, worked out by hand."""

import pytest

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Rule
from backend.market.simulation.engine import Simulation
from backend.market.simulation.measures import gini, measures_of
from backend.market.simulation.totals import totals_of
from backend.market.simulation.types import Agent, Setup, Tariff
from tests.backend.market.simulation.worlds import make_home, make_world


@pytest.mark.parametrize(
    ("values", "expected"), [([5, 5, 5], 0.0), ([0, 0, 0, 8], 0.75), ([1, 3], 0.25), ([0, 0], None)]
)
def test_gini__known_shares__is_the_known_coefficient(values: list[int], expected: float | None) -> None:
    assert gini(values) == expected


def test_measures_of__one_sells_what_another_needs__adds_up_by_hand() -> None:
    seller = make_home("Seller", [500, 1_000], [2_000, 0])
    buyer = make_home("Buyer", [1_000, 1_000], [0, 0])
    setup = Setup(
        Rule.UNIFORM, fees=Fees(10_000), tariff=Tariff(300_000, 100_000), mix={Agent.ZERO_INTELLIGENCE: 1}, seed=3
    )
    simulation = Simulation(make_world(seller, buyer), setup)

    figures = measures_of(simulation, totals_of(simulation, simulation.steps()))

    price = figures["market"]["mean_price_micro_per_kwh"]
    assert figures["market"]["delivered_wh"] == 1_000
    assert figures["energy"]["self_sufficiency"] == {"alone": 0.142857, "traded": 0.428571, "pooled": 0.428571}
    assert figures["energy"]["self_consumption"] == {"alone": 0.25, "traded": 0.75, "pooled": 0.75}
    assert figures["peak"]["import_w"] == {"alone": 2_000, "market": 2_000}
    assert figures["money"]["fees_micro"] == 10_000
    assert figures["money"]["savings_micro"] == 300_000 - 100_000 - 10_000
    saved = {home["name"]: home["savings_micro"] for home in figures["households"]}
    assert saved == {"Seller": price - 5_000 - 100_000, "Buyer": 300_000 - price - 5_000}
    assert figures["carbon"]["avoided_emission_estimate_g"] == 470
    assert figures["carbon"]["vintage"] == "2023"


def test_measures_of__island__counts_apart_from_the_grid() -> None:
    homes = make_home("Panels", [100] * 30, [300] * 30), make_home("None", [400] * 30, [0] * 30)
    simulation = Simulation(make_world(*homes), Setup(Rule.UNIFORM, mix={Agent.FORECAST: 1}, island_hour=6))

    figures = measures_of(simulation, totals_of(simulation, simulation.steps()))

    island = figures["island"]
    assert (island["hours"], island["demand_wh"], island["served_wh"]) == (24, 24 * 500, 24 * 300)
    assert (island["served_share"], island["served_share_alone"]) == (0.6, 0.2)
    assert island["lowest_share_of_a_household"] == 0.5
    assert figures["energy"]["consumption_wh"] == 6 * 500
