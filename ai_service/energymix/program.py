# SPDX-License-Identifier: Apache-2.0
"""Writes a mix problem as columns and rows. Pure: no solver runs here.

Columns: power of each source per step, then charge, discharge and content of each storage per step. Rows: balance per
step (energy, kWh), content of each storage per step, changes of power of sources with a ramp, totals, the carbon cap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ai_service.energymix.types import Floats, Ints, Problem, Source, Storage

INFINITY = float("inf")


@dataclass(frozen=True)
class Span:
    """A named run of rows or columns: `constraint` of a source or storage, one for each step from `first_step`."""

    constraint: str
    of: str
    start: int
    count: int
    first_step: int = 0


@dataclass
class Program:
    """minimise cost · x, row_low <= A x <= row_high, low <= x <= high; A by coordinates until it is asked for."""

    steps: int
    cost: list[Floats] = field(default_factory=list)
    carbon: list[Floats] = field(default_factory=list)
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)
    row_low: list[Floats] = field(default_factory=list)
    row_high: list[Floats] = field(default_factory=list)
    columns: int = 0
    rows: int = 0
    column_spans: list[Span] = field(default_factory=list)
    row_spans: list[Span] = field(default_factory=list)
    _at: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)

    def add_columns(self, constraint: str, of: str, *, cost: Floats, carbon: Floats, low: Floats, high: Floats) -> int:
        """One column per step; its first index."""
        start = self.columns
        for many, values in ((self.cost, cost), (self.carbon, carbon), (self.low, low), (self.high, high)):
            many.append(values)
        self.columns += len(low)
        self.column_spans.append(Span(constraint, of, start, len(low)))
        return start

    def add_rows(self, constraint: str, of: str, *, low: Floats, high: Floats, first_step: int = 0) -> int:
        """Rows without entries; the first index."""
        start = self.rows
        self.row_low.append(low)
        self.row_high.append(high)
        self.rows += len(low)
        self.row_spans.append(Span(constraint, of, start, len(low), first_step))
        return start

    def put(self, rows: Ints, columns: Ints, values: Floats | float) -> None:
        """Entries of A."""
        self._at.append((rows, columns, np.broadcast_to(np.asarray(values, dtype=np.float64), columns.shape)))

    def copy(self) -> Program:
        """The same program, to which more can be added."""
        held = {name: list(values) for name, values in vars(self).items() if isinstance(values, list)}
        other = Program(self.steps, columns=self.columns, rows=self.rows)
        vars(other).update(held)
        return other

    def matrix(self) -> tuple[Ints, Ints, Floats]:
        """A by columns: starts, row indices, values."""
        rows, columns, values = (np.concatenate([part[i] for part in self._at]) for i in range(3))
        order = np.lexsort((rows, columns))
        starts = np.zeros(self.columns + 1, dtype=np.int32)
        np.cumsum(np.bincount(columns, minlength=self.columns), out=starts[1:])
        return starts, rows[order].astype(np.int32), values[order]

    def column(self, constraint: str, of: str) -> slice:
        """Where the columns of that name lie."""
        return next(
            slice(s.start, s.start + s.count) for s in self.column_spans if (s.constraint, s.of) == (constraint, of)
        )

    def row(self, constraint: str) -> slice | None:
        """Where the rows of the first span of that name lie."""
        return next((slice(s.start, s.start + s.count) for s in self.row_spans if s.constraint == constraint), None)


def write(problem: Problem) -> Program:
    """The linear programme of `problem`; cost in currency and carbon in grams for each kW held for one step."""
    steps = np.arange(problem.steps)
    program = Program(problem.steps)
    demand_kwh = problem.demand_kw * problem.step_h
    balance = program.add_rows("demand", "demand", low=demand_kwh, high=demand_kwh)
    for source in problem.sources:
        _add_source(program, problem, source, balance + steps)
    for storage in problem.storages:
        _add_storage(program, problem, storage, balance + steps)
    if problem.carbon_cap_g is not None:
        cap = program.add_rows("carbonCap", "carbon", low=np.array([-INFINITY]), high=np.array([problem.carbon_cap_g]))
        carbon = np.concatenate(program.carbon)
        emitting = np.flatnonzero(carbon)
        program.put(np.full(len(emitting), cap), emitting, carbon[emitting])
    return program


def _add_source(program: Program, problem: Problem, source: Source, balance: Ints) -> None:
    steps = np.arange(problem.steps)
    first = program.add_columns(
        "power",
        source.name,
        cost=source.cost_per_kwh * problem.step_h,
        carbon=source.carbon_g_per_kwh * problem.step_h,
        low=np.full(problem.steps, source.minimum_kw),
        high=source.capacity_kw,
    )
    program.put(balance, first + steps, problem.step_h)
    up, down = source.ramp_up_kw_per_h, source.ramp_down_kw_per_h
    if (up is not None or down is not None) and problem.steps > 1:
        count = problem.steps - 1
        rows = program.add_rows(
            "ramp",
            source.name,
            low=np.full(count, -INFINITY if down is None else -down * problem.step_h),
            high=np.full(count, INFINITY if up is None else up * problem.step_h),
            first_step=1,
        ) + np.arange(count)
        program.put(rows, first + steps[1:], 1.0)
        program.put(rows, first + steps[:-1], -1.0)
    if source.total_kwh is not None:
        row = program.add_rows("total", source.name, low=np.array([-INFINITY]), high=np.array([source.total_kwh]))
        program.put(np.full(problem.steps, row), first + steps, problem.step_h)


def _add_storage(program: Program, problem: Problem, storage: Storage, balance: Ints) -> None:
    count, hours = problem.steps, problem.step_h
    steps, zero = np.arange(count), np.zeros(count)
    charge = program.add_columns(
        "charge", storage.name, cost=zero, carbon=zero, low=zero, high=np.full(count, storage.charge_kw)
    )
    wear = np.full(count, storage.cost_per_kwh * hours)
    discharge = program.add_columns(
        "discharge", storage.name, cost=wear, carbon=zero, low=zero, high=np.full(count, storage.discharge_kw)
    )
    least = zero.copy()
    content = program.add_columns(
        "content", storage.name, cost=zero, carbon=zero, low=least, high=np.full(count, storage.capacity_kwh)
    )
    program.put(balance, charge + steps, -hours)
    program.put(balance, discharge + steps, hours)
    kept = (1.0 - storage.loss_per_h) ** hours
    begin = zero.copy()
    begin[0] = kept * storage.initial_kwh
    rows = program.add_rows("content", storage.name, low=begin, high=begin) + steps
    program.put(rows, content + steps, 1.0)
    program.put(rows[1:], content + steps[:-1], -kept)
    program.put(rows, charge + steps, -storage.charge_efficiency * hours)
    program.put(rows, discharge + steps, hours / storage.discharge_efficiency)
    if storage.final_kwh > 0:
        last = program.add_rows(
            "final", storage.name, low=np.array([storage.final_kwh]), high=np.array([INFINITY]), first_step=count - 1
        )
        program.put(np.array([last]), np.array([content + count - 1]), 1.0)
