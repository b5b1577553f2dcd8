# SPDX-License-Identifier: Apache-2.0
"""Reads and writes of islands and their queued intents. Row-level security decides what the acting user sees."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import raw
from backend.core.envelope import PageParams
from backend.market import sql
from backend.market.islands.intents import Intent
from backend.market.islands.types import Island

_COLUMNS = """id, chain, org_id, community, delivery_minutes, reason, starts_at, ends_at, price_cap_micro_per_kwh,
    declared_by, signer, body_hash, ended_at, ended_by, closed_at, intents, head, chain_lost_at, chain_back_at"""
_ISLAND = f"SELECT {_COLUMNS} FROM islands "  # noqa: S608 constants
_LOCK_COMMUNITY = "SELECT pg_advisory_xact_lock(1230196036, $1::integer)"
_INSERT = f"""
INSERT INTO islands (id, chain, org_id, community, delivery_minutes, reason, starts_at, ends_at,
    price_cap_micro_per_kwh, declared_by, declared_at, signer, body, body_hash, signature)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14, $15) RETURNING {_COLUMNS}
"""  # noqa: S608 constants
_END = """
UPDATE islands SET ended_at = $2, closed_at = $2, ended_by = $3, end_signer = $4, end_body = $5::jsonb,
    end_signature = $6
WHERE id = $1
"""
_DOCUMENTS = """
SELECT signer, body::text, signature, end_signer, end_body::text, end_signature FROM islands WHERE id = $1
"""
_UNQUEUED = """
SELECT m.id, m.settlement_nonce, m.trade_id, m.delivery_start, m.energy_wh, m.price_micro_per_kwh, m.matched_at,
    o.order_hash AS offer_hash, b.order_hash AS bid_hash, o.maker AS seller, b.maker AS buyer
FROM matches m JOIN orders o ON o.id = m.offer_id JOIN orders b ON b.id = m.bid_id
WHERE m.chain = $1 AND m.community = $2 AND m.matched_at >= $3 AND m.matched_at < $4
    AND NOT EXISTS (SELECT FROM island_intents i WHERE i.org_id = m.org_id AND i.match_id = m.id)
ORDER BY m.settlement_nonce LIMIT $5
"""
_QUEUE = """
INSERT INTO island_intents (org_id, island_id, sequence, match_id, settlement_nonce, content, previous_hash, hash,
    chain_away, queued_at)
SELECT $1, $2, sequence, match_id, settlement_nonce, content::jsonb, previous_hash, hash, $3, $4
FROM unnest($5::bigint[], $6::uuid[], $7::bigint[], $8::text[], $9::bytea[], $10::bytea[])
    AS q (sequence, match_id, settlement_nonce, content, previous_hash, hash)
"""
_INTENTS = """
SELECT i.sequence, i.content::text, i.previous_hash, i.hash, i.chain_away, i.queued_at, i.settlement_nonce, m.state,
    m.reason, t.block_number, t.log_index, t.tx_hash, t.status
FROM island_intents i LEFT JOIN matches m ON m.id = i.match_id
LEFT JOIN energy_trades t ON t.chain = m.chain AND t.trade_id = m.trade_id AND t.status <> 'ORPHANED'
WHERE i.island_id = $1 ORDER BY i.sequence LIMIT $2 OFFSET $3
"""
_CONFLICTS = """
UPDATE island_intents i SET reported_at = $2 FROM matches m
WHERE i.island_id = $1 AND i.reported_at IS NULL AND m.id = i.match_id AND m.state = 'CANCELLED'
RETURNING i.sequence, m.trade_id, m.reason
"""
_OPEN = (
    _ISLAND
    + """
WHERE closed_at IS NULL OR closed_at > $1::timestamptz - interval '1 hour' OR EXISTS (
    SELECT FROM island_intents i JOIN matches m ON m.id = i.match_id
    WHERE i.island_id = islands.id AND (m.state IN ('MATCHED', 'SENT', 'CONFIRMED')
        OR (m.state = 'CANCELLED' AND i.reported_at IS NULL)))
ORDER BY starts_at, id
"""
)


async def lock_community(session: AsyncSession, community: int) -> None:
    """One change of a community's islands at a time, until the transaction ends. Taken before any other lock."""
    await sql.fetch(session, _LOCK_COMMUNITY, community - 2**31)


async def island(session: AsyncSession, island_id: UUID, *, lock: bool = False) -> Island | None:
    """An island that the acting user may see."""
    rows = await sql.fetch(session, _ISLAND + "WHERE id = $1" + (" FOR UPDATE" if lock else ""), island_id)
    return _island(rows[0]) if rows else None


async def page_of_islands(session: AsyncSession, org_id: UUID, page: PageParams) -> tuple[list[Island], int]:
    """Islands of an organisation, the newest first, and how many there are."""
    total = await sql.fetch(session, "SELECT count(*) AS total FROM islands WHERE org_id = $1", org_id)
    rows = await sql.fetch(
        session,
        _ISLAND + "WHERE org_id = $1 ORDER BY starts_at DESC, id LIMIT $2 OFFSET $3",
        org_id,
        page.limit,
        page.offset,
    )
    return [_island(row) for row in rows], total[0]["total"]


