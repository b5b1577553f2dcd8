# SPDX-License-Identifier: Apache-2.0
"""Learning across series: boosters for all homes of a file, for homes too young to have seen a summer of their own.

It sees the scale-free features of `features.py`, so that homes of any size teach each other (Montero-Manso and Hyndman,
"Principles and algorithms for forecasting groups of time series", 2021). In a back-test it is trained at moments on a
grid of GRID_DAYS that all series share, and an origin is answered by the last training before it: from every series it
has learned only what had come to pass by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import lightgbm
import numpy as np

from ai_service.forecasting import features
from ai_service.forecasting.intervals import Spread
from ai_service.forecasting.models import ROUNDS, ask, side_by_side, spread_of, trio
from ai_service.forecasting.types import DAY_S, Flags, Floats, Ints, Series

NAME = "pooled"
GRID_DAYS = 28
CLIP = 6.0
LEAST_ROWS = 1000
SETTINGS = {"num_leaves": 31, "min_data_in_leaf": 200, "feature_fraction": 0.1}  # what differs for so many rows


@dataclass(frozen=True)
class Student:
    """One series of a group: its origins to learn from and to answer, as indexes of the series."""

    series: Series
    training: Ints
    asked: Ints
    steps: int


@dataclass(frozen=True)
class Taught:
    """Medians (asked origins, steps) and spreads of one series; NaN before the first training with enough rows."""

    median: Floats
    spread: Spread

    def fill(self, mine: Flags, median: Floats, spread: Spread) -> None:
        """Set the origins where `mine` is true."""
        self.median[mine], self.spread.down[mine], self.spread.up[mine] = median, spread.down, spread.up


Teacher = dict[str, lightgbm.Booster]


def answers(group: Mapping[str, Student], *, rounds: int = ROUNDS) -> dict[str, Taught]:
    """What the models of the whole group say of each series."""
    frames = {name: features.build(one.series, one.training, one.steps) for name, one in group.items()}
    asked = {name: features.build(one.series, one.asked, one.steps) for name, one in group.items()}
    told = {name: _unknown(len(one.asked), one.steps) for name, one in group.items()}
    taught_at = {name: moments(one.series, one.asked) for name, one in group.items()}
    for moment in np.unique(np.concatenate(list(taught_at.values()))):
        teacher = teach(group, frames, int(moment), rounds=rounds)
        if teacher is None:
            continue
        for name, frame in asked.items():
            mine = taught_at[name] == moment
            if mine.any():
                told[name].fill(mine, *predict(teacher, frame.take(mine)))
    return told


def _unknown(count: int, steps: int) -> Taught:
    median, down, up = (np.full((count, steps), np.nan) for _ in range(3))
    return Taught(median, Spread(down, up))


def moments(series: Series, origins: Ints) -> Ints:
    """Epoch seconds of the training that answers each origin."""
    grid = GRID_DAYS * DAY_S
    return np.asarray(series.time_at(origins) // grid * grid)


def teach(
    group: Mapping[str, Student], frames: Mapping[str, features.Frame], moment_s: int, *, rounds: int = ROUNDS
) -> Teacher | None:
    """Boosters of what every series had shown by `moment_s`; None with fewer than LEAST_ROWS rows."""
    rows, aims = [], []
    for name, one in group.items():
        frame, aim = lessons(one, frames[name], moment_s)
        rows.append(frame.relative)
        aims.append((aim.ravel() - frame.base) / frame.scale)
    every = np.concatenate(aims)
    if np.isfinite(every).sum() < LEAST_ROWS:
        return None
    aim = np.clip(every, -CLIP, CLIP)
    return side_by_side(trio(np.concatenate(rows), aim, rounds=rounds, **SETTINGS))


def lessons(one: Student, frame: features.Frame, moment_s: int) -> tuple[features.Frame, Floats]:
    """Frame and targets of the origins whose targets had all come to pass by `moment_s`."""
    past = one.series.time_at(one.training + one.steps) <= moment_s
    origins = one.training[past]
    index = origins[:, None] + np.arange(one.steps)
    moment = np.full(len(origins), (moment_s - one.series.start_s) // one.series.step_s)
    return frame.take(past), features.known(one.series, index, moment)


def predict(teacher: Teacher, frame: features.Frame) -> tuple[Floats, Spread]:
    """Medians and spreads (origins, steps) in the unit of the series."""
    middle = ask(teacher["median"], frame.relative)
    median = (middle * frame.scale + frame.base).reshape(len(frame.origins), frame.steps)
    return median, spread_of(teacher, middle, frame)
