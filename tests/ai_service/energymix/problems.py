# SPDX-License-Identifier: Apache-2.0
"""Problems to solve: a small town with eight sources and a battery, for any number of hours."""

import numpy as np

from ai_service.energymix.types import Problem, Source, Storage


def make_town(steps: int, *, seed: int = 1) -> Problem:
    """Solar, wind, hydro with a yearly allowance, nuclear and coal with ramps, gas, diesel, import, one battery."""
    random, hour, one = np.random.default_rng(seed), np.arange(steps), np.ones(steps)
    demand = 100 + 30 * np.sin(hour / 24 * 2 * np.pi - 2) + 10 * np.sin(hour / 8760 * 2 * np.pi)
    sun = np.clip(np.sin((hour % 24 - 6) / 12 * np.pi), 0, None) * random.uniform(0.3, 1, steps)
    wind = np.clip(0.35 + 0.25 * np.sin(hour / 37) + random.normal(0, 0.1, steps), 0, 1)
    grid_price = 0.06 + 0.05 * np.sin(hour / 24 * 2 * np.pi) + random.uniform(0, 0.01, steps)
    grid_carbon = 300 + 50 * random.random(steps)
    return Problem(
        demand + random.normal(0, 3, steps),
        (
            Source("solar", 90 * sun, 0.0, 0 * one, 0 * one),
            Source("wind", 60 * wind, 0.0, 0.005 * one, 0 * one),
            Source("hydro", 20 * one, 0.0, 0.03 * one, 20 * one, 10, 10, total_kwh=10.0 * steps),
            Source("nuclear", 25 * one, 15.0, 0.02 * one, 12 * one, 2, 2),
            Source("coal", 40 * one, 0.0, 0.05 * one, 950 * one, 8, 8),
            Source("gas", 60 * one, 0.0, 0.08 * one, 400 * one, 30, 30),
            Source("diesel", 50 * one, 0.0, 0.3 * one, 700 * one),
            Source("import", 30 * one, 0.0, grid_price, grid_carbon),
        ),
        (Storage("battery", 80, 20, 20, 0.95, 0.95, 40, 40, 0.0005, 0.002),),
    )
