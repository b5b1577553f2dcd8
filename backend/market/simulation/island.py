# SPDX-License-Identifier: Apache-2.0
"""An interval without a grid: critical tiers first, then max-min shares, by the service's own allocation. Pure.

Nobody places orders: generation and batteries form the pool of `islands/allocation.py`, which looks a few intervals
ahead by the households' own forecasts. Who uses more than it gave pays the cap, which is the retail price; what was
given is sold in max-min shares, so that no contributor is preferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.market.islands.allocation import Load, Situation, Storage, allocate, water_fill
from backend.market.islands.types import Tier
from backend.market.settlement.imbalance import Traded
from backend.market.simulation.accounts import account_of
from backend.market.simulation.storage import MILLI, Store
from backend.market.simulation.types import Household, Series

LOOK_AHEAD = 8
"""Intervals that an allocation reckons with, its own included."""


@dataclass(frozen=True, slots=True)
class IslandStep:
    """What happened in an interval of an island; lists by household number, energy in Wh.

    `metered_wh` is what each meter exchanged with the neighbours (given: positive); it adds up to zero.
    """

    served_wh: list[int]
    flows_wh: list[int]
    metered_wh: list[int]
    spilled_wh: int
    demand_by_tier: Mapping[Tier, int]
    served_by_tier: Mapping[Tier, int]
    traded: list[Traded]


@dataclass(frozen=True, slots=True)
class Island:
    """The households of an island; `expected` are their forecasts of load and generation."""

    households: Sequence[Household]
    stores: Mapping[int, Store]
    expected: Sequence[tuple[Series, Series]]
    price_micro: int

    def step(self, interval: int) -> IslandStep:
        """Share out one interval and move the batteries accordingly."""
        loads = self._loads(interval)
        end = min(interval + LOOK_AHEAD, len(self.households[0].generation_wh))
        pool = [sum(int(household.generation_wh[interval]) for household in self.households)]
        pool += [sum(int(generation[later]) for _, generation in self.expected) for later in range(interval + 1, end)]
        storages = tuple(_storage_of(house, store) for house, store in sorted(self.stores.items()))
        found = allocate(Situation(tuple(pool), tuple(loads), storages, turn=interval))
        served = [0] * len(self.households)
        demand_by_tier, served_by_tier = dict.fromkeys(Tier, 0), dict.fromkeys(Tier, 0)
        for load in loads:
            served[_house(load.id)] += found.shares[load.id]
            demand_by_tier[load.tier] += load.demand_wh[0]
            served_by_tier[load.tier] += found.shares[load.id]
        flows = [0] * len(self.households)
        for house, store in self.stores.items():
            move = found.moves[str(house)]
            flows[house] = store.balance(move.charged_wh - move.discharged_wh)
        given = [
            int(household.generation_wh[interval]) - flow - share
            for household, flow, share in zip(self.households, flows, served, strict=True)
        ]
        metered = _shared_sales(given, turn=interval)
        traded = list(_pairs(metered, self.price_micro))
        spilled = sum(given)
        return IslandStep(served, flows, metered, spilled, demand_by_tier, served_by_tier, traded)

    def _loads(self, interval: int) -> list[Load]:
        end = min(interval + LOOK_AHEAD, len(self.households[0].consumption_wh))
        loads = []
        for house, household in enumerate(self.households):
            demand = [int(household.consumption_wh[interval])]
            demand += [max(0, int(wh)) for wh in self.expected[house][0][interval + 1 : end]]
            critical = [wh * household.critical_permille // 1_000 for wh in demand]
            if household.tier is not Tier.ORDINARY and any(critical):
                loads.append(Load(f"{house}/critical", household.tier, tuple(critical)))
                demand = [whole - part for whole, part in zip(demand, critical, strict=True)]
            loads.append(Load(f"{house}/ordinary", Tier.ORDINARY, tuple(demand)))
        return loads


def _house(load_id: str) -> int:
    return int(load_id.partition("/")[0])


def _storage_of(house: int, store: Store) -> Storage:
    """The battery in the allocation's terms: its state is what can be taken out."""
    battery = store.battery
    out = battery.discharge_permille
    power_wh = store.power_wh
    return Storage(
        id=str(house),
        capacity_wh=battery.capacity_wh * out // MILLI,
        charge_wh=min(power_wh, store.can_charge_wh()),
        discharge_wh=power_wh,
        reserve_wh=0,
        efficiency_ppm=battery.charge_permille * out,
        state_wh=store.content_mwh * out // (MILLI * MILLI),
    )


def _shared_sales(given_wh: Sequence[int], *, turn: int) -> list[int]:
    """What each meter exchanges: needs are met in full, and the surplus that meets them is shared max-min."""
    needed = sum(-wh for wh in given_wh if wh < 0)
    sold = water_fill(needed, [max(0, wh) for wh in given_wh], turn=turn)
    return [share if wh >= 0 else wh for wh, share in zip(given_wh, sold, strict=True)]


def _pairs(metered_wh: Sequence[int], price_micro: int) -> list[Traded]:
    """The exchange as trades, in order of household number."""
    sellers = [[house, wh] for house, wh in enumerate(metered_wh) if wh > 0]
    traded: list[Traded] = []
    place = 0
    for buyer, wh in enumerate(metered_wh):
        need = -wh
        while need > 0:
            seller, left = sellers[place]
            energy = min(need, left)
            number = account_of(len(traded))
            traded.append(Traded(number, account_of(seller), account_of(buyer), seller, buyer, energy, price_micro))
            need -= energy
            sellers[place][1] -= energy
            if sellers[place][1] == 0:
                place += 1
    return traded
