# SPDX-License-Identifier: Apache-2.0
"""The migrations of factors and sites go up, down and up again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from backend.migrations import downgrade, upgrade

if TYPE_CHECKING:
    from tests.support.databases import DatabaseUrls

OURS = {
    "emission_factors", "chain_meters", "chain_communities", "houses", "energy_production", "energy_production_history",
}  # fmt: skip


async def tables(urls: DatabaseUrls) -> set[str]:
    connection = await asyncpg.connect(urls.superuser)
    try:
        return {row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    finally:
        await connection.close()


async def test_migrations__up_down_up__leave_and_restore_the_tables(empty_databases):
    await asyncio.to_thread(upgrade, empty_databases.owner, "0004")
    first = await tables(empty_databases)
    await asyncio.to_thread(downgrade, empty_databases.owner, "0002")
    between = await tables(empty_databases)
    await asyncio.to_thread(upgrade, empty_databases.owner, "0004")

    assert first >= OURS
    assert not between & OURS
    assert await tables(empty_databases) == first
