# SPDX-License-Identifier: Apache-2.0
"""The Celery edge of training: translate, call one verb, return. Every task may be repeated.

`ai.keep_up` is periodic: it trains what the plan names and was trained `retrain_days` ago or never, promotes what is
better, and watches the rest for drift; what drifted is trained anew at once. Then versions that nobody needs go.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from celery import shared_task

from ai_service.errors import Refusal, Unavailable
from ai_service.forecasting import errors
from ai_service.forecasting.registry import Registry
from ai_service.forecasting.versions import Version
from ai_service.training import batch, engines, files, learning, plans, pruning, sources, watching
from ai_service.training.settings import TrainingSettings

log = structlog.get_logger()

RETRIED: dict[str, Any] = {"acks_late": True, "autoretry_for": (Unavailable,), "retry_backoff": True, "max_retries": 5}
CACHED: dict[str, Registry] = {}


@shared_task(name="ai.train", **RETRIED)  # type: ignore[untyped-decorator]
def train(name: str) -> dict[str, Any]:
    """Train one model of the plan and promote it when it is better."""
    settings = TrainingSettings()
    return _learn(settings, plans.entry(settings, name), now=datetime.now(UTC))


@shared_task(name="ai.promote", **RETRIED)  # type: ignore[untyped-decorator]
def promote(name: str, number: int | None = None) -> dict[str, Any]:
    """Bring a version into use when it is better; a refusal is the answer, not a failure."""
    settings = TrainingSettings()
    return _promoted(settings, _registry(settings), name, number)


@shared_task(name="ai.roll_back", **RETRIED)  # type: ignore[untyped-decorator]
def roll_back(name: str) -> dict[str, Any]:
    """Withdraw the version in use."""
    return {"inUse": _registry(TrainingSettings()).roll_back(name).label}


@shared_task(name="ai.predict_batch", **RETRIED)  # type: ignore[untyped-decorator]
def predict_batch(name: str, readings: str, folder: str, workers: int = 2, **columns: str) -> dict[str, Any]:
    """Forecast every series of a file into a folder; repeated, it goes on where it was."""
    named = {"series_column": "house", "time_column": "time", "value_column": "kwh"} | columns
    done = batch.run(
        sources.Table(Path(readings), **named),
        readings=files.file_hash(Path(readings)),
        model=_registry(TrainingSettings()).load(name),
        engine=engines.threads(workers),
        folder=Path(folder),
    )
    return {"series": done.series, "forecast": done.forecast, "refused": done.refused}


@shared_task(name="ai.drift", **RETRIED)  # type: ignore[untyped-decorator]
def drift(name: str) -> dict[str, Any]:
    """Compare the newest readings of one model of the plan with those of its training."""
    settings = TrainingSettings()
    return _watched(settings, plans.entry(settings, name), now=datetime.now(UTC))


@shared_task(name="ai.keep_up", **RETRIED)  # type: ignore[untyped-decorator]
def keep_up() -> dict[str, str]:
    """Go through the plan; what goes wrong with one model is told and does not stop the others."""
    settings, now = TrainingSettings(), datetime.now(UTC)
    told: dict[str, str] = {}
    for entry in plans.entries(settings):
        try:
            told[entry.name] = _kept_up(settings, entry, now=now)
        except Refusal as refused:
            log.warning("training.refused", model=entry.name, code=refused.code, reason=refused.message)
            told[entry.name] = refused.code
    _prune(settings, now=now)
    return told


def _prune(settings: TrainingSettings, *, now: datetime) -> None:
    """What stays for now is told, and goes at the next round."""
    try:
        pruning.prune(_registry(settings), keep=settings.models_kept, now=now)
    except Refusal as refused:
        log.warning("training.not_pruned", code=refused.code, reason=refused.message)


def _kept_up(settings: TrainingSettings, entry: plans.Entry, *, now: datetime) -> str:
    newest = _newest(_registry(settings), entry.name)
    due = newest is None or now - newest.registered_at >= timedelta(days=settings.retrain_days)
    if not due and not _watched(settings, entry, now=now)["drifted"]:
        return "fresh"
    return str(_learn(settings, entry, now=now)["promotion"])


def _learn(settings: TrainingSettings, entry: plans.Entry, *, now: datetime) -> dict[str, Any]:
    registry = _registry(settings)
    houses = asyncio.run(plans.readings(settings, entry, now=now))
    return _promoted(settings, registry, entry.name, plans.learn(registry, entry, houses).number)


def _promoted(settings: TrainingSettings, registry: Registry, name: str, number: int | None) -> dict[str, Any]:
    margin, days = settings.promotion_margin, settings.promotion_days
    try:
        version = learning.promote(registry, name, number, margin=margin, least_days=days)
    except errors.PromotionRefused as refused:
        log.info("training.not_promoted", reason=refused.message, **({"model": name} | refused.details))
        return {"model": name, "version": number, "promotion": refused.code}
    return {"model": name, "version": version.number, "promotion": "in use"}


def _watched(settings: TrainingSettings, entry: plans.Entry, *, now: datetime) -> dict[str, Any]:
    houses = asyncio.run(plans.readings(settings, entry, now=now))
    try:
        verdict = watching.watch(_registry(settings), entry.name, houses, settings.alerts())
    except (errors.ModelUnknown, errors.SeriesTooShort) as nothing:
        return {"model": entry.name, "drifted": False, "reasons": [], "notJudged": nothing.code}
    return watching.as_json(entry.name, verdict)


def _newest(registry: Registry, name: str) -> Version | None:
    try:
        return next(iter(registry.versions_of(name)), None)
    except errors.ModelUnknown:
        return None


def _registry(settings: TrainingSettings) -> Registry:
    """One register per process and address: it holds connections and models."""
    key = f"{settings.models_url.get_secret_value() if settings.models_url else ''} {settings.models_folder}"
    if key not in CACHED:
        CACHED[key] = settings.registry()
    return CACHED[key]
