# SPDX-License-Identifier: Apache-2.0
"""The households of a simulation: of a file, of the public data sets, or modelled; cut to what is wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from backend.market.simulation.types import Household, World
from scripts.demo import real_homes
from scripts.demo.community import Community, DataProblem
from scripts.simulation.meter_file import read_world
from scripts.simulation.modelled import modelled_world

HOUSEHOLDS, DAYS = 20, 7


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the call asks for. `data`: a CSV file, or the folder of the public data sets; None: a model."""

    data: Path | None
    households: int | None = None
    days: int | None = None

    @property
    def reads(self) -> bool:
        """Whether households are read and not modelled."""
        return self.data is not None


def world_of(wanted: Wanted, *, seed: int) -> World:
    """The households asked for. Raises DataProblem when there are fewer households or days than that."""
    if wanted.data is None:
        households = HOUSEHOLDS if wanted.households is None else wanted.households
        return modelled_world(households, DAYS if wanted.days is None else wanted.days, seed)
    if wanted.data.is_dir():
        days = real_homes.DAYS if wanted.days is None else wanted.days
        return cut(real_world(wanted.data, days), wanted.households, days)
    return cut(read_world(wanted.data), wanted.households, wanted.days)


def real_world(folder: Path, days: int) -> World:
    """The twenty real homes of the public data sets over `days` days. Raises DataProblem."""
    if not real_homes.available(folder):
        raise DataProblem(f"{folder} lacks the household data sets {', '.join(real_homes.FILES)}")
    if days < 1:
        raise DataProblem(f"--days {days}: choose at least 1")
    try:
        return from_community(real_homes.read_homes(folder, days))
    except DataProblem as problem:
        hint = (
            f"; not every home was read for {days} days on end: choose fewer --days" if days > real_homes.DAYS else ""
        )
        raise DataProblem(f"{problem}{hint}") from problem


def from_community(community: Community) -> World:
    """The demonstration's homes as a simulation takes them."""
    homes = []
    for home in community.homes:
        consumption = np.array([reading.consumption_wh for reading in home.readings], np.int64)
        generation = np.array([reading.generation_wh for reading in home.readings], np.int64)
        homes.append(Household(home.name, consumption, generation))
    return World(community.source, community.minutes, community.starts[0], tuple(homes), timedelta(hours=-8))


def cut(world: World, households: int | None, days: int | None) -> World:
    """The first `households` and the first `days` of a world; None: all."""
    count = len(world.households) if households is None else households
    if not 2 <= count <= len(world.households):
        raise DataProblem(f"--households {count}: the data have {len(world.households)}; choose 2 to that many")
    intervals = world.intervals if days is None else days * world.intervals_per_day
    if not 1 <= intervals <= world.intervals:
        raise DataProblem(
            f"--days {days}: the data have {world.intervals / world.intervals_per_day:g} days; choose 1 to that many"
        )
    homes = tuple(
        replace(home, consumption_wh=home.consumption_wh[:intervals], generation_wh=home.generation_wh[:intervals])
        for home in world.households[:count]
    )
    source = world.source
    if (count, intervals) != (len(world.households), world.intervals):
        source += f", the first {count} households and {intervals} intervals"
    return replace(world, households=homes, source=source)
