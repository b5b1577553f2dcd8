# SPDX-License-Identifier: Apache-2.0
"""From a CSV file to a regular series: times, zones, resolution. Judgement of the values stands in quality.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
import numpy as np
import pandas as pd

from ai_service.forecasting import errors, quality
from ai_service.forecasting.types import DAY_S, Finding, Floats, Series

SHORTEST_STEP_S = 60
LONGEST_STEP_S = 6 * 3600
MOST_SERIES = 200


@dataclass(frozen=True, slots=True)
class Source:
    """What to read and how to understand it. Naive times are those of `zone`; a value belongs to the step it names."""

    time_column: str
    value_column: str
    covariates: tuple[str, ...] = ()
    resolution: str | None = None
    zone: str = "UTC"
    region: str | None = None
    total: bool = False  # a coarser step is the sum of the finer ones (energy), not their mean (power)


@dataclass(frozen=True, slots=True)
class Read:
    """A regular series as read, before any repair of values, and what was found on the way."""

    series: Series
    findings: tuple[Finding, ...]


def read_csv(path: Path, source: Source) -> Read:
    """Read one series of a CSV file (also gzip). Raises FileUnreadable, ColumnMissing, and what `from_table` raises."""
    return from_table(_table(path), source)


def read_group(path: Path, source: Source, series_column: str) -> dict[str, Read]:
    """Read the series of a CSV file whose `series_column` names them, in order of appearance. Raises as `read_csv`."""
    table = _table(path)
    if series_column not in table.columns:
        raise errors.ColumnMissing(column=series_column, columns=", ".join(map(str, table.columns)))
    rows = table.groupby(series_column, sort=False)
    if not 1 <= rows.ngroups <= MOST_SERIES:
        raise errors.SeriesCount(column=series_column, series=rows.ngroups, most=MOST_SERIES)
    return {str(name): from_table(own, source) for name, own in rows}


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, low_memory=False)
    except FileNotFoundError:
        raise errors.FileUnreadable("There is no such file", file=path.name) from None
    except (ValueError, OSError, pd.errors.ParserError) as problem:
        raise errors.FileUnreadable(str(problem), file=path.name) from problem


def from_table(table: pd.DataFrame, source: Source) -> Read:
    """A regular series from a table. Raises the refusals of errors.py that tell what does not fit."""
    for column in (source.time_column, source.value_column, *source.covariates):
        if column not in table.columns:
            raise errors.ColumnMissing(column=column, columns=", ".join(map(str, table.columns)))
    if not len(table):
        raise errors.SeriesEmpty()
    zone = zone_of(source.zone)
    findings: list[Finding] = []
    times, long_naive = _times(table[source.time_column], zone, findings)
    columns = {name: _numbers(table[name], name) for name in (source.value_column, *source.covariates)}
    frame = pd.DataFrame(columns, index=times)
    frame = _in_order(frame[~frame.index.isna()], findings, expected=long_naive)
    step_s = infer_step_s(frame.index)
    wanted_s = step_s if source.resolution is None else resolution_s(source.resolution)
    if wanted_s < step_s:
        raise errors.ResolutionInvalid("The readings are coarser", readings_s=step_s, asked_s=wanted_s)
    regular = _on_grid(frame, step_s, wanted_s, total=source.total)
    series = _series(regular, wanted_s, source)
    quality.refuse_unusable(series.values)
    if source.zone != "UTC":
        counts = Counter(str(day) for day in regular.index.tz_convert(zone).date)
        inner = dict(list(counts.items())[1:-1])
        findings += quality.day_length_findings(inner, wanted_s)
    for name in source.covariates:
        series = _with_covariate(series, name, regular[name].to_numpy(dtype=float), findings)
    return Read(series, tuple(findings))


def _with_covariate(series: Series, name: str, values: Floats, findings: list[Finding]) -> Series:
    """A flag of whole local days (0 or 1) is a calendar, known in advance: its days become holidays.

    Anything else is a measurement, and a measurement is no forecast: it is told and left out.
    """
    seen = np.isfinite(values)
    days = series.local_day(np.arange(len(values)))
    by_day = pd.Series(values[seen]).groupby(days[seen])
    if seen.any() and np.isin(values[seen], (0.0, 1.0)).all() and (by_day.nunique() == 1).all():
        level = by_day.first()
        closed = {date(1970, 1, 1) + timedelta(days=int(day)) for day in level.index[level == 1.0]}
        return replace(series, holidays=series.holidays | closed)
    detail = f"{name} is measured, so it is not known ahead of the origin"
    findings.append(Finding("covariate_measured", int(seen.sum()), "", detail, "left out"))
    return series


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ZoneUnknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise errors.ZoneUnknown(zone=name) from None


def resolution_s(text: str) -> int:
    """Seconds of `1h`, `30min`, `15m`, `900s`. Raises ResolutionInvalid unless it divides a day."""
    units = {"s": 1, "min": 60, "m": 60, "h": 3600}
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = units.get(text[len(digits) :])
    step = int(digits) * unit if digits.isdigit() and unit else 0
    if not SHORTEST_STEP_S <= step <= LONGEST_STEP_S or DAY_S % step:
        raise errors.ResolutionInvalid(resolution=text)
    return step


def infer_step_s(times: pd.DatetimeIndex) -> int:
    """The commonest step between readings. Raises SeriesTooShort, ResolutionInvalid."""
    if len(times) < 3:
        raise errors.SeriesTooShort(readings=len(times), needed_days=quality.MINIMUM_DAYS)
    steps = np.diff(times.as_unit("s").asi8)
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    step = int(values[np.argmax(counts)])
    if not SHORTEST_STEP_S <= step <= LONGEST_STEP_S or DAY_S % step:
        raise errors.ResolutionInvalid("The readings' step does not divide a day", step_s=step)
    return step


def holidays_of(region: str, years: range) -> frozenset[date]:
    """Public holidays of `AU`, `AU-VIC`, `US`, …. Raises RegionUnknown."""
    country, _, subdivision = region.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=years))
    except (NotImplementedError, KeyError):
        raise errors.RegionUnknown(region=region) from None


def _times(column: pd.Series[Any], zone: ZoneInfo, findings: list[Finding]) -> tuple[pd.DatetimeIndex, int]:
    """UTC times; NaT for local hours that no clock showed. The second value counts local hours that came twice."""
    text = column.astype(str).str.strip()
    aware = text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True) & text.str.contains(":", regex=False)
    if aware.any() and not aware.all():
        _refuse_unreadable(text, pd.to_datetime(text.where(~aware), errors="coerce", format="mixed").isna() & ~aware)
        raise errors.ZonesMixed(with_offset=int(aware.sum()), without=int((~aware).sum()))
    parsed = pd.to_datetime(text, utc=bool(aware.all()), errors="coerce", format="ISO8601")
    if parsed.isna().any():
        parsed = pd.to_datetime(text, utc=bool(aware.all()), errors="coerce", format="mixed")
    _refuse_unreadable(text, parsed.isna())
    index = pd.DatetimeIndex(parsed)
    if aware.all():
        return index, 0
    if zone.key == "UTC":
        return index.tz_localize("UTC"), 0
    ambiguous = index.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna()
    local = index.tz_localize(zone, ambiguous=np.ones(len(index), dtype=bool), nonexistent="NaT")
    second = index.duplicated() & ambiguous
    standard = index.tz_localize(zone, ambiguous=np.zeros(len(index), dtype=bool), nonexistent="NaT")
    chosen = pd.DatetimeIndex(np.where(second, standard.tz_convert("UTC"), local.tz_convert("UTC")), tz="UTC")
    missing = chosen.isna()
    if missing.any():
        first = str(index[int(np.argmax(missing))])
        findings.append(Finding("time_not_on_clock", int(missing.sum()), first, "hours skipped in spring", "left out"))
    return chosen, int(second.sum())


def _refuse_unreadable(text: pd.Series[Any], broken: pd.Series[Any]) -> None:
    if broken.any():
        row = int(np.argmax(broken))
        raise errors.TimeUnreadable(row=row + 2, value=text.iloc[row])


def _numbers(column: pd.Series[Any], name: str) -> Floats:
    """Floats; an empty cell is unknown, a word is refused."""
    if column.dtype == object:
        words = {"true": 1.0, "false": 0.0, "": None}
        column = column.map(lambda cell: words.get(cell.strip().lower(), cell) if isinstance(cell, str) else cell)
    numbers = pd.to_numeric(column, errors="coerce")
    broken = numbers.isna() & column.notna()
    if broken.any():
        row = int(np.argmax(broken))
        raise errors.ValueUnreadable(column=name, row=row + 2, value=str(column.iloc[row]))
    return np.asarray(numbers, dtype=np.float64)


def _in_order(frame: pd.DataFrame, findings: list[Finding], *, expected: int) -> pd.DataFrame:
    """Sorted, one row a time; says what it had to do."""
    index = frame.index
    if not index.is_monotonic_increasing:
        backward = np.append(False, np.diff(index.asi8) < 0)
        first = str(index[int(np.argmax(backward))])
        findings.append(Finding("unsorted", int(backward.sum()), first, "rows out of time order", "sorted"))
        frame = frame.sort_index(kind="stable")
    twice = frame.index.duplicated()
    if twice.any():
        first = str(frame.index[int(np.argmax(twice))])
        findings.append(Finding("duplicate", int(twice.sum()), first, "times given more than once", "their mean"))
        frame = frame.groupby(level=0).mean()
    if expected:
        findings.append(Finding("hour_twice", expected, "", "the hour that autumn repeats", "second is standard time"))
    return frame


def _on_grid(frame: pd.DataFrame, step_s: int, wanted_s: int, *, total: bool) -> pd.DataFrame:
    """Every step from first to last reading. A sum needs all readings of its step, a mean half of them."""
    fine = frame.groupby(frame.index.floor(f"{step_s}s")).mean()
    grid = pd.date_range(fine.index[0], fine.index[-1], freq=f"{step_s}s")
    fine = fine.reindex(grid)
    if wanted_s == step_s:
        return fine
    groups = fine.resample(f"{wanted_s}s", origin="start_day")
    least = wanted_s // step_s if total else max(1, wanted_s // step_s // 2)
    coarse = groups.sum(min_count=least) if total else groups.mean().where(groups.count() >= least)
    known = np.flatnonzero(coarse.notna().any(axis=1).to_numpy())
    return coarse.iloc[known[0] : known[-1] + 1] if len(known) else coarse


def _series(frame: pd.DataFrame, step_s: int, source: Source) -> Series:
    start: datetime = frame.index[0].to_pydatetime().astimezone(UTC)
    values = frame[source.value_column].to_numpy(dtype=float)
    ends = int(start.timestamp()) + (np.arange(len(values), dtype=np.int64) + 1) * step_s
    closed: frozenset[date] = frozenset()
    if source.region is not None:
        closed = holidays_of(source.region, range(start.year, frame.index[-1].year + 2))
    return Series(
        start, step_s, values, ends, zone=source.zone, holidays=closed, repaired=np.zeros(len(values), dtype=bool)
    )
