# SPDX-License-Identifier: Apache-2.0
"""Cuts a range of time into the buckets of a resolution, in a community's time zone. No database, no clock.

A day is the local calendar day (23, 24 or 25 hours). Shorter buckets divide each local day from its midnight, so that
a day is exactly the sum of its hours. Bounds are moved up to the house's reading grid, which lies on UTC: in a zone
off by half an hour, 60-minute readings make a day that starts half an hour after midnight, and its bounds say so.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

RESOLUTION_MINUTES = {"15m": 15, "30m": 30, "1h": 60, "1d": None}
MAX_DAYS = 3_660


class Bucket(NamedTuple):
    """One interval `[start, end)`, UTC."""

    start: datetime
    end: datetime


class _Day(NamedTuple):
    start: datetime
    end: datetime
    step: timedelta

    @property
    def buckets(self) -> int:
        """How many buckets the day has; the last may be short where clocks shift by less than a bucket."""
        return -(-(self.end - self.start) // self.step) if self.end > self.start else 0

    def bound(self, number: int) -> datetime:
        return min(self.start + number * self.step, self.end)


def count_and_page(
    since: datetime, until: datetime, *, resolution: str, zone: ZoneInfo, grid_minutes: int, offset: int, limit: int
) -> tuple[int, list[Bucket]]:
    """How many buckets touch `[since, until)`, and those from `offset` on, at most `limit`, in order of time.

    ValueError when the range is empty or longer than `MAX_DAYS`.
    """
    if not since < until or until - since > timedelta(days=MAX_DAYS):
        raise ValueError(f"`from` lies before `to`, and at most {MAX_DAYS} days apart")
    total = 0
    wanted: list[Bucket] = []
    for first, count, day in _touched(since, until, resolution, zone, grid_minutes):
        skip = max(0, offset - total)
        room = limit - len(wanted)
        for number in islice(range(first + skip, first + count), room):
            start = _on_grid(day.bound(number), grid_minutes)
            wanted.append(Bucket(start, _on_grid(day.bound(number + 1), grid_minutes)))
        total += count
    return total, wanted


def _touched(
    since: datetime, until: datetime, resolution: str, zone: ZoneInfo, grid_minutes: int
) -> Iterator[tuple[int, int, _Day]]:
    """Per local day: its first bucket that touches the range, how many do, and the day."""
    current = since.astimezone(zone).date() - timedelta(days=1)  # moved bounds may pass midnight
    while True:
        day = _day(current, resolution, zone)
        if _on_grid(day.start, grid_minutes) >= until:
            return
        first, last = 0, day.buckets
        while first < last and _on_grid(day.bound(first + 1), grid_minutes) <= since:
            first += 1
        while last > first and _on_grid(day.bound(last - 1), grid_minutes) >= until:
            last -= 1
        if first < last:
            yield first, last - first, day
        current += timedelta(days=1)


def _day(local: date, resolution: str, zone: ZoneInfo) -> _Day:
    start, end = _midnight(local, zone), _midnight(local + timedelta(days=1), zone)
    minutes = RESOLUTION_MINUTES[resolution]
    return _Day(start, end, end - start if minutes is None else timedelta(minutes=minutes))


def _midnight(local: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day, UTC. Where clocks skip midnight it is the moment of the change; a calendar day
    that a zone skipped altogether has no length."""
    return datetime.combine(local, time(), zone).astimezone(UTC)


def _on_grid(moment: datetime, grid_minutes: int) -> datetime:
    step = grid_minutes * 60
    return datetime.fromtimestamp(-(-int(moment.timestamp()) // step) * step, UTC)
