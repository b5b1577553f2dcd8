# SPDX-License-Identifier: Apache-2.0
"""Solar forecasts over HTTP. Power in kW, energy in kWh as numbers: expectations, never amounts that are settled."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from ai_service.envelope import ApiModel
from ai_service.errors import Invalid
from ai_service.houses import RESOLUTIONS, House
from ai_service.solar.physics import Site, usual_tilt
from ai_service.solar.service import SolarForecast


class NoPanels(Invalid):
    """The house has no panels."""

    code = "solar.no_panels"
    title = "This house has no panels: its capacity is 0"


class SolarQuery(ApiModel):
    """A system and how far to look. Without tilt and azimuth it is set up as is usual at its latitude.

    A house brings its place, its capacity and what its panels have given so far.
    """

    house_id: UUID | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, examples=[38.58])] | None = None
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, examples=[-121.49])] | None = None
    capacity_kwp: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False, examples=[5])] | None = None
    tilt: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] | None = None
    azimuth: Annotated[float, Field(ge=0, le=360, allow_inf_nan=False)] | None = None
    hours: Annotated[int, Field(ge=1, le=168)] = 48
    step_minutes: Annotated[int, Field(description="15, 30 or 60")] = 60

    @model_validator(mode="after")
    def _names_a_system(self) -> Self:
        place = (self.lat, self.lon, self.capacity_kwp)
        if self.house_id is not None and any(value is not None for value in place):
            raise ValueError("a house has its own lat, lon and capacityKwp: leave them out")
        if self.house_id is None and any(value is None for value in place):
            raise ValueError("give lat, lon and capacityKwp, or houseId")
        if self.step_minutes * 60 not in RESOLUTIONS:
            raise ValueError("stepMinutes is 15, 30 or 60")
        return self

    def site(self, house: House | None) -> Site:
        """The system. Raises NoPanels for a house without any."""
        if house is not None:
            if house.capacity_kw <= 0:
                raise NoPanels(house_id=house.id)
            lat, lon, capacity = house.latitude, house.longitude, house.capacity_kw
        else:
            assert self.lat is not None
            assert self.lon is not None
            assert self.capacity_kwp is not None
            lat, lon, capacity = self.lat, self.lon, self.capacity_kwp
        tilt, azimuth = usual_tilt(lat)
        return Site(
            latitude=lat,
            longitude=lon,
            capacity_kwp=capacity,
            tilt=tilt if self.tilt is None else self.tilt,
            azimuth=azimuth if self.azimuth is None else self.azimuth,
        )


class SolarStepOut(ApiModel):
    """One interval; `clear_sky_kw` is what it would be without clouds."""

    start: datetime
    power_kw: float
    clear_sky_kw: float


class SolarOut(ApiModel):
    """Expected power per interval, what it rests on, and what was missing."""

    steps: list[SolarStepOut]
    energy_kwh: float
    basis: list[str]
    findings: list[str]
    tilt: float
    azimuth: float


def solar_out(found: SolarForecast, site: Site, *, step_s: int) -> SolarOut:
    """What travels of a forecast: watts."""
    rows = zip(found.start, found.power_kw.tolist(), found.clear_kw.tolist(), strict=True)
    return SolarOut(
        steps=[SolarStepOut(start=start, power_kw=round(kw, 3), clear_sky_kw=round(sky, 3)) for start, kw, sky in rows],
        energy_kwh=round(float(found.power_kw.sum()) * step_s / 3600, 3),
        basis=found.basis,
        findings=found.findings,
        tilt=round(site.tilt, 3),
        azimuth=site.azimuth,
    )
