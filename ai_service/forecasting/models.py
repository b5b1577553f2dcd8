# SPDX-License-Identifier: Apache-2.0
"""Models that learn from origins of the past: each fits a frame of features and answers medians (and spreads).

All work on `(y - base) / scale`, so that one set of settings serves a single home and a state; none is tuned to a data
set. `fit_members` trains all of them; `Members.predict` answers in the unit of the series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ai_service.forecasting.features import Frame
from ai_service.forecasting.intervals import FAN, Spread
from ai_service.forecasting.types import Floats

THREADS = 2
CLIP = 5.0
SPREAD_LEVELS = (0.1, 0.9)
FAN_NAMES = ("low", "lower", "median", "upper", "high")  # boosters at the levels FAN
_SIDES = tuple(name for name in FAN_NAMES if name != "median")
OWN_SIDE = 0.5  # how far the intervals of all members trust a skewness that only the boosters have seen
NARROWEST = 0.02  # of the series' spread: an interval is never a line
ROUNDS = 400
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.04,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "feature_fraction": 0.4,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
RIDGE_PENALTY = 30.0
KERNEL_WIDTH = 0.003
KERNEL_PENALTY = 0.3
KERNEL_DAYS = 1500
MEMBERS = ("boosting", "boosting_raw", "ridge", "ridge_boosting", "kernel")


@dataclass(frozen=True)
class Members:
    """Trained models of one moment. Holds nothing of the series but what was learned."""

    boosters: dict[str, lightgbm.Booster]
    ridge: _Ridge
    kernel: _Kernel

    def predict(self, frame: Frame) -> tuple[dict[str, Floats], Spread]:
        """Medians by member (origins, steps), and the distances to the 10 % and the 90 % quantile; series' unit."""
        shape = (len(frame.origins), frame.steps)
        straight = self.ridge.predict(frame)
        relative = {
            "boosting": ask(self.boosters["median"], frame.relative),
            "ridge": straight,
            "ridge_boosting": straight + ask(self.boosters["rest"], frame.relative),
            "kernel": self.kernel.predict(frame),
        }
        medians = {name: (value * frame.scale + frame.base).reshape(shape) for name, value in relative.items()}
        raw = ask(self.boosters["raw"], frame.rows)
        medians["boosting_raw"] = raw.reshape(shape)
        return medians, spread_of(self.boosters, relative["boosting"], frame)


def spread_of(boosters: Mapping[str, lightgbm.Booster], middle: Floats, frame: Frame) -> Spread:
    """Distances from `middle` (scale-free) to the boosted 10 % and 90 % quantile, in the unit of the series; with the
    fan where all its boosters are there."""
    told = {"median": middle} | {name: ask(boosters[name], frame.relative) for name in boosters if name in _SIDES}
    down, up = middle - told["low"], told["high"] - middle
    mixed = [OWN_SIDE * side + (1 - OWN_SIDE) * (down + up) / 2 for side in (down, up)]
    shape = (len(frame.origins), frame.steps)
    down, up = ((np.maximum(side, NARROWEST) * frame.scale).reshape(shape) for side in mixed)
    fan = None
    if len(told) == len(FAN):
        fan = np.stack([(told[name] * frame.scale + frame.base).reshape(shape) for name in FAN_NAMES], axis=-1)
    return Spread(down, up, fan)


