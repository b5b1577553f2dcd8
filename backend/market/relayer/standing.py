# SPDX-License-Identifier: Apache-2.0
"""How a relayer stands: its balance, whether it has stopped and why. Stop and resumption are alerts, said once."""

from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import outbox
from backend.market import sql
from backend.market.relayer.events import RelayerResumed, RelayerStopped
from backend.market.relayer.types import Stop

_SAY = """
INSERT INTO relayers AS held (chain, signer, balance_wei, seen_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (chain, signer) DO UPDATE SET balance_wei = excluded.balance_wei, seen_at = excluded.seen_at
"""
_STOP = """
UPDATE relayers SET stopped_code = $3, stopped_reason = $4, stopped_at = $5
WHERE chain = $1 AND signer = $2 AND stopped_code IS DISTINCT FROM $3 RETURNING chain
"""
_RESUME = """
UPDATE relayers SET stopped_code = NULL, stopped_reason = NULL, stopped_at = NULL
FROM (SELECT stopped_code AS cause FROM relayers WHERE chain = $1 AND signer = $2 FOR UPDATE) AS before
WHERE chain = $1 AND signer = $2 AND stopped_code IS NOT NULL RETURNING before.cause
"""


async def say(session: AsyncSession, chain: int, signer: bytes, *, balance_wei: int, now: datetime) -> None:
    """Note a sign of life."""
    await sql.execute(session, _SAY, chain, signer, balance_wei, now)


async def stop(session: AsyncSession, chain: int, signer: bytes, cause: Stop, reason: str, now: datetime) -> bool:
    """Note that nothing is sent; the alert goes out when the cause is new. True: it did."""
    if not await sql.fetch(session, _STOP, chain, signer, cause, reason[:500], now):
        return False
    await outbox.add(session, RelayerStopped(chain=chain, signer=signer, cause=cause, reason=reason[:500]))
    return True


async def resume(session: AsyncSession, chain: int, signer: bytes) -> bool:
    """Note that pairs are sent again; repeating it changes nothing."""
    rows: list[Any] = await sql.fetch(session, _RESUME, chain, signer)
    for row in rows:
        await outbox.add(session, RelayerResumed(chain=chain, signer=signer, cause=row["cause"]))
    return bool(rows)
