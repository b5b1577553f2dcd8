# SPDX-License-Identifier: Apache-2.0
"""The leak check: spoil everything that an origin may not know; whatever then answers differently has looked ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ai_service.forecasting.types import Floats, Ints, Series

Probe = Callable[[Series, int], Floats]
"""What somebody computes for one origin (an index of the series)."""
CHECKED_ORIGINS = 4


@dataclass(frozen=True, slots=True)
class Leaks:
    """Result of a leak check: who was asked, at how many origins, and who looked ahead."""

    asked: tuple[str, ...]
    origins: int
    found: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """True when nobody looked ahead."""
        return not self.found


def spoil(series: Series, origin: int, *, seed: int = 7) -> Series:
    """The series with every value that became available after the origin replaced by noise."""
    hidden = series.available > series.time_at(np.array([origin]))[0]
    noise = np.random.default_rng(seed).normal(0, 1, len(series))
    level = np.nanmax(np.abs(series.values)) + 1.0
    return replace(series, values=np.where(hidden, level * noise, series.values))


def check(series: Series, probes: Mapping[str, Probe], origins: Ints) -> Leaks:
    """Ask each probe at up to CHECKED_ORIGINS origins, with the truth and with a spoilt future."""
    chosen = origins[np.unique(np.linspace(0, len(origins) - 1, CHECKED_ORIGINS).astype(int))]
    found = set()
    for origin in chosen:
        spoilt = spoil(series, int(origin))
        for name, probe in probes.items():
            if not np.array_equal(probe(series, int(origin)), probe(spoilt, int(origin)), equal_nan=True):
                found.add(name)
    return Leaks(tuple(probes), len(chosen), tuple(sorted(found)))
