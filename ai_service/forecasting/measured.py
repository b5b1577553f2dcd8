# SPDX-License-Identifier: Apache-2.0
"""Back-tests of the public data sets, kept in one JSON file: what is there is not run again.

A record holds figures and what its charts need; readings in it are relative to the mean of the training values, three
days of one series a set, so that the file is no copy of the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ai_service.errors import Refusal
from ai_service.forecasting import backtest, many, metrics, report
from ai_service.forecasting.models import ROUNDS
from ai_service.forecasting.provenance import code_version
from ai_service.forecasting.sets import DataSet
from ai_service.forecasting.types import Floats

HORIZON_S = 86_400
OTHER_DAYS = 60  # the last days, on which settings were once chosen; a longer test also tells the days before them
EXAMPLE_DAYS = 3
Say = Callable[[str], None]


def load(path: Path) -> dict[str, Any]:
    """Records by `set/series/days`; none when there is no file."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def save(path: Path, records: dict[str, Any]) -> None:
    """Write the file as a whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(
        json.dumps(records, indent=None, separators=(",", ":"), sort_keys=True).replace("},", "},\n") + "\n"
    )
    part.replace(path)


def measure(
    one: DataSet, folder: Path, *, days: int, path: Path, rounds: int = ROUNDS, say: Say = lambda _: None
) -> None:
    """Back-test a set over `days` origins, unless its records are there, and add them to the file at `path`."""
    group = one.load(folder)
    if all(_key(one, name, days) in load(path) for name in group):
        return
    for name, result in many.run(group, horizon_s=HORIZON_S, days=days, rounds=rounds):
        if isinstance(result, Refusal):
            record: dict[str, Any] = {"refused": result.code}
            say(f"{one.name}/{name}: {result.code}")
        else:
            record = told(result)
            say(f"{one.name}/{name}, {days} origins: {result.chosen}, MASE {record['mase']:.3f}")
        kept = load(path)
        if any(key.startswith(f"{one.name}/") and key.endswith(f"/{days}") and "example" in kept[key] for key in kept):
            record.pop("example", None)
        save(path, kept | {_key(one, name, days): record | {"code": code_version()}})


def _key(one: DataSet, name: str, days: int) -> str:
    return f"{one.name}/{name}/{days}"


def told(result: backtest.Result) -> dict[str, Any]:
    """What is kept of a back-test."""
    full = report.as_json(result)
    chosen = full["models"][result.chosen]
    return {
        "chosen": result.chosen,
        "mase": chosen["mase"],
        "mae": chosen["mae"],
        "models": {
            name: {"mase": one["mase"], "pinball": one["pinball"], "coverage90": one["coverage"]["90"]}
            for name, one in full["models"].items()
        },
        "coverage": chosen["coverage"],
        "coverageInterval": full["coverageInterval"],
        "pinballRatio": full["pinballRatio"],
        "pinballRatioSteered": full["pinballRatioSteered"],
        "byHour": {hour: one["mae"] for hour, one in full["byHour"].items()},
        "earlierMase": earlier_mase(result),
        "reliability": reliability(result),
        "example": example(result),
        "weights": {name: share for name, share in full["weights"].items() if share > 0},
        "leaks": {"clean": result.leaks.clean, "parts": len(result.leaks.asked), "origins": result.leaks.origins},
        "findings": {finding.code: finding.count for finding in result.findings},
        "validationDays": full["validationDays"],
        "from": full["from"],
    }


def earlier_mase(result: backtest.Result) -> float | None:
    """MASE of the chosen model on the test days before the last OTHER_DAYS; None when there are none."""
    answer = result.answers[result.chosen].median[~result.plan.ready]
    miss = np.abs(answer - result.actual)[:-OTHER_DAYS]
    return float(np.nanmean(miss) / result.scale) if np.isfinite(miss).any() else None


def reliability(result: backtest.Result) -> list[float]:
    """Share of readings at or below each of QUANTILES: equal to the level when the quantiles are right."""
    quantiles, actual = result.answers[result.chosen].quantiles, result.actual
    seen = np.isfinite(actual)
    return [
        round(float((actual[seen] <= quantiles[..., place][seen]).mean()), 4) for place in range(quantiles.shape[-1])
    ]


def example(result: backtest.Result) -> dict[str, list[float | None]]:
    """The last days of the test: actual, median and the ends of the 90 % interval, relative to the training mean."""
    quantiles = result.answers[result.chosen].quantiles[-EXAMPLE_DAYS:]
    low, high = metrics.LEVELS[90]
    mean = abs(float(np.nanmean(result.series.values[: int(result.plan.test[0])]))) or 1.0
    steps = min(result.plan.steps, result.series.per_day)

    def flat(values: Floats) -> list[float | None]:
        return [round(float(v), 4) if np.isfinite(v) else None for v in (values[:, :steps] / mean).ravel()]

    return {
        "actual": flat(result.actual[-EXAMPLE_DAYS:]),
        "median": flat(result.answers[result.chosen].median[~result.plan.ready][-EXAMPLE_DAYS:]),
        "low": flat(quantiles[..., metrics.QUANTILES.index(low)]),
        "high": flat(quantiles[..., metrics.QUANTILES.index(high)]),
    }
