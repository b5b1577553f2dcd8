# SPDX-License-Identifier: Apache-2.0
"""Houses for tests of training: sines, weekends and noise, alike in kind and different in size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ai_service.forecasting.types import Floats, Series, regular
from tests.ai_service.forecasting.makers import START, make_values

DAYS = 77
STEPS = 24


def house_values(number: int, days: int = DAYS) -> Floats:
    """A house's readings, kWh an hour."""
    return np.asarray((0.5 + number) * make_values(days, seed=number + 1))


def make_houses(count: int = 3, days: int = DAYS) -> dict[str, Series]:
    """Houses by name."""
    return {f"house-{number}": regular(START, 3600, house_values(number, days)) for number in range(count)}


def write_houses(path: Path, count: int, *, days: int = 20, spoilt: tuple[int, ...] = ()) -> Path:
    """A table of houses as Parquet: columns house, time, kwh. Spoilt ones read zero throughout."""
    times = pd.date_range(START, periods=days * 24, freq="h")
    parts = []
    for number in range(count):
        values = house_values(number % 7, days) * (0.0 if number in spoilt else 1.0)
        parts.append(pd.DataFrame({"house": f"h{number}", "time": times, "kwh": values}))
    pd.concat(parts).to_parquet(path)
    return path
