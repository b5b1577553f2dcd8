# SPDX-License-Identifier: Apache-2.0
"""Models of packages that are not required: asked for, installed and found they join the others, else they are skipped.

A model that joins is judged like every other: it weighs in the ensemble, or is chosen, only where the days before the
test say so. Nothing is ever downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ai_service.forecasting import recurrent
from ai_service.forecasting.features import known_days
from ai_service.forecasting.types import Floats, Ints, Series

CHRONOS_FOLDER = "GRIDX_AI_CHRONOS_PATH"  # a folder with config.json and weights, as Hugging Face lays them out
CONTEXT_DAYS = 28
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Extra:
    """An optional model; `skipped` says why it takes no part, None when it does."""

    name: str
    package: str
    skipped: str | None


def listed() -> list[Extra]:
    """Every optional model and whether it takes part."""
    return [
        Extra("chronos", "chronos-forecasting", _chronos_skipped()),
        Extra(recurrent.NAME, recurrent.PACKAGE, _recurrent_skipped()),
    ]


def forecasters() -> dict[str, Callable[[Series, Ints, int], Floats]]:
    """The optional models that take part, by name."""
    known: dict[str, tuple[str | None, Callable[[Series, Ints, int], Floats]]] = {
        "chronos": (_chronos_skipped(), _chronos),
        recurrent.NAME: (_recurrent_skipped(), recurrent.forecaster),
    }
    return {name: ask for name, (skipped, ask) in known.items() if skipped is None}


def _chronos_skipped() -> str | None:
    folder = os.environ.get(CHRONOS_FOLDER)
    if not folder:
        return f"{CHRONOS_FOLDER} names no folder with a model"
    if not (Path(folder) / "config.json").is_file():
        return f"{CHRONOS_FOLDER}: {Path(folder).name} holds no config.json, so no model"
    return _absent("chronos", "chronos-forecasting")


def _recurrent_skipped() -> str | None:
    if not recurrent.switched_on():
        return f"{recurrent.SWITCH} is not set to true"
    return _absent(recurrent.PACKAGE, recurrent.PACKAGE)


def _absent(module: str, package: str) -> str | None:
    return None if find_spec(module) is not None else f"the package {package} is not installed"


def _chronos(series: Series, origins: Ints, steps: int) -> Floats:
    """Medians (origins, steps) of a pretrained model that is shown the days before each origin."""
    import torch

    pipeline = _pipeline(os.environ[CHRONOS_FOLDER])
    past = known_days(series, origins, days=CONTEXT_DAYS).reshape(len(origins), -1)
    answers = []
    for first in range(0, len(origins), AT_ONCE):
        shown = torch.tensor(past[first : first + AT_ONCE], dtype=torch.float32)
        found, _ = pipeline.predict_quantiles(shown, prediction_length=steps, quantile_levels=[0.5])  # type: ignore[attr-defined]
        answers += [np.asarray(each, dtype=np.float64).reshape(steps) for each in found]
    return np.stack(answers)


@lru_cache(maxsize=1)
def _pipeline(folder: str) -> object:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from chronos import BaseChronosPipeline

    pipeline: object = BaseChronosPipeline.from_pretrained(folder, device_map="cpu")
    return pipeline
