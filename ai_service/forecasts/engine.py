# SPDX-License-Identifier: Apache-2.0
"""From readings to a forecast that says where it comes from. Works on arrays: no network, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ai_service.forecasting import provenance, quality
from ai_service.forecasting.errors import ForecastRefused
from ai_service.forecasting.metrics import LEVELS, QUANTILES
from ai_service.forecasting.types import Finding, Floats, Series, regular
from ai_service.forecasting.versions import Facts
from ai_service.forecasting.versions import Model as Trained
from ai_service.forecasts import recent
from ai_service.forecasts.recent import Figures

LONGEST_DAYS = 98  # that the model of recent days looks back


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
        place = float(np.interp(level, np.array(QUANTILES), np.arange(len(QUANTILES))))
        below = min(int(place), len(QUANTILES) - 2)
        share = place - below
        return np.asarray((1 - share) * self.quantiles[:, below] + share * self.quantiles[:, below + 1])

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


def forecast(
    raw: Series, *, skip: int, steps: int, findings: tuple[Finding, ...] = (), trained: Trained | None = None
) -> Forecast:
    """Of the `steps` steps that begin `skip` steps after the end of `raw` (trimmed).

    `trained` answers as far as it was trained for, the model of recent days the rest, or all where it cannot answer.
    Raises the refusals of quality: SeriesEmpty, SeriesAllZero, SeriesConstant, SeriesTooShort, SeriesTooSparse, …
    """
    checked = quality.check(raw)
    quality.require_usable(checked.series)
    answer = recent.forecast(checked.series.tail(LONGEST_DAYS * raw.per_day), skip + steps)
    code = provenance.code_version()
    model = Model(recent.NAME, f"{recent.NAME}/{code}", provenance.data_hash([raw]), code, answer.weights)
    quantiles, figures = answer.quantiles, answer.figures
    told = _asked(trained, raw, least=skip + steps // 2) if trained is not None else None
    if trained is not None and told is not None:
        reach = min(len(told), len(quantiles))
        quantiles = np.concatenate([told[:reach], quantiles[reach:]])
        model, figures = _of_register(trained), _figures_of(trained.version.facts)
        if trained.fallback_for is not None:
            detail = f"version {trained.fallback_for} cannot be read; the last good one answers"
            findings = (*findings, Finding("model_damaged", 1, "", detail, "the last good version"))
    return Forecast(
        start=raw.stamp(len(raw) + skip),
        step_s=raw.step_s,
        quantiles=bounded(quantiles[skip:], raw),
        data_until=raw.stamp(len(raw)),
        model=model,
        figures=figures,
        findings=findings + checked.findings,
    )


def _asked(trained: Trained, raw: Series, *, least: int) -> Floats | None:
    """What a trained model says of the steps after the end of `raw`; None where it cannot, or not far enough."""
    try:
        quantiles: Floats = trained.trained.forecast(raw).quantiles
    except ForecastRefused:
        return None
    return quantiles if len(quantiles) >= least and np.isfinite(quantiles).all() else None


def _of_register(trained: Trained) -> Model:
    facts = trained.version.facts
    return Model(trained.version.name, trained.version.label, facts.data_hash, facts.code_version, {facts.chosen: 1.0})


def _figures_of(facts: Facts) -> Figures:
    """The back-test that the version was registered with."""
    told = facts.figures
    coverage = {level: told[f"coverage{level}"] for level in LEVELS if f"coverage{level}" in told}
    return Figures(
        origins=int(facts.notes.get("testDays", 0)),
        mae=told.get("mae"),
        mase=told.get("mase"),
        pinball=told.get("pinball"),
        coverage=coverage or None,
    )


def bounded(quantiles: Floats, raw: Series) -> Floats:
    """A series that never fell below zero is not expected to."""
    never = bool(np.nanmin(raw.values) >= 0)
    return np.maximum(quantiles, 0.0) if never else quantiles


def warm_up() -> None:
    """Forecast something once, so that the first to ask does not wait for what is loaded on first use."""
    hours = np.arange(30 * 24)
    forecast(
        regular(datetime(2026, 1, 1, tzinfo=UTC), 3600, 2 + np.sin(hours / 24 * 2 * np.pi) + hours % 7),
        skip=0,
        steps=24,
    )
