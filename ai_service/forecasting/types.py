# SPDX-License-Identifier: Apache-2.0
"""Values of forecasting: a regular series whose every value says when it became available, findings, forecasts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the data that a reader should know. `repair` says what was done about it, if anything."""

    code: str
    count: int
    first: str
    detail: str
    repair: str


@dataclass(frozen=True, slots=True)
class Clock:
    """Local calendar of index positions, all arrays of one shape."""

    hour: Floats
    weekday: Floats
    day_of_year: Floats
    holiday: Floats
    holiday_before: Floats
    holiday_after: Floats


@dataclass(frozen=True)
class Series:
    """A regular series. `values[i]` belongs to the interval that starts at `start + i * step_s`; NaN is unknown.

    `available[i]` (epoch seconds) is when the value could first be read: never before its interval has ended.
    """

    start: datetime
    step_s: int
    values: Floats
    available: Ints
    zone: str = "UTC"
    holidays: frozenset[date] = frozenset()
    repaired: Flags = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def per_day(self) -> int:
        """Steps in 24 hours."""
        return DAY_S // self.step_s

    @cached_property
    def start_s(self) -> int:
        """Epoch seconds of the first interval."""
        return int(self.start.timestamp())

    def time_at(self, index: Ints) -> Ints:
        """Epoch seconds at which the interval of `index` starts."""
        return self.start_s + index * self.step_s

    def stamp(self, index: int) -> datetime:
        """When the interval of `index` starts, UTC."""
        return self.start + timedelta(seconds=self.step_s * index)

    def tail(self, count: int) -> Series:
        """The last `count` values."""
        first = max(0, len(self) - count)
        return replace(
            self,
            start=self.stamp(first),
            values=self.values[first:],
            available=self.available[first:],
            repaired=self.repaired[first:],
        )

    def head(self, count: int) -> Series:
        """The first `count` values."""
        return replace(
            self, values=self.values[:count], available=self.available[:count], repaired=self.repaired[:count]
        )

    @cached_property
    def _local(self) -> tuple[Ints, Ints]:
        """Local day (days since 1970) and second of the day for each index, reaching 400 days past the end."""
        index = np.arange(len(self.values) + 400 * self.per_day)
        utc = self.time_at(index)
        if self.zone == "UTC":
            local = utc
        else:
            zone = ZoneInfo(self.zone)
            hours, where = np.unique(utc // 900, return_inverse=True)
            offsets = np.array([_offset_s(int(h) * 900, zone) for h in hours[::96]])
            exact = np.repeat(offsets, 96)[: len(hours)]
            for change in np.flatnonzero(np.diff(offsets)):
                span = slice(change * 96, (change + 1) * 96)
                exact[span] = [_offset_s(int(h) * 900, zone) for h in hours[span]]
            local = utc + exact[where]
        return local // DAY_S, local % DAY_S

    def local_day(self, index: Ints) -> Ints:
        """Local days since 1970 of index positions."""
        return self._local[0][index]

    def days_to_anniversary(self, days: Ints, *, years: int) -> Ints:
        """How many days back the same date lies `years` earlier (29 February counts as the 28th)."""
        months = days.astype("datetime64[D]").astype("datetime64[M]")
        in_month = days - months.astype("datetime64[D]").astype(np.int64)
        earlier = months - np.timedelta64(12 * years, "M")
        length = (earlier + np.timedelta64(1, "M")).astype("datetime64[D]") - earlier.astype("datetime64[D]")
        day = np.minimum(in_month, length.astype(np.int64) - 1)
        return np.asarray(days - (earlier.astype("datetime64[D]").astype(np.int64) + day), dtype=np.int64)

    def calendar(self, index: Ints) -> Clock:
        """Local calendar of index positions."""
        day, second = self._local[0][index], self._local[1][index]
        year = day.astype("datetime64[D]").astype("datetime64[Y]")
        closed = np.array(sorted((d - date(1970, 1, 1)).days for d in self.holidays), dtype=np.int64)
        return Clock(
            hour=second / 3600.0,
            weekday=((day + 3) % 7).astype(float),
            day_of_year=(day - year.astype("datetime64[D]").astype(np.int64)).astype(float),
            holiday=np.isin(day, closed).astype(float),
            holiday_before=np.isin(day + 1, closed).astype(float),
            holiday_after=np.isin(day - 1, closed).astype(float),
        )


def _offset_s(epoch_s: int, zone: ZoneInfo) -> int:
    shift = datetime.fromtimestamp(epoch_s, UTC).astimezone(zone).utcoffset()
    return int(shift.total_seconds()) if shift is not None else 0


def regular(start: datetime, step_s: int, values: npt.ArrayLike, **more: Any) -> Series:
    """A series whose values became available as their intervals ended."""
    numbers = np.asarray(values, dtype=np.float64)
    ends = int(start.timestamp()) + (np.arange(len(numbers), dtype=np.int64) + 1) * step_s
    return Series(start, step_s, numbers, ends, repaired=np.zeros(len(numbers), dtype=bool), **more)
