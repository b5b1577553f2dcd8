# SPDX-License-Identifier: Apache-2.0
"""Energy mix over HTTP. Power in kW, energy in kWh, cost in the caller's currency, carbon in grams (CO2-equivalent)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from ai_service.energymix.types import Floats, Mix, Problem, Source, Storage
from ai_service.envelope import ApiModel

MAX_STEPS = 8_784
MAX_SOURCES = 32
MAX_STORAGES = 8
MAX_POINTS = 11
MAX_CELLS = 120_000  # steps times sources and three times storages

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[\w .:-]+$")]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Price = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Efficiency = Annotated[float, Field(ge=0.001, le=1, allow_inf_nan=False)]
# Of a list of a million wrong values the first is reason enough, and cheap to find
Amounts = Annotated[list[Amount], Field(fail_fast=True)]
Prices = Annotated[list[Price], Field(fail_fast=True)]
Shares = Annotated[list[Share], Field(fail_fast=True)]
EXAMPLE: dict[str, Any] = {
    "demandKw": [3.0, 4.5, 2.0],
    "sources": [
        {"name": "solar", "capacityKw": 4, "availability": [0.2, 0.9, 0.0], "costPerKwh": 0, "carbonGPerKwh": 0},
        {"name": "gas", "capacityKw": 5, "costPerKwh": 0.12, "carbonGPerKwh": 410, "rampUpKwPerHour": 3},
    ],
    "imports": {"limitKw": 2, "costPerKwh": [0.2, 0.3, 0.25], "carbonGPerKwh": 300, "limitKwh": 4},
    "storages": [{"name": "battery", "capacityKwh": 2, "chargeKw": 1, "dischargeKw": 1, "initialKwh": 1}],
    "objective": "cost",
}


class SourceIn(ApiModel):
    """A source; lists have one value per step."""

    name: Name
    capacity_kw: Amount
    availability: Share | Shares = 1.0
    minimum_kw: Amount = 0.0
    cost_per_kwh: Price | Prices
    carbon_g_per_kwh: Amount | Amounts
    ramp_up_kw_per_hour: Amount | None = None
    ramp_down_kw_per_hour: Amount | None = None
    limit_kwh: Amount | None = Field(default=None, description="most energy over all steps")


class ImportIn(ApiModel):
    """What may be bought from the grid."""

    limit_kw: Amount | Amounts
    cost_per_kwh: Price | Prices
    carbon_g_per_kwh: Amount | Amounts
    limit_kwh: Amount | None = Field(default=None, description="most energy over all steps")


class StorageIn(ApiModel):
    """A battery; one-way efficiencies. At the end at least `finalKwh` is left: what it began with, unless given."""

    name: Name
    capacity_kwh: Amount
    charge_kw: Amount
    discharge_kw: Amount
    charge_efficiency: Efficiency = 0.95
    discharge_efficiency: Efficiency = 0.95
    initial_kwh: Amount = 0.0
    final_kwh: Amount | None = None
    loss_per_hour: Annotated[float, Field(ge=0, lt=1)] = 0.0
    cost_per_kwh: Amount = 0.0

    @model_validator(mode="after")
    def _fits(self) -> StorageIn:
        if self.initial_kwh > self.capacity_kwh:
            raise ValueError("initialKwh is more than capacityKwh")
        return self


class MixIn(ApiModel):
    """A demand per step and what may meet it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    demand_kw: Amounts = Field(min_length=1, max_length=MAX_STEPS)
    step_minutes: Annotated[int, Field(ge=5, le=1_440)] = 60
    sources: list[SourceIn] = Field(default_factory=list, max_length=MAX_SOURCES)
    imports: ImportIn | None = None
    storages: list[StorageIn] = Field(default_factory=list, max_length=MAX_STORAGES)
    carbon_cap_g: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None
    objective: Literal["cost", "carbon", "weighted", "front"] = "cost"
    carbon_weight: Share = Field(default=0.5, description="weighted: how much carbon counts; cost counts the rest")
    points: Annotated[int, Field(ge=2, le=MAX_POINTS)] = 5

    @model_validator(mode="after")
    def _consistent(self) -> MixIn:
        names = [one.name for one in self.sources] + [one.name for one in self.storages]
        names += ["import"] if self.imports else []
        if len(names) != len(set(names)):
            raise ValueError("two sources or storages have one name ('import' is taken by imports)")
        if not names:
            raise ValueError("there is no source, storage or import to meet the demand with")
        steps = len(self.demand_kw)
        if steps * (len(self.sources) + 3 * len(self.storages)) > MAX_CELLS:
            raise ValueError(f"steps x (sources + 3 storages) is more than {MAX_CELLS}")
        for one in (*self.sources, *([self.imports] if self.imports else [])):
            for field in type(one).model_fields:
                value = getattr(one, field)
                if isinstance(value, list) and len(value) != steps:
                    raise ValueError(f"{field} has {len(value)} values for {steps} steps")
        return self

    def problem(self) -> Problem:
        """The values that the solver takes."""
        steps = len(self.demand_kw)

        def each(value: float | list[float]) -> Floats:
            return np.broadcast_to(np.asarray(value, dtype=np.float64), (steps,))

        sources = [
            Source(
                name=one.name,
                capacity_kw=one.capacity_kw * each(one.availability),
                minimum_kw=one.minimum_kw,
                cost_per_kwh=each(one.cost_per_kwh),
                carbon_g_per_kwh=each(one.carbon_g_per_kwh),
                ramp_up_kw_per_h=one.ramp_up_kw_per_hour,
                ramp_down_kw_per_h=one.ramp_down_kw_per_hour,
                total_kwh=one.limit_kwh,
            )
            for one in self.sources
        ]
        if self.imports is not None:
            grid = self.imports
            cost, carbon = each(grid.cost_per_kwh), each(grid.carbon_g_per_kwh)
            sources.append(Source("import", each(grid.limit_kw), 0.0, cost, carbon, total_kwh=grid.limit_kwh))
        storages = [
            Storage(
                name=one.name,
                capacity_kwh=one.capacity_kwh,
                charge_kw=one.charge_kw,
                discharge_kw=one.discharge_kw,
                charge_efficiency=one.charge_efficiency,
                discharge_efficiency=one.discharge_efficiency,
                initial_kwh=one.initial_kwh,
                final_kwh=one.initial_kwh if one.final_kwh is None else one.final_kwh,
                loss_per_h=one.loss_per_hour,
                cost_per_kwh=one.cost_per_kwh,
            )
            for one in self.storages
        ]
        return Problem(
            np.asarray(self.demand_kw, dtype=np.float64),
            tuple(sources),
            tuple(storages),
            step_h=self.step_minutes / 60,
            carbon_cap_g=self.carbon_cap_g,
        )


