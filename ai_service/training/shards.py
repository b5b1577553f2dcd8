# SPDX-License-Identifier: Apache-2.0
"""What a worker of a batch does, in a process beside or on another machine: model and readings in, rows out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ai_service.forecasting import artifact, errors
from ai_service.forecasting.metrics import QUANTILES
from ai_service.forecasting.served import Forecast
from ai_service.forecasting.types import Floats, Series
from ai_service.training.fleet import Fleet
from ai_service.training.sources import Rows, on_grid

TOLD = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class ModelFiles:
    """Files of a stored model, to be sent to where it is asked."""

    sha256: str
    files: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, trained: object) -> ModelFiles:
        """The files of a model in memory."""
        with tempfile.TemporaryDirectory(prefix="gridx-model-") as scratch:
            sha256 = artifact.write(trained, Path(scratch))
            return cls(sha256, tuple((path.name, path.read_bytes()) for path in sorted(Path(scratch).iterdir())))


@dataclass(frozen=True, slots=True)
class Shard:
    """Some series of a batch, in order."""

    number: int
    rows: tuple[Rows, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One series: the start of its forecast (epoch seconds) and quantiles (steps, TOLD), or the code of a refusal."""

    name: str
    start_s: int
    quantiles: Floats | None
    refused: str | None


def forecast(shard: Shard, files: ModelFiles) -> list[Answer]:
    """One answer for each series of the shard, in order."""
    model = _model(files)
    prepared: list[Series | errors.ForecastRefused] = [_prepared(rows, model.step_s) for rows in shard.rows]
    usable = [each for each in prepared if isinstance(each, Series)]
    answers = iter(model.forecast_many(usable))
    told = []
    for rows, each in zip(shard.rows, prepared, strict=True):
        answer = next(answers) if isinstance(each, Series) else each
        told.append(_told(rows.name, each, answer))
    return told


def _prepared(rows: Rows, step_s: int) -> Series | errors.ForecastRefused:
    try:
        return on_grid(rows, step_s)
    except errors.ForecastRefused as refused:
        return refused


def _told(name: str, series: Series | errors.ForecastRefused, answer: Forecast | errors.ForecastRefused) -> Answer:
    if isinstance(answer, errors.ForecastRefused) or isinstance(series, errors.ForecastRefused):
        code = answer.code if isinstance(answer, errors.ForecastRefused) else ""
        return Answer(name, 0, None, code)
    wanted = [QUANTILES.index(level) for level in TOLD]
    start_s = int(series.time_at(np.array([len(series)]))[0])
    quantiles = answer.quantiles[:, wanted]
    if np.nanmin(series.values) >= 0:  # what never fell below zero is not expected to
        quantiles = np.maximum(quantiles, 0.0)
    return Answer(name, start_s, quantiles, None)


@lru_cache(maxsize=2)
def _model(files: ModelFiles) -> Fleet:
    with tempfile.TemporaryDirectory(prefix="gridx-model-") as scratch:
        for name, content in files.files:
            (Path(scratch) / name).write_bytes(content)
        model = artifact.read(Path(scratch), sha256=files.sha256)
    if not isinstance(model, Fleet):
        raise errors.ModelUnknown("A batch needs a model of all houses, this is one of a single series")
    return model
