# SPDX-License-Identifier: Apache-2.0
"""From sun and weather to alternating current, by pvlib: clear sky, transposition, cell temperature, inverter. Pure.

Power is in kW, the mean of each interval: zero while the sun is down, never negative, never above the capacity.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pvlib

Floats = npt.NDArray[np.float64]
TURBIDITY = 3.0  # Linke; a usual value, what differs at a place is learnt from its readings
LOSSES = 0.14
INVERTER_EFFICIENCY = 0.96
PER_DEGREE = -0.0037
AIR_C = 15.0
WIND_MS = 2.0
PART_S = 900


@dataclass(frozen=True, slots=True)
class Site:
    """A system: degrees north and east, kWp, tilt from the horizontal, azimuth clockwise from north."""

    latitude: float
    longitude: float
    capacity_kwp: float
    tilt: float
    azimuth: float


@dataclass(frozen=True, slots=True)
class Weather:
    """Of each interval: share of sky that clouds cover, air in °C, wind in m/s. NaN where it is not known."""

    clouds: Floats
    air_c: Floats
    wind_ms: Floats


def usual_tilt(latitude: float) -> tuple[float, float]:
    """Tilt and azimuth of a panel that is set up well there."""
    return min(abs(latitude) * 0.76 + 3.1, 60.0), 180.0 if latitude >= 0 else 0.0


def clear_kw(site: Site, start: pd.DatetimeIndex, step_s: int) -> Floats:
    """Power under a clear sky in the intervals that begin at `start`."""
    unknown = np.full(len(start), np.nan)
    return power_kw(site, start, step_s, Weather(np.zeros(len(start)), unknown, unknown))


def power_kw(site: Site, start: pd.DatetimeIndex, step_s: int, weather: Weather) -> Floats:
    """Power in the given weather; where clouds are unknown the answer is NaN by day and zero by night.

    The mean of the middles of each interval's quarters of an hour, so that the hour of sunrise is not dark.
    """
    parts = max(1, step_s // PART_S)
    offset_s = (np.arange(parts) + 0.5) * step_s / parts
    middles = start.repeat(parts) + pd.to_timedelta(np.tile(offset_s, len(start)), unit="s")
    weather = Weather(*(np.repeat(values, parts) for values in (weather.clouds, weather.air_c, weather.wind_ms)))
    mean: Floats = _at(site, middles, weather).reshape(-1, parts).mean(axis=1)
    return mean


def _at(site: Site, middle: pd.DatetimeIndex, weather: Weather) -> Floats:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a sun below the horizon divides by zero on its way to zero
        sun = pvlib.solarposition.get_solarposition(middle, site.latitude, site.longitude)
        zenith = sun["apparent_zenith"]
        up = (zenith < 90.0).to_numpy()
        dc = _direct_current(site, middle, sun, weather)
        ac = pvlib.inverter.pvwatts(dc, pdc0=site.capacity_kwp / INVERTER_EFFICIENCY, eta_inv_nom=INVERTER_EFFICIENCY)
    night = np.where(np.isnan(weather.clouds), np.nan, 0.0)
    power = np.where(up, np.where(np.isfinite(ac), ac, night), 0.0)
    return np.clip(power, 0.0, site.capacity_kwp)


def _direct_current(site: Site, middle: pd.DatetimeIndex, sun: pd.DataFrame, weather: Weather) -> Floats:
    zenith = sun["apparent_zenith"]
    relative = pvlib.atmosphere.get_relative_airmass(zenith)
    pressure = pvlib.atmosphere.get_absolute_airmass(relative)
    extra = pvlib.irradiance.get_extra_radiation(middle)
    sky = pvlib.clearsky.ineichen(zenith, pressure, linke_turbidity=TURBIDITY, dni_extra=extra)
    through = 1.0 - 0.75 * np.power(weather.clouds, 3.4)  # Kasten and Czeplak, 1980
    cloudy = pvlib.irradiance.erbs(sky["ghi"] * through, sun["zenith"], middle)
    clear = weather.clouds == 0
    direct = np.where(clear, sky["dni"], cloudy["dni"])
    diffuse = np.where(clear, sky["dhi"], cloudy["dhi"])
    plane = pvlib.irradiance.get_total_irradiance(
        site.tilt,
        site.azimuth,
        zenith,
        sun["azimuth"],
        pd.Series(direct, middle),
        sky["ghi"] * through,
        pd.Series(diffuse, middle),
        dni_extra=extra,
        model="haydavies",
    )["poa_global"]
    air = np.where(np.isnan(weather.air_c), AIR_C, weather.air_c)
    wind = np.where(np.isnan(weather.wind_ms), WIND_MS, weather.wind_ms)
    cell = pvlib.temperature.faiman(plane, air, wind)
    dc: Floats = pvlib.pvsystem.pvwatts_dc(plane, cell, site.capacity_kwp, PER_DEGREE).to_numpy() * (1.0 - LOSSES)
    return dc
