# SPDX-License-Identifier: Apache-2.0
"""The evening street: the same homes in quarters of an hour, for the order book. Pure.

A gate closes an hour after delivery starts at the latest, and meters are read after delivery: so the two quarters of an
hour that were over last can be traded now and settled at once. What is measured in them is a quarter of two evening
hours of the community's data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from scripts.demo.community import FEED_IN_MICRO, MIN_DEAL_WH, RETAIL_MICRO, Community, Home, Reading

MINUTES = 15
QUARTER = timedelta(minutes=MINUTES)
LATEST_GATE = timedelta(hours=1)
"""The latest that a market lets its gate close after delivery starts."""
OPENING_MICRO = 25_000
"""How far the first limits of both sides lie within feed-in and retail."""
STEP_MICRO = 9_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a home wants to sell or buy in an interval, by their places, at this limit or better."""

    interval: int
    home: int
    is_bid: bool
    energy_wh: int
    price_micro: int


def street_of(community: Community, now: datetime) -> Community:
    """The homes in the two quarters of an hour before `now`, as they were in their two busiest late hours."""
    hours = evening(community)
    last = datetime.fromtimestamp(now.timestamp() // (MINUTES * 60) * MINUTES * 60, UTC) - QUARTER
    starts = (last - QUARTER, last)
    homes = tuple(
        Home(
            home.name,
            home.capacity_w,
            home.latitude,
            home.longitude,
            tuple(
                _quarter(home.readings[hour], start, community.minutes)
                for hour, start in zip(hours, starts, strict=True)
            ),
        )
        for home in community.homes
    )
    return Community(community.source, MINUTES, homes)


def _quarter(reading: Reading, start: datetime, minutes: int) -> Reading:
    return replace(
        reading,
        start=start,
        consumption_wh=reading.consumption_wh * MINUTES // minutes,
        generation_wh=reading.generation_wh * MINUTES // minutes,
    )


def evening(community: Community) -> tuple[int, int]:
    """The last two intervals in which at least half as many homes trade on both sides as in the busiest one."""
    width = [_width(community, place) for place in range(len(community.starts))]
    busy = [place for place, found in enumerate(width) if found and 2 * found >= max(width)]
    quiet = [place for place, found in enumerate(width) if place not in busy]
    by_choice = sorted(quiet, key=lambda place: (width[place], place)) + busy
    first, second = sorted(by_choice[-2:])
    return first, second


def _width(community: Community, place: int) -> int:
    """Homes on the side that has fewer, of those for which it is worth it."""
    readings = [home.readings[place] for home in community.homes]
    sellers = sum(reading.export_wh >= MIN_DEAL_WH for reading in readings)
    return min(sellers, sum(reading.import_wh >= MIN_DEAL_WH for reading in readings))


def wishes(street: Community) -> list[Wish]:
    """An offer of each export, a bid for each import; limits step from far within the tariffs towards them."""
    found = []
    for interval in range(len(street.starts)):
        sellers = buyers = 0
        for place, home in enumerate(street.homes):
            reading = home.readings[interval]
            if reading.export_wh:
                price = min(FEED_IN_MICRO + OPENING_MICRO + sellers * STEP_MICRO, RETAIL_MICRO)
                found.append(Wish(interval, place, False, reading.export_wh, price))
                sellers += 1
            elif reading.import_wh:
                price = max(RETAIL_MICRO - OPENING_MICRO - buyers * STEP_MICRO, FEED_IN_MICRO)
                found.append(Wish(interval, place, True, reading.import_wh, price))
                buyers += 1
    return found
