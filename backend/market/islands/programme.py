# SPDX-License-Identifier: Apache-2.0
"""Linear programmes: solved by HiGHS, and proven optimal by their duals without any solver. Pure.

HiGHS counts in floating point; whole watt-hours come from it only through `allocation`, which rounds and checks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import highspy
import numpy as np

_NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True)
class Column:
    """A variable with its bounds and its weight in the objective."""

    lower: float
    upper: float
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """lower ≤ Σ coefficient × column ≤ upper; coefficients by the column's number."""

    lower: float
    upper: float
    coefficients: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Programme:
    """Maximise the weighted columns within rows and bounds."""

    columns: Sequence[Column]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best value, where it is reached, and the rows' duals: what one unit more of each row's bound is worth."""

    objective: float
    values: tuple[float, ...]
    duals: tuple[float, ...]


class ProgrammeUnsolved(RuntimeError):
    """HiGHS neither solved a programme nor found it infeasible: a bug in the model, never an input."""


def solve(programme: Programme) -> Optimum | None:
    """The optimum; None when no values satisfy all rows. Raises ProgrammeUnsolved."""
    model = highspy.Highs()  # type: ignore[no-untyped-call]  # the constructor alone has no types
    model.setOptionValue("output_flag", False)
    model.setOptionValue("parallel", "off")
    model.passModel(_model(programme))
    model.run()
    status = model.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None
    if status != highspy.HighsModelStatus.kOptimal:
        raise ProgrammeUnsolved(model.modelStatusToString(status))
    solution = model.getSolution()
    return Optimum(model.getObjectiveValue(), tuple(solution.col_value), tuple(solution.row_dual))


def upper_bound(programme: Programme, duals: Sequence[float]) -> float:
    """What no values within rows and bounds can exceed, by weak duality; infinite when the duals prove nothing."""
    reduced = [column.weight for column in programme.columns]
    bound = 0.0
    for row, dual in zip(programme.rows, duals, strict=True):
        bound += _most(dual, row.lower, row.upper)
        for number, coefficient in row.coefficients.items():
            reduced[number] -= dual * coefficient
    for column, weight in zip(programme.columns, reduced, strict=True):
        bound += _most(weight, column.lower, column.upper)
    return bound


def _most(weight: float, lower: float, upper: float) -> float:
    if abs(weight) <= _NEGLIGIBLE:
        return 0.0
    return weight * (upper if weight > 0 else lower)


def _model(programme: Programme) -> highspy.HighsLp:
    entries = [row.coefficients for row in programme.rows]
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(programme.columns), len(entries)
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.array([column.weight for column in programme.columns], dtype=np.double)
    model.col_lower_ = np.array([column.lower for column in programme.columns], dtype=np.double)
    model.col_upper_ = np.array([_bounded(column.upper) for column in programme.columns], dtype=np.double)
    model.row_lower_ = np.array([_bounded(row.lower) for row in programme.rows], dtype=np.double)
    model.row_upper_ = np.array([_bounded(row.upper) for row in programme.rows], dtype=np.double)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.cumsum([0, *(len(entry) for entry in entries)], dtype=np.int32)
    model.a_matrix_.index_ = np.array([number for entry in entries for number in entry], dtype=np.int32)
    model.a_matrix_.value_ = np.array([value for entry in entries for value in entry.values()], dtype=np.double)
    return model


def _bounded(value: float) -> float:
    return highspy.kHighsInf if value == inf else -highspy.kHighsInf if value == -inf else value
