# SPDX-License-Identifier: Apache-2.0
"""The modelled market beside the market's own clearing, and the parts of an explanation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_service.forecasting.metrics import MEDIAN, QUANTILES
from ai_service.market import curve
from ai_service.market.curve import Tariffs, TariffsMissing
from backend.market.clearing.auctions import clear_uniform
from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Order, Side

CENTS = 10_000
TARIFFS = Tariffs(feed_in=8 * CENTS, retail=32 * CENTS)
ENERGY = st.floats(0, 1e4, allow_nan=False)
COUNT = 200


def one(value):
    return np.array([value], dtype=float)


def book(supply_wh, demand_wh, tariffs):
    """Orders of many small houses whose limits are spread evenly between the tariffs."""
    limits = [tariffs.feed_in + (tariffs.retail - tariffs.feed_in) * (2 * n + 1) // (2 * COUNT) for n in range(COUNT)]
    for n, limit in enumerate(limits):
        yield Order(f"o{n}", Side.OFFER, supply_wh // COUNT, limit, n, f"seller {n}")
        yield Order(f"b{n}", Side.BID, demand_wh // COUNT, limit, n, f"buyer {n}")


@pytest.mark.parametrize("fee", [0, 2 * CENTS])
@pytest.mark.parametrize(("supply_kwh", "demand_kwh"), [(10, 10), (40, 10), (5, 80), (100, 99)])
def test_price__same_book_cleared_by_the_market__is_its_uniform_price(supply_kwh, demand_kwh, fee):
    tariffs = Tariffs(feed_in=TARIFFS.feed_in, retail=TARIFFS.retail, community_fee=fee)
    orders = book(supply_kwh * 1000, demand_kwh * 1000, tariffs)

    cleared = clear_uniform(orders, Fees(community_micro_per_kwh=fee))

    room = tariffs.retail - tariffs.feed_in
    expected = curve.price(one(supply_kwh), one(demand_kwh), tariffs)[0]
    assert cleared.price_micro == pytest.approx(expected, abs=room / COUNT)
    volume = curve.traded(one(supply_kwh), one(demand_kwh), tariffs)[0]
    assert cleared.volume_wh / 1000 == pytest.approx(volume, rel=0.05)


def test_price__one_side_alone__lies_at_its_tariff_and_nobody_has_none():
    assert curve.price(one(5), one(0), TARIFFS)[0] == TARIFFS.feed_in
    assert curve.price(one(0), one(5), TARIFFS)[0] == TARIFFS.retail
    assert np.isnan(curve.price(one(0), one(0), TARIFFS)[0])


@given(ENERGY, ENERGY, ENERGY, ENERGY, st.floats(-5 * CENTS, 5 * CENTS))
def test_explain__any_inputs__parts_add_up_to_the_price(supply, demand, usual_supply, usual_demand, lean):
    told = curve.explain(
        supply + 1, demand, usual_supply=usual_supply, usual_demand=usual_demand + 1, tariffs=TARIFFS, lean=lean
    )

    price = TARIFFS.bounded(curve.price(one(supply + 1), one(demand), TARIFFS) + lean)[0]
    assert told.usual + told.supply + told.demand + told.observed + told.limits == pytest.approx(price, abs=0.1)


def test_explain__more_supply_and_more_demand__push_in_opposite_directions():
    told = curve.explain(20, 20, usual_supply=10, usual_demand=10, tariffs=TARIFFS, lean=0)

    assert told.supply < 0 < told.demand


def test_scenarios__wider_supply__makes_a_wider_price_around_the_same_middle():
    levels = np.array(QUANTILES)
    narrow, wide = (one(10)[:, None] + spread * (levels - 0.5)[None] for spread in (0.2, 8.0))
    demand = np.full((1, len(levels)), 10.0)

    sharp, vague = (curve.scenarios(supply, demand, TARIFFS, curve.Observed.nothing()) for supply in (narrow, wide))

    assert (np.diff(vague, axis=1) >= 0).all()
    assert np.ptp(vague) > 10 * np.ptp(sharp)
    assert vague[0, MEDIAN] == pytest.approx(sharp[0, MEDIAN], rel=0.02)


def test_observed__few_prices__weigh_little():
    model = np.full(240, 20.0)

    assert curve.observed(model[:1] + 10, model[:1]).lean < 1
    assert curve.observed(model + 10, model).lean > 9
    assert curve.observed(model[:0], model[:0]).lean == 0


def test_scenarios__books_that_strayed_from_the_model__widen_the_interval_and_stay_between_the_tariffs():
    levels = np.array(QUANTILES)
    sides = [one(10)[:, None] + 0.2 * (levels - 0.5)[None]] * 2
    model = np.full(2400, 20.0 * CENTS)
    strayed = curve.observed(model + np.random.default_rng(1).normal(0, 4 * CENTS, len(model)), model)

    calm, rough = (curve.scenarios(*sides, TARIFFS, seen) for seen in (curve.Observed.nothing(), strayed))

    low, high = (rough[0, QUANTILES.index(level)] for level in (0.05, 0.95))
    assert np.ptp(calm) < CENTS
    assert 11 * CENTS < high - low < 15 * CENTS  # 90 % of a normal deviation of 4: 13.2
    assert TARIFFS.sellers_least <= rough.min()
    assert rough.max() <= TARIFFS.buyers_most


@pytest.mark.parametrize(("feed_in", "retail", "fee"), [(0, 0, 0), (9, 8, 0), (5, 8, 4)])
def test_tariffs__without_room_between_them__are_refused(feed_in, retail, fee):
    with pytest.raises(TariffsMissing):
        Tariffs(feed_in=feed_in, retail=retail, community_fee=fee)
