# SPDX-License-Identifier: Apache-2.0
"""Shares of an island's energy: conservation, tiers, max-min against independent checks, storages within bounds."""

import itertools
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.market.islands.allocation import MILLION, Load, Situation, Storage, allocate, proves, water_fill
from backend.market.islands.types import TIERS, Tier


@st.composite
def storages(draw, name="s", scale=1):
    capacity = draw(st.integers(0, 5000 * scale))
    return Storage(
        id=name,
        capacity_wh=capacity,
        charge_wh=draw(st.integers(0, 2000 * scale)),
        discharge_wh=draw(st.integers(0, 2000 * scale)),
        reserve_wh=draw(st.integers(0, capacity)),
        efficiency_ppm=draw(st.integers(500_000, MILLION)),
        state_wh=draw(st.integers(0, capacity)),
    )


@st.composite
def situations(draw, longest=4, most_loads=6, most_storages=2, scales=(1,)):
    length, scale = draw(st.integers(1, longest)), draw(st.sampled_from(scales))
    per_interval = st.tuples(*[st.integers(0, 3000 * scale)] * length)
    loads = draw(st.lists(st.tuples(st.sampled_from(TIERS), per_interval), max_size=most_loads))
    return Situation(
        generation_wh=draw(st.tuples(*[st.integers(0, 8000 * scale)] * length)),
        loads=tuple(Load(f"load {number}", tier, wants) for number, (tier, wants) in enumerate(loads)),
        storages=tuple(draw(storages(f"storage {n}", scale)) for n in range(draw(st.integers(0, most_storages)))),
        turn=draw(st.integers(0, 100)),
    )


def served(allocation):
    return sum(allocation.shares.values())


@given(situations(scales=(1, 1_000, 10**9)))
@settings(deadline=None, max_examples=150)
def test_allocate__whatever_happens__conserves_every_watt_hour_and_stays_within_bounds(situation):
    allocation = allocate(situation)

    moves = allocation.moves
    taken = sum(move.discharged_wh for move in moves.values()) + situation.generation_wh[0]
    given_wh = sum(move.charged_wh for move in moves.values()) + served(allocation) + allocation.spilled_wh
    assert taken == given_wh
    assert allocation.spilled_wh >= 0
    for load in situation.loads:
        assert 0 <= allocation.shares[load.id] <= load.demand_wh[0]
    for storage in situation.storages:
        move = moves[storage.id]
        assert 0 <= move.charged_wh <= storage.charge_wh
        assert 0 <= move.discharged_wh <= storage.discharge_wh
        assert move.charged_wh == 0 or move.discharged_wh == 0
        assert move.state_wh == storage.after(move.charged_wh, move.discharged_wh)
        assert min(storage.reserve_wh, storage.state_wh) <= move.state_wh <= storage.capacity_wh


@given(situations())
@settings(deadline=None, max_examples=80)
def test_allocate__each_bottleneck__is_proven_by_its_duals_without_a_solver(situation):
    allocation = allocate(situation)

    assert proves(situation, allocation.certificate)


@given(situations(longest=1, most_storages=0))
@settings(deadline=None, max_examples=150)
def test_allocate__one_interval__is_water_filling_tier_after_tier(situation):
    allocation = allocate(situation)

    left = situation.generation_wh[0]
    for tier in TIERS:
        loads = [load for load in situation.loads if load.tier == tier]
        level = level_of(left, [load.demand_wh[0] for load in loads])
        for load in loads:
            exact = min(Fraction(load.demand_wh[0]), level)
            assert abs(allocation.shares[load.id] - exact) < 1
        left -= sum(allocation.shares[load.id] for load in loads)
    assert left == allocation.spilled_wh


@given(situations())
@settings(deadline=None, max_examples=80)
def test_allocate__loads_of_lower_tiers__change_nothing_above_them(situation):
    without = replace(situation, loads=tuple(load for load in situation.loads if load.tier != Tier.ORDINARY))

    with_all, alone = allocate(situation), allocate(without)

    assert all(with_all.plan_wh[tier] == alone.plan_wh[tier] for tier in TIERS[:3])


