# SPDX-License-Identifier: Apache-2.0
"""Trades whose block lost: where they stood, which block stands there now, and where the trade was logged again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backend.audit.decode import Decoder
from backend.core.db import Database
from backend.core.envelope import PageParams

_LOST = "FROM chain_events AS e WHERE e.orphaned_at IS NOT NULL AND substr(e.topics, 1, 32) = $1"
_COUNT = f"SELECT count(*) AS total {_LOST}"
_PAGE = f"""
SELECT substr(e.topics, 33, 32) AS trade_id, e.tx_hash, e.block_number, e.block_hash, e.block_time, e.orphaned_at,
    b.hash AS canonical_hash, t.block_number AS present_number, t.block_hash AS present_hash, t.tx_hash AS present_tx
FROM (SELECT e.* {_LOST} ORDER BY e.orphaned_at DESC, e.block_hash, e.log_index LIMIT $2 OFFSET $3) AS e
LEFT JOIN chain_blocks AS b ON b.chain = e.chain AND b.number = e.block_number AND b.canonical
LEFT JOIN energy_trades AS t
    ON t.chain = e.chain AND t.trade_id = substr(e.topics, 33, 32) AND t.status <> 'ORPHANED'
ORDER BY e.orphaned_at DESC, e.block_hash, e.log_index
"""  # noqa: S608 built from constants


@dataclass(frozen=True, slots=True)
class Orphan:
    """A trade's log in a block that lost. `canonical_hash` is the block that stands at this number now, None where the
    follower keeps it no more; `present_…` is where the trade stands today, None when it was never logged again."""

    trade_id: bytes
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    block_time: datetime
    orphaned_at: datetime
    canonical_hash: bytes | None
    present_number: int | None
    present_hash: bytes | None
    present_tx: bytes | None


async def list_orphans(db: Database, page: PageParams) -> tuple[list[Orphan], int]:
    """Orphaned trades, the last lost first, and how many there are."""
    topic = Decoder.from_file().topics["EnergyTradeLogged"]
    total = (await db.read(_COUNT, topic))[0]["total"]
    rows = await db.read(_PAGE, topic, page.limit, page.offset)
    return [Orphan(*row) for row in rows], int(total)
