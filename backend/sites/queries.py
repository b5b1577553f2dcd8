# SPDX-License-Identifier: Apache-2.0
"""Reads and row locks of the sites domain. Row-level security decides which houses the acting user sees."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row as SqlRow
from sqlalchemy import text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.sites.models import ChainMeter, HouseRow
from backend.sites.types import EnrolledMeter, House, RegisteredCommunity

Row = SqlRow[Any]

# A random meter reference exists on one chain; where several were followed, the newest one decides.
_SIGNING_KEY = """
coalesce(
    (SELECT m.device_key FROM chain_meters AS m WHERE m.meter = h.meter ORDER BY m.chain DESC LIMIT 1), h.device_key)
"""
_HOUSE = f"h.id, h.owner_id, h.org_id, h.capacity_w, h.reading_minutes, h.meter, {_SIGNING_KEY} AS signing_key"
_FIND = text(
    f"SELECT {_HOUSE} FROM houses AS h"  # noqa: S608 constants
    " WHERE h.deleted_at IS NULL AND (h.id = ANY(:ids) OR h.meter = ANY(:meters))"
)
_LOCK = text(
    f"SELECT {_HOUSE} FROM houses AS h"  # noqa: S608 constants
    " WHERE h.deleted_at IS NULL AND h.id = ANY(:ids) ORDER BY h.id FOR NO KEY UPDATE OF h"
)

_METERS_OF = text("""
SELECT DISTINCT ON (m.meter) m.meter, m.owner_address, m.region, m.delivery_minutes, m.device_key, h.id AS house_id
FROM chain_meters AS m LEFT JOIN houses AS h ON h.meter = m.meter AND h.deleted_at IS NULL
WHERE m.owner_address = ANY(:wallets) AND m.community = :community
ORDER BY m.meter, m.chain DESC LIMIT 100
""")
_COMMUNITIES = text("""
SELECT DISTINCT ON (c.community) c.community, c.region, c.delivery_minutes, o.time_zone, o.currency
FROM chain_communities AS c JOIN organizations AS o ON o.community_number = c.community AND o.active
ORDER BY c.community, c.chain DESC LIMIT 1000
""")


async def houses_for_readings(session: AsyncSession, *, ids: Sequence[UUID], meters: Sequence[int]) -> list[House]:
    """The houses that the actor sees among `ids` and those with one of `meters`."""
    return [House(**row._mapping) for row in await session.execute(_FIND, {"ids": list(ids), "meters": list(meters)})]


async def lock_houses(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, House]:
    """The same houses with their rows locked, in the order of their ids, against other writers of their readings."""
    return {row.id: House(**row._mapping) for row in await session.execute(_LOCK, {"ids": list(ids)})}


async def house(session: AsyncSession, house_id: UUID) -> HouseRow | None:
    """The house, if the actor sees it."""
    wanted = select(HouseRow).where(col(HouseRow.id) == house_id, col(HouseRow.deleted_at).is_(None))
    return (await session.exec(wanted)).one_or_none()


async def meters_of(session: AsyncSession, wallets: Sequence[bytes], community: int) -> list[EnrolledMeter]:
    """The meters that the chain enrolled in a community for these wallets, with the house that has each, if seen."""
    asked = {"wallets": list(wallets), "community": community}
    return [EnrolledMeter(**row._mapping) for row in await session.execute(_METERS_OF, asked)]


async def registered_communities(session: AsyncSession) -> list[RegisteredCommunity]:
    """Communities that the chain registered and that are active here, by number."""
    return [RegisteredCommunity(**row._mapping) for row in await session.execute(_COMMUNITIES)]


async def lock_house(session: AsyncSession, house_id: UUID) -> HouseRow | None:
    """The house with its row locked, if the actor sees it."""
    wanted = select(HouseRow).where(col(HouseRow.id) == house_id, col(HouseRow.deleted_at).is_(None))
    return (await session.exec(wanted.with_for_update())).one_or_none()


async def page_of_houses(
    session: AsyncSession, *, org_id: UUID | None, owner_id: UUID | None, offset: int, limit: int
) -> tuple[list[HouseRow], int]:
    """One page of the houses that the actor sees, oldest first, and how many there are."""
    wanted = select(HouseRow).where(col(HouseRow.deleted_at).is_(None))
    if org_id is not None:
        wanted = wanted.where(col(HouseRow.org_id) == org_id)
    if owner_id is not None:
        wanted = wanted.where(col(HouseRow.owner_id) == owner_id)
    total = (await session.exec(select(func.count()).select_from(wanted.subquery()))).one()
    rows = await session.exec(wanted.order_by(col(HouseRow.id)).offset(offset).limit(limit))
    return list(rows), total


async def chain_meter(session: AsyncSession, meter: int) -> ChainMeter | None:
    """The meter's enrolment on the newest chain that knows it."""
    wanted = select(ChainMeter).where(col(ChainMeter.meter) == meter).order_by(col(ChainMeter.chain).desc()).limit(1)
    return (await session.exec(wanted)).one_or_none()


