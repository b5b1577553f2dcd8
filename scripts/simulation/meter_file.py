# SPDX-License-Identifier: Apache-2.0
"""Households of a simulation from a CSV file of interval data (`gridx simulate --data FILE`).

The format is that of the demonstration (`scripts/demo/meter_data.py`), with four more columns that may be there:

    owner               homes of one owner never trade with each other; default: each its own
    zone                grid zone, by which the grid fee is looked up; default: none
    tier                on an island: 1 hospital, 2 shelter, 3 home medical, 4 ordinary (default)
    critical_permille   share of the load that belongs to the tier, 0 to 1000; default 0

Nothing is repaired: a gap, a second row for an interval, a negative value, an unknown column is an error that names
its line. Homes that begin or end at different times are cut to the time that all of them have.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from backend.market.islands.types import Tier
from backend.market.simulation.types import Household, World
from scripts.demo.community import DataProblem
from scripts.demo.meter_data import COLUMNS, MAX_ROWS, header_of, parse_row, read_lines

OPTIONAL = ("owner", "zone", "tier", "critical_permille")
INTERVAL_MINUTES = (15, 30, 60)
MAX_ZONE = 32
SUMMER_TIME = "; local time that changes with daylight saving needs the offset of each row"


@dataclass
class _Home:
    """What was read of a household: energy and line number by interval, and its fixed columns."""

    fixed: tuple[str, str, Tier, int]
    rows: dict[datetime, tuple[int, int, int]] = field(default_factory=dict)


def read_world(path: Path) -> World:
    """The households of a file; raises DataProblem naming the line and what is wrong."""
    return read_lines(path, lambda lines: parse_world(lines, name=path.name))


def parse_world(lines: Iterable[str], *, name: str) -> World:
    """The households of CSV lines; `name` is the file's name for messages."""
    reader = csv.DictReader(lines, skipinitialspace=True)
    reader.fieldnames = _known_header(reader.fieldnames or (), name)
    homes: dict[str, _Home] = {}
    length: timedelta | None = None
    offset = timedelta(0)
    for row in reader:
        where = f"{name}, line {reader.line_num}"
        if reader.line_num > MAX_ROWS:
            raise DataProblem(f"{name} has more than {MAX_ROWS:,} lines")
        if None in row:
            raise DataProblem(f"{where}: there are more cells than columns")
        household, reading, end = parse_row(row, where)
        if length is None:
            length = end - reading.start
            offset = datetime.fromisoformat((row["start"] or "").strip()).utcoffset() or timedelta(0)
            _check_length(length, name)
        _check_interval(reading.start, end, length, where)
        fixed = _fixed(row, household, where)
        home = homes.setdefault(household, _Home(fixed))
        if home.fixed != fixed:
            raise DataProblem(f"{where}: {household} changes its {', '.join(OPTIONAL)}: they are the same in every row")
        if reading.start in home.rows:
            first = home.rows[reading.start][2]
            raise DataProblem(
                f"{where}: {household} has a second row for {reading.start.isoformat()}, the first is line {first}"
                + SUMMER_TIME
            )
        home.rows[reading.start] = reading.consumption_wh, reading.generation_wh, reader.line_num
    if length is None:
        raise DataProblem(f"{name} has no rows")
    return _world(homes, length, offset, name)


def _known_header(fields: Iterable[str], name: str) -> list[str]:
    header = header_of(list(fields), name)
    known = (*COLUMNS, *OPTIONAL)
    unknown = [column or "(empty)" for column in header if column not in known]
    if unknown:
        raise DataProblem(f"{name}, line 1: unknown column {', '.join(unknown)}; known are {', '.join(known)}")
    double = sorted({column for column in header if header.count(column) > 1})
    if double:
        raise DataProblem(f"{name}, line 1: column {', '.join(double)} stands there twice")
    return header


def _check_length(length: timedelta, name: str) -> None:
    if length not in {timedelta(minutes=minutes) for minutes in INTERVAL_MINUTES}:
        raise DataProblem(f"{name}, line 2: the interval lasts {length}; resample to 15, 30 or 60 minutes")


def _check_interval(start: datetime, end: datetime, length: timedelta, where: str) -> None:
    if end - start != length:
        raise DataProblem(f"{where}: the interval lasts {end - start}, those before last {length}{SUMMER_TIME}")
    if start.timestamp() % length.total_seconds():
        raise DataProblem(f"{where}: {start.isoformat()} is no start of an interval of {length} in UTC")


def _fixed(row: Mapping[str, str | None], household: str, where: str) -> tuple[str, str, Tier, int]:
    owner = (row.get("owner") or "").strip() or household
    zone = (row.get("zone") or "").strip()
    if len(zone) > MAX_ZONE:
        raise DataProblem(f"{where}: zone is longer than {MAX_ZONE} characters")
    tier = _whole(row.get("tier"), "tier", range(Tier.HOSPITAL, Tier.ORDINARY + 1), Tier.ORDINARY, where)
    permille = _whole(row.get("critical_permille"), "critical_permille", range(1_001), 0, where)
    return owner, zone, Tier(tier), permille


def _whole(text: str | None, column: str, allowed: range, default: int, where: str) -> int:
    text = (text or "").strip() or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and int(text) in allowed):
        raise DataProblem(
            f"{where}: {column} must be a whole number from {allowed.start} to {allowed.stop - 1}; it is {text!r}"
        )
    return int(text)


def _world(homes: Mapping[str, _Home], length: timedelta, offset: timedelta, name: str) -> World:
    if len(homes) < 2:
        raise DataProblem(f"{name}: a community needs at least two households")
    first = max(min(home.rows) for home in homes.values())
    last = min(max(home.rows) for home in homes.values())
    if last < first:
        raise DataProblem(f"{name}: the households have no interval in common")
    starts = [first + length * place for place in range((last - first) // length + 1)]
    households = []
    for household, home in homes.items():
        _check_gaps(household, home, starts, name)
        consumption, generation, _ = zip(*(home.rows[start] for start in starts), strict=True)
        owner, zone, tier, permille = home.fixed
        households.append(
            Household(
                household, np.array(consumption, np.int64), np.array(generation, np.int64), owner, zone, tier, permille
            )
        )
    minutes = length // timedelta(minutes=1)
    return World(f"interval data of {name}", minutes, first.astimezone(UTC), tuple(households), offset)


def _check_gaps(household: str, home: _Home, starts: list[datetime], name: str) -> None:
    for start in starts:
        if start not in home.rows:
            before = home.rows[max(known for known in home.rows if known < start)][2]
            raise DataProblem(
                f"{name}, after line {before}: {household} has no row for {start.isoformat()}{SUMMER_TIME}"
            )
