# SPDX-License-Identifier: Apache-2.0
"""Readings of many houses as regular series: one quantity, steps on UTC, a page of houses at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Actor, Database
from backend.sites import queries
from backend.sites.errors import HouseNotFound, RangeRefused
from backend.sites.models import HouseRow

Quantity = Literal["production", "consumption", "export", "import"]
MAX_VALUES = 400_000  # of one page
# Arrays, a row a house: a row for each reading would cost ten times as much to fetch.
_STEPS = {
    quantity: text(f"""
SELECT house_id, array_agg(((extract(epoch FROM bucket)::bigint - :since_s) / :step_s)::integer) AS steps,
    array_agg(energy_wh) AS energy_wh
FROM (
    SELECT house_id, date_bin(make_interval(secs => :step_s), start_at, :since) AS bucket,
        sum({quantity}_wh)::bigint AS energy_wh
    FROM energy_production
    WHERE house_id = ANY(:ids) AND start_at >= :since AND start_at < :until AND {quantity}_wh IS NOT NULL
    GROUP BY house_id, bucket HAVING sum(minutes) = :step_s / 60
) AS whole GROUP BY house_id
""")  # noqa: S608 constants of this file
    for quantity in ("production", "consumption", "export", "import")
}


@dataclass(frozen=True, slots=True)
class HouseSeries:
    """Energy of a house in each step from `start` on, Wh; None where a reading is missing or does not say."""

    house_id: UUID
    start: datetime
    step_minutes: int
    energy_wh: list[int | None]


async def house_series(
    db: Database,
    *,
    actor: Actor,
    quantity: Quantity,
    since: datetime,
    until: datetime,
    step_minutes: int,
    house_id: UUID | None,
    offset: int,
    limit: int,
) -> tuple[list[HouseSeries], int]:
    """One page of the houses that the actor sees (or the one named) with their readings, and how many houses there are.

    The range is widened to whole steps. Raises HouseNotFound, RangeRefused.
    """
    step = timedelta(minutes=step_minutes)
    first, end = _floor(since, step), _ceiling(until, step)
    count = (end - first) // step
    if not 0 < count <= MAX_VALUES:
        raise RangeRefused(f"`from` lies before `to`, and at most {MAX_VALUES} steps apart", steps=count)
    async with db.begin(actor) as session:
        houses, total = await _houses(session, actor, house_id, offset=offset, limit=limit)
        if len(houses) * count > MAX_VALUES:
            message = f"A page holds at most {MAX_VALUES} values: ask for fewer houses or a shorter range"
            raise RangeRefused(message, houses=len(houses), steps=count)
        asked = {"ids": [house.id for house in houses], "since": first, "until": end}
        seconds = {"since_s": int(first.timestamp()), "step_s": step_minutes * 60}
        rows = (await session.execute(_STEPS[quantity], asked | seconds)).all()
    found: dict[UUID, list[int | None]] = {house.id: [None] * count for house in houses}
    for row in rows:
        values = found[row.house_id]
        for place, energy_wh in zip(row.steps, row.energy_wh, strict=True):
            values[place] = energy_wh
    return [HouseSeries(house.id, first, step_minutes, found[house.id]) for house in houses], total


async def _houses(
    session: AsyncSession, actor: Actor, house_id: UUID | None, *, offset: int, limit: int
) -> tuple[list[HouseRow], int]:
    if house_id is None:
        return await queries.page_of_houses(session, org_id=actor.org_id, owner_id=None, offset=offset, limit=limit)
    house = await queries.house(session, house_id)
    if house is None:
        raise HouseNotFound(house_id=house_id)
    return [house], 1


def _floor(moment: datetime, step: timedelta) -> datetime:
    step_s = int(step.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // step_s * step_s, UTC)


def _ceiling(moment: datetime, step: timedelta) -> datetime:
    floor = _floor(moment, step)
    return floor if floor == moment else floor + step