async def declaration_known(session: AsyncSession, body_hash: bytes) -> UUID | None:
    """The island that this very declaration made."""
    rows = await sql.fetch(session, "SELECT id FROM islands WHERE body_hash = $1", body_hash)
    return UUID(str(rows[0]["id"])) if rows else None


async def open_island(session: AsyncSession, org_id: UUID) -> Island | None:
    """The organisation's island that nobody has closed yet, locked; its time may be over."""
    rows = await sql.fetch(session, _ISLAND + "WHERE org_id = $1 AND closed_at IS NULL FOR UPDATE", org_id)
    return _island(rows[0]) if rows else None


async def unfinished_islands(session: AsyncSession, now: datetime) -> list[Island]:
    """Islands that are open or were just closed, or whose intents are not all at their end."""
    return [_island(row) for row in await sql.fetch(session, _OPEN, now)]


async def insert_island(session: AsyncSession, values: Sequence[Any], body: Mapping[str, Any]) -> Island:
    """Store a declared island; `values` are the columns of `_INSERT` but the body, which stands third from the end."""
    rows = await sql.fetch(session, _INSERT, *values[:-2], orjson.dumps(body).decode(), *values[-2:])
    return _island(rows[0])


async def end_island(
    session: AsyncSession,
    island_id: UUID,
    *,
    at: datetime,
    by: UUID,
    signer: bytes,
    body: Mapping[str, Any],
    signature: bytes,
) -> None:
    """End an island by a signed document."""
    await sql.execute(session, _END, island_id, at, by, signer, orjson.dumps(body).decode(), signature)


async def close_island(session: AsyncSession, island_id: UUID, at: datetime) -> None:
    """Note that an island's time is over."""
    await sql.execute(session, "UPDATE islands SET closed_at = $2 WHERE id = $1", island_id, at)


async def documents(session: AsyncSession, island_id: UUID) -> dict[str, Any]:
    """What was signed: declaration and early end (null: none), as stored."""
    row = dict((await sql.fetch(session, _DOCUMENTS, island_id))[0])
    for name in ("body", "end_body"):
        row[name] = orjson.loads(row[name]) if row[name] else None
    return row


async def lock_books(session: AsyncSession, timeout_ms: int) -> None:
    """Wait until no matching is under way, and let none begin until the transaction ends."""
    connection = await raw(session)
    await connection.execute(f"SET LOCAL lock_timeout = '{timeout_ms}ms'; LOCK TABLE books IN EXCLUSIVE MODE")


async def unqueued_matches(session: AsyncSession, island: Island, limit: int) -> list[Any]:
    """Matches made while the island was in force that are no intents yet, in the order of their nonces."""
    return await sql.fetch(session, _UNQUEUED, island.chain, island.community, island.starts_at, island.until, limit)


async def queue(
    session: AsyncSession, island: Island, matches: Sequence[Any], links: Sequence[Intent], *, away: bool, now: datetime
) -> None:
    """Append intents and move the head."""
    await sql.execute(
        session,
        _QUEUE,
        island.org_id,
        island.id,
        away,
        now,
        [link.sequence for link in links],
        [match["id"] for match in matches],
        [match["settlement_nonce"] for match in matches],
        [orjson.dumps(link.content).decode() for link in links],
        [link.previous_hash for link in links],
        [link.hash for link in links],
    )
    head = links[-1]
    await sql.execute(
        session, "UPDATE islands SET intents = $2, head = $3 WHERE id = $1", island.id, head.sequence, head.hash
    )


async def intents(session: AsyncSession, island_id: UUID, limit: int, offset: int) -> list[dict[str, Any]]:
    """Queued intents in their order, each with what has become of its match."""
    rows = [dict(row) for row in await sql.fetch(session, _INTENTS, island_id, limit, offset)]
    for row in rows:
        row["content"] = orjson.loads(row["content"])
    return rows


async def take_conflicts(session: AsyncSession, island_id: UUID, now: datetime) -> list[Any]:
    """Intents whose match was cancelled since the last call: each is returned once."""
    return await sql.fetch(session, _CONFLICTS, island_id, now)


async def note_chain(session: AsyncSession, island_id: UUID, *, lost_at: datetime, back_at: datetime | None) -> None:
    """Since when the chain is out of reach, or until when it was."""
    await sql.execute(
        session,
        "UPDATE islands SET chain_lost_at = $2, chain_back_at = $3 WHERE id = $1",
        island_id,
        lost_at,
        back_at,
    )


def _island(row: Any) -> Island:
    values = dict(row)
    for name in ("id", "org_id", "declared_by", "ended_by"):
        values[name] = UUID(str(values[name])) if values[name] is not None else None
    return Island(**values)
