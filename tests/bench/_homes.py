# SPDX-License-Identifier: Apache-2.0
"""Modelled homes for the benchmarks of forecasts: evening peaks, weekends, sizes and noise of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ai_service.forecasting.types import Series, regular

Floats = npt.NDArray[np.float64]
HOUR_S = 3600


def consumption_kwh(number: int, hours: int, *, end_s: int) -> Floats:
    """Hourly readings of home `number` up to `end_s`."""
    random = np.random.default_rng(number)
    at = end_s // HOUR_S - hours + np.arange(hours)
    hour, day = at % 24, at // 24
    evening, morning = random.uniform(17, 21), random.uniform(6, 9)
    shape = 0.4 + np.exp(-((hour - evening) ** 2) / random.uniform(2, 8))
    shape += random.uniform(0, 0.8) * np.exp(-((hour - morning) ** 2) / 4)
    week = np.where(day % 7 >= 5, random.uniform(1, 1.5), 1.0)
    return np.asarray(random.gamma(2, 0.3) * shape * week * random.lognormal(0, 0.4, hours) + 0.01)


def homes(count: int, *, days: int, end_s: int) -> dict[str, Series]:
    """Homes as series by name."""
    start = datetime.fromtimestamp(end_s - days * 24 * HOUR_S, UTC)
    return {f"h{n}": regular(start, HOUR_S, consumption_kwh(n, days * 24, end_s=end_s)) for n in range(count)}


def write(path: Path, count: int, *, days: int, end_s: int) -> Path:
    """Homes as a Parquet file with the columns house, time and kwh."""
    hours = days * 24
    times = pa.array(end_s - HOUR_S * np.arange(hours, 0, -1), pa.timestamp("s", tz="UTC"))
    schema = pa.schema({"house": pa.string(), "time": times.type, "kwh": pa.float64()})
    with pq.ParquetWriter(path, schema) as writer:
        for number in range(count):
            house = pa.array([f"h{number}"] * hours)
            writer.write_table(pa.table([house, times, consumption_kwh(number, hours, end_s=end_s)], schema=schema))
    return path
