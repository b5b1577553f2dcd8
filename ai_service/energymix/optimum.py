# SPDX-License-Identifier: Apache-2.0
"""Least cost, least carbon, or a point between them, with the price and the carbon of one more kWh in each step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ai_service.energymix import conflict
from ai_service.energymix.errors import MixInfeasible
from ai_service.energymix.program import INFINITY, Program, write
from ai_service.energymix.solver import Solver
from ai_service.energymix.types import Floats, Mix, Problem, StoragePlan

SLACK = 1e-9  # of the least carbon
SLACK_G = 1e-7  # at least: what the solver takes for zero
TINY_KW = 1e-6


def least_cost(problem: Problem) -> Mix:
    """The cheapest mix. Raises MixInfeasible, which names the constraints that contradict each other."""
    return _Front(problem).at(0.0)


def least_carbon(problem: Problem) -> Mix:
    """The mix that emits least and, among those, the cheapest. Raises MixInfeasible."""
    return _Front(problem).at(1.0)


def front(problem: Problem, weights: list[float]) -> list[Mix]:
    """One mix for each weight of carbon: 0 least cost, 1 least carbon. Between, each counts by its range over the ends.

    Raises MixInfeasible.
    """
    found = _Front(problem)
    return [found.at(weight) for weight in weights]


class _Front:
    def __init__(self, problem: Problem) -> None:
        conflict.check_bounds(problem)
        self.problem = problem
        self.capped = problem.carbon_cap_g is not None
        known = problem if self.capped else replace(problem, carbon_cap_g=INFINITY)
        self.program: Program = write(known)
        cap = self.program.row("carbonCap")
        assert cap is not None
        self.cap = cap.start
        self.solver = Solver(self.program)
        self.cost, self.carbon = np.concatenate(self.program.cost), np.concatenate(self.program.carbon)
        self._ends: tuple[Mix, Mix] | None = None

    def at(self, weight: float) -> Mix:
        if weight == 0.0:
            self._minimise(self.cost)
            return self._mix(weight, self.solver.derivative(self.cost), self.solver.derivative(self.carbon))
        if weight == 1.0:
            return self._least_carbon()
        if self._ends is None:
            self._ends = self.at(0.0), self.at(1.0)
        cheap, clean = self._ends
        cost_range = max(clean.cost - cheap.cost, TINY_KW)
        carbon_range = max(cheap.carbon_g - clean.carbon_g, TINY_KW)
        self._minimise((1.0 - weight) * self.cost / cost_range + weight * self.carbon / carbon_range)
        return self._mix(weight, self.solver.derivative(self.cost), self.solver.derivative(self.carbon))

    def _least_carbon(self) -> Mix:
        self._minimise(self.carbon)
        carbon_rate = self.solver.derivative(self.carbon)
        least = float(self.carbon @ self.solver.values())
        cap = self.program.row_high[-1][0]
        self.solver.bound_row(self.cap, -INFINITY, least + max(abs(least) * SLACK, SLACK_G))
        self._minimise(self.cost)
        rate = self.solver.derivative(self.cost)
        price = rate + rate[self.cap] * carbon_rate  # with one more kWh the least carbon moves too
        price[self.cap] = 0.0
        mix = self._mix(1.0, price, carbon_rate)
        self.solver.bound_row(self.cap, -INFINITY, cap)
        return mix

    def _minimise(self, objective: Floats) -> None:
        if not self.solver.minimise(objective):
            minimal, found = conflict.explain(self.problem)
            raise MixInfeasible.of(found, minimal=minimal)

    def _mix(self, weight: float, cost_rate: Floats, carbon_rate: Floats) -> Mix:
        x, program = self.solver.values(), self.program
        power = {one.name: x[program.column("power", one.name)] for one in self.problem.sources}
        plans = {
            one.name: StoragePlan(
                x[program.column("charge", one.name)],
                x[program.column("discharge", one.name)],
                x[program.column("content", one.name)],
            )
            for one in self.problem.storages
        }
        both = [
            name
            for name, plan in plans.items()
            if bool(np.any(np.minimum(plan.charge_kw, plan.discharge_kw) > TINY_KW))
        ]
        return Mix(
            power_kw=power,
            storages=plans,
            cost=float(self.cost @ x),
            carbon_g=float(self.carbon @ x),
            price_per_kwh=cost_rate[self.solver.balance],
            carbon_g_per_kwh=carbon_rate[self.solver.balance],
            carbon_cap_price_per_g=max(0.0, -float(cost_rate[self.cap])) if self.capped else 0.0,
            carbon_weight=weight,
            both_at_once=tuple(both),
        )