@st.composite
def small_situations(draw):
    length = draw(st.integers(1, 2))
    wants = draw(st.lists(st.tuples(*[st.integers(0, 3)] * length), min_size=1, max_size=3))
    capacity = draw(st.integers(0, 4))
    storage = Storage(
        "s", capacity, draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(0, capacity)), MILLION,
        draw(st.integers(0, capacity)),
    )  # fmt: skip
    loads = tuple(Load(f"load {n}", Tier.ORDINARY, want) for n, want in enumerate(wants))
    return Situation(draw(st.tuples(*[st.integers(0, 5)] * length)), loads, (storage,))


@given(small_situations())
@settings(deadline=None, max_examples=150)
def test_allocate__small_island__no_whole_allocation_has_a_fairer_vector(situation):
    allocation = allocate(situation)

    length = len(situation.generation_wh)
    plan = allocation.plan_wh[Tier.ORDINARY]
    mine = sorted(
        share
        for interval in range(length)
        for share in water_fill(plan[interval], [load.demand_wh[interval] for load in situation.loads])
    )
    assert mine == max(fair_vectors(situation))


def fair_vectors(situation):
    """Sorted shares of every way to run the storage, each interval's energy water-filled by trying all shares."""
    storage = situation.storages[0]
    changes = range(-storage.discharge_wh, storage.charge_wh + 1)
    for path in itertools.product(changes, repeat=len(situation.generation_wh)):
        state, vector = storage.state_wh, []
        for interval, change in enumerate(path):
            state += change
            energy = situation.generation_wh[interval] - change
            if energy < 0 or not storage.floor_wh <= state <= storage.capacity_wh:
                break
            vector += best_shares(energy, [load.demand_wh[interval] for load in situation.loads])
        else:
            yield sorted(vector)


def best_shares(energy, demands):
    possible = itertools.product(*[range(demand + 1) for demand in demands])
    return max((shares for shares in possible if sum(shares) <= energy), key=sorted)


def level_of(total, demands):
    """The water level by its closed form: as if poured step by step from the smallest demand up."""
    level, poured = Fraction(0), Fraction(0)
    for place, demand in enumerate(sorted(demands)):
        open_loads = len(demands) - place
        if poured + (demand - level) * open_loads > total:
            return level + (total - poured) / open_loads
        poured += (demand - level) * open_loads
        level = Fraction(demand)
    return level


def test_allocate__a_hospital_needs_the_night__day_is_saved_for_it_before_others_get_a_share():
    battery = Storage("battery", 10_000, 5_000, 5_000, 1_000, 900_000, 1_000)
    hospital = Load("hospital", Tier.HOSPITAL, (1_000, 2_700))
    home = Load("home", Tier.ORDINARY, (4_000, 4_000))
    situation = Situation((6_000, 0), (hospital, home), (battery,))

    allocation = allocate(situation)

    assert allocation.shares == {"hospital": 1_000, "home": 947}
    assert allocation.plan_wh[Tier.HOSPITAL] == (1_000, 2_700)
    assert allocation.moves["battery"].charged_wh == 4_053
    assert allocation.plan_wh[Tier.ORDINARY] == (947, 947)


def test_allocate__nothing_generated_and_nothing_stored__everybody_gets_nothing():
    situation = Situation((0,), (Load("home", Tier.ORDINARY, (500,)),), ())

    allocation = allocate(situation)

    assert (allocation.shares, allocation.spilled_wh) == ({"home": 0}, 0)


def test_proves__a_certificate_that_claims_less_than_was_possible__is_refused():
    loads = tuple(Load(f"home {n}", Tier.ORDINARY, (500,)) for n in range(3))
    situation = Situation((900,), loads, ())
    certificate = [dict(entry) for entry in allocate(situation).certificate]

    certificate[0]["level_wh"] = 250.0

    assert not proves(situation, certificate)


def test_water_fill__leftover_watt_hours__begin_elsewhere_each_turn():
    assert water_fill(8, [9, 9, 9], turn=0) == [3, 3, 2]
    assert water_fill(8, [9, 9, 9], turn=1) == [2, 3, 3]