async def has_readings(session: AsyncSession, house_id: UUID) -> bool:
    """Whether any reading of the house is recorded."""
    found = await session.execute(
        text("SELECT EXISTS (SELECT FROM energy_production WHERE house_id = :id)"), {"id": house_id}
    )
    return bool(found.scalar_one())


_SUMS = text("""
SELECT b.place, b.start_at, b.end_at,
    sum(e.production_wh)::bigint AS production_wh, sum(e.consumption_wh)::bigint AS consumption_wh,
    sum(e.export_wh)::bigint AS export_wh, sum(e.import_wh)::bigint AS import_wh,
    coalesce(sum(e.minutes), 0)::bigint AS known_minutes,
    coalesce(sum(e.minutes) FILTER (WHERE e.production_wh IS NOT NULL), 0)::bigint AS production_minutes,
    coalesce(sum(e.minutes) FILTER (WHERE e.consumption_wh IS NOT NULL), 0)::bigint AS consumption_minutes,
    coalesce(sum(e.minutes) FILTER (WHERE e.export_wh IS NOT NULL), 0)::bigint AS export_minutes,
    coalesce(sum(e.minutes) FILTER (WHERE e.import_wh IS NOT NULL), 0)::bigint AS import_minutes,
    round(avg(e.temperature_c), 2) AS temperature_c,
    min(CASE e.attestation WHEN 'device' THEN 2 WHEN 'operator' THEN 1 WHEN 'declared' THEN 0 END) AS weakest
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) WITH ORDINALITY AS b (start_at, end_at, place)
LEFT JOIN energy_production AS e ON e.house_id = :house_id AND e.start_at >= b.start_at AND e.start_at < b.end_at
GROUP BY b.place, b.start_at, b.end_at
ORDER BY b.place
""")


async def sums(
    session: AsyncSession, house_id: UUID, *, starts: Sequence[datetime], ends: Sequence[datetime]
) -> list[Row]:
    """Per bucket: sums of what is known and for how many minutes each quantity is known."""
    rows = await session.execute(_SUMS, {"house_id": house_id, "starts": list(starts), "ends": list(ends)})
    return list(rows)


_INTERVALS = text("""
SELECT k.meter, k.start_at,
    CASE WHEN r.production_known = h.needed THEN r.production_wh END AS production_wh,
    CASE WHEN r.consumption_known = h.needed THEN r.consumption_wh END AS consumption_wh,
    CASE WHEN r.export_known = h.needed THEN r.export_wh END AS export_wh,
    CASE WHEN r.import_known = h.needed THEN r.import_wh END AS import_wh,
    r.rows = h.needed AS complete
FROM unnest(CAST(:meters AS bigint[]), CAST(:starts AS timestamptz[])) AS k (meter, start_at)
JOIN (
    SELECT id, meter, CAST(:minutes AS integer) / reading_minutes AS needed FROM houses
    WHERE meter = ANY(CAST(:meters AS bigint[])) AND CAST(:minutes AS integer) % reading_minutes = 0
) AS h ON h.meter = k.meter
CROSS JOIN LATERAL (
    SELECT count(*) AS rows,
        count(e.production_wh) AS production_known, sum(e.production_wh)::bigint AS production_wh,
        count(e.consumption_wh) AS consumption_known, sum(e.consumption_wh)::bigint AS consumption_wh,
        count(e.export_wh) AS export_known, sum(e.export_wh)::bigint AS export_wh,
        count(e.import_wh) AS import_known, sum(e.import_wh)::bigint AS import_wh
    FROM energy_production AS e
    WHERE e.house_id = h.id AND e.attestation IN ('device', 'operator')
        AND e.start_at >= k.start_at AND e.start_at < k.start_at + CAST(:minutes AS integer) * interval '1 minute'
) AS r
""")


async def intervals(
    session: AsyncSession, meters: Sequence[int], starts: Sequence[datetime], minutes: int
) -> list[Row]:
    """Per (meter, start) whose meter has a house: the attested sums, NULL where anything is missing."""
    rows = await session.execute(_INTERVALS, {"meters": list(meters), "starts": list(starts), "minutes": minutes})
    return list(rows)
