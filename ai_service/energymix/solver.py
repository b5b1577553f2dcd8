# SPDX-License-Identifier: Apache-2.0
"""HiGHS behind four words: load a program, minimise something, change a bound, ask what one more unit would do."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np

from ai_service.energymix.program import Program
from ai_service.energymix.types import Floats

SIMPLEX_STEPS = 2_000  # longer problems start with an interior point, measured 3 times faster on a year of hours
TIME_LIMIT_S = 60.0
_OPTIMAL = highspy.HighsModelStatus.kOptimal
_INFEASIBLE = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)


class SolverGaveUp(RuntimeError):
    """HiGHS reached its time limit or a state that this service does not know."""


class Solver:
    """One program held in HiGHS; each further `minimise` starts from the last basis."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.balance = slice(0, program.steps)
        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy has no types for itself
        self._set("output_flag", False)
        self._set("threads", 1)
        self._set("time_limit", TIME_LIMIT_S)
        self._set("presolve", "off")  # its undoing costs more than it saves here, and a basis is needed afterwards
        self._interior = program.steps > SIMPLEX_STEPS
        self._highs.passModel(_model(program))
        self._columns = np.arange(program.columns, dtype=np.int32)

    def minimise(self, cost: Floats) -> bool:
        """Find x; False when nothing satisfies all rows. Raises SolverGaveUp."""
        self._highs.changeColsCost(len(self._columns), self._columns, cost)
        self._set("solver", "ipx" if self._interior else "simplex")
        self._highs.run()
        status = self._highs.getModelStatus()
        if status == _OPTIMAL and self._interior:
            self._set("solver", "simplex")  # cleans up what crossover left and factors the basis
            self._highs.run()
            status = self._highs.getModelStatus()
        if status not in (_OPTIMAL, *_INFEASIBLE):
            raise SolverGaveUp(self._highs.modelStatusToString(status))
        return bool(status == _OPTIMAL)

    def values(self) -> Floats:
        """x of the last optimum."""
        return np.asarray(self._highs.getSolution().col_value, dtype=np.float64)

    def prices(self) -> tuple[Floats, Floats]:
        """Of the last optimum: dual of each row, reduced cost of each column."""
        solution = self._highs.getSolution()
        return np.asarray(solution.row_dual, dtype=np.float64), np.asarray(solution.col_dual, dtype=np.float64)

    def derivative(self, amount: Floats) -> Floats:
        """How `amount` · x changes with one more unit of each row's right side, while the optimal basis stays."""
        basic = np.asarray(self._highs.getBasicVariables()[1])
        of_basis = np.where(basic >= 0, amount[np.maximum(basic, 0)], 0.0)
        status, solution = self._highs.getBasisTransposeSolve(of_basis)
        if status == highspy.HighsStatus.kError:
            raise SolverGaveUp("the basis could not be factored")
        return np.asarray(solution, dtype=np.float64)

    def bound_row(self, row: int, low: float, high: float) -> None:
        """Change the bounds of one row."""
        self._highs.changeRowBounds(row, low, high)

    def bound_rows(self, rows: slice, low: Floats, high: Floats) -> None:
        """Change the bounds of a run of rows."""
        for row, (least, most) in enumerate(zip(low, high, strict=True), start=rows.start):
            self._highs.changeRowBounds(row, float(least), float(most))

    def bound_columns(self, columns: slice, low: Floats, high: Floats) -> None:
        """Change the bounds of a run of columns."""
        at = np.arange(columns.start, columns.stop, dtype=np.int32)
        self._highs.changeColsBounds(len(at), at, low, high)

    def _set(self, option: str, value: str | float | bool) -> None:
        self._highs.setOptionValue(option, value)


def _model(program: Program) -> highspy.HighsLp:
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = program.columns, program.rows
    model.col_cost_ = np.zeros(program.columns)
    model.col_lower_, model.col_upper_ = np.concatenate(program.low), np.concatenate(program.high)
    model.row_lower_, model.row_upper_ = np.concatenate(program.row_low), np.concatenate(program.row_high)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = program.matrix()
    return model
