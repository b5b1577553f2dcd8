# SPDX-License-Identifier: Apache-2.0
"""An interval without a grid: critical tiers first, then max-min shares, by the service's own allocation. Pure.

Nobody places orders: generation and batteries form the pool of `islands/allocation.py`, which looks twelve hours ahead
by the households' own forecasts. The batteries are of one kind and count as one; what it does is shared out among them
max-min. Who uses more than it gave pays the cap, which is the retail price; what was given is sold in max-min shares,
so that no contributor is preferred.
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

LOOK_AHEAD_HOURS = 12
"""How far an allocation looks, its own interval included; never past the island's end."""
POOL = "batteries"


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
    """The households of an island that ends before interval `until`; `expected`: forecasts of load and generation.

    Nothing but the past and the interval itself is known to an allocation.
    """

    households: Sequence[Household]
    stores: Mapping[int, Store]
    until: int
    per_day: int
    expected: Sequence[tuple[Series, Series]]
    price_micro: int

    def step(self, interval: int) -> IslandStep:
        """Share out one interval and move the batteries accordingly."""
        end = min(interval + LOOK_AHEAD_HOURS * self.per_day // 24, self.until)
        loads = self._loads(interval, end)
        pool = [sum(int(household.generation_wh[interval]) for household in self.households)]
        pool += [
            sum(
                self._expected(home.generation_wh, generation, interval, later)
                for home, (_, generation) in zip(self.households, self.expected, strict=True)
            )
            for later in range(interval + 1, end)
        ]
        storages = (_pooled(list(self.stores.values())),) if self.stores else ()
        found = allocate(Situation(tuple(pool), tuple(loads), storages, turn=interval))
        served = [0] * len(self.households)
        demand_by_tier, served_by_tier = dict.fromkeys(Tier, 0), dict.fromkeys(Tier, 0)
        for load in loads:
            served[_house(load.id)] += found.shares[load.id]
            demand_by_tier[load.tier] += load.demand_wh[0]
            served_by_tier[load.tier] += found.shares[load.id]
        flows = [0] * len(self.households)
        if self.stores:
            move = found.moves[POOL]
            for house, flow in _moved(self.stores, move.charged_wh - move.discharged_wh, turn=interval).items():
                flows[house] = flow
        given = [
            int(household.generation_wh[interval]) - flow - share
            for household, flow, share in zip(self.households, flows, served, strict=True)
        ]
        metered = _shared_sales(given, turn=interval)
        traded = list(_pairs(metered, self.price_micro))
        spilled = sum(given)
        return IslandStep(served, flows, metered, spilled, demand_by_tier, served_by_tier, traded)

    def _expected(self, measured: Series, forecast: Series, now: int, later: int) -> int:
        """What is expected of a later interval: today's forecast of that time of day; on the first day, what is now."""
        day = now // self.per_day
        return int(measured[now]) if day == 0 else int(forecast[day * self.per_day + later % self.per_day])

    def _loads(self, interval: int, end: int) -> list[Load]:
        loads = []
        for house, household in enumerate(self.households):
            demand = [int(household.consumption_wh[interval])]
            forecast = self.expected[house][0]
            demand += [
                self._expected(household.consumption_wh, forecast, interval, later)
                for later in range(interval + 1, end)
            ]
            critical = [wh * household.critical_permille // 1_000 for wh in demand]
            if household.tier is not Tier.ORDINARY and any(critical):
                loads.append(Load(f"{house}/critical", household.tier, tuple(critical)))
                demand = [whole - part for whole, part in zip(demand, critical, strict=True)]
            loads.append(Load(f"{house}/ordinary", Tier.ORDINARY, tuple(demand)))
        return loads


def _house(load_id: str) -> int:
    return int(load_id.partition("/")[0])


def _pooled(stores: Sequence[Store]) -> Storage:
    """The batteries as one, in the allocation's terms: its state is what can be taken out.

    The pool never promises more of this interval than its batteries can give.
    """
    battery = stores[0].battery
    power_wh = sum(store.power_wh for store in stores)
    state_wh = sum(store.content_wh() for store in stores)
    gives_wh = sum(store.can_discharge_wh() for store in stores)
    return Storage(
        id=POOL,
        capacity_wh=max(state_wh, len(stores) * battery.capacity_wh * battery.discharge_permille // MILLI),
        charge_wh=power_wh,
        discharge_wh=power_wh if gives_wh >= min(power_wh, state_wh) else gives_wh,
        reserve_wh=0,
        efficiency_ppm=battery.charge_permille * battery.discharge_permille,
        state_wh=state_wh,
    )


def _moved(stores: Mapping[int, Store], flow_wh: int, *, turn: int) -> dict[int, int]:
    """Move the batteries by `flow_wh` altogether (out: negative) as far as they can, in max-min shares."""
    houses = sorted(stores)
    most = [stores[house].can_charge_wh() if flow_wh > 0 else stores[house].can_discharge_wh() for house in houses]
    amounts = water_fill(min(abs(flow_wh), sum(most)), most, turn=turn)
    sign = 1 if flow_wh > 0 else -1
    return {house: stores[house].balance(sign * amount) for house, amount in zip(houses, amounts, strict=True)}


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
