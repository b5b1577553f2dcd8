# SPDX-License-Identifier: Apache-2.0
"""The door of disaster mode: what other parts of the market and the edges may call."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.market import sql
from backend.market.islands import queries
from backend.market.islands.declaring import declare, end, prepare
from backend.market.islands.equipment import (
    CriticalLoadFields,
    Expected,
    StorageFields,
    add_critical_load,
    add_storage,
    change_critical_load,
    change_storage,
    critical_loads,
    put_forecasts,
    remove_critical_load,
    remove_storage,
    storages,
)
from backend.market.islands.errors import IslandNotFound
from backend.market.islands.reporting import as_csv, report
from backend.market.islands.rules import above_cap, rules_at, rules_of
from backend.market.islands.running import run_islands
from backend.market.islands.types import Island

__all__ = [
    "CriticalLoadFields",
    "Expected",
    "StorageFields",
    "above_cap",
    "add_critical_load",
    "add_storage",
    "allocations",
    "as_csv",
    "change_critical_load",
    "change_storage",
    "critical_loads",
    "declare",
    "end",
    "get_island",
    "intents",
    "list_islands",
    "prepare",
    "put_forecasts",
    "remove_critical_load",
    "remove_storage",
    "report",
    "rules_at",
    "rules_of",
    "run_islands",
    "storages",
]
_SHARES = """
SELECT delivery_start, house_id, generation_wh, critical_wh, demand_wh, critical_share_wh, share_wh, source, why
FROM island_allocations WHERE org_id = $1 AND island_id = $2
"""


async def list_islands(db: Database, actor: Actor, page: PageParams) -> tuple[list[Island], int]:
    """Islands of the acting organisation, the newest first."""
    assert actor.org_id is not None
    async with db.begin(actor) as session:
        return await queries.page_of_islands(session, actor.org_id, page)


async def get_island(db: Database, island_id: UUID, actor: Actor) -> Island:
    """An island of the acting organisation. Raises IslandNotFound."""
    async with db.begin(actor) as session:
        found = await queries.island(session, island_id)
    if found is None or found.org_id != actor.org_id:
        raise IslandNotFound(island_id=island_id)
    return found


async def allocations(db: Database, island_id: UUID, actor: Actor, page: PageParams) -> tuple[list[Any], int]:
    """What the acting user's houses may use, the latest interval first; operators see all. Raises IslandNotFound."""
    await get_island(db, island_id, actor)
    async with db.begin(actor) as session:
        total = await sql.fetch(
            session,
            f"SELECT count(*) AS total FROM ({_SHARES}) x",  # noqa: S608 constants
            actor.org_id,
            island_id,
        )
        rows = await sql.fetch(
            session,
            _SHARES + " ORDER BY delivery_start DESC, house_id LIMIT $3 OFFSET $4",
            actor.org_id,
            island_id,
            page.limit,
            page.offset,
        )
    return rows, total[0]["total"]


async def intents(
    db: Database, service_db: Database, island_id: UUID, actor: Actor, page: PageParams
) -> tuple[Island, list[Mapping[str, Any]]]:
    """The queue of an island, in order, with what became of each match. Raises IslandNotFound."""
    island = await get_island(db, island_id, actor)
    async with service_db.begin() as session:  # a member sees the queue whole, of other people's matches what it says
        return island, list(await queries.intents(session, island_id, page.limit, page.offset))
