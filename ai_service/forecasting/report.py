# SPDX-License-Identifier: Apache-2.0
"""Figures of a back-test as data: what `gridx-ai backtest --json` prints as its last line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ai_service.forecasting import metrics
from ai_service.forecasting.backtest import Answer, Result, hours_of_day
from ai_service.forecasting.types import Floats

NAIVES = ("seasonal_naive_day", "seasonal_naive_week")


def as_json(result: Result) -> dict[str, Any]:
    """The whole result; `chosen` was picked before the test days."""
    best = result.answers[result.chosen]
    return {
        "chosen": result.chosen,
        "models": {name: figures(answer, result) for name, answer in result.answers.items()},
        "byHour": by_hour(best, result),
        "coverageInterval": coverage(best, result),
        "pinballRatio": pinball_ratio(result),
        "pinballRatioSteered": pinball_ratio(result, steered=True),
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


def means(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over series: MASE of what was chosen and of each model, coverage, pinball ratios; `held` counts series."""
    if not told:
        return {"series": 0}
    chosen = [one["models"][one["chosen"]] for one in told]
    intervals = [one["coverageInterval"] for one in told]
    return {
        "series": len(told),
        "mase": _average([one["mase"] for one in chosen]),
        "models": {
            name: _average([one["models"][name]["mase"] for one in told if name in one["models"]])
            for name in dict.fromkeys(name for one in told for name in one["models"])
        },
        "coverage": {str(level): _average([one["coverage"][str(level)] for one in chosen]) for level in metrics.LEVELS},
        **{
            ratio: {name: _average([one[ratio][name] for one in told]) for name in NAIVES}
            for ratio in ("pinballRatio", "pinballRatioSteered")
        },
        "held": {
            "overall": sum(one["holds"] for one in intervals),
            "jointly": sum(one["holdsJointly"] for one in intervals),
        },
    }


def _average(values: list[float]) -> float:
    return _short(sum(values) / len(values))


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
    """Coverage of the 90 % interval with its 99 % day-block bootstrap interval, overall and jointly over the hours.

    Jointly: the largest deviation over the local hours of the day, with days drawn whole. `joint` tells for each hour
    what was measured and the band in which 0.90 has to lie.
    """
    hits = metrics.inside(answer.quantiles, result.actual, 90)
    whole = metrics.coverage_interval(hits)
    hourly = metrics.by_group(hits, hours_of_day(result.plan, result.series), 24)
    margin = metrics.joint_margin(hourly)
    measured = metrics.mean_over_days(hourly)
    outside = [int(hour) for hour in np.flatnonzero(np.abs(measured - 0.9) > margin)]
    return {
        "level": 0.9,
        "measured": _mean(hits),
        "low": _short(whole.low),
        "high": _short(whole.high),
        "holds": whole.low <= 0.9 <= whole.high,
        "holdsJointly": not outside,
        "jointMargin": _short(margin),
        "joint": {
            str(hour): [_short(level), _short(level - margin), _short(level + margin)]
            for hour, level in enumerate(measured)
            if np.isfinite(level)
        },
        "hoursOutside": outside,
        "days": int(hits.shape[0]),
    }


def pinball_ratio(result: Result, *, steered: bool = False) -> dict[str, float]:
    """Pinball loss of the chosen model over that of each seasonal naive forecast.

    The naive forecasts have the empirical quantiles of their errors before the test; `steered`: those by hour, weighted
    and corrected day by day as the models' are (intervals.py), which is more than a naive forecast usually gets.
    """

    def loss(quantiles: Floats) -> float:
        return float(np.nanmean(metrics.pinball(quantiles, result.actual)))

    naive = {name: result.steered[name] if steered else result.answers[name].quantiles for name in NAIVES}
    chosen = loss(result.answers[result.chosen].quantiles)
    return {name: _short(chosen / loss(quantiles)) for name, quantiles in naive.items()}


def _mean(values: Floats) -> float:
    seen = values[np.isfinite(values)]
    return _short(float(seen.mean())) if len(seen) else float("nan")


def _short(value: float) -> float:
    return float(f"{value:.6g}")
