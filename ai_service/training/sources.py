# SPDX-License-Identifier: Apache-2.0
"""Many series out of one table (CSV or Parquet): with every repair for training, or quickly for a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ai_service.forecasting import data, errors
from ai_service.forecasting.types import Floats, Ints, Series, regular

LONGEST_S = 400 * 86_400


@dataclass(frozen=True, slots=True)
class Houses:
    """Series by name, and why some of them cannot be used."""

    series: dict[str, Series]
    refused: dict[str, str]


def read_houses(path: Path, source: data.Source, *, series_column: str) -> Houses:
    """All series of a table, read like a single one. Raises FileUnreadable, ColumnMissing, SeriesEmpty."""
    table = read_table(path)
    if series_column not in table.columns:
        raise errors.ColumnMissing(column=series_column, columns=", ".join(map(str, table.columns)))
    series: dict[str, Series] = {}
    refused: dict[str, str] = {}
    for name, rows in table.groupby(series_column, sort=True):
        try:
            series[str(name)] = data.from_table(rows, source).series
        except errors.ColumnMissing:
            raise
        except errors.ForecastRefused as problem:
            refused[str(name)] = problem.code
    if not series:
        raise errors.SeriesEmpty("No series of this file can be used", refused=refused)
    return Houses(series, refused)


def read_table(path: Path) -> pd.DataFrame:
    """A table of a CSV (also gzip) or Parquet file. Raises FileUnreadable."""
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
    except FileNotFoundError:
        raise errors.FileUnreadable("There is no such file", file=path.name) from None
    except (ValueError, OSError, pd.errors.ParserError) as problem:
        raise errors.FileUnreadable(str(problem), file=path.name) from problem


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of one series as they lie in the table; times are epoch seconds."""

    name: str
    times: Ints
    values: Floats


class Table:
    """Readings of many series, in order of series and time, for a batch. Times need an offset or are UTC."""

    def __init__(self, path: Path, *, series_column: str, time_column: str, value_column: str) -> None:
        table = read_table(path)
        for column in (series_column, time_column, value_column):
            if column not in table.columns:
                raise errors.ColumnMissing(column=column, columns=", ".join(map(str, table.columns)))
        if not len(table):
            raise errors.SeriesEmpty()
        parsed = pd.to_datetime(table[time_column], utc=True, errors="coerce")
        if parsed.isna().any():
            row = int(np.argmax(parsed.isna()))
            raise errors.TimeUnreadable(row=row + 2, value=str(table[time_column].iloc[row]))
        seconds = parsed.dt.as_unit("s").astype("int64").to_numpy()
        found, names = pd.factorize(table[series_column])
        if (found < 0).any():
            raise errors.ColumnMissing("A row names no series", column=series_column, row=int(np.argmax(found < 0)) + 2)
        self.names = sorted(map(str, names))
        place = {name: number for number, name in enumerate(self.names)}
        codes = np.array([place[str(name)] for name in names])[found]
        values = pd.to_numeric(table[value_column], errors="coerce").to_numpy(dtype=np.float64)
        order = np.lexsort((seconds, codes))
        self._times, self._values = seconds[order], values[order]
        self._ends = np.searchsorted(codes[order], np.arange(len(self.names)), side="right")

    def rows(self, first: int, end: int) -> Iterator[Rows]:
        """Readings of the series `first` to `end` (by place in `names`)."""
        for place in range(first, min(end, len(self.names))):
            begin = int(self._ends[place - 1]) if place else 0
            span = slice(begin, int(self._ends[place]))
            yield Rows(self.names[place], self._times[span], self._values[span])


def on_grid(rows: Rows, step_s: int) -> Series:
    """A regular series. Raises ResolutionInvalid off the grid, SeriesTooShort beyond LONGEST_S, SeriesEmpty.

    A time that is given twice counts with the mean of its readings; a step without reading is unknown.
    """
    if not len(rows.times):
        raise errors.SeriesEmpty()
    if (rows.times % step_s).any():
        raise errors.ResolutionInvalid("A reading lies off the grid", step_s=step_s)
    last = int(rows.times[-1])
    recent = rows.times > last - LONGEST_S
    times, values = rows.times[recent], rows.values[recent]
    place = (times - times[0]) // step_s
    seen = np.isfinite(values)
    count = np.bincount(place[seen], minlength=int(place[-1]) + 1)
    total = np.bincount(place[seen], weights=values[seen], minlength=int(place[-1]) + 1)
    grid = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return regular(datetime.fromtimestamp(int(times[0]), UTC), step_s, grid)
