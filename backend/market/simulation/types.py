# SPDX-License-Identifier: Apache-2.0
"""What a simulation is given: households with their measured or modelled energy, a tariff, agents, a seed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.market.clearing.fees import NO_FEES, Fees
from backend.market.clearing.types import Rule
from backend.market.islands.types import Tier

Series = NDArray[np.int64]
"""Whole Wh, one value an interval."""
ISLAND_HOURS = 24


class Agent(StrEnum):
    """Who trades for a household; the agents module says how each thinks."""

    ZERO_INTELLIGENCE = "zero-intelligence"
    FORECAST = "forecast"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Battery:
    """A home battery. Efficiencies are per mille, one way; it starts empty."""

    capacity_wh: int = 10_000
    power_w: int = 5_000
    charge_permille: int = 950
    discharge_permille: int = 950

    def __post_init__(self) -> None:
        if self.capacity_wh <= 0 or self.power_w <= 0:
            raise ValueError("a battery has a capacity and a power")
        if not (1 <= self.charge_permille <= 1_000 and 1 <= self.discharge_permille <= 1_000):
            raise ValueError("efficiencies lie between 1 and 1000 per mille")


@dataclass(frozen=True, slots=True)
class Household:
    """A home: energy in each interval, its owner and grid zone, and what of its load is critical on an island.

    On an island `critical_permille` of the load belongs to `tier`, the rest is ordinary. Homes of one owner never trade
    with each other; no owner: the home itself.
    """

    name: str
    consumption_wh: Series
    generation_wh: Series
    owner: str = ""
    zone: str = ""
    tier: Tier = Tier.ORDINARY
    critical_permille: int = 0

    def __post_init__(self) -> None:
        if len(self.consumption_wh) != len(self.generation_wh):
            raise ValueError(f"{self.name}: consumption and generation differ in length")
        if (self.consumption_wh < 0).any() or (self.generation_wh < 0).any():
            raise ValueError(f"{self.name}: energy is never negative")


@dataclass(frozen=True, slots=True)
class World:
    """Households measured in the same intervals of `minutes` from `start` on; `source` tells where the data come from.

    `utc_offset` is the clock by which days are shown.
    """

    source: str
    minutes: int
    start: datetime
    households: tuple[Household, ...]
    utc_offset: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.minutes not in (15, 30, 60):
            raise ValueError("delivery intervals last 15, 30 or 60 minutes")
        if len({len(household.consumption_wh) for household in self.households}) != 1:
            raise ValueError("all households are measured in the same intervals")

    @property
    def intervals(self) -> int:
        """How many delivery intervals there are."""
        return len(self.households[0].consumption_wh)

    @property
    def intervals_per_day(self) -> int:
        """24 hours in intervals."""
        return 24 * 60 // self.minutes


@dataclass(frozen=True, slots=True)
class Tariff:
    """What the supplier charges for imported and pays for exported energy, micro-units of `currency` per kWh."""

    retail_micro_per_kwh: int = 320_000
    feed_in_micro_per_kwh: int = 80_000
    currency: str = "USD"

    def __post_init__(self) -> None:
        if not 0 < self.feed_in_micro_per_kwh < self.retail_micro_per_kwh:
            raise ValueError("the feed-in price is positive and below the retail price, else nobody gains by trading")


DEFAULT_MIX: Mapping[Agent, int] = {Agent.ZERO_INTELLIGENCE: 50, Agent.FORECAST: 30, Agent.STORAGE: 20}


@dataclass(frozen=True, slots=True)
class Setup:
    """How a world is simulated. `mix` holds weights of the agents; `island_hour` None: the grid is always there.

    `rounds`: how often each agent comes back to the continuous book before the gate closes.
    """

    rule: Rule
    fees: Fees = NO_FEES
    tariff: Tariff = Tariff()
    seed: int = 1
    mix: Mapping[Agent, int] = field(default_factory=lambda: DEFAULT_MIX)
    battery: Battery = Battery()
    rounds: int = 3
    island_hour: int | None = None

    def island_intervals(self, world: World) -> range:
        """The intervals without a grid: 24 hours from `island_hour` on, cut at the end of the data."""
        if self.island_hour is None:
            return range(0)
        first = self.island_hour * 60 // world.minutes
        return range(first, min(first + ISLAND_HOURS * 60 // world.minutes, world.intervals))
