# SPDX-License-Identifier: Apache-2.0
"""Who lives in the demonstration community and what they measured; who could sell to whom, and at what price.

Pure: no files, no network, no clock of its own. Energy is whole watt-hours, prices are micro-units per kWh. Netting
happens within the interval: export = max(0, generation − consumption), import = max(0, consumption − generation).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

FEED_IN_MICRO = 80_000
"""What the grid is assumed to pay for exported energy: 0.08 USD/kWh."""
RETAIL_MICRO = 320_000
"""What the grid is assumed to charge for imported energy: 0.32 USD/kWh."""
MIN_DEAL_WH = 20
"""Smaller amounts are left to the grid."""
INTERVAL_MINUTES = (15, 30, 60)
CAPACITY_STEP_W = 100


class DataProblem(Exception):
    """The interval data cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a home's meter measured in the interval that begins at `start`."""

    start: datetime
    consumption_wh: int
    generation_wh: int

    @property
    def export_wh(self) -> int:
        """What flowed to the grid, netted within the interval."""
        return max(0, self.generation_wh - self.consumption_wh)

    @property
    def import_wh(self) -> int:
        """What was taken from the grid, netted within the interval."""
        return max(0, self.consumption_wh - self.generation_wh)


@dataclass(frozen=True, slots=True)
class Home:
    """A household; `capacity_w` is its solar capacity, 0 without panels."""

    name: str
    capacity_w: int
    latitude: float
    longitude: float
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Community:
    """Homes that were read in the same intervals of `minutes`; `source` says on screen where the data come from."""

    source: str
    minutes: int
    homes: tuple[Home, ...]

    @property
    def starts(self) -> list[datetime]:
        """Beginnings of the intervals, in order."""
        return [reading.start for reading in self.homes[0].readings]


@dataclass(frozen=True, slots=True)
class Deal:
    """Energy that `seller` exports and `buyer` imports in the same interval; homes and interval by their place."""

    interval: int
    seller: int
    buyer: int
    energy_wh: int
    price_micro: int


def capacity_of(readings: Sequence[Reading], minutes: int) -> int:
    """The capacity that the largest reading shows, rounded up to 100 W."""
    most_wh = max(reading.generation_wh for reading in readings)
    return math.ceil(most_wh * 60 / minutes / CAPACITY_STEP_W) * CAPACITY_STEP_W


def check(community: Community) -> Community:
    """The community itself if it can trade; raises DataProblem otherwise."""
    minutes = community.minutes
    if minutes not in INTERVAL_MINUTES:
        raise DataProblem(f"intervals of {minutes} minutes cannot be traded; resample to 15, 30 or 60 minutes")
    if len(community.homes) < 2:
        raise DataProblem("a community needs at least two households")
    starts = community.starts
    for home in community.homes:
        if [reading.start for reading in home.readings] != starts:
            raise DataProblem(f"{home.name} was not read in the same intervals as {community.homes[0].name}")
    for earlier, later in itertools.pairwise(starts):
        if later - earlier != timedelta(minutes=minutes):
            raise DataProblem(
                f"after {earlier.isoformat()} comes {later.isoformat()}: intervals must follow each other"
            )
    off_grid = [start for start in starts if start.timestamp() % (minutes * 60)]
    if off_grid:
        raise DataProblem(
            f"{off_grid[0].isoformat()} is no start of a {minutes}-minute interval in UTC; resample to a finer grid"
        )
    return community


def moved_to(community: Community, now: datetime) -> tuple[Community, int]:
    """The community with its data moved by whole days so that the last interval is over at `now`, and by how many.

    A market delivers about now and readings never lie in the future; times of day stay as they were measured.
    """
    end = community.starts[-1] + timedelta(minutes=community.minutes)
    days = math.floor((now - end) / timedelta(days=1))
    if days == 0:
        return community, 0
    shift = timedelta(days=days)
    homes = tuple(
        replace(home, readings=tuple(replace(r, start=(r.start + shift).astimezone(UTC)) for r in home.readings))
        for home in community.homes
    )
    return replace(community, homes=homes), days


def price_of(supply_wh: int, demand_wh: int) -> int:
    """The interval's price: feed-in when supply abounds, retail when it is scarce, by the share of demand between.

    price = feed-in + (retail − feed-in) × demand / (supply + demand), rounded down to a micro-unit. Both sides gain:
    the seller gets more than the grid pays, the buyer pays less than the grid charges.
    """
    return FEED_IN_MICRO + (RETAIL_MICRO - FEED_IN_MICRO) * demand_wh // (supply_wh + demand_wh)


def plan(community: Community) -> list[Deal]:
    """Deals of all intervals: the largest export meets the largest import, until one side is used up."""
    deals = []
    for interval in range(len(community.starts)):
        readings = [home.readings[interval] for home in community.homes]
        exports = {place: reading.export_wh for place, reading in enumerate(readings) if reading.export_wh}
        imports = {place: reading.import_wh for place, reading in enumerate(readings) if reading.import_wh}
        if exports and imports:
            price = price_of(sum(exports.values()), sum(imports.values()))
            deals += _pair(interval, exports, imports, price)
    return deals


def _pair(interval: int, exports: dict[int, int], imports: dict[int, int], price: int) -> list[Deal]:
    sellers = sorted(exports, key=lambda place: (-exports[place], place))
    buyers = sorted(imports, key=lambda place: (-imports[place], place))
    deals = []
    while sellers and buyers:
        seller, buyer = sellers[0], buyers[0]
        energy_wh = min(exports[seller], imports[buyer])
        if energy_wh >= MIN_DEAL_WH:
            deals.append(Deal(interval, seller, buyer, energy_wh, price))
        exports[seller] -= energy_wh
        imports[buyer] -= energy_wh
        if exports[seller] == 0:
            sellers.pop(0)
        if imports[buyer] == 0:
            buyers.pop(0)
    return deals
