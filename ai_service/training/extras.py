# SPDX-License-Identifier: Apache-2.0
"""Optional models of other packages: installed and asked for they take part, else they are skipped with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from ai_service.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional model; `skipped` says why it takes no part, None when it does."""

    name: str
    package: str
    skipped: str | None


def extras(settings: TrainingSettings) -> list[Extra]:
    """Every optional model and whether it takes part in back-tests."""
    path = settings.chronos_path
    chronos = _absent("chronos", "chronos-forecasting")
    if chronos is None and path is None:
        chronos = "GRIDX_AI_CHRONOS_PATH names no folder with a model; none is ever downloaded"
    if chronos is None and path is not None and not (path / "config.json").is_file():
        chronos = f"{path.name} holds no config.json, so no model"
    lstm = _absent("neuralforecast", "neuralforecast")
    if lstm is None and not settings.lstm:
        lstm = "GRIDX_AI_LSTM is off"
    return [Extra("chronos", "chronos-forecasting", chronos), Extra("lstm", "neuralforecast", lstm)]


def _absent(module: str, package: str) -> str | None:
    return None if find_spec(module) is not None else f"the package {package} is not installed"
