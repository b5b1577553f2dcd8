# SPDX-License-Identifier: Apache-2.0
"""The smallest models that a register can keep, told apart by their level."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from ai_service.forecasting.registry import Registry
from ai_service.forecasting.served import Forecast
from ai_service.forecasting.versions import Facts, Model, Version

FACTS = Facts(
    data_hash="d" * 16,
    code_version="1.0.0+c",
    chosen="ridge",
    trained_until=datetime(2024, 6, 1, tzinfo=UTC),
    step_s=3600,
    steps=24,
    figures={"mase": 0.5, "mae": 1.25},
    notes={"testDays": 14},
)


def forecast_of(level: float) -> Forecast:
    """A model that says one thing."""
    return Forecast(np.full((24, 3), float(level)), origin=0, model="ridge", findings=())


def level_of(model: Model) -> Any:
    """What it says."""
    return model.trained.quantiles[0, 0]


def make_versions(registry: Registry, name: str, count: int, *, used: tuple[int, ...] = ()) -> list[Version]:
    """Versions of a model whose level is their number; `used` were brought into use one after the other."""
    made = [registry.register(name, forecast_of(number), FACTS) for number in range(1, count + 1)]
    for number in used:
        registry.promote(name, number)
    return made
