# SPDX-License-Identifier: Apache-2.0
"""What a community has for the worst day: critical loads, storages, and what its houses expect to generate and use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.types import OrgRole
from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.core.ids import uuid7
from backend.market import sql
from backend.market.islands.declaring import community_of
from backend.market.islands.errors import (
    CriticalLoadNotFound,
    CriticalLoadTaken,
    ForecastRefused,
    HouseUnknown,
    StorageImpossible,
    StorageNotFound,
)

_HOUSE = "SELECT id, owner_id, org_id FROM houses WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL"
_LIST = "SELECT {columns} FROM {table} WHERE org_id = $1 AND removed_at IS NULL"
_LOAD = "id, house_id, tier, power_w, note, created_at, updated_at"
_STORAGE = """id, house_id, name, capacity_wh, charge_w, discharge_w, reserve_wh, efficiency_ppm, state_wh, state_at,
    created_at, updated_at"""
_PUT_FORECASTS = """
INSERT INTO island_forecasts AS f (org_id, house_id, delivery_start, user_id, generation_wh, demand_wh, declared_by,
    declared_at)
SELECT $1, $2, delivery_start, $3, generation_wh, demand_wh, $4, $5
FROM unnest($6::timestamptz[], $7::bigint[], $8::bigint[]) AS n (delivery_start, generation_wh, demand_wh)
ON CONFLICT (house_id, delivery_start) DO UPDATE SET generation_wh = excluded.generation_wh, org_id = excluded.org_id,
    user_id = excluded.user_id, demand_wh = excluded.demand_wh, declared_by = excluded.declared_by,
    declared_at = excluded.declared_at
