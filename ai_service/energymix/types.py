# SPDX-License-Identifier: Apache-2.0
"""A mix problem and its answer. Arrays have one value per step; power in kW, energy in kWh, carbon in grams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[Any]  # of any width


@dataclass(frozen=True)
class Source:
    """Something that gives power. Without `ramp_*` it changes at once; `total_kwh` bounds its energy over all steps.

    `minimum_kw` is given in every step (no unit is ever switched off: this is a linear programme).
    """

    name: str
    capacity_kw: Floats  # already times its availability
    minimum_kw: float
    cost_per_kwh: Floats
    carbon_g_per_kwh: Floats
    ramp_up_kw_per_h: float | None = None
    ramp_down_kw_per_h: float | None = None
    total_kwh: float | None = None


@dataclass(frozen=True)
class Storage:
    """A battery. Efficiencies are one way; `final_kwh` is the least that must be left at the end."""

    name: str
    capacity_kwh: float
    charge_kw: float
    discharge_kw: float
    charge_efficiency: float
    discharge_efficiency: float
    initial_kwh: float
    final_kwh: float
    loss_per_h: float = 0.0  # share of its content that is lost in an hour
    cost_per_kwh: float = 0.0  # wear, for each kWh discharged


@dataclass(frozen=True)
class Problem:
    """What must be met with what."""

    demand_kw: Floats
    sources: tuple[Source, ...]
    storages: tuple[Storage, ...] = ()
    step_h: float = 1.0
    carbon_cap_g: float | None = None

    @property
    def steps(self) -> int:
        """How many steps the problem has."""
        return len(self.demand_kw)


@dataclass(frozen=True)
class StoragePlan:
    """What a storage does: power in kW, its content at the end of each step in kWh."""

    charge_kw: Floats
    discharge_kw: Floats
    content_kwh: Floats


@dataclass(frozen=True)
class Mix:
    """An optimal mix. `price_per_kwh` and `carbon_g_per_kwh`: what one more kWh of demand would cost and emit."""

    power_kw: dict[str, Floats]
    storages: dict[str, StoragePlan]
    cost: float
    carbon_g: float
    price_per_kwh: Floats
    carbon_g_per_kwh: Floats
    carbon_cap_price_per_g: float  # cost saved by one more gram under the cap; 0 when it does not bind
    carbon_weight: float
    both_at_once: tuple[str, ...] = field(default=())  # storages that charge and discharge in the same step


@dataclass(frozen=True)
class Conflict:
    """A constraint that, together with the others named beside it, nothing can satisfy; the steps where it binds."""

    constraint: str
    of: str
    steps: tuple[int, ...]
