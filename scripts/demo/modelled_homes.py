# SPDX-License-Identifier: Apache-2.0
"""Twenty modelled homes, used when no measured data are at hand; the screen says that they are modelled.

Generation: pvlib's clear sky (Ineichen–Perez, Linke turbidity 3, 390 m) at Fontana, California, on the days that are
traded, transposed to each roof (Hay–Davies) and passed through PVWatts with 14 % system losses. Consumption: the load
profile H25 for households of the German association BDEW (2025), June working day, kWh per hour for 1,000,000 kWh a
year, scaled to each home's yearly consumption, shifted by its habits and varied by ± 30 % from a fixed seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from scripts.demo.community import Community, Home, Reading, check

LATITUDE, LONGITUDE, ALTITUDE_M = 34.09, -117.44, 390
LINKE_TURBIDITY = 3.0
SYSTEM_EFFICIENCY = 0.86
TEMPERATURE_COEFFICIENT = -0.0035
DAYS = 4
STANDARD_TIME = timezone(timedelta(hours=-8))
SOURCE = (
    "20 modelled homes, hourly: clear-sky solar by pvlib at Fontana CA (34.09 N, 117.44 W), "
    "consumption by the BDEW load profile H25 (household, June working day)"
)
BDEW_H25_JUNE_WORKDAY_KWH = (
    91.482, 78.939, 73.659, 72.655, 75.058, 84.223, 104.262, 111.512, 106.964, 104.645, 104.534, 113.951,
    120.370, 118.212, 114.857, 116.490, 124.745, 142.738, 162.355, 168.975, 165.201, 156.088, 145.181, 116.334,
)  # fmt: skip
PROFILE_YEAR_KWH = 1_000_000


@dataclass(frozen=True, slots=True)
class Roof:
    """Panels of a home: capacity, tilt and direction (180 is south)."""

    capacity_w: int
    tilt: float
    azimuth: float


ROOFS = (
    Roof(4_000, 22, 180), Roof(5_200, 18, 200), Roof(3_600, 27, 160), Roof(6_400, 22, 225), Roof(4_400, 15, 135),
    Roof(7_000, 20, 180), Roof(3_000, 30, 240), Roof(5_600, 22, 190), Roof(4_800, 25, 170), Roof(6_000, 18, 210),
    Roof(3_200, 22, 120), Roof(5_000, 20, 180),
)  # fmt: skip
YEARLY_KWH = (
    4_200, 5_600, 3_900, 6_800, 4_700, 7_200, 3_400, 5_900, 5_100, 6_300,
    3_700, 5_400, 8_200, 6_100, 4_900, 9_100, 5_700, 7_400, 4_300, 6_600,
)  # fmt: skip


def model_homes(now: datetime) -> Community:
    """Twenty homes over the last four full days before `now` (standard time of California), hourly."""
    local = now.astimezone(STANDARD_TIME)
    end = local.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [(end - timedelta(hours=hours)).astimezone(UTC) for hours in range(DAYS * 24, 0, -1)]
    sky = clear_sky([start + timedelta(minutes=30) for start in starts])
    homes = []
    for place, yearly_kwh in enumerate(YEARLY_KWH):
        roof = ROOFS[place] if place < len(ROOFS) else None
        generation = [max(0, round(value)) for value in power_w(roof, sky)] if roof is not None else [0] * len(starts)
        consumption = _consumption_wh(place, yearly_kwh, starts)
        readings = tuple(map(Reading, starts, consumption, generation))
        name = f"Home {place + 1}"
        homes.append(Home(name, roof.capacity_w if roof else 0, LATITUDE, LONGITUDE, readings))
    return check(Community(SOURCE, 60, tuple(homes)))


def _consumption_wh(place: int, yearly_kwh: int, starts: list[datetime]) -> list[int]:
    chance = random.Random(f"home {place}")  # noqa: S311 (a model's variation, no secret)
    habit_hours = chance.choice((-1, 0, 0, 1))
    found = []
    for start in starts:
        hour = (start.astimezone(STANDARD_TIME).hour + habit_hours) % 24
        mean_wh = BDEW_H25_JUNE_WORKDAY_KWH[hour] * yearly_kwh / PROFILE_YEAR_KWH * 1000
        found.append(round(mean_wh * chance.uniform(0.7, 1.3)))
    return found


def clear_sky(moments: list[datetime]) -> dict[str, Any]:
    """Sun's position and clear-sky irradiance (W/m²) at each moment."""
    import pandas as pd
    from pvlib import atmosphere, clearsky, irradiance, solarposition

    times = pd.DatetimeIndex(moments)
    position = solarposition.get_solarposition(times, LATITUDE, LONGITUDE, altitude=ALTITUDE_M)
    pressure = atmosphere.alt2pres(ALTITUDE_M)
    airmass = atmosphere.get_absolute_airmass(
        atmosphere.get_relative_airmass(position["apparent_zenith"]), pressure=pressure
    )
    sky = clearsky.ineichen(position["apparent_zenith"], airmass, LINKE_TURBIDITY, altitude=ALTITUDE_M)
    return {"position": position, "sky": sky, "extra": irradiance.get_extra_radiation(times), "airmass": airmass}


def power_w(roof: Roof, sky: dict[str, Any]) -> Any:
    """Power of a roof at 25 °C air temperature, W, a pandas series over the sky's moments; may dip below 0 by noise."""
    from pvlib import irradiance, temperature

    plane = irradiance.get_total_irradiance(
        roof.tilt, roof.azimuth, sky["position"]["apparent_zenith"], sky["position"]["azimuth"],
        sky["sky"]["dni"], sky["sky"]["ghi"], sky["sky"]["dhi"], dni_extra=sky["extra"], airmass=sky["airmass"],
        model="haydavies",
    )["poa_global"].fillna(0)  # fmt: skip
    cell = temperature.faiman(plane, temp_air=25)
    return plane / 1000 * roof.capacity_w * (1 + TEMPERATURE_COEFFICIENT * (cell - 25)) * SYSTEM_EFFICIENCY
