# SPDX-License-Identifier: Apache-2.0
"""Sums of readings: per delivery interval for settlement, per bucket of a resolution for people.

A quantity that one reading does not know makes the sum unknown, never smaller.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.sites import queries
from backend.sites.buckets import RESOLUTION_MINUTES, count_and_page
from backend.sites.errors import RangeRefused
from backend.sites.models import HouseRow
from backend.sites.types import Attestation, BucketSum, IntervalReading

MAX_INTERVALS = 50_000
_QUANTITIES = ("production", "consumption", "export", "import")
_BY_RANK = {attestation.rank: attestation for attestation in Attestation}


async def interval_readings(
    session: AsyncSession, meters: Sequence[int], starts: Sequence[datetime], minutes: int
) -> dict[tuple[int, datetime], IntervalReading]:
    """What each meter attested in `[start, start + minutes)`; `meters` and `starts` are pairs, side by side.

    Only device and operator readings count. Every pair has an answer; one without readings is incomplete with all
    sums None. Starts come back in UTC. ValueError when the sequences differ in length or are longer than
    `MAX_INTERVALS`.
    """
    if len(meters) != len(starts) or len(meters) > MAX_INTERVALS:
        raise ValueError(f"meters and starts are pairs, at most {MAX_INTERVALS}")
    pairs = dict.fromkeys((meter, start.astimezone(UTC)) for meter, start in zip(meters, starts, strict=True))
    unknown = {
        (meter, start): IntervalReading(meter, start, minutes, None, None, None, None, False) for meter, start in pairs
    }
    rows = await queries.intervals(session, [pair[0] for pair in pairs], [pair[1] for pair in pairs], minutes)
    found = {
        (row.meter, row.start_at): IntervalReading(
            meter=row.meter,
            start=row.start_at,
            minutes=minutes,
            production_wh=row.production_wh,
            consumption_wh=row.consumption_wh,
            export_wh=row.export_wh,
            import_wh=row.import_wh,
            complete=row.complete,
        )
        for row in rows
    }
    return unknown | found


async def reading_sums(
    session: AsyncSession,
    house: HouseRow,
    *,
    since: datetime,
    until: datetime,
    resolution: str,
    time_zone: str,
    offset: int,
    limit: int,
) -> tuple[list[BucketSum], int]:
    """One page of the buckets that touch `[since, until)`, and how many there are.

    Raises RangeRefused when the range is empty or too long, or the resolution finer than the house's readings.
    """
    minutes = RESOLUTION_MINUTES[resolution]
    if minutes is not None and minutes % house.reading_minutes:
        message = (
            f"This house is read every {house.reading_minutes} minutes; ask for a resolution that holds whole readings"
        )
        raise RangeRefused(message, resolution=resolution, reading_minutes=house.reading_minutes)
    try:
        total, buckets = count_and_page(
            since,
            until,
            resolution=resolution,
            zone=ZoneInfo(time_zone),
            grid_minutes=house.reading_minutes,
            offset=offset,
            limit=limit,
        )
    except ValueError as error:
        raise RangeRefused(str(error)) from error
    rows = await queries.sums(
        session, house.id, starts=[bucket.start for bucket in buckets], ends=[bucket.end for bucket in buckets]
    )
    return [_bucket_sum(row) for row in rows], total


def _bucket_sum(row: queries.Row) -> BucketSum:
    length = int((row.end_at - row.start_at).total_seconds()) // 60
    known = {quantity: getattr(row, f"{quantity}_minutes") for quantity in _QUANTITIES}
    sums = {
        f"{quantity}_wh": getattr(row, f"{quantity}_wh") if known[quantity] == length else None
        for quantity in _QUANTITIES
    }
    return BucketSum(
        start=row.start_at,
        end=row.end_at,
        minutes=length,
        known_minutes=known,
        temperature_c=row.temperature_c,
        attestation=None if row.weakest is None else _BY_RANK[row.weakest],
        complete=row.known_minutes == length,
        **sums,
    )
