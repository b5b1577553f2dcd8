# SPDX-License-Identifier: Apache-2.0
"""Is a model still asked about the world that it learned from, and does it still miss as little?

Inputs: population stability index between the days of training and the newest days, over ten bins of equal share
(N. Siddiqi, "Credit Risk Scorecards", 2006: below 0.1 the same, above 0.25 another population). Of few origins chance
alone makes a large index: times their number it is about chi-squared (B. Yurdakul and J. Naranjo, "Statistical
properties of the population stability index", Journal of Risk Model Validation 14, 2020), which the limit allows for.
Errors: the test of Page and Hinkley on daily errors (E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954):
the sum of what they exceed their mean at training by, less a tolerance, measured from its lowest point.

Pure: arrays in, verdicts out. `watching.py` finds the arrays and raises the alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2

from ai_service.forecasting.features import Frame
from ai_service.forecasting.types import Floats

WATCHED = ("lag_1d", "last_3h", "day_1", "week_1", "spread_slot")
BINS = 10
LEAST_SHARE = 1e-3
MOVED = 0.25
CHANCE = 0.999  # an index that chance exceeds less often than once in a thousand
TOLERANCE = 0.5  # standard deviations of daily errors: a smaller rise is weather
ALARM = 10.0  # standard deviations: with independent errors one false alarm in e^(2 * 0.5 * 10) days
LEAST_DAYS = 7
NOTICED = 0.1  # of the mean error: where days hardly differ, a smaller unit would call a trifle an alarm


@dataclass(frozen=True, slots=True)
class Profile:
    """What training saw: inner bin edges of each watched input, mean and deviation of the daily scaled error."""

    edges: dict[str, list[float]]
    error_mean: float
    error_deviation: float

    @classmethod
    def of(cls, told: dict[str, Any]) -> Profile:
        """From the notes of a version."""
        return cls(told["edges"], told["error_mean"], told["error_deviation"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """`inputs` are stability indexes, `error_rise` the statistic of Page and Hinkley in deviations."""

    inputs: dict[str, float]
    input_limit: float
    error_rise: float
    days: int
    reasons: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """Whether somebody should look."""
        return bool(self.reasons)


def profile(frame: Frame, daily_errors: Floats) -> Profile:
    """Of the frame that was learned from and the daily errors of the test, in order."""
    share = np.arange(1, BINS) / BINS
    edges = {name: [float(f"{edge:.6g}") for edge in np.nanquantile(_column(frame, name), share)] for name in WATCHED}
    seen = daily_errors[np.isfinite(daily_errors)]
    deviation = float(seen.std(ddof=1)) if len(seen) > 1 else float("inf")
    mean = float(seen.mean())
    return Profile(edges, mean, max(deviation, NOTICED * mean))


def judge(known: Profile, frame: Frame, daily_errors: Floats) -> Verdict:
    """The newest days against training. `daily_errors` begin after training, in order of days."""
    inputs = {name: stability_index(_column(frame, name), np.array(edges)) for name, edges in known.edges.items()}
    seen = daily_errors[np.isfinite(daily_errors)]
    rise = page_hinkley((seen - known.error_mean) / known.error_deviation)
    limit = max(MOVED, float(chi2.ppf(CHANCE, BINS - 1)) / max(1, len(frame.origins)))
    reasons = [f"input {name}" for name, index in inputs.items() if index > limit]
    if rise > ALARM and len(seen) >= LEAST_DAYS:
        reasons.append("errors")
    return Verdict(inputs, limit, float(f"{rise:.6g}"), len(seen), tuple(reasons))


def stability_index(values: Floats, edges: Floats) -> float:
    """Population stability index of values against bins that each held the same share at training; 0 without values."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return 0.0
    edges = np.unique(edges)  # an input with many equal values has fewer bins, whose shares were larger
    expected = np.full(len(edges) + 1, 1 / (len(edges) + 1))
    found = np.bincount(np.searchsorted(edges, seen, side="right"), minlength=len(edges) + 1) / len(seen)
    found = np.maximum(found, LEAST_SHARE)
    return float(f"{((found - expected) * np.log(found / expected)).sum():.6g}")


def page_hinkley(rises: Floats, *, tolerance: float = TOLERANCE) -> float:
    """The largest climb of the running sum of `rises - tolerance` above its lowest point so far."""
    total = np.concatenate(([0.0], np.cumsum(rises - tolerance)))
    return float((total - np.minimum.accumulate(total)).max())


def _column(frame: Frame, name: str) -> Floats:
    return np.asarray(frame.relative[:, frame.names.index(name)])
