# SPDX-License-Identifier: Apache-2.0
"""Measured photovoltaic series in UTC with what is known, or had to be assumed, about their place.

Published coordinates are used where there are some; a place that was made anonymous gets one of the same clock, and
tilt and azimuth are fitted to the upper envelope of the readings: what an owner knows of a system.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ai_service.solar.weather import Forecast

SENTINEL = -1e5
SILENT_INVERTERS = ("05", "09", "15", "21")


@dataclass(frozen=True)
class System:
    """A series by the hour, its place, and its day-ahead weather forecasts by issue time, if it has any."""

    name: str
    power: pd.Series[float]
    latitude: float
    longitude: float
    tilt: float
    azimuth: float = 180.0
    weather: dict[pd.Timestamp, Forecast] | None = None


def systems(folder: Path) -> Iterator[System]:
    """All series of the folder that hold a system's power."""
    yield _aneo(folder)
    yield _plant(folder)
    # their stamps are local time, whatever they say
    for number, latitude, azimuth in (("2173", 39.74, 200.0), ("7539", 40.0, 210.0)):
        power = _series(pd.read_csv(folder / f"pvanalytics_ac_power_inv_{number}.csv"), "timestamp", "value_normalized")
        yield System(f"inverter {number}", power, latitude, 0.0, 25.0, azimuth)
    serf = _series(pd.read_csv(folder / "pvanalytics_serf_east_15min_ac_power.csv.gz"), "measured_on", "ac_power")
    yield System("SERF East", serf, 39.742, -105.173, 45.0, 158.0)
    yield _system_50(folder)
    production = pd.read_csv(folder / "pvops_example_prod_with_covariates.csv.gz")
    for site, rows in production.groupby("randid"):
        power = _series(rows, "date", "generated_kW", zone="US/Mountain")  # their clock has summer time
        yield System(f"pvOps {site}", power, 36.0, -118.0, 25.0)
    rows = pd.read_csv(folder / "sdt_TAEFC1044741.csv.gz")
    yield System(
        "TAEFC1044741",
        _series(rows[rows["meas_val_f"] > SENTINEL], "ts", "meas_val_f", night=True),
        37.5,
        -120.0,
        10.0,
        230.0,
    )


def _series(rows: pd.DataFrame, time: str, value: str, *, zone: str = "UTC", night: bool = False) -> pd.Series[float]:
    """Hourly means. `night`: zeros were not recorded, so an hour without a record on a day with some is 0."""
    stamps = pd.DatetimeIndex(pd.to_datetime(rows[time], utc=zone == "UTC"))
    stamps = stamps if stamps.tz is not None else stamps.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    power = pd.Series(rows[value].to_numpy(dtype=float), stamps.tz_convert("UTC"))
    power = power[power.index.notna()]
    power = power[~power.index.duplicated()].sort_index().resample("1h").mean()
    if night:
        recorded = power.groupby(power.index.floor("D")).transform("count") > 0
        power = power.where(power.notna() | ~recorded, 0.0)
    return power.clip(lower=0)


def _aneo(folder: Path) -> System:
    power = _series(pd.read_parquet(folder / "aneo_A_pv_hourly.parquet"), "time", "pv_measurement")
    rows = pd.read_parquet(folder / "aneo_A_weather_forecast_15min.parquet")
    weather = {}
    for issued, part in rows.groupby("date_calc"):
        part = part.sort_values("date_forecast")
        times = pd.DatetimeIndex(part["date_forecast"]).tz_localize("UTC")
        weather[pd.Timestamp(issued).tz_localize("UTC")] = Forecast(
            times.as_unit("s").asi8.astype(float),
            part["effective_cloud_cover:p"].to_numpy(dtype=float) / 100,
            part["t_1000hPa:K"].to_numpy(dtype=float) - 273.15,
            part["wind_speed_10m:ms"].to_numpy(dtype=float),
        )
    return System("ANEO A", power, 63.43, 10.40, 20.0, weather=weather)


def _plant(folder: Path) -> System:
    rows = pd.read_csv(folder / "kaggle_plant2_inverters_15min.csv.gz")
    well = [name for name in rows if name.endswith("ac_kw") and name[3:5] not in SILENT_INVERTERS]
    rows["power"] = rows[well].mean(axis=1)
    return System("Plant 2", _series(rows, "datetime", "power", zone="Asia/Kolkata"), 17.0, 77.5, 10.0)


def _system_50(folder: Path) -> System:
    rows = pd.read_parquet(folder / "pvanalytics_system_50_ac_power_2_full_DST.parquet")
    rows["local"] = pd.to_datetime(rows["measured_on"]).dt.tz_localize(None)
    return System("System 50", _series(rows, "local", "ac_power_2", zone="US/Mountain"), 39.742, -105.173, 45.0, 158.0)