class StoragePlanOut(ApiModel):
    """A storage's power per step, and its content at the end of each."""

    charge_kw: list[float]
    discharge_kw: list[float]
    content_kwh: list[float]


class MixPointOut(ApiModel):
    """One mix. The marginal lists say what one more kWh of demand in that step would cost and emit."""

    carbon_weight: float
    cost: float
    carbon_g: float
    power_kw: dict[str, list[float]]
    storages: dict[str, StoragePlanOut]
    marginal_price_per_kwh: list[float]
    marginal_carbon_g_per_kwh: list[float]
    carbon_cap_price_per_g: float
    findings: list[str]


class MixOut(ApiModel):
    """The mixes asked for: one, or the points of the front from least cost to least carbon."""

    mixes: list[MixPointOut]


def point_out(mix: Mix) -> MixPointOut:
    """What travels of a mix; values to a millionth."""
    findings = [
        f"{name} charges and discharges at once: more power is forced than is needed" for name in mix.both_at_once
    ]
    return MixPointOut(
        carbon_weight=mix.carbon_weight,
        cost=mix.cost,
        carbon_g=mix.carbon_g,
        power_kw={name: _plain(power) for name, power in mix.power_kw.items()},
        storages={
            name: StoragePlanOut(
                charge_kw=_plain(plan.charge_kw),
                discharge_kw=_plain(plan.discharge_kw),
                content_kwh=_plain(plan.content_kwh),
            )
            for name, plan in mix.storages.items()
        },
        marginal_price_per_kwh=_plain(mix.price_per_kwh),
        marginal_carbon_g_per_kwh=_plain(mix.carbon_g_per_kwh),
        carbon_cap_price_per_g=mix.carbon_cap_price_per_g,
        findings=findings,
    )


def _plain(values: Floats) -> list[float]:
    rounded: list[float] = (np.round(values, 9) + 0.0).tolist()
    return rounded
