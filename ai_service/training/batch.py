# SPDX-License-Identifier: Apache-2.0
"""Forecasts of many houses in one go, into a folder; stopped at any moment it goes on where it was.

    batch.json          what is computed: input, model, number of series and shards; another batch is refused
    part-00042.parquet  one shard: columns series, time, q05 … q95, refused; appears complete or not at all
    done.json           written last: counts, after each series was found in exactly one part

A part names the model's version, the hash of the data that it learned from and the code's version in its metadata. A
series that cannot be forecast has one row with the code of its refusal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ai_service.errors import Refusal
from ai_service.forecasting.versions import Model
from ai_service.training.engines import Engine
from ai_service.training.files import write_whole
from ai_service.training.shards import TOLD, Answer, ModelFiles, Shard
from ai_service.training.sources import Table

SHARD = 100
COLUMNS = tuple(f"q{round(level * 100):02d}" for level in TOLD)


class OtherBatch(Refusal):
    """The folder holds the beginning of another batch: other readings, model, or size of shards."""

    status = 409
    code = "batch.other"
    title = "This folder holds another batch; choose an empty one"


class ResultsDisagree(Refusal):
    """A series stands in no part or in several: somebody else wrote into the folder."""

    status = 500
    code = "batch.results_disagree"
    title = "Not every series has exactly one result"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a folder's batch computes; written before anything else."""

    readings: str
    model: str
    data_hash: str
    code_version: str
    step_s: int
    steps: int
    series: int
    shard: int

    @property
    def shards(self) -> int:
        """Number of parts."""
        return -(-self.series // self.shard)


@dataclass(frozen=True, slots=True)
class Done:
    """Counts of a finished batch; `computed` and `seconds` are those of this run."""

    series: int
    forecast: int
    refused: int
    computed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Series a second of this run."""
        return self.computed / self.seconds if self.seconds > 0 else 0.0


def run(
    table: Table,
    *,
    readings: str,
    model: Model,
    engine: Engine,
    folder: Path,
    shard: int = SHARD,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Done:
    """Compute what is missing in `folder`. `readings` is a hash of the input; `progress` hears of series done.

    Raises OtherBatch, ResultsDisagree.
    """
    facts = model.version.facts
    plan = Plan(
        readings=readings,
        model=model.version.label,
        data_hash=facts.data_hash,
        code_version=facts.code_version,
        step_s=facts.step_s,
        steps=facts.steps,
        series=len(table.names),
        shard=shard,
    )
    _claim(folder, plan)
    missing = [number for number in range(plan.shards) if not _part(folder, number).exists()]
    done = plan.series - sum(_size(plan, number) for number in missing)
    progress(done, plan.series)
    started, computed = time.monotonic(), 0
    for number, answers in engine(_work(table, plan, missing), ModelFiles.of(model.trained)):
        _write_part(_part(folder, number), answers, plan)
        computed += len(answers)
        progress(done + computed, plan.series)
    seconds = time.monotonic() - started
    return _finish(folder, plan, table.names, computed=computed, seconds=seconds)


def _work(table: Table, plan: Plan, missing: list[int]) -> Iterator[Shard]:
    for number in missing:
        yield Shard(number, tuple(table.rows(number * plan.shard, (number + 1) * plan.shard)))


def _size(plan: Plan, number: int) -> int:
    return min(plan.shard, plan.series - number * plan.shard)


def _part(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.parquet"


def _claim(folder: Path, plan: Plan) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "batch.json"
    if not path.exists():
        write_whole(path, json.dumps(asdict(plan), indent=1).encode())
        return
    kept: dict[str, Any] = json.loads(path.read_text())
    differs = {name: (kept.get(name), value) for name, value in asdict(plan).items() if kept.get(name) != value}
    if differs:
        raise OtherBatch(folder=folder.name, differs={name: list(both) for name, both in differs.items()})


def _write_part(path: Path, answers: list[Answer], plan: Plan) -> None:
    names: list[str] = []
    times: list[int | None] = []
    rows: list[Any] = []
    refused: list[str | None] = []
    for answer in answers:
        if answer.quantiles is None:
            names.append(answer.name)
            times.append(None)
            rows.append(np.full((1, len(TOLD)), np.nan))
            refused.append(answer.refused)
            continue
        count = len(answer.quantiles)
        names += [answer.name] * count
        times += [answer.start_s + step * plan.step_s for step in range(count)]
        rows.append(answer.quantiles)
        refused += [None] * count
    values = np.concatenate(rows)
    columns: dict[str, Any] = {
        "series": pa.array(names).dictionary_encode(),
        "time": pa.array(times, pa.timestamp("s", tz="UTC")),
        **{column: pa.array(values[:, place], from_pandas=True) for place, column in enumerate(COLUMNS)},
        "refused": pa.array(refused, pa.string()),
    }
    told = {"model": plan.model, "dataHash": plan.data_hash, "codeVersion": plan.code_version}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns).replace_schema_metadata(told), sink)
    write_whole(path, sink.getvalue().to_pybytes())


def _finish(folder: Path, plan: Plan, names: list[str], *, computed: int, seconds: float) -> Done:
    found: list[str] = []
    refused = 0
    for number in range(plan.shards):
        part = pq.read_table(_part(folder, number), columns=["series", "refused"])
        found += part["series"].unique().to_pylist()
        refused += part.num_rows - part["refused"].null_count
    if sorted(found) != names:
        raise ResultsDisagree(series=len(names), results=len(found))
    done = Done(plan.series, plan.series - refused, refused, computed, seconds)
    write_whole(
        folder / "done.json", json.dumps(asdict(plan) | {"forecast": done.forecast, "refused": refused}).encode()
    )
    return done
