# SPDX-License-Identifier: Apache-2.0
"""How a relayer stands: its balance, whether it has stopped and why. Stop and resumption are alerts, said once."""

from dataclasses import dataclass
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
_STANDING = """
SELECT r.signer, r.balance_wei, r.stopped_code, r.stopped_reason, r.stopped_at, r.seen_at,
    (SELECT count(*) FROM matches m WHERE m.chain = r.chain AND m.state = 'MATCHED') AS waiting,
    (SELECT count(DISTINCT t.nonce) FROM relay_transactions t WHERE t.chain = r.chain AND t.signer = r.signer
        AND t.ended_at IS NULL AND t.state IN ('SIGNED', 'SENT')) AS pending,
    last.tx_hash, last.state, last.pairs, last.created_at
FROM relayers r LEFT JOIN LATERAL (
    SELECT tx_hash, state, pairs, created_at FROM relay_transactions t
    WHERE t.chain = r.chain AND t.signer = r.signer ORDER BY created_at DESC, id DESC LIMIT 1) AS last ON true
WHERE r.chain = $1 ORDER BY r.seen_at DESC
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A relayer as its operators see it. `waiting`: pairs not sent; `pending`: nonces sent and not mined."""

    signer: bytes
    balance_wei: int
    stopped: str | None
    reason: str | None
    stopped_at: datetime | None
    seen_at: datetime
    waiting: int
    pending: int
    last_hash: bytes | None
    last_state: str | None
    last_pairs: int | None
    last_at: datetime | None


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


async def standings(session: AsyncSession, chain: int) -> list[Standing]:
    """Every relayer of a chain, the one seen last first."""
    return [Standing(*row.values()) for row in await sql.fetch(session, _STANDING, chain)]
