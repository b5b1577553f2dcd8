# SPDX-License-Identifier: Apache-2.0
"""The same problem written again, step by step with dense matrices, for SciPy: shares nothing with the service."""

import numpy as np
from scipy.optimize import linprog

from ai_service.energymix.types import Problem


def optimum(problem: Problem, *, carbon: bool = False) -> float | None:
    """Least cost (or least grams of carbon), None when infeasible."""
    steps, sources, storages = problem.steps, problem.sources, problem.storages
    width = len(sources) + 3 * len(storages)
    count = steps * width
    cost, emitted, bounds = np.zeros(count), np.zeros(count), [(0.0, 0.0)] * count
    equal, equal_to, less, less_than = [], [], [], []

    def cell(step: int, part: int) -> int:
        return step * width + part

    for step in range(steps):
        balance = np.zeros(count)
        for i, source in enumerate(sources):
            at = cell(step, i)
            cost[at] = source.cost_per_kwh[step] * problem.step_h
            emitted[at] = source.carbon_g_per_kwh[step] * problem.step_h
            bounds[at] = (source.minimum_kw, source.capacity_kw[step])
            balance[at] = 1.0
            for limit, sign in ((source.ramp_up_kw_per_h, 1.0), (source.ramp_down_kw_per_h, -1.0)):
                if limit is not None and step > 0:
                    row = np.zeros(count)
                    row[at], row[cell(step - 1, i)] = sign, -sign
                    less.append(row)
                    less_than.append(limit * problem.step_h)
        for j, storage in enumerate(storages):
            charge, discharge, content = (cell(step, len(sources) + 3 * j + k) for k in range(3))
            cost[discharge] = storage.cost_per_kwh * problem.step_h
            bounds[charge], bounds[discharge] = (0, storage.charge_kw), (0, storage.discharge_kw)
            bounds[content] = (storage.final_kwh if step == steps - 1 else 0, storage.capacity_kwh)
            balance[charge], balance[discharge] = -1.0, 1.0
            kept = (1 - storage.loss_per_h) ** problem.step_h
            row = np.zeros(count)
            row[content] = 1.0
            row[charge] = -storage.charge_efficiency * problem.step_h
            row[discharge] = problem.step_h / storage.discharge_efficiency
            if step > 0:
                row[cell(step - 1, len(sources) + 3 * j + 2)] = -kept
            equal.append(row)
            equal_to.append(kept * storage.initial_kwh if step == 0 else 0.0)
        equal.append(balance)
        equal_to.append(problem.demand_kw[step])
    for i, source in enumerate(sources):
        if source.total_kwh is not None:
            row = np.zeros(count)
            row[[cell(step, i) for step in range(steps)]] = problem.step_h
            less.append(row)
            less_than.append(source.total_kwh)
    if problem.carbon_cap_g is not None:
        less.append(emitted)
        less_than.append(problem.carbon_cap_g)
    answer = linprog(
        emitted if carbon else cost,
        A_ub=np.array(less) if less else None,
        b_ub=np.array(less_than) if less else None,
        A_eq=np.array(equal),
        b_eq=np.array(equal_to),
        bounds=bounds,
        method="highs-ds",
    )
    return float(answer.fun) if answer.status == 0 else None
