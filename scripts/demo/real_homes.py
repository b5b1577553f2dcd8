# SPDX-License-Identifier: Apache-2.0
"""Twenty real homes from public data sets in a folder beside the project (`../shared/data`).

Twelve zero-net-energy homes of Fontana, California (EPRI, released for the CityLearn Challenge 2022): load and rooftop
solar, hourly; solar in W per kW installed; the hour is the hour ENDING. Seven homes of Smart Grid Smart City (New South
Wales): consumption, kWh per half hour. One Ausgrid solar home (Sydney): consumption and generation, mean kW per half
hour. Half hours are added to hours. Every home keeps its own time of day; the days are put side by side.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from scripts.demo.community import Community, DataProblem, Home, Reading, check

FOLDER = "households"
CITYLEARN = "citylearn2022_homes_01_12.csv.gz"
SGSC = "sgsc_7homes_2012_2014.csv.gz"
AUSGRID = "ausgrid_customer12_2011_2012.csv.gz"
FILES = (CITYLEARN, SGSC, AUSGRID)
DAYS = 4
STANDARD_TIME = timezone(timedelta(hours=-8))
CITYLEARN_FIRST_DAY = date(2017, 6, 6)
CITYLEARN_ORIGIN = datetime(2016, 7, 31, 23)
"""Row 0 ends at hour 24 of that day's local clock."""
SGSC_FIRST_DAY = date(2013, 12, 3)
AUSGRID_FIRST_DAY = date(2011, 12, 6)
AUSGRID_CAPACITY_W = 1_040
FONTANA = (34.09, -117.44)
SOURCE = (
    "20 real homes, hourly: 12 of Fontana CA with solar (CityLearn, 6–9 June 2017), 7 of New South Wales without "
    "(Smart Grid Smart City, 3–6 December 2013), 1 of Sydney with solar (Ausgrid, 6–9 December 2011)"
)
SOURCE_OF_DAYS = (
    "20 real homes, hourly, {days} days: 12 of Fontana CA with solar (CityLearn, from 6 June 2017), 7 of New South "
    "Wales without (Smart Grid Smart City, from 3 December 2013), 1 of Sydney with solar (Ausgrid, from "
    "6 December 2011)"
)

Hours = list[tuple[Decimal, Decimal]]
"""Consumption and generation in Wh of each hour, from the first midnight on."""


def available(folder: Path) -> bool:
    """Whether the data sets are all there."""
    return all((folder / FOLDER / name).is_file() for name in FILES)


def read_homes(folder: Path, days: int = DAYS) -> Community:
    """The twenty homes over `days` days; raises DataProblem when a file is not what its description says."""
    try:
        homes = [
            *_citylearn(folder / FOLDER / CITYLEARN, days),
            *_sgsc(folder / FOLDER / SGSC, days),
            _ausgrid(folder / FOLDER / AUSGRID, days),
        ]
    except (OSError, EOFError, KeyError, ValueError, ArithmeticError) as problem:
        raise DataProblem(f"the household data in {folder / FOLDER} cannot be used: {problem!r}") from problem
    source = SOURCE if days == DAYS else SOURCE_OF_DAYS.format(days=days)
    return check(Community(source, 60, tuple(homes)))


def _citylearn(path: Path, days: int) -> Iterator[Home]:
    first = _hours_between(CITYLEARN_ORIGIN, CITYLEARN_FIRST_DAY)
    wanted = {str(hour) for hour in range(first, first + days * 24)}
    hours: dict[int, Hours] = defaultdict(list)
    capacity: dict[int, int] = {}
    for row in _rows(path, "t", wanted):
        building, nominal_kw = int(row["building"]), Decimal(row["pv_nominal_kw"])
        capacity[building] = int(nominal_kw * 1000)
        generation_wh = Decimal(row["solar_generation"]) * nominal_kw
        hours[building].append((Decimal(row["non_shiftable_load"]) * 1000, generation_wh))
    for building, found in sorted(hours.items()):
        yield _home(f"Fontana {building}", capacity[building], found, days)


def _sgsc(path: Path, days: int) -> Iterator[Home]:
    half_hours = _half_hours(SGSC_FIRST_DAY, days)
    hours: dict[str, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    counted: Counter[str] = Counter()
    for row in _rows(path, "reading_datetime", half_hours):
        hours[row["customer_id"]][half_hours[row["reading_datetime"]]] += Decimal(row["general_supply_kwh"]) * 1000
        counted[row["customer_id"]] += 1
    for number, customer in enumerate(sorted(hours), 1):
        if counted[customer] != days * 48:
            raise ValueError(f"customer {customer} has {counted[customer]} half hours in the chosen days")
        yield _home(f"New South Wales {number}", 0, [(hours[customer][h], Decimal(0)) for h in range(days * 24)], days)


def _ausgrid(path: Path, days: int) -> Home:
    half_hours = _half_hours(AUSGRID_FIRST_DAY, days)
    counted = 0
    generation: dict[int, Decimal] = defaultdict(Decimal)
    load: dict[int, Decimal] = defaultdict(Decimal)
    for row in _rows(path, "", half_hours):
        hour = half_hours[row[""]]
        load[hour] += Decimal(row["GC"]) * 500
        generation[hour] += Decimal(row["GG"]) * 500
        counted += 1
    if counted != days * 48:
        raise ValueError(f"{counted} half hours in the chosen days")
    return _home("Sydney 12", AUSGRID_CAPACITY_W, [(load[hour], generation[hour]) for hour in range(days * 24)], days)


def _rows(path: Path, column: str, wanted: Container[str]) -> Iterator[dict[str, str]]:
    """Rows whose `column` holds one of the wanted texts, by column name."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        header = next(reader)
        place = header.index(column)
        for row in reader:
            if row[place] in wanted:
                yield dict(zip(header, row, strict=True))


def _half_hours(first_day: date, days: int) -> dict[str, int]:
    """Stamps of the chosen days and the place of their full hour."""
    midnight = datetime.combine(first_day, datetime.min.time())
    return {str(midnight + timedelta(minutes=30 * place)): place // 2 for place in range(days * 48)}


def _hours_between(origin: datetime, day: date) -> int:
    return int((datetime(day.year, day.month, day.day) - origin) / timedelta(hours=1))


def _home(name: str, capacity_w: int, hours: Hours, days: int) -> Home:
    """A home placed in Fontana's days. Readings are whole Wh; metering floors below half a watt-hour become 0."""
    if len(hours) != days * 24:
        raise ValueError(f"{name} has {len(hours)} hours in the chosen days")
    midnight = datetime.combine(CITYLEARN_FIRST_DAY, datetime.min.time(), STANDARD_TIME).astimezone(UTC)
    readings = tuple(
        Reading(midnight + timedelta(hours=place), _whole(consumption), _whole(generation))
        for place, (consumption, generation) in enumerate(hours)
    )
    return Home(name, capacity_w, *FONTANA, readings)


def _whole(energy_wh: Decimal) -> int:
    return int(energy_wh.to_integral_value(ROUND_HALF_EVEN))
