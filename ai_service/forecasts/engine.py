# SPDX-License-Identifier: Apache-2.0
"""From readings to a forecast that says where it comes from. Works on arrays: no network, no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from ai_service.forecasting import provenance, quality
from ai_service.forecasting.metrics import QUANTILES
from ai_service.forecasting.types import Finding, Floats, Series
from ai_service.forecasts import recent
from ai_service.forecasts.recent import Figures


@dataclass(frozen=True, slots=True)
class Model:
    """What answered: `version` is the register's, `data_hash` of the readings that it learned from."""

    name: str
    version: str
    data_hash: str
    code_version: str
    weights: dict[str, float]


@dataclass(frozen=True, slots=True)
class Fallback:
    """Why and how a house borrowed its forecast."""

    reason: str
    ratio: float
    readings: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantiles (steps, QUANTILES) of the steps from `start` on, in the unit of the readings.

    `data_until` is the end of the newest reading, None where there is none.
    """

    start: datetime
    step_s: int
    quantiles: Floats
    data_until: datetime | None
    model: Model
    figures: Figures
    findings: tuple[Finding, ...]
    fallback: Fallback | None = None

    def at(self, level: float) -> Floats:
        """The quantile of each step at `level` (0 to 1), straight lines between the known ones."""
        levels = np.array(QUANTILES)
        return np.array([np.interp(level, levels, row) for row in self.quantiles])

    def interval(self, percent: int) -> tuple[Floats, Floats]:
        """Both ends of the central interval that should hold `percent` of what comes."""
        tail = (1 - percent / 100) / 2
        return self.at(tail), self.at(1 - tail)

    @property
    def median(self) -> Floats:
        """The middle of what is expected."""
        return self.at(0.5)


def trimmed(series: Series) -> Series:
    """Without the unknown steps before the first and after the last reading; empty without any reading."""
    seen = np.flatnonzero(np.isfinite(series.values))
    if not len(seen):
        return series.head(0)
    return series.head(int(seen[-1]) + 1).tail(int(seen[-1] - seen[0]) + 1)


def forecast(raw: Series, *, skip: int, steps: int, findings: tuple[Finding, ...] = ()) -> Forecast:
    """Of the `steps` steps that begin `skip` steps after the end of `raw` (trimmed).

    Raises the refusals of quality: SeriesEmpty, SeriesAllZero, SeriesConstant, SeriesTooShort, SeriesTooSparse, …
    """
    checked = quality.check(raw)
    quality.require_usable(checked.series)
    answer = recent.forecast(checked.series, skip + steps)
    quantiles = bounded(answer.quantiles[skip:], raw)
    code = provenance.code_version()
    model = Model(recent.NAME, f"{recent.NAME}/{code}", provenance.data_hash([raw]), code, answer.weights)
    return Forecast(
        start=raw.stamp(len(raw) + skip),
        step_s=raw.step_s,
        quantiles=quantiles,
        data_until=raw.stamp(len(raw)),
        model=model,
        figures=answer.figures,
        findings=findings + checked.findings,
    )


def bounded(quantiles: Floats, raw: Series) -> Floats:
    """A series that never fell below zero is not expected to."""
    never = bool(np.nanmin(raw.values) >= 0)
    return np.maximum(quantiles, 0.0) if never else quantiles


def scaled(forecast: Forecast, quantiles: Floats, **changes: Any) -> Forecast:
    """The same forecast with other quantiles."""
    return replace(forecast, quantiles=quantiles, **changes)
