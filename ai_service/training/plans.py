# SPDX-License-Identifier: Apache-2.0
"""What the worker trains and watches: a JSON list, each entry a model and where its readings come from.

[{"name": "homes-consumption-3600s-24h", "quantity": "consumption", "resolution": "1h"},
 {"name": "city-victoria-3600s-24h", "csv": "vic_elec_30min.csv.gz", "timeColumn": "Time", "valueColumn": "Demand",
  "resolution": "1h", "timezone": "Australia/Melbourne", "region": "AU-VIC"}]

`quantity`: all houses that the service may read, from the backend. `csv`: a file (relative to the plan's own), one
series or, with `seriesColumn`, the houses of a fleet.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

import httpx
from pydantic import Field, TypeAdapter, model_validator

from ai_service.envelope import ApiModel
from ai_service.errors import Invalid
from ai_service.forecasting import data
from ai_service.forecasting.models import ROUNDS
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.types import Series
from ai_service.forecasting.versions import Version
from ai_service.houses import BackendAway
from ai_service.training import fetching, learning, sources
from ai_service.training.settings import TrainingSettings


class PlanUnreadable(Invalid):
    """The plan is no such file, or an entry of it does not say what is needed."""

    code = "training.plan_unreadable"
    title = "The plan of training cannot be read"


class Entry(ApiModel):
    """One model of the plan."""

    name: str
    quantity: Literal["consumption", "production", "import", "export"] | None = None
    csv: Path | None = None
    time_column: str = "time"
    value_column: str = "kwh"
    series_column: str | None = None
    resolution: str | None = None
    timezone: str = "UTC"
    region: str | None = None
    total: bool = False
    horizon_hours: int = Field(default=24, ge=1, le=168)
    test_days: int = Field(default=28, ge=7, le=365)
    rounds: int = Field(default=ROUNDS, ge=1, le=5000)
    history_days: int = Field(default=400, ge=60, le=731)

    @model_validator(mode="after")
    def one_source(self) -> Self:
        """Readings come from one place."""
        if (self.quantity is None) == (self.csv is None):
            raise ValueError("an entry names either `quantity` or `csv`")
        if self.quantity is not None and self.resolution is None:
            raise ValueError("an entry with `quantity` needs a `resolution`")
        return self

    @property
    def fleet(self) -> bool:
        """Whether one model of all houses is meant."""
        return self.quantity is not None or self.series_column is not None


def entries(settings: TrainingSettings) -> list[Entry]:
    """The plan, empty when none is set. Raises PlanUnreadable."""
    if settings.plan is None:
        return []
    try:
        return TypeAdapter(list[Entry]).validate_python(json.loads(settings.plan.read_text()))
    except (OSError, ValueError) as problem:
        raise PlanUnreadable(str(problem), file=settings.plan.name) from problem


def entry(settings: TrainingSettings, name: str) -> Entry:
    """One entry. Raises PlanUnreadable."""
    for each in entries(settings):
        if each.name == name:
            return each
    raise PlanUnreadable("The plan has no such model", model=name)


async def readings(settings: TrainingSettings, asked: Entry, *, now: datetime) -> dict[str, Series]:
    """What an entry learns from; one series under the entry's own name. Raises what reading raises."""
    if asked.quantity is None:
        assert asked.csv is not None
        folder = settings.plan.parent if settings.plan is not None else Path()
        return _of_file(folder / asked.csv, asked)
    if settings.service_key is None:
        raise BackendAway("This service has no key of its own to read with", setting="GRIDX_AI_SERVICE_KEY")
    async with httpx.AsyncClient(base_url=settings.backend_url, timeout=fetching.TIMEOUT_S) as backend:
        return await fetching.houses_of(
            backend,
            service_key=settings.service_key.get_secret_value(),
            quantity=asked.quantity,
            step_s=data.resolution_s(asked.resolution or ""),
            days=asked.history_days,
            now=now,
        )


def learn(registry: Registry, asked: Entry, houses: dict[str, Series]) -> Version:
    """Train and register what an entry asks for. Raises what training raises."""
    hours, days, rounds = asked.horizon_hours, asked.test_days, asked.rounds
    if asked.fleet:
        return learning.train_houses(registry, asked.name, houses, horizon_h=hours, days=days, rounds=rounds)
    alone = houses[asked.name]
    return learning.train_series(registry, asked.name, alone, horizon_h=hours, days=days, rounds=rounds)


def _of_file(path: Path, asked: Entry) -> dict[str, Series]:
    source = data.Source(
        asked.time_column,
        asked.value_column,
        resolution=asked.resolution,
        zone=asked.timezone,
        region=asked.region,
        total=asked.total,
    )
    if asked.series_column is not None:
        return sources.read_houses(path, source, series_column=asked.series_column).series
    return {asked.name: data.read_csv(path, source).series}
