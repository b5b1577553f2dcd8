# SPDX-License-Identifier: Apache-2.0
"""Small communities for tests of the simulation."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Rule
from backend.market.islands.types import Tier
from backend.market.simulation.types import Agent, Battery, Household, Setup, World

START = datetime(2026, 6, 1, tzinfo=UTC)


def make_home(
    name: str, consumption_wh: Sequence[int], generation_wh: Sequence[int], *, owner: str = "", zone: str = "",
    tier: Tier = Tier.ORDINARY, critical_permille: int = 0,
) -> Household:  # fmt: skip
    """A household of the given intervals."""
    consumption, generation = np.array(consumption_wh, np.int64), np.array(generation_wh, np.int64)
    return Household(name, consumption, generation, owner, zone, tier, critical_permille)


def make_world(*homes: Household, minutes: int = 60) -> World:
    """A community of homes."""
    return World("homes of a test", minutes, START, homes)


def sunny_world(homes: int = 4, days: int = 2) -> World:
    """Every other home has panels; loads differ by home and hour."""
    hours = range(24 * days)
    sun = [max(0, 6 - abs(hour % 24 - 12)) * 500 for hour in hours]
    return make_world(
        *(
            make_home(
                f"Home {n}", [300 + 37 * (n * 7 + hour) % 400 for hour in hours], sun if n % 2 else [0] * len(hours)
            )
            for n in range(homes)
        )
    )


MIXES = (
    {Agent.ZERO_INTELLIGENCE: 1},
    {Agent.FORECAST: 1},
    {Agent.STORAGE: 1},
    {Agent.ZERO_INTELLIGENCE: 1, Agent.FORECAST: 1, Agent.STORAGE: 1},
)
BATTERIES = st.builds(
    Battery,
    capacity_wh=st.integers(1, 4_000),
    power_w=st.integers(1, 3_000),
    charge_permille=st.integers(700, 1_000),
    discharge_permille=st.integers(700, 1_000),
)


@st.composite
def worlds(draw: st.DrawFn, longest: int = 40) -> World:
    """Two to five homes with up to `longest` intervals, some of one owner, in two zones, some with critical loads."""
    minutes = draw(st.sampled_from((15, 30, 60)))
    length = draw(st.integers(1, longest))
    energy = st.lists(st.integers(0, 3_000), min_size=length, max_size=length)
    homes = [
        make_home(
            f"Home {number}",
            draw(energy),
            draw(energy),
            owner=draw(st.sampled_from(("", "Ada"))),
            zone=draw(st.sampled_from(("north", "south"))),
            tier=draw(st.sampled_from(tuple(Tier))),
            critical_permille=draw(st.integers(0, 1_000)),
        )
        for number in range(draw(st.integers(2, 5)))
    ]
    return make_world(*homes, minutes=minutes)


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    """Any rule, fees, agents, battery and seed; an island that begins at once, or none."""
    fee = st.integers(0, 60_000)
    zones = ("north", "south")
    return Setup(
        rule=draw(st.sampled_from(tuple(Rule))),
        fees=Fees(
            draw(fee),
            {zone: draw(fee) for zone in zones},
            {(seller, buyer): draw(fee) for seller in zones for buyer in zones},
        ),
        seed=draw(st.integers(0, 100)),
        mix=draw(st.sampled_from(MIXES)),
        battery=draw(BATTERIES),
        rounds=draw(st.integers(1, 3)),
    )
