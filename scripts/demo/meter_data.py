# SPDX-License-Identifier: Apache-2.0
"""Interval data from a CSV file (`gridx demo --meter-data FILE`).

    household,start,end,consumption_kwh,generation_kwh
    Home 1,2024-06-04T00:00:00-07:00,2024-06-04T01:00:00-07:00,0.512,0
    Home 1,2024-06-04T01:00:00-07:00,2024-06-04T02:00:00-07:00,0.498,0

The header line is required, its columns may stand in any order. `start` and `end` are ISO 8601 with an offset; all
intervals are of one length, 15, 30 or 60 minutes, on the grid of UTC. Energy is kWh in the interval, decimal, never
negative, rounded to whole Wh; generation is 0 for a home without panels. Rows may be in any order. Files that end in
`.gz` are unpacked. At most 50 households and 4 days are used: the first 4 days that every household has complete.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import IO, TypeVar

from scripts.demo.community import Community, DataProblem, Home, Reading, capacity_of, check

COLUMNS = ("household", "start", "end", "consumption_kwh", "generation_kwh")
MAX_HOMES = 50
MAX_DAYS = 4
MAX_ROWS = 5_000_000
MAX_KWH = 10_000
LATITUDE, LONGITUDE = 34.09, -117.44

Read = TypeVar("Read")
Rows = dict[str, dict[datetime, Reading]]


def read_file(path: Path) -> Community:
    """The community of a file; raises DataProblem naming the line and what is wrong."""
    return read_lines(path, lambda lines: parse(lines, name=path.name))


def read_lines(path: Path, understand: Callable[[IO[str]], Read]) -> Read:
    """What `understand` makes of the file's lines; raises DataProblem when it is not readable CSV text."""
    try:
        with _open(path) as lines:
            return understand(lines)
    except (OSError, EOFError, zlib.error) as problem:
        raise DataProblem(f"{path} cannot be read: {problem}") from problem
    except UnicodeDecodeError as problem:
        raise DataProblem(f"{path} is not UTF-8 text") from problem
    except csv.Error as problem:
        raise DataProblem(f"{path} is not CSV: {problem}") from problem


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def parse(lines: Iterable[str], *, name: str) -> Community:
    """The community of CSV lines; `name` is the file's name for messages."""
    reader = csv.DictReader(lines, skipinitialspace=True)
    reader.fieldnames = header_of(reader.fieldnames or (), name)
    rows: Rows = {}
    length: timedelta | None = None
    for row in reader:
        where = f"{name}, line {reader.line_num}"
        if reader.line_num > MAX_ROWS:
            raise DataProblem(f"{name} has more than {MAX_ROWS:,} lines")
        household, reading, end = parse_row(row, where)
        length = length or end - reading.start
        if end - reading.start != length:
            raise DataProblem(f"{where}: the interval lasts {end - reading.start}, those before last {length}")
        held = rows.setdefault(household, {})
        if reading.start in held:
            raise DataProblem(f"{where}: {household} has two rows for {reading.start.isoformat()}")
        held[reading.start] = reading
    if length is None:
        raise DataProblem(f"{name} has no rows")
    return _community(rows, length, name)


def header_of(fields: Sequence[str], name: str) -> list[str]:
    """The names of the columns as they are looked up; raises DataProblem when one is missing."""
    header = [(field or "").strip().lower().replace(" ", "_") for field in fields]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise DataProblem(f"{name}: the header line lacks {', '.join(missing)}; it must name {', '.join(COLUMNS)}")
    return header


def parse_row(row: Mapping[str, str | None], where: str) -> tuple[str, Reading, datetime]:
    """Household, reading and end of a row; raises DataProblem that begins with `where`."""
    household = (row["household"] or "").strip()
    if not household or len(household) > 80 or not household.isprintable():
        raise DataProblem(f"{where}: household must be a name of 1 to 80 characters")
    start, end = _time(row["start"], "start", where), _time(row["end"], "end", where)
    if end <= start:
        raise DataProblem(f"{where}: end must lie after start")
    consumption = _energy_wh(row["consumption_kwh"], "consumption_kwh", where)
    return household, Reading(start, consumption, _energy_wh(row["generation_kwh"], "generation_kwh", where)), end


def _time(text: str | None, column: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError as problem:
        raise DataProblem(f"{where}: {column} {text!r} is not an ISO 8601 time") from problem
    if moment.tzinfo is None:
        raise DataProblem(f"{where}: {column} {text!r} needs its offset, for example 2024-06-04T12:00:00-07:00")
    return moment.astimezone(UTC)


def _energy_wh(text: str | None, column: str, where: str) -> int:
    try:
        energy_kwh = Decimal((text or "").strip())
    except InvalidOperation as problem:
        raise DataProblem(f"{where}: {column} {text!r} is not a decimal number") from problem
    if not energy_kwh.is_finite() or not 0 <= energy_kwh <= MAX_KWH:
        raise DataProblem(f"{where}: {column} must lie between 0 and {MAX_KWH:,} kWh; it is {text}")
    return int((energy_kwh * 1000).to_integral_value(ROUND_HALF_EVEN))


def _community(rows: Rows, length: timedelta, name: str) -> Community:
    minutes, remainder = divmod(length, timedelta(minutes=1))
    if remainder:
        raise DataProblem(f"{name}: intervals last {length}; resample to 15, 30 or 60 minutes")
    chosen = dict(list(rows.items())[:MAX_HOMES])
    starts = _first_days(chosen, length, name)
    homes = []
    for household, held in chosen.items():
        readings = tuple(held[start] for start in starts)
        homes.append(Home(household, capacity_of(readings, minutes), LATITUDE, LONGITUDE, readings))
    left_out = f", the first {MAX_HOMES} of {len(rows)} households" if len(rows) > MAX_HOMES else ""
    return check(Community(f"interval data of {name}{left_out}", minutes, tuple(homes)))


def _first_days(rows: Rows, length: timedelta, name: str) -> list[datetime]:
    """The first run of intervals, at most MAX_DAYS, that every household has without a gap; the longest if none is."""
    common = sorted(set.intersection(*(set(held) for held in rows.values())))
    most = int(timedelta(days=MAX_DAYS) / length)
    best: list[datetime] = []
    run: list[datetime] = []
    for start in common:
        run = [*run, start] if run and start - run[-1] == length else [start]
        if len(run) > len(best):
            best = run
        if len(best) == most:
            break
    if not best:
        raise DataProblem(f"{name}: the households have no interval in common")
    return best
