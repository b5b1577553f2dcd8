# SPDX-License-Identifier: Apache-2.0
"""Drift of a model in use: its newest inputs and errors against those of its training; an alert when they moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import structlog
from prometheus_client import Gauge

from ai_service.alerts import Alerts
from ai_service.forecasting import errors, features, metrics, quality
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.served import Served
from ai_service.forecasting.types import DAY_S, Floats, Ints, Series
from ai_service.forecasting.versions import Model
from ai_service.training import drift, fleet, trial
from ai_service.training.drift import Profile, Verdict
from ai_service.training.trial import Asked

log = structlog.get_logger()

DAYS = 28
DRIFTED = Gauge("gridx_ai_model_drifted", "1 when inputs or errors of the model in use have moved", ("model",))


def watch(registry: Registry, name: str, houses: Mapping[str, Series], alerts: Alerts) -> Verdict:
    """Judge the version in use on the newest readings. Raises ModelUnknown, ArtifactDamaged, SeriesTooShort."""
    model = registry.load(name)
    known = Profile.of(model.version.facts.notes["profile"])
    found = (_asked(model, house) for house in houses.values())
    asked = tuple(house for house in found if house is not None)
    if not asked:
        raise errors.SeriesTooShort(
            "No house has a whole day after the readings that the model learned from", model=name
        )
    steps = model.version.facts.steps
    frame = fleet.stack([features.build(house.series, _inputs_at(model, house), steps) for house in asked])
    misses = tuple(trial.scaled_misses(house, _medians(model.trained, house)) for house in asked)
    verdict = drift.judge(known, frame, trial.daily(asked, misses))
    DRIFTED.labels(name).set(int(verdict.drifted))
    log.info("drift.judged", model=name, version=model.version.number, **asdict(verdict))
    if verdict.drifted:
        alerts.tell("model.drift", model=name, version=model.version.number, reasons=list(verdict.reasons))
    return verdict


def as_json(name: str, verdict: Verdict) -> dict[str, Any]:
    """What the command prints and the task logs."""
    return {
        "model": name,
        "drifted": verdict.drifted,
        "reasons": list(verdict.reasons),
        "inputs": verdict.inputs,
        "inputLimit": round(verdict.input_limit, 3),
        "errorRise": verdict.error_rise,
        "errorLimit": drift.ALARM,
        "days": verdict.days,
    }


def _asked(model: Model, house: Series) -> Asked | None:
    """The newest DAYS origins after the last reading of training, at midnight or the model's own time of day.

    None for a house without such origins, or whose readings cannot be used.
    """
    since_s = int(model.version.facts.trained_until.timestamp())
    second = model.trained.origin_second if isinstance(model.trained, Served) else 0
    steps = model.version.facts.steps
    every = np.arange(trial.WARM_DAYS * house.per_day, len(house) - steps + 1)
    at = house.time_at(every)
    origins = every[(at >= since_s) & (at % DAY_S == second)][-DAYS:]
    if not len(origins):
        return None
    first = int(origins[0])
    try:
        checked = quality.check(house, learned_on=first)
    except errors.ForecastRefused:
        return None
    scale = metrics.mase_scale(house.values[:first], house.per_day)
    return Asked(checked.series, house, origins, scale) if scale > 0 else None


def _inputs_at(model: Model, house: Asked) -> Ints:
    """Origins at which inputs are compared: those of a fleet's training turn through the hours of the day."""
    if isinstance(model.trained, Served):
        return house.origins
    return fleet.origins_of(house.series, int(house.origins[0]), int(house.origins[-1]))


def _medians(trained: Any, house: Asked) -> Floats:
    if isinstance(trained, fleet.Fleet):
        frame = features.build(house.series, house.origins, trained.steps)
        return np.asarray(trained.quantiles(frame)[..., metrics.MEDIAN])
    answers = [trained.forecast(house.raw.head(int(origin))).quantiles[:, metrics.MEDIAN] for origin in house.origins]
    return np.stack(answers)
