# SPDX-License-Identifier: Apache-2.0
"""Shares out an island's intervals, one transaction each: inputs, result and certificate are stored together."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import outbox
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.core.ids import uuid7
from backend.market import sql
from backend.market.islands import queries, records
from backend.market.islands.events import IslandAllocated
from backend.market.islands.gathering import gather
from backend.market.islands.types import Island

AT_ONCE = 8
"""Intervals of an island that one call allocates at most."""
_KNOWN = "SELECT delivery_start FROM island_runs WHERE org_id = $1 AND island_id = $2"
_STORE = """
INSERT INTO island_runs (id, org_id, island_id, delivery_start, inputs, result, certificate, allocated_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7::jsonb, $8)
ON CONFLICT (org_id, island_id, delivery_start) DO NOTHING RETURNING id
"""
_SHARES = """
INSERT INTO island_allocations (org_id, island_id, delivery_start, house_id, user_id, generation_wh, critical_wh,
    demand_wh, critical_share_wh, share_wh, source, why)
SELECT $1, $2, $3, house_id, user_id, generation_wh, critical_wh, demand_wh, critical_share_wh, share_wh, source, why
FROM unnest($4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
    $11::text[], $12::text[]) AS s (house_id, user_id, generation_wh, critical_wh, demand_wh, critical_share_wh,
    share_wh, source, why)
"""
_STATES = """
WITH moved AS (
    SELECT * FROM unnest($4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
        AS m (storage_id, user_id, before_wh, charged_wh, discharged_wh, state_wh)
), noted AS (
    INSERT INTO storage_states (org_id, storage_id, delivery_start, user_id, island_id, before_wh, charged_wh,
        discharged_wh, state_wh)
    SELECT $1, storage_id, $3, user_id, $2, before_wh, charged_wh, discharged_wh, state_wh FROM moved
)
UPDATE storages s SET state_wh = moved.state_wh, state_at = $10 FROM moved WHERE s.id = moved.storage_id
"""


async def allocate_due(db: Database, island: Island, *, now: datetime) -> int:
    """Allocate every interval up to the coming one that has no allocation yet, in order; returns how many.

    An interval that was missed is allocated late, on what is known by then.
    """
    async with db.begin() as session:
        rows = await sql.fetch(session, _KNOWN, island.org_id, island.id)
    known = {row["delivery_start"] for row in rows}
    due = [start for start in _starts(island, now) if start not in known][:AT_ONCE]
    for start in due:
        await _allocate(db, island, start, now)
    return len(due)


def _starts(island: Island, now: datetime) -> list[datetime]:
    """Intervals that the island covers and that have begun or come next."""
    length = island.delivery_minutes * 60
    first = int(island.starts_at.timestamp()) // length * length
    end = min(island.until.timestamp(), now.timestamp() + length)
    return [datetime.fromtimestamp(at, UTC) for at in range(first, -int(-end // 1), length)]


async def _allocate(db: Database, island: Island, start: datetime, now: datetime) -> None:
    async with db.begin() as session:
        await queries.lock_community(session, island.community)
        inputs = await gather(session, island, start)
        result, certificate = await asyncio.to_thread(records.run, inputs)
        stored = await sql.fetch(
            session, _STORE, uuid7(), island.org_id, island.id, start, orjson.dumps(inputs).decode(),
            orjson.dumps(result).decode(), orjson.dumps(certificate).decode(), now,
        )  # fmt: skip
        if not stored:
            return
        await _store_shares(session, island, start, inputs, result)
        await _store_states(session, island, start, inputs, result)
        await failpoint("islands.allocate.before_commit")
        await outbox.add(
            session,
            IslandAllocated(
                island.id, island.community, start, result["generationWh"], result["demandWh"], result["shareWh"]
            ),
        )


async def _store_shares(
    session: AsyncSession, island: Island, start: datetime, inputs: Mapping[str, Any], result: Mapping[str, Any]
) -> None:
    owners = [UUID(house["owner"]) for house in inputs["houses"]]
    names = ("generationWh", "criticalWh", "demandWh", "criticalShareWh", "shareWh", "source", "why")
    columns = [[house[name] for house in result["houses"]] for name in names]
    ids = [UUID(house["house"]) for house in result["houses"]]
    await sql.execute(session, _SHARES, island.org_id, island.id, start, ids, owners, *columns)


async def _store_states(
    session: AsyncSession, island: Island, start: datetime, inputs: Mapping[str, Any], result: Mapping[str, Any]
) -> None:
    before: Sequence[Mapping[str, Any]] = inputs["storages"]
    moves: Sequence[Mapping[str, Any]] = result["storages"]
    await sql.execute(
        session,
        _STATES,
        island.org_id,
        island.id,
        start,
        [UUID(storage["storage"]) for storage in before],
        [UUID(storage["owner"]) if storage["owner"] else None for storage in before],
        [storage["stateWh"] for storage in before],
        [move["chargedWh"] for move in moves],
        [move["dischargedWh"] for move in moves],
        [move["stateWh"] for move in moves],
        start + timedelta(minutes=island.delivery_minutes),
    )