"""


@dataclass(frozen=True, slots=True)
class CriticalLoadFields:
    """A load that is served first: where, in which tier, how much power it needs all the time."""

    house_id: UUID
    tier: int
    power_w: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class StorageFields:
    """A battery; without a house it is the community's own. `state_wh` None: unknown, so taken as its reserve."""

    house_id: UUID | None
    name: str
    capacity_wh: int
    charge_w: int
    discharge_w: int
    reserve_wh: int
    efficiency_ppm: int
    state_wh: int | None

    def check(self) -> None:
        """Raises StorageImpossible."""
        if self.reserve_wh > self.capacity_wh or (self.state_wh or 0) > self.capacity_wh:
            raise StorageImpossible(capacity_wh=self.capacity_wh)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a house expects of one interval."""

    delivery_start: datetime
    generation_wh: int
    demand_wh: int


async def add_critical_load(service_db: Database, load: CriticalLoadFields, *, actor: Actor, now: datetime) -> Any:
    """Register a critical load. Raises OperatorOnly, NotACommunity, HouseUnknown, CriticalLoadTaken."""
    async with service_db.begin() as session:
        community = await community_of(session, actor)
        house = await _house(session, load.house_id, community.org_id)
        rows = await _write_load(
            session,
            load,
            f"""INSERT INTO critical_loads (id, org_id, house_id, user_id, tier, power_w, note, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING {_LOAD}""",  # noqa: S608 constants
            uuid7(), community.org_id, load.house_id, house["owner_id"], load.tier, load.power_w, load.note, now,
        )  # fmt: skip
        await _record(session, "island.critical_load_added", rows[0]["id"], actor, now)
    return rows[0]


async def change_critical_load(
    service_db: Database, load_id: UUID, load: CriticalLoadFields, *, actor: Actor, now: datetime
) -> Any:
    """Set tier, power and note; the house stays. Raises CriticalLoadNotFound and what adding raises."""
    async with service_db.begin() as session:
        community = await community_of(session, actor)
        rows = await _write_load(
            session,
            load,
            f"""UPDATE critical_loads SET tier = $4, power_w = $5, note = $6, updated_at = $7
            WHERE id = $1 AND org_id = $2 AND house_id = $3 AND removed_at IS NULL
            RETURNING {_LOAD}""",  # noqa: S608 constants
            load_id, community.org_id, load.house_id, load.tier, load.power_w, load.note, now,
        )  # fmt: skip
        if not rows:
            raise CriticalLoadNotFound(id=load_id)
        await _record(session, "island.critical_load_changed", load_id, actor, now)
    return rows[0]


async def remove_critical_load(service_db: Database, load_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Serve a load with the others again. Raises OperatorOnly, CriticalLoadNotFound."""
    if not await _remove(service_db, "critical_loads", load_id, actor, now):
        raise CriticalLoadNotFound(id=load_id)


async def add_storage(service_db: Database, storage: StorageFields, *, actor: Actor, now: datetime) -> Any:
    """Register a battery. Raises OperatorOnly, NotACommunity, HouseUnknown, StorageImpossible."""
    storage.check()
    async with service_db.begin() as session:
        community = await community_of(session, actor)
        owner = None
        if storage.house_id is not None:
            owner = (await _house(session, storage.house_id, community.org_id))["owner_id"]
        state = storage.reserve_wh if storage.state_wh is None else storage.state_wh
        rows = await sql.fetch(
            session,
            f"""INSERT INTO storages (id, org_id, house_id, user_id, name, capacity_wh, charge_w, discharge_w,
                reserve_wh, efficiency_ppm, state_wh, state_at, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $12)
            RETURNING {_STORAGE}""",  # noqa: S608 constants
            uuid7(), community.org_id, storage.house_id, owner, storage.name, storage.capacity_wh, storage.charge_w,
            storage.discharge_w, storage.reserve_wh, storage.efficiency_ppm, state, now,
        )  # fmt: skip
        await _record(session, "island.storage_added", rows[0]["id"], actor, now)
    return rows[0]


async def change_storage(
    service_db: Database, storage_id: UUID, storage: StorageFields, *, actor: Actor, now: datetime
) -> Any:
    """Set limits and, when it is given, the measured state of charge; the house stays.

    Raises OperatorOnly, StorageNotFound, StorageImpossible.
    """
    storage.check()
    async with service_db.begin() as session:
        community = await community_of(session, actor)
        rows = await sql.fetch(
            session,
            f"""UPDATE storages SET name = $3, capacity_wh = $4, charge_w = $5, discharge_w = $6, reserve_wh = $7,
                efficiency_ppm = $8, state_wh = least(coalesce($9, state_wh), $4),
                state_at = CASE WHEN $9 IS NULL THEN state_at ELSE $10 END, updated_at = $10
            WHERE id = $1 AND org_id = $2 AND removed_at IS NULL RETURNING {_STORAGE}""",  # noqa: S608 constants
            storage_id, community.org_id, storage.name, storage.capacity_wh, storage.charge_w, storage.discharge_w,
            storage.reserve_wh, storage.efficiency_ppm, storage.state_wh, now,
        )  # fmt: skip
        if not rows:
            raise StorageNotFound(id=storage_id)
        await _record(session, "island.storage_changed", storage_id, actor, now)
    return rows[0]


async def remove_storage(service_db: Database, storage_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Leave a battery out from now on. Raises OperatorOnly, StorageNotFound."""
    if not await _remove(service_db, "storages", storage_id, actor, now):
        raise StorageNotFound(id=storage_id)


async def put_forecasts(
    service_db: Database, house_id: UUID, expected: Sequence[Expected], *, actor: Actor, now: datetime
) -> int:
    """Say what a house expects of coming intervals; the last word counts. Its owner or an operator may.

    Raises HouseUnknown, ForecastRefused. Returns how many intervals were said.
    """
    async with service_db.begin() as session:
        house = await _house(session, house_id, actor.org_id)
        if actor.user_id != house["owner_id"] and actor.org_role != OrgRole.OPERATOR:
            raise HouseUnknown(house_id=house_id)
        minutes = await sql.fetch(session, "SELECT delivery_minutes FROM organizations WHERE id = $1", actor.org_id)
        length_s = (minutes[0]["delivery_minutes"] or 15) * 60
        for one in expected:
            if one.delivery_start.timestamp() % length_s or one.delivery_start <= now:
                raise ForecastRefused(delivery_start=one.delivery_start.isoformat(), minutes=length_s // 60)
        latest = {one.delivery_start: one for one in expected}
        return await sql.execute(
            session, _PUT_FORECASTS, actor.org_id, house_id, house["owner_id"], actor.user_id, now, list(latest),
            [one.generation_wh for one in latest.values()], [one.demand_wh for one in latest.values()],
        )  # fmt: skip


async def critical_loads(db: Database, actor: Actor, page: PageParams) -> tuple[list[Any], int]:
    """Critical loads that the acting user may see: his own, or all of the community for its operators."""
    return await _page(db, actor, _LIST.format(columns=_LOAD, table="critical_loads"), page)


async def storages(db: Database, actor: Actor, page: PageParams) -> tuple[list[Any], int]:
    """Storages that the acting user may see: the community's, his own, or all for its operators."""
    return await _page(db, actor, _LIST.format(columns=_STORAGE, table="storages"), page)


async def _page(db: Database, actor: Actor, statement: str, page: PageParams) -> tuple[list[Any], int]:
    async with db.begin(actor) as session:
        total = await sql.fetch(session, f"SELECT count(*) AS total FROM ({statement}) x", actor.org_id)  # noqa: S608
        rows = await sql.fetch(
            session, statement + " ORDER BY id LIMIT $2 OFFSET $3", actor.org_id, page.limit, page.offset
        )
    return rows, total[0]["total"]


async def _house(session: AsyncSession, house_id: UUID, org_id: UUID | None) -> Mapping[str, Any]:
    rows = await sql.fetch(session, _HOUSE, house_id, org_id)
    if not rows:
        raise HouseUnknown(house_id=house_id)
    return dict(rows[0])


async def _write_load(session: AsyncSession, load: CriticalLoadFields, statement: str, *arguments: Any) -> list[Any]:
    try:
        return await sql.fetch(session, statement, *arguments)
    except asyncpg.UniqueViolationError as error:
        raise CriticalLoadTaken(house_id=load.house_id, tier=load.tier) from error


async def _remove(service_db: Database, table: str, key: UUID, actor: Actor, now: datetime) -> bool:
    async with service_db.begin() as session:
        community = await community_of(session, actor)
        removed = await sql.execute(
            session,
            f"UPDATE {table} SET removed_at = $3 WHERE id = $1 AND org_id = $2 AND removed_at IS NULL",  # noqa: S608
            key, community.org_id, now,
        )  # fmt: skip
        if removed:
            await _record(session, f"island.{table}_removed", key, actor, now)
    return removed > 0


async def _record(session: AsyncSession, name: str, key: UUID, actor: Actor, now: datetime) -> None:
    await accounts.record(
        session, name, now=now, user_id=actor.user_id, org_id=actor.org_id, subject=("island_equipment", key)
    )
