# SPDX-License-Identifier: Apache-2.0
"""Train, compare with what is in use, register; promote when better. The verbs of the command and of the worker.

A version is better when, on days that neither had learned from, its error is smaller by the margin: the new version's
errors are those of its rolling-origin back-test, the old one's are its own answers at the same origins. The first
version of a name has to beat the best reference (smoothing, the same time yesterday or last week) by the margin. Every
version has to beat the model of recent days, which answers without training, by the margin at the same origins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import structlog

from ai_service.forecasting import backtest, errors, features, metrics, provenance, quality, served
from ai_service.forecasting import report as reports
from ai_service.forecasting.models import ROUNDS
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.served import Served
from ai_service.forecasting.types import Finding, Floats, Series
from ai_service.forecasting.versions import Facts, Version
from ai_service.training import contests, drift, trial
from ai_service.training.contests import Contest
from ai_service.training.fleet import Fleet

log = structlog.get_logger()

TEST_DAYS = 28
PROFILE_DAYS = 365


def train_houses(
    registry: Registry,
    name: str,
    houses: Mapping[str, Series],
    *,
    horizon_h: int = 24,
    days: int = TEST_DAYS,
    rounds: int = ROUNDS,
) -> Version:
    """Train a fleet on houses and register it as the next version of `name`. Raises what trial.run raises."""
    done = trial.run(houses, horizon_s=horizon_h * 3600, days=days, rounds=rounds)
    contest = None
    current = _incumbent(registry, name)
    if current is not None and isinstance(current[1], Fleet) and current[1].steps == done.trained.steps:
        theirs = trial.answered_by(current[1], done.asked)
        times = [house.series.time_at(house.origins) for house in done.asked]
        contest = contests.against_version(current[0], done.misses, theirs, times)
    facts = Facts(
        data_hash=provenance.data_hash(houses.values()),
        code_version=provenance.code_version(),
        chosen="fleet",
        trained_until=datetime.fromtimestamp(done.until_s, UTC),
        step_s=done.trained.step_s,
        steps=done.trained.steps,
        figures=done.figures,
        notes=_notes(done.references, contest, days)
        | contests.told(_floor_of_houses(done))
        | {"houses": len(houses), "housesTested": len(done.asked)}
        | {"profile": asdict(drift.profile(done.learned, trial.daily(done.asked, done.misses)))},
    )
    return _registered(registry, name, done.trained, facts)


def train_series(
    registry: Registry,
    name: str,
    raw: Series,
    *,
    horizon_h: int = 24,
    days: int = TEST_DAYS,
    rounds: int = ROUNDS,
    findings: tuple[Finding, ...] = (),
) -> Version:
    """Back-test all models on one series, train the chosen one and register it as the next version of `name`."""
    current = _incumbent(registry, name)
    if current is not None and isinstance(current[1], Served):
        raw = ending_at(raw, current[1].origin_second)
    result = backtest.run(raw, horizon_s=horizon_h * 3600, days=days, findings=findings, rounds=rounds)
    model = served.prepare(result, rounds=rounds)
    contest = None
    mine = _errors(result.answers[result.chosen].median[~result.plan.ready], result)
    if current is not None and isinstance(current[1], Served) and current[1].steps == model.steps:
        times = [raw.time_at(result.plan.test)]
        contest = contests.against_version(current[0], [mine], [_asked_again(current[1], result)], times)
    recent = contests.recent_medians(result.series, result.plan.test, model.steps)
    best = reports.figures(result.answers[result.chosen], result)
    figures = {key: float(best[key]) for key in ("mase", "mae", "pinball", "crps")}
    figures |= {f"coverage{level}": float(share) for level, share in best["coverage"].items()}
    beside = {each: reports.figures(result.answers[each], result)["mase"] for each in backtest.REFERENCES}
    facts = Facts(
        data_hash=provenance.data_hash([raw]),
        code_version=provenance.code_version(),
        chosen=result.chosen,
        trained_until=result.series.stamp(len(result.series)),
        step_s=raw.step_s,
        steps=model.steps,
        figures=figures,
        notes=_notes(beside, contest, days)
        | contests.told(contests.against_recent([mine], [_errors(recent, result)]))
        | {"profile": asdict(_profile(raw, result))},
    )
    return _registered(registry, name, model, facts)


def promote(registry: Registry, name: str, number: int | None = None, *, margin: float, least_days: int) -> Version:
    """Bring a version (the newest unless told) into use. Raises PromotionRefused, VersionUnknown, ArtifactDamaged."""
    candidate = registry.version(name, number) if number is not None else _newest(registry, name)
    try:
        current: Version | None = registry.in_use(name)
    except errors.ModelUnknown:
        current = None
    if current is None or current.number != candidate.number:
        if current is not None and _readable(registry, current):
            contests.require_better(candidate, current, margin=margin, least_days=least_days)
        else:
            contests.require_beats_reference(candidate, margin=margin)
        contests.require_beats_recent(candidate, margin=margin)
    return registry.promote(name, candidate.number)


def ending_at(raw: Series, second: int) -> Series:
    """The series without its last steps, so that it ends at this second of the UTC day."""
    ends = raw.time_at(np.arange(len(raw) - raw.per_day, len(raw)) + 1) % 86_400
    fitting = np.flatnonzero(ends == second)
    if not len(fitting):
        raise errors.HorizonInvalid(
            "No step of this series ends at the time of day that was trained for", second=second
        )
    return raw.head(len(raw) - raw.per_day + int(fitting[-1]) + 1)


def _floor_of_houses(done: trial.Trial) -> contests.Floor | None:
    """Some houses of the test, spread over all of them: the model of recent days has to be asked origin by origin."""
    every = -(-len(done.asked) // contests.MOST_HOUSES)
    asked, mine = done.asked[::every], done.misses[::every]
    medians = [contests.recent_medians(house.raw, house.origins, done.trained.steps) for house in asked]
    theirs = [trial.scaled_misses(house, each) for house, each in zip(asked, medians, strict=True)]
    return contests.against_recent(mine, theirs)


def _incumbent(registry: Registry, name: str) -> tuple[Version, Any] | None:
    """The version in use and its model; None when there is none, or none that can be read."""
    try:
        model = registry.load(name)
    except (errors.ModelUnknown, errors.ArtifactDamaged):
        return None
    return model.version, model.trained


def _readable(registry: Registry, version: Version) -> bool:
    try:
        registry.load_version(version.name, version.number)
    except errors.ArtifactDamaged:
        return False
    return True


def _newest(registry: Registry, name: str) -> Version:
    versions = registry.versions_of(name)
    if not versions:
        raise errors.VersionUnknown("No version of this model was trained", model=name)
    return versions[0]


def _errors(median: Floats, result: backtest.Result) -> Floats:
    """Mean absolute error of each test origin, in weekly naive errors; NaN where nothing came to pass."""
    miss = np.abs(median - result.actual)
    seen = np.isfinite(miss)
    total = np.where(seen, miss, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.asarray(np.where(seen.any(axis=1), total, np.nan) / result.scale)


def _profile(raw: Series, result: backtest.Result) -> drift.Profile:
    """Of the newest year of origins, and of the errors of the test."""
    series = quality.check(raw).series
    frame = features.build(series, result.plan.training[-PROFILE_DAYS:], result.plan.steps)
    chosen = result.answers[result.chosen].median[~result.plan.ready]
    return drift.profile(frame, _errors(chosen, result))


def _asked_again(other: Served, result: backtest.Result) -> Floats:
    """Scaled errors of another model at the same origins."""
    medians = [
        other.forecast(result.series.head(int(origin))).quantiles[:, metrics.MEDIAN] for origin in result.plan.test
    ]
    return _errors(np.stack(medians), result)


def _notes(references: Mapping[str, float], contest: Contest | None, days: int) -> dict[str, Any]:
    best = min(references, key=lambda name: references[name])
    return {
        "testDays": days,
        "references": dict(references),
        "reference": [best, references[best]],
        "contest": None if contest is None else asdict(contest),
    }


def _registered(registry: Registry, name: str, trained: Any, facts: Facts) -> Version:
    version = registry.register(name, trained, facts)
    log.info("training.registered", model=name, version=version.number, **facts.figures)
    return version
