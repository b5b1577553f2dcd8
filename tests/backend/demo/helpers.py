# SPDX-License-Identifier: Apache-2.0
"""Communities for tests, built from watt-hours."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from scripts.demo.community import Community, Home, Reading

MIDNIGHT = datetime(2024, 6, 4, 7, tzinfo=UTC)


def make_home(name: str, energy_wh: Sequence[tuple[int, int]], *, minutes: int = 60) -> Home:
    """A home that consumed and generated this much in intervals from MIDNIGHT on."""
    readings = tuple(
        Reading(MIDNIGHT + timedelta(minutes=minutes * place), consumption, generation)
        for place, (consumption, generation) in enumerate(energy_wh)
    )
    return Home(name, 5_000, 34.09, -117.44, readings)


def make_community(*homes: Sequence[tuple[int, int]], minutes: int = 60) -> Community:
    """Homes 0, 1, … that consumed and generated this much."""
    return Community(
        "test", minutes, tuple(make_home(f"home {n}", home, minutes=minutes) for n, home in enumerate(homes))
    )
