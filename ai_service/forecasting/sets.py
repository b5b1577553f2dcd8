# SPDX-License-Identifier: Apache-2.0
"""The public data sets that the report is measured on: where they lie in the data folder and how they are understood.

None of them is shipped. Nothing here is a setting of a model: one procedure serves all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ai_service.forecasting import data
from ai_service.forecasting.data import Read, Source


@dataclass(frozen=True)
class DataSet:
    """One set: `load` gives its series by name. Several series of a set are back-tested as a group (many.py)."""

    name: str
    title: str
    note: str
    bar: float
    load: Callable[[Path], dict[str, Read]]


def victoria(folder: Path) -> dict[str, Read]:
    """State demand of Victoria, hourly means; local calendar and public holidays, no weather."""
    source = Source("Time", "Demand", resolution="1h", zone="Australia/Melbourne", region="AU-VIC")
    return {"victoria": data.read_csv(folder / "demand/vic_elec_30min.csv.gz", source)}


def pjm_east(folder: Path) -> dict[str, Read]:
    """Load of PJM East, hourly."""
    source = Source("Datetime", "PJME_MW", region="US")
    return {"pjm_east": data.read_csv(folder / "demand/pjm_PJME_hourly.csv.gz", source)}


def citylearn(folder: Path) -> dict[str, Read]:
    """Twelve homes of one climate year, hourly. Rows carry no date: the first hour ends 31 July 2016 at midnight.

    The `*_predicted_*` weather columns beside them are the later measurements themselves, moved by 6, 12 and 24 hours:
    actuals, no forecasts, and so they are not used.
    """
    table = pd.read_csv(folder / "households/citylearn2022_homes_01_12.csv.gz")
    table["time"] = (pd.Timestamp("2016-07-31 23:00") + pd.to_timedelta(table["t"], unit="h")).astype(str)
    source = Source("time", "non_shiftable_load")
    return {f"home_{home:02d}": data.from_table(rows, source) for home, rows in table.groupby("building")}


def smart_grid_smart_city(folder: Path) -> dict[str, Read]:
    """Seven homes in New South Wales, hourly means of half hours."""
    table = pd.read_csv(folder / "households/sgsc_7homes_2012_2014.csv.gz")
    source = Source("reading_datetime", "general_supply_kwh", resolution="1h")
    return {f"home_{home}": data.from_table(rows, source) for home, rows in table.groupby("customer_id")}


SETS = (
    DataSet(
        "victoria", "Victoria, demand of a state", "local calendar and public holidays; no weather", 0.47, victoria
    ),
    DataSet("pjm_east", "PJM East, load of a region", "US public holidays; no weather", 0.60, pjm_east),
    DataSet("citylearn", "CityLearn 2022, twelve homes", "one year each; no weather", 0.90, citylearn),
    DataSet(
        "sgsc", "Smart Grid Smart City, seven homes", "one to two years each; no weather", 0.54, smart_grid_smart_city
    ),
)
