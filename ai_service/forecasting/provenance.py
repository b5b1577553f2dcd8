# SPDX-License-Identifier: Apache-2.0
"""Where a forecast comes from: a hash of the readings it was learned from, and a hash of the code that learned it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from ai_service.envelope import VERSION
from ai_service.forecasting.types import Series

SHOWN = 16
LEARNING_CODE = ("forecasting", "forecasts", "training")


def data_hash(series: Iterable[Series]) -> str:
    """Hash of series as read: start, step, values, when each became available, zone, holidays. Order counts."""
    total = hashlib.sha256()
    for each in series:
        days = ",".join(sorted(day.isoformat() for day in each.holidays))
        total.update(f"{each.start.isoformat()}|{each.step_s}|{len(each)}|{each.zone}|{days}|".encode())
        total.update(np.ascontiguousarray(each.values, dtype="<f8").tobytes())
        total.update(np.ascontiguousarray(each.available, dtype="<i8").tobytes())
    return total.hexdigest()[:SHOWN]


@lru_cache(maxsize=1)
def code_version() -> str:
    """The release and a hash of the sources that learn and forecast: two builds that differ there differ here."""
    total = hashlib.sha256()
    root = Path(__file__).resolve().parents[1]
    for folder in LEARNING_CODE:
        for path in sorted((root / folder).glob("*.py")):
            total.update(f"{folder}/{path.name}\0".encode())
            total.update(path.read_bytes())
    return f"{VERSION}+{total.hexdigest()[:SHOWN]}"
