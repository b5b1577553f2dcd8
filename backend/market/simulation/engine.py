# SPDX-License-Identifier: Apache-2.0
"""A simulated community, interval by interval: agents wish, the market clears, meters run, accounts are settled. Pure.

Everything is drawn from one seed, and nothing depends on the clock: the same world and setup give the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backend.emissions.registry import CAMX_2023_NON_BASELOAD, CitedFactor
from backend.market.clearing.types import Rule
from backend.market.settlement.imbalance import Traded
from backend.market.simulation.accounts import Settled, settle, traded_of
from backend.market.simulation.agents import (
    Memory,
    Outlook,
    Wish,
    ahead_wh,
    assign,
    eagerness_permille,
    forecast_wh,
    outlook_of,
    plain_wishes,
    storage_wishes,
)
from backend.market.simulation.island import Island, IslandStep
from backend.market.simulation.storage import Store
from backend.market.simulation.trading import Deal, Market, Member
from backend.market.simulation.types import Agent, Household, Setup, World

FACTOR: CitedFactor = CAMX_2023_NON_BASELOAD
"""The factor of avoided-emission estimates, as in the demonstration."""


@dataclass(frozen=True, slots=True)
class Step:
    """One interval; lists by household number, energy in Wh.

    `metered_wh` is net export at the meter (import negative), `flows_wh` what went into the battery (out of it:
    negative), `served_wh` the load that was met. `island` None: the grid was there.
    """

    interval: int
    served_wh: list[int]
    flows_wh: list[int]
    metered_wh: list[int]
    deals: list[Deal]
    orders: int
    settled: Settled
    island: IslandStep | None = None

    @property
    def price_micro(self) -> int | None:
        """Mean energy price of the deals by energy, rounded down; None without a deal."""
        traded = sum(deal.energy_wh for deal in self.deals)
        return sum(deal.energy_wh * deal.price_micro for deal in self.deals) // traded if traded else None


class Simulation:
    """A world under a setup. `steps` runs it once, from the first interval to the last."""

    def __init__(self, world: World, setup: Setup) -> None:
        self.world = world
        self.setup = setup
        homes = world.households
        self.agents = _cast(homes, setup)
        self.members = [
            Member(str(number), household.owner or household.name, household.zone)
            for number, household in enumerate(homes)
        ]
        self.stores = {
            house: Store(setup.battery, world.minutes)
            for house, agent in enumerate(self.agents)
            if agent is Agent.STORAGE
        }
        per_day = world.intervals_per_day
        self._loads = np.stack([home.consumption_wh for home in homes], axis=1)
        self._generation = np.stack([home.generation_wh for home in homes], axis=1)
        self._net = self._generation - self._loads
        self._forecast = np.stack([forecast_wh(h.generation_wh - h.consumption_wh, per_day) for h in homes], axis=1)
        self._surplus_ahead = {house: self._ahead(house, 1) for house in self.stores}
        self._need_ahead = {house: self._ahead(house, -1) for house in self.stores}
        self._largest = [0] * len(homes)
        self._memory = Memory(setup.tariff, per_day)
        self._chance = np.random.default_rng(np.random.SeedSequence([setup.seed, 1]))
        self._market = Market(setup.rule, setup.fees, setup.tariff, setup.rounds, self.members)
        self._round_trip = setup.battery.charge_permille * setup.battery.discharge_permille

    def steps(self) -> Iterator[Step]:
        """All intervals in order."""
        island_intervals = self.setup.island_intervals(self.world)
        island = self._island() if island_intervals else None
        for interval in range(self.world.intervals):
            if island is not None and interval in island_intervals:
                yield self._islanded(island, interval)
            else:
                yield self._traded(interval)

    def loads_wh(self, interval: int) -> list[int]:
        """What each household would use in an interval."""
        found: list[int] = self._loads[interval].tolist()
        return found

    def generation_wh(self, interval: int) -> list[int]:
        """What each household's panels give in an interval."""
        found: list[int] = self._generation[interval].tolist()
        return found

    def _traded(self, interval: int) -> Step:
        slot = interval % self.world.intervals_per_day
        wishes = self._wishes(interval, slot)
        expected = self._memory.expected_micro[slot]
        deals, orders = self._market.trade(wishes, expected_micro=expected, chance=self._chance)
        metered, flows = self._meter(interval, deals)
        traded = traded_of(deals, self.members, self.setup.fees, pair=self.setup.rule is Rule.CONTINUOUS)
        settled = self._settle(interval, traded, metered)
        step = Step(interval, self.loads_wh(interval), flows, metered, deals, orders, settled)
        self._remember(slot, step, wishes)
        return step

    def _wishes(self, interval: int, slot: int) -> list[Wish]:
        tariff = self.setup.tariff
        outlook: Outlook | None = None
        wishes: list[Wish] = []
        nets, forecasts = self._net[interval].tolist(), self._forecast[interval].tolist()
        for house, agent in enumerate(self.agents):
            if agent is Agent.ZERO_INTELLIGENCE:
                wishes += plain_wishes(house, nets[house], tariff, None)
                continue
            expected = forecasts[house]
            if agent is Agent.FORECAST:
                eager = eagerness_permille(expected, self._largest[house])
                wishes += plain_wishes(house, expected, tariff, eager)
                self._largest[house] = max(self._largest[house], abs(nets[house]))
            else:
                outlook = outlook or outlook_of(self._memory, slot, round_trip_millionths=self._round_trip)
                wishes += self._storage_wishes(house, expected, interval, outlook)
        return wishes

    def _storage_wishes(self, house: int, expected_wh: int, interval: int, outlook: Outlook) -> list[Wish]:
        return storage_wishes(
            house,
            expected_wh,
            self.stores[house],
            outlook,
            self.setup.tariff,
            surplus_ahead_wh=self._surplus_ahead[house][interval],
            need_ahead_wh=self._need_ahead[house][interval],
        )

    def _ahead(self, house: int, sign: int) -> list[int]:
        forecast = sign * self._forecast[:, house]
        found: list[int] = ahead_wh(forecast, self.world.intervals_per_day).tolist()
        return found

    def _meter(self, interval: int, deals: Sequence[Deal]) -> tuple[list[int], list[int]]:
        """What each meter measures: a battery takes up what its house neither sold nor needs, and fills what lacks."""
        position = [0] * len(self.agents)
        for deal in deals:
            position[deal.seller] += deal.energy_wh
            position[deal.buyer] -= deal.energy_wh
        metered: list[int] = self._net[interval].tolist()
        flows = [0] * len(metered)
        for house, store in self.stores.items():
            flows[house] = store.balance(metered[house] - position[house])
            metered[house] -= flows[house]
        return metered, flows

    def _settle(self, interval: int, traded: Sequence[Traded], metered: Sequence[int]) -> Settled:
        generation = self.generation_wh(interval)
        return settle(traded, metered, generation, self.setup.tariff, FACTOR.mg_per_kwh)

    def _remember(self, slot: int, step: Step, wishes: Sequence[Wish]) -> None:
        """The price everybody saw; without a deal it is the supplier's, whichever side was left."""
        price = step.price_micro
        if price is None:
            wanted = sum(wish.energy_wh if wish.is_bid else -wish.energy_wh for wish in wishes)
            tariff = self.setup.tariff
            price = tariff.retail_micro_per_kwh if wanted > 0 else tariff.feed_in_micro_per_kwh
        self._memory.learn(slot, price)

    def _island(self) -> Island:
        per_day = self.world.intervals_per_day
        homes = self.world.households
        expected = [(forecast_wh(h.consumption_wh, per_day), forecast_wh(h.generation_wh, per_day)) for h in homes]
        until = self.setup.island_intervals(self.world).stop
        price = self.setup.tariff.retail_micro_per_kwh
        return Island(homes, self.stores, until, per_day, expected, price)

    def _islanded(self, island: Island, interval: int) -> Step:
        found = island.step(interval)
        settled = self._settle(interval, found.traded, found.metered_wh)
        return Step(interval, found.served_wh, found.flows_wh, found.metered_wh, [], 0, settled, found)


def _cast(homes: Sequence[Household], setup: Setup) -> list[Agent]:
    """Who trades for whom: shares by weight, drawn from the seed, the same under every rule."""
    kinds = list(Agent)
    given = assign([kind.value for kind in kinds], [setup.mix.get(kind, 0) for kind in kinds], len(homes))
    chance = np.random.default_rng(np.random.SeedSequence([setup.seed, 0]))
    return [Agent(given[place]) for place in chance.permutation(len(homes)).tolist()]
