# SPDX-License-Identifier: Apache-2.0
"""Buckets tile the range: no gap, no overlap, local days of 23, 24 and 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.sites.buckets import RESOLUTION_MINUTES, Bucket, count_and_page

ZONES = (
    "UTC", "Asia/Kolkata", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu",
    "Africa/Cairo", "America/Sao_Paulo", "Pacific/Apia", "America/St_Johns",
)  # fmt: skip


def all_buckets(since: datetime, until: datetime, *, resolution: str, zone: str, grid: int) -> list[Bucket]:
    total, buckets = count_and_page(
        since, until, resolution=resolution, zone=ZoneInfo(zone), grid_minutes=grid, offset=0, limit=10**6
    )
    assert total == len(buckets)
    return buckets


def local_day(zone: str, day: date, *, resolution: str, grid: int = 15) -> list[Bucket]:
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return all_buckets(start, end, resolution=resolution, zone=zone, grid=grid)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Los_Angeles", date(2026, 3, 8), 23),
        ("America/Los_Angeles", date(2026, 11, 1), 25),
        ("America/Los_Angeles", date(2026, 6, 1), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Asia/Kolkata", date(2026, 3, 8), 24),
    ],
)
def test_count_and_page__day_of_a_clock_change__has_its_true_length(zone, day, hours):
    [whole] = local_day(zone, day, resolution="1d")
    parts = local_day(zone, day, resolution="1h")
    quarters = local_day(zone, day, resolution="15m")

    assert whole.end - whole.start == timedelta(hours=hours)
    assert (len(parts), len(quarters)) == (hours, 4 * hours)
    assert (parts[0].start, parts[-1].end) == whole


def test_count_and_page__hours_in_a_half_hour_zone__are_local_hours():
    buckets = local_day("Asia/Kolkata", date(2026, 6, 1), resolution="1h")

    assert {bucket.start.astimezone(ZoneInfo("Asia/Kolkata")).minute for bucket in buckets} == {0}


def test_count_and_page__hourly_meter_in_a_half_hour_zone__says_its_shifted_bounds():
    [whole] = local_day("Asia/Kolkata", date(2026, 6, 2), resolution="1d", grid=60)[-1:]

    assert whole == (datetime(2026, 6, 1, 19, tzinfo=UTC), datetime(2026, 6, 2, 19, tzinfo=UTC))


def test_count_and_page__clocks_shift_half_an_hour__last_bucket_is_short():
    parts = local_day("Australia/Lord_Howe", date(2026, 4, 5), resolution="1h")

    assert len(parts) == 25
    assert parts[-1].end - parts[-1].start == timedelta(minutes=30)


@pytest.mark.parametrize("until", [datetime(2026, 6, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)])
def test_count_and_page__empty_or_endless_range__is_refused(until):
    with pytest.raises(ValueError, match="from"):
        all_buckets(datetime(2026, 6, 1, tzinfo=UTC), until, resolution="1d", zone="UTC", grid=15)


@settings(max_examples=150, deadline=None)
@given(
    start=st.integers(946_684_800, 2_000_000_000),
    length=st.integers(1, 12 * 86_400),
    resolution=st.sampled_from(list(RESOLUTION_MINUTES)),
    zone=st.sampled_from(ZONES),
    grid=st.sampled_from([1, 5, 15, 30, 60]),
)
def test_count_and_page__any_range__is_tiled_without_gap(start, length, resolution, zone, grid):
    since, until = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(start + length, UTC)

    buckets = all_buckets(since, until, resolution=resolution, zone=zone, grid=grid)

    assert all(one.end == other.start for one, other in pairwise(buckets))
    assert all(bucket.start <= bucket.end for bucket in buckets)
    assert buckets[0].start <= since < buckets[0].end
    assert buckets[-1].start < until <= buckets[-1].end
    assert all(int(bucket.start.timestamp()) % (grid * 60) == 0 for bucket in buckets)


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(1_700_000_000, 1_800_000_000), length=st.integers(3_600, 40 * 86_400),
    resolution=st.sampled_from(["1h", "1d"]), zone=st.sampled_from(ZONES), limit=st.integers(1, 40),
)  # fmt: skip
def test_count_and_page__pages__are_the_whole_in_order(start, length, resolution, zone, limit):
    since, until = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(start + length, UTC)
    whole = all_buckets(since, until, resolution=resolution, zone=zone, grid=15)
    arguments = {"resolution": resolution, "zone": ZoneInfo(zone), "grid_minutes": 15, "limit": limit}

    pages = [count_and_page(since, until, offset=at, **arguments)[1] for at in range(0, len(whole) + limit, limit)]

    assert [bucket for page in pages for bucket in page] == whole
