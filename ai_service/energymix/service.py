# SPDX-License-Identifier: Apache-2.0
"""The verb of the energy mix."""

from __future__ import annotations

import numpy as np

from ai_service.energymix import optimum
from ai_service.energymix.errors import MixTooHard
from ai_service.energymix.schemas import MixIn, MixOut, point_out
from ai_service.energymix.solver import SolverGaveUp


def find_mix(asked: MixIn) -> MixOut:
    """The mixes asked for. Raises MixInfeasible, which names the conflict, and MixTooHard. Takes processor time."""
    problem = asked.problem()
    weights = {
        "cost": [0.0],
        "carbon": [1.0],
        "weighted": [asked.carbon_weight],
        "front": [float(weight) for weight in np.linspace(0.0, 1.0, asked.points)],
    }[asked.objective]
    try:
        return MixOut(mixes=[point_out(mix) for mix in optimum.front(problem, weights)])
    except SolverGaveUp as error:
        raise MixTooHard(solver=str(error)) from error
