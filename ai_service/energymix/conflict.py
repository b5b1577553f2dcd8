# SPDX-License-Identifier: Apache-2.0
"""Names the constraints that nothing can satisfy together. What is relaxed here is relaxed for the name only.

Every row but a storage's content may be broken at a price of one per unit; the least total break is found. The rows and
bounds with a price in that optimum contradict each other (they prove that it is not zero). For problems of ordinary
size each name is then left out in turn and dropped if the rest still contradicts itself: what stays is irreducible.
"""

from __future__ import annotations

import numpy as np

from ai_service.energymix.errors import MixInfeasible
from ai_service.energymix.program import INFINITY, Program, Span, write
from ai_service.energymix.solver import Solver
from ai_service.energymix.types import Conflict, Floats, Problem

Name = tuple[str, str]
REFINED_COLUMNS = 20_000
STEPS_NAMED = 100
_TINY = 1e-7
_HARD = "content"


def check_bounds(problem: Problem) -> None:
    """Refuse what needs no solver: a source that must give more than it can. Raises MixInfeasible."""
    found = []
    for source in problem.sources:
        steps = tuple(int(step) for step in np.flatnonzero(source.capacity_kw < source.minimum_kw)[:STEPS_NAMED])
        if steps:
            found += [Conflict("minimum", source.name, steps), Conflict("capacity", source.name, steps)]
    if found:
        raise MixInfeasible.of(found, minimal=True)


def explain(problem: Problem) -> tuple[bool, list[Conflict]]:
    """The constraints in conflict, and whether none of them could be left out of the list."""
    elastic = _Elastic(write(problem))
    involved = elastic.solve(frozenset())
    minimal = elastic.program.columns <= REFINED_COLUMNS
    if minimal:
        dropped: set[Name] = set()
        for name in sorted(involved):
            if elastic.breaks(frozenset(dropped | {name})):
                dropped.add(name)
        involved = elastic.solve(frozenset(dropped))
    return minimal, [Conflict(kind, of, tuple(steps[:STEPS_NAMED])) for (kind, of), steps in sorted(involved.items())]


class _Elastic:
    """The program with a priced way out of every row that is not physics."""

    def __init__(self, program: Program) -> None:
        self.plain = program
        soft = [span for span in program.row_spans if span.constraint != _HARD]
        self.program = program.copy()
        for span in soft:
            rows, at = span.start + np.arange(span.count), np.zeros(span.count)
            scale = 1e-3 if span.constraint == "carbonCap" else 1.0  # grams: a kilogram weighs like a kWh
            for sign in (1.0, -1.0):
                first = self.program.add_columns(
                    "slack", span.of, cost=at + scale, carbon=at, low=at, high=at + INFINITY
                )
                self.program.put(rows, first + np.arange(span.count), sign)
        self.price = np.concatenate(self.program.cost)
        self.price[: program.columns] = 0.0
        self.solver = Solver(self.program)
        self.low, self.high = np.concatenate(program.low), np.concatenate(program.high)
        self.row_low, self.row_high = np.concatenate(program.row_low), np.concatenate(program.row_high)

    def breaks(self, without: frozenset[Name]) -> bool:
        """Whether the program contradicts itself even without the named constraints."""
        self._relax(without)
        self.solver.minimise(self.price)
        return float(self.price @ self.solver.values()) > _TINY

    def solve(self, without: frozenset[Name]) -> dict[Name, list[int]]:
        """The named constraints that prove the contradiction, with the steps at which they do."""
        self._relax(without)
        self.solver.minimise(self.price)
        of_rows, of_columns = self.solver.prices()
        found: dict[Name, list[int]] = {}
        for span in self.plain.row_spans:
            if span.constraint != _HARD:
                _note(found, (span.constraint, span.of), span, np.abs(of_rows[span.start : span.start + span.count]))
        for span in self.plain.column_spans:
            prices = of_columns[span.start : span.start + span.count]
            upper, lower = _names(span)
            _note(found, upper, span, -prices)
            if lower is not None:
                binding = self.low[span.start : span.start + span.count] > 0
                _note(found, lower, span, np.where(binding, prices, 0.0))
        return {name: steps for name, steps in found.items() if name not in without}

    def _relax(self, without: frozenset[Name]) -> None:
        low, high = self.low.copy(), self.high.copy()
        for span in self.plain.column_spans:
            at = slice(span.start, span.start + span.count)
            upper, lower = _names(span)
            if upper in without:
                high[at] = INFINITY
            if lower in without:
                low[at] = np.minimum(low[at], 0.0)
        self.solver.bound_columns(slice(0, self.plain.columns), low, high)
        for span in self.plain.row_spans:
            rows = slice(span.start, span.start + span.count)
            freed = (span.constraint, span.of) in without
            least, most = self.row_low[rows], self.row_high[rows]
            self.solver.bound_rows(
                rows,
                np.full_like(least, -INFINITY) if freed else least,
                np.full_like(most, INFINITY) if freed else most,
            )


def _names(span: Span) -> tuple[Name, Name | None]:
    if span.constraint == "power":
        return ("capacity", span.of), ("minimum", span.of)
    kind = "storageCapacity" if span.constraint == "content" else span.constraint
    return (kind, span.of), None


def _note(found: dict[Name, list[int]], name: Name, span: Span, prices: Floats) -> None:
    steps = [span.first_step + int(step) for step in np.flatnonzero(prices > _TINY)]
    if steps:
        found[name] = sorted({*found.get(name, []), *steps})
