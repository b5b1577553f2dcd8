# SPDX-License-Identifier: Apache-2.0
"""Matches made on an island, queued as intents in the order of their settlement nonces; the head is published.

The relayer logs matches in that same order, and a nonce is logged once, so what the queue says is what the chain will
say. A lower nonce can be committed after a higher one while two books match at once; therefore the queue grows only
while no matching is under way.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from backend.chain import service as chains
from backend.core import outbox
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.core.units import format_address, format_hex
from backend.market.islands import intents, queries
from backend.market.islands.events import ChainLost, ChainReturned, IntentConflict, IntentsQueued
from backend.market.islands.types import Island

AT_ONCE = 2_000
LOCK_TIMEOUT_MS = 2_000
_AWAY_S = 30
log = structlog.get_logger()


async def watch_chain(db: Database, island: Island, *, now: datetime) -> bool:
    """Whether the chain is out of reach: its follower is halted, waits for a node, or gave no sign of life for 30 s.

    The change is noted at the island and announced.
    """
    async with db.begin() as session:
        status = await chains.chain_status(session, island.chain)
        seen = status.seen_at
        silent = seen is None or (now - seen).total_seconds() > _AWAY_S
        away = silent or status.note is not None or status.chain.halted_reason is not None
        lost = island.chain_lost_at is not None and island.chain_back_at is None
        if away and not lost:
            await queries.note_chain(session, island.id, lost_at=now, back_at=None)
            await outbox.add(session, ChainLost(island.id, island.community, now))
        elif lost and not away:
            assert island.chain_lost_at is not None
            await queries.note_chain(session, island.id, lost_at=island.chain_lost_at, back_at=now)
            await outbox.add(session, ChainReturned(island.id, island.community, now))
    return away


async def queue_intents(db: Database, island: Island, *, away: bool, now: datetime) -> int:
    """Append the island's new matches to its queue and publish the head; returns how many. Repeatable.

    While matching does not pause for two seconds, nothing is queued and the next call tries again.
    """
    async with db.begin() as session:
        if not await queries.unqueued_matches(session, island, 1):
            return 0
    try:
        async with db.begin() as session:
            await queries.lock_community(session, island.community)
            await queries.lock_books(session, LOCK_TIMEOUT_MS)
            locked = await queries.island(session, island.id, lock=True)
            assert locked is not None
            found = await queries.unqueued_matches(session, locked, AT_ONCE)
            if not found:
                return 0
            links = intents.append(locked.id, locked.head, locked.intents, [_content(row) for row in found])
            await queries.queue(session, locked, found, links, away=away, now=now)
            await failpoint("islands.queue.before_commit")
            head = links[-1]
            await outbox.add(session, IntentsQueued(locked.id, locked.community, head.sequence, head.hash))
    except asyncpg.LockNotAvailableError:
        log.info("islands.matching_goes_on", community=island.community)
        return 0
    return len(found)


async def report_conflicts(db: Database, island: Island, *, now: datetime) -> int:
    """Announce queued matches that will not be logged, each once; returns how many."""
    async with db.begin() as session:
        found = await queries.take_conflicts(session, island.id, now)
        await outbox.add(
            session,
            *(
                IntentConflict(island.id, island.community, row["sequence"], row["trade_id"], row["reason"])
                for row in found
            ),
        )
    return len(found)


def _content(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a match says, as intents hash it."""
    return {
        "matchId": str(row["id"]),
        "settlementNonce": row["settlement_nonce"],
        "tradeId": format_hex(row["trade_id"]),
        "offerHash": format_hex(row["offer_hash"]),
        "bidHash": format_hex(row["bid_hash"]),
        "seller": format_address(row["seller"]),
        "buyer": format_address(row["buyer"]),
        "deliveryStart": row["delivery_start"].isoformat().replace("+00:00", "Z"),
        "energyWh": row["energy_wh"],
        "priceMicroPerKwh": row["price_micro_per_kwh"],
        "matchedAt": row["matched_at"].isoformat().replace("+00:00", "Z"),
    }
