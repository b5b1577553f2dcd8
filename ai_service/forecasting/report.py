# SPDX-License-Identifier: Apache-2.0
"""Figures of a back-test as data: what `gridx-ai backtest --json` prints as its last line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ai_service.forecasting import metrics
from ai_service.forecasting.backtest import Answer, Result, hours_of_day
from ai_service.forecasting.types import Floats


def as_json(result: Result) -> dict[str, Any]:
    """The whole result; `chosen` was picked before the test days."""
    best = result.answers[result.chosen]
    return {
        "chosen": result.chosen,
        "models": {name: figures(answer, result) for name, answer in result.answers.items()},
        "byHour": by_hour(best, result),
        "coverageInterval": coverage(best, result),
        "leakCheck": {
            "clean": result.leaks.clean,
            "asked": list(result.leaks.asked),
            "origins": result.leaks.origins,
            "lookedAhead": list(result.leaks.found),
        },
        "weights": {name: round(share, 4) for name, share in result.weights.items()},
        "validationMae": {name: _short(value) for name, value in result.choice.items()},
        "findings": [asdict(finding) for finding in result.findings],
        "testDays": len(result.plan.test),
        "validationDays": len(result.plan.validation),
        "from": result.series.stamp(int(result.plan.test[0])).isoformat(),
    }


def figures(answer: Answer, result: Result) -> dict[str, Any]:
    """Errors and intervals of one model over the test days."""
    actual, quantiles = result.actual, answer.quantiles
    median = answer.median[~result.plan.ready]
    error = float(np.nanmean(np.abs(median - actual)))
    return {
        "mase": _short(error / result.scale),
        "mae": _short(error),
        "pinball": _short(float(np.nanmean(metrics.pinball(quantiles, actual)))),
        "crps": _short(float(np.nanmean(metrics.crps(quantiles, actual)))),
        "coverage": {
            str(level): _short(float(np.nanmean(metrics.inside(quantiles, actual, level)))) for level in metrics.LEVELS
        },
        "width": {str(level): _short(float(np.nanmean(metrics.width(quantiles, level)))) for level in metrics.LEVELS},
    }


def by_hour(answer: Answer, result: Result) -> dict[str, dict[str, float]]:
    """MAE and coverage of the 90 % interval by local hour of the day."""
    hours = hours_of_day(result.plan, result.series)
    miss = np.abs(answer.median[~result.plan.ready] - result.actual)
    hits = metrics.inside(answer.quantiles, result.actual, 90)
    return {
        str(hour): {"mae": _mean(miss[hours == hour]), "coverage90": _mean(hits[hours == hour])}
        for hour in range(24)
        if (hours == hour).any()
    }


def coverage(answer: Answer, result: Result) -> dict[str, Any]:
    """Coverage of the 90 % interval with its 99 % day-block bootstrap interval, overall and jointly over the steps."""
    hits = metrics.inside(answer.quantiles, result.actual, 90)
    whole = metrics.coverage_interval(hits)
    margin = metrics.joint_margin(hits)
    away = np.abs(np.nanmean(hits, axis=0) - 0.9)
    outside = [int(step) for step in np.flatnonzero(away > margin)]
    return {
        "level": 0.9,
        "measured": _mean(hits),
        "low": _short(whole.low),
        "high": _short(whole.high),
        "holds": whole.low <= 0.9 <= whole.high,
        "jointMargin": _short(margin),
        "holdsJointly": not outside,
        "stepsOutside": outside,
        "days": int(hits.shape[0]),
    }


def _mean(values: Floats) -> float:
    seen = values[np.isfinite(values)]
    return _short(float(seen.mean())) if len(seen) else float("nan")


def _short(value: float) -> float:
    return float(f"{value:.6g}")