def fit_members(frame: Frame, actual: Floats, *, rounds: int = ROUNDS) -> Members:
    """Train all members on origins whose targets are all known at the moment of training."""
    flat = actual.ravel()
    aim = (flat - frame.base) / frame.scale
    ridge = _Ridge.fit(frame, aim)
    rest = aim - ridge.predict(frame)
    half = -(-rounds // 2)
    jobs = trio(frame.relative, aim, rounds=rounds) | {
        "lower": lambda: boost(frame.relative, aim, objective="quantile", rounds=half, alpha=FAN[1]),
        "upper": lambda: boost(frame.relative, aim, objective="quantile", rounds=half, alpha=FAN[3]),
        "raw": lambda: boost(frame.rows, flat, objective="l1", rounds=rounds),
        "rest": lambda: boost(frame.relative, rest, objective="l1", rounds=half),
    }
    return Members(side_by_side(jobs), ridge, _Kernel.fit(frame, aim))


Jobs = dict[str, Callable[[], lightgbm.Booster]]


def trio(rows: Floats, aim: Floats, *, rounds: int, **more: Any) -> Jobs:
    """What makes the boosters of the median and of both ends of the spread; `more` replaces settings of theirs."""
    half = -(-rounds // 2)
    low, high = SPREAD_LEVELS
    return {
        "median": lambda: boost(rows, aim, objective="l1", rounds=rounds, **more),
        "low": lambda: boost(rows, aim, objective="quantile", rounds=half, alpha=low, **more),
        "high": lambda: boost(rows, aim, objective="quantile", rounds=half, alpha=high, **more),
    }


def side_by_side(jobs: Jobs) -> dict[str, lightgbm.Booster]:
    """Boosters by name, THREADS of them made at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        running = {name: pool.submit(job) for name, job in jobs.items()}
        return {name: future.result() for name, future in running.items()}


def boost(rows: Floats, aim: Floats, *, objective: str, rounds: int, **more: Any) -> lightgbm.Booster:
    """Gradient boosting on the rows whose aim is known."""
    seen = np.isfinite(aim)
    data = lightgbm.Dataset(rows[seen].astype(np.float32), aim[seen], params={"max_bin": 63, "verbosity": -1})
    return lightgbm.train({**SETTINGS, "objective": objective, **more}, data, num_boost_round=rounds)


def ask(booster: lightgbm.Booster, rows: Floats) -> Floats:
    """What a booster answers for rows of features."""
    return np.asarray(booster.predict(rows.astype(np.float32), num_threads=1), dtype=np.float64)


@dataclass(frozen=True)
class _Scaling:
    """Centres and widens columns as learned from the training rows, and holds outliers in."""

    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, rows: Floats) -> _Scaling:
        return cls(rows.mean(axis=0), rows.std(axis=0) + 1e-6)

    def __call__(self, rows: Floats) -> Floats:
        return np.asarray(np.clip((rows - self.mean) / self.spread, -CLIP, CLIP))


def _weekdays(frame: Frame) -> Floats:
    """One column a weekday, for each row."""
    column = frame.relative[:, frame.names.index("weekday")].astype(int)
    return np.asarray(np.eye(7)[column], dtype=np.float64)


@dataclass(frozen=True)
class _Ridge:
    """A linear model with penalty for each step of the horizon."""

    scalings: tuple[_Scaling, ...]
    weights: tuple[Floats, ...]

    @classmethod
    def fit(cls, frame: Frame, aim: Floats) -> _Ridge:
        scalings, weights = [], []
        weekdays = _weekdays(frame)
        for step in range(frame.steps):
            rows, wanted = frame.filled[step :: frame.steps], aim[step :: frame.steps]
            seen = np.isfinite(wanted)
            scaling = _Scaling.of(rows[seen])
            design = _design(scaling(rows[seen]), weekdays[step :: frame.steps][seen])
            gram = design.T @ design
            gram[np.diag_indices_from(gram)] += np.append(np.full(len(gram) - 1, RIDGE_PENALTY), 1e-6)
            weights.append(cho_solve(cho_factor(gram), design.T @ np.clip(wanted[seen], -CLIP, CLIP)))
            scalings.append(scaling)
        return cls(tuple(scalings), tuple(weights))

    def predict(self, frame: Frame) -> Floats:
        answer = np.empty(len(frame.base))
        weekdays = _weekdays(frame)
        for step, (scaling, weight) in enumerate(zip(self.scalings, self.weights, strict=True)):
            rows = scaling(frame.filled[step :: frame.steps])
            answer[step :: frame.steps] = _design(rows, weekdays[step :: frame.steps]) @ weight
        return answer


def _design(rows: Floats, weekdays: Floats) -> Floats:
    return np.hstack([rows, 3 * weekdays, np.ones((len(rows), 1))])


@dataclass(frozen=True)
class _Kernel:
    """Days like this one: kernel ridge regression from whole days to whole horizons."""

    scaling: _Scaling
    past: Floats
    weights: Floats

    @classmethod
    def fit(cls, frame: Frame, aim: Floats) -> _Kernel:
        days = _whole_days(frame)[-KERNEL_DAYS:]
        wanted = np.nan_to_num(np.clip(aim, -CLIP, CLIP)).reshape(-1, frame.steps)[-KERNEL_DAYS:]
        width = days.shape[1] - 12
        scaling = _Scaling.of(days[:, :width])
        past = _weigh(days, scaling, width)
        gram = _alike(past, past)
        gram[np.diag_indices_from(gram)] += KERNEL_PENALTY
        return cls(scaling, past, cho_solve(cho_factor(gram), wanted))

    def predict(self, frame: Frame) -> Floats:
        days = _whole_days(frame)
        rows = _weigh(days, self.scaling, days.shape[1] - 12)
        return np.asarray(_alike(rows, self.past) @ self.weights).ravel()


PROFILES = ("lag_1d", "lag_2d", "lag_7d", "slot_7", "weekday_4")
SUMMARIES = (
    "day_1",
    "day_2",
    "day_3",
    "day_4",
    "day_5",
    "day_6",
    "day_7",
    "day_14",
    "high_1",
    "low_1",
    "high_2",
    "low_2",
    "last_3h",
    "last_6h",
    "week_1",
    "week_8",
)


def _whole_days(frame: Frame) -> Floats:
    """One row an origin: profiles of earlier days, summaries, then 12 calendar columns."""
    count, steps = len(frame.origins), frame.steps
    cube = frame.rows.reshape(count, steps, -1)
    index = {name: place for place, name in enumerate(frame.names)}
    level = cube[:, 0, index["week_4"]]
    scale = frame.scale.reshape(count, steps)[:, 0]
    usual = [(cube[:, :, index[name]] - level[:, None]) / scale[:, None] for name in PROFILES]
    usual.append(cube[:, :, index["anniversary_slot"]])
    rows = [(cube[:, 0, index[name]] - level) / scale for name in SUMMARIES]
    middle = cube[:, steps // 2]
    weekday = 2 * np.eye(7)[middle[:, index["weekday"]].astype(int)]
    season = 2 * middle[:, [index["year_sin"], index["year_cos"]]]
    closed = middle[:, [index["holiday"], index["holiday_before"], index["holiday_after"]]] * (4, 2, 2)
    return np.nan_to_num(np.hstack([*usual, np.stack(rows, axis=1), weekday, season, closed]))


def _weigh(days: Floats, scaling: _Scaling, width: int) -> Floats:
    return np.hstack([scaling(days[:, :width]) * (6 / np.sqrt(width)), days[:, width:]])


def _alike(left: Floats, right: Floats) -> Floats:
    """Gaussian kernel between rows."""
    distance = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    return np.asarray(np.exp(-KERNEL_WIDTH * np.maximum(distance, 0)))
