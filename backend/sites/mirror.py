# SPDX-License-Identifier: Apache-2.0
"""The mirror of meters and communities: built from the chain's events alone, undone when their blocks vanish."""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.sites.types import ChainCommunity, CommunityRow, Meter, MeterRow

_RECORD_METER = text("""
INSERT INTO chain_meters (chain, meter, owner_address, community, region, delivery_minutes, device_key,
    block_number, log_index)
VALUES (:chain, :meter, :owner_address, :community, :region, :delivery_minutes, :device_key, :block_number, :log_index)
ON CONFLICT (chain, meter) DO UPDATE SET
    owner_address = excluded.owner_address, community = excluded.community, region = excluded.region,
    delivery_minutes = excluded.delivery_minutes, device_key = excluded.device_key,
    block_number = excluded.block_number, log_index = excluded.log_index
""")
_RECORD_COMMUNITY = text("""
INSERT INTO chain_communities (chain, community, region, delivery_minutes, block_number, log_index)
VALUES (:chain, :community, :region, :delivery_minutes, :block_number, :log_index)
ON CONFLICT (chain, community) DO UPDATE SET
    region = excluded.region, delivery_minutes = excluded.delivery_minutes,
    block_number = excluded.block_number, log_index = excluded.log_index
""")
_METERS = text("""
SELECT chain, meter, owner_address, community, region, delivery_minutes, device_key
FROM chain_meters WHERE chain = :chain AND meter = ANY(:meters)
""")
_COMMUNITIES = text("""
SELECT chain, community, region, delivery_minutes FROM chain_communities
WHERE chain = :chain AND community = ANY(:communities)
""")
_NO_KEY = bytes(20)


async def record_meters(session: AsyncSession, chain: int, rows: Sequence[MeterRow]) -> None:
    """Store what `MeterEnrolled` events said. Repeating the call changes nothing; a meter that a reorganisation
    enrolled anew takes the new event's content."""
    if rows:
        await session.execute(
            _RECORD_METER,
            [
                {
                    "chain": chain,
                    "meter": row.meter,
                    "owner_address": row.owner_address,
                    "community": row.community,
                    "region": row.region,
                    "delivery_minutes": row.delivery_minutes,
                    "device_key": None if row.device_key in (None, _NO_KEY) else row.device_key,
                    "block_number": row.block_number,
                    "log_index": row.log_index,
                }
                for row in rows
            ],
        )


async def record_communities(session: AsyncSession, chain: int, rows: Sequence[CommunityRow]) -> None:
    """Store what `CommunityRegistered` events said. Repeating the call changes nothing."""
    if rows:
        await session.execute(
            _RECORD_COMMUNITY,
            [
                {
                    "chain": chain,
                    "community": row.community,
                    "region": row.region,
                    "delivery_minutes": row.delivery_minutes,
                    "block_number": row.block_number,
                    "log_index": row.log_index,
                }
                for row in rows
            ],
        )


async def forget_above(session: AsyncSession, chain: int, block: int) -> None:
    """Remove meters and communities whose event stood in a block after `block`: those blocks left the chain."""
    for table in ("chain_meters", "chain_communities"):
        statement = text(f"DELETE FROM {table} WHERE chain = :chain AND block_number > :block")  # noqa: S608 two names
        await session.execute(statement, {"chain": chain, "block": block})


async def meters(session: AsyncSession, chain: int, refs: Iterable[int]) -> dict[int, Meter]:
    """The enrolled meters among `refs`, in one query; others are left out."""
    rows = await session.execute(_METERS, {"chain": chain, "meters": sorted(set(refs))})
    return {row.meter: Meter(**row._mapping) for row in rows}


async def communities(session: AsyncSession, chain: int, numbers: Iterable[int]) -> dict[int, ChainCommunity]:
    """The registered communities among `numbers`, in one query; others are left out."""
    rows = await session.execute(_COMMUNITIES, {"chain": chain, "communities": sorted(set(numbers))})
    return {row.community: ChainCommunity(**row._mapping) for row in rows}
