# SPDX-License-Identifier: Apache-2.0
"""SQL of domain chain. Every function works inside the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain.types import BlockHeader, Chain, Cursor, Log, StoredEvent
from backend.core.db import raw

RECORDER_LOCK = 0x47520001  # spaces of advisory locks; the second key is the chain
FOLLOWER_LOCK = 0x47520002

_CHAIN = """SELECT id, chain_id, genesis_hash, contract_address, deployment_block, deployment_block_hash, salt,
       network, confirmations, epoch, halted_reason FROM chains"""
_CURSOR_COLUMNS = frozenset(
    ("next_block", "last_hash", "final_block", "history_block", "history_count", "history_head", "note")
)
_EVENT = """SELECT block_number, block_hash, extract(epoch FROM block_time)::bigint, tx_hash, tx_index, log_index,
       topics, data, orphaned_at, rejected_reason FROM chain_events"""


async def lock_recorder(session: AsyncSession, chain: int) -> None:
    """One recorder a chain at a time, until the transaction ends."""
    keys = {"space": RECORDER_LOCK, "chain": chain}
    await session.execute(text("SELECT pg_advisory_xact_lock(:space, :chain)"), keys)


async def find_chain(session: AsyncSession, chain: int | None = None) -> Chain | None:
    """The chain with key `chain`; None: the one registered last."""
    where = " WHERE id = :id" if chain is not None else ""
    result = await session.execute(text(f"{_CHAIN}{where} ORDER BY id DESC LIMIT 1"), {"id": chain} if where else {})
    row = result.one_or_none()
    return None if row is None else Chain(*row)


async def insert_chain(session: AsyncSession, facts: dict[str, Any], parent_hash: bytes) -> Chain | None:
    """Insert the chain and its cursor before the deployment block; None when it is registered already."""
    row = (
        await session.execute(
            text("""
INSERT INTO chains (chain_id, genesis_hash, contract_address, deployment_block, deployment_block_hash, salt, network,
                    confirmations)
VALUES (:chain_id, :genesis_hash, :contract_address, :deployment_block, :deployment_block_hash, :salt, :network,
        :confirmations)
ON CONFLICT (chain_id, genesis_hash, deployment_block_hash, contract_address) DO NOTHING RETURNING id"""),
            facts,
        )
    ).one_or_none()
    if row is None:
        return None
    await session.execute(
        text("""INSERT INTO chain_cursor (chain, next_block, last_hash, final_block, history_block)
                VALUES (:chain, CAST(:block AS bigint), :parent, 0, CAST(:block AS bigint) - 1)"""),
        {"chain": row[0], "block": facts["deployment_block"], "parent": parent_hash},
    )
    return Chain(id=row[0], **facts)


async def find_same_chain(session: AsyncSession, facts: dict[str, Any]) -> Chain | None:
    """The registered chain with this identity and contract."""
    result = await session.execute(
        text(f"""{_CHAIN} WHERE (chain_id, genesis_hash, deployment_block_hash, contract_address)
                 = (:chain_id, :genesis_hash, :deployment_block_hash, :contract_address)"""),
        {name: facts[name] for name in ("chain_id", "genesis_hash", "deployment_block_hash", "contract_address")},
    )
    row = result.one_or_none()
    return None if row is None else Chain(*row)


async def set_confirmations(session: AsyncSession, chain: int, confirmations: int | None) -> None:
    """Change the depth from which blocks are recorded."""
    await session.execute(
        text("UPDATE chains SET confirmations = :value WHERE id = :chain"), {"chain": chain, "value": confirmations}
    )


async def get_cursor(session: AsyncSession, chain: int) -> Cursor:
    """The follower's cursor."""
    result = await session.execute(
        text("""SELECT next_block, last_hash, head_block, final_block, history_block, history_count, history_head, note,
                       seen_at, updated_at FROM chain_cursor WHERE chain = :chain"""),
        {"chain": chain},
    )
    return Cursor(*result.one())


async def move_cursor(session: AsyncSession, chain: int, values: dict[str, Any], now: datetime) -> None:
    """Set columns of the cursor."""
    assert values.keys() <= _CURSOR_COLUMNS
    columns = ", ".join(f"{name} = :{name}" for name in values)
    await session.execute(
        text(f"UPDATE chain_cursor SET {columns}, updated_at = :now WHERE chain = :chain"),  # noqa: S608
        {**values, "chain": chain, "now": now},
    )


async def say(session: AsyncSession, chain: int, *, head: int | None, note: str | None, now: datetime) -> None:
    """Note that the follower lives: the node's head (None: unknown) and what it waits for."""
    await session.execute(
        text("""UPDATE chain_cursor SET head_block = COALESCE(CAST(:head AS bigint), head_block), note = :note,
                seen_at = :now WHERE chain = :chain"""),
        {"chain": chain, "head": head, "note": note, "now": now},
    )


async def insert_blocks(session: AsyncSession, chain: int, headers: Sequence[BlockHeader], *, canonical: bool) -> None:
    """Store headers; with `canonical` they become the chain's, without it a stored one keeps its standing."""
    if not headers:
        return
    await session.execute(
        text("""
INSERT INTO chain_blocks (chain, number, hash, parent_hash, time, canonical)
SELECT :chain, number, hash, parent_hash, to_timestamp(time), :canonical
FROM unnest(CAST(:numbers AS bigint[]), CAST(:hashes AS bytea[]), CAST(:parents AS bytea[]), CAST(:times AS bigint[]))
     AS block (number, hash, parent_hash, time)
ON CONFLICT (chain, hash) DO UPDATE SET canonical = true WHERE excluded.canonical AND NOT chain_blocks.canonical"""),
        {
            "chain": chain,
            "canonical": canonical,
            "numbers": [header.number for header in headers],
            "hashes": [header.hash for header in headers],
            "parents": [header.parent_hash for header in headers],
            "times": [header.time for header in headers],
        },
    )


STORE_EVENTS = """
INSERT INTO chain_events (chain, block_hash, log_index, block_number, block_time, tx_hash, tx_index, topics, data)
SELECT $1, block_hash, log_index, block_number, to_timestamp(block_time), tx_hash, tx_index, topics, data
FROM unnest($2::bytea[], $3::integer[], $4::bigint[], $5::bigint[], $6::bytea[], $7::integer[], $8::bytea[],
            $9::bytea[])
     AS log (block_hash, log_index, block_number, block_time, tx_hash, tx_index, topics, data)
ON CONFLICT (chain, block_hash, log_index) DO UPDATE SET orphaned_at = NULL, rejected_reason = NULL
   WHERE chain_events.orphaned_at IS NOT NULL OR chain_events.rejected_reason IS NOT NULL
RETURNING block_hash, log_index"""


async def insert_events(session: AsyncSession, chain: int, logs: Sequence[Log]) -> list[Log]:
    """Store logs. Returns those that are new, come back from an orphaned block or were rejected, in the order given."""
    if not logs:
        return []
    rows = await (await raw(session)).fetch(  # arrays straight to the driver: SQLAlchemy would look at every element
        STORE_EVENTS,
        chain,
        [log.block_hash for log in logs],
        [log.log_index for log in logs],
        [log.block_number for log in logs],
        [log.block_time for log in logs],
        [log.tx_hash for log in logs],
        [log.tx_index for log in logs],
        [b"".join(log.topics) for log in logs],
        [log.data for log in logs],
    )
    if len(rows) == len(logs):
        return list(logs)
    fresh = {(row[0], row[1]) for row in rows}
    return [log for log in logs if (log.block_hash, log.log_index) in fresh]


async def reject_event(session: AsyncSession, chain: int, log: Log, reason: str | None) -> None:
    """Note why a log could not be recorded; None: it could, after all."""
    await session.execute(
        text("""UPDATE chain_events SET rejected_reason = :reason
                WHERE chain = :chain AND block_hash = :hash AND log_index = :index"""),
        {"chain": chain, "hash": log.block_hash, "index": log.log_index, "reason": reason},
    )


async def clear_rejections(session: AsyncSession, chain: int, logs: Sequence[Log]) -> None:
    """Forget the reasons for which logs were rejected."""
    for log in logs:
        await reject_event(session, chain, log, None)


async def find_event(session: AsyncSession, chain: int, block_hash: bytes, log_index: int) -> StoredEvent | None:
    """One observation."""
    result = await session.execute(
        text(f"{_EVENT} WHERE chain = :chain AND block_hash = :hash AND log_index = :index"),
        {"chain": chain, "hash": block_hash, "index": log_index},
    )
    row = result.one_or_none()
    return None if row is None else _event(row)


async def live_events(
    session: AsyncSession, chain: int, *, first: int, last: int | None, except_hashes: Sequence[bytes] = ()
) -> list[StoredEvent]:
    """Events of numbers `first` to `last` (None: no end) that are not orphaned, newest first, except of some blocks."""
    result = await session.execute(
        text(f"""{_EVENT} WHERE chain = :chain AND block_number >= :first
                 AND block_number <= COALESCE(CAST(:last AS bigint), 9223372036854775807)
                 AND orphaned_at IS NULL AND block_hash <> ALL (CAST(:keep AS bytea[]))
                 ORDER BY block_number DESC, log_index DESC"""),
        {"chain": chain, "first": first, "last": last, "keep": list(except_hashes)},
    )
    return [_event(row) for row in result]


async def rejected_events(session: AsyncSession, chain: int, limit: int) -> list[StoredEvent]:
    """Rejected observations that are not orphaned, oldest first."""
    result = await session.execute(
        text(f"""{_EVENT} WHERE chain = :chain AND rejected_reason IS NOT NULL AND orphaned_at IS NULL
                 ORDER BY block_number, log_index LIMIT :limit"""),
        {"chain": chain, "limit": limit},
    )
    return [_event(row) for row in result]


async def events_of_tx(session: AsyncSession, chain: int, tx_hash: bytes) -> list[StoredEvent]:
    """Every observation of a transaction, of losing blocks too."""
    result = await session.execute(
        text(
            f"{_EVENT} WHERE chain = :chain AND tx_hash = :tx ORDER BY block_number, log_index, block_hash LIMIT 9999"
        ),
        {"chain": chain, "tx": tx_hash},
    )
    return [_event(row) for row in result]


async def orphan_events(session: AsyncSession, chain: int, logs: Sequence[Log], now: datetime) -> None:
    """Mark observations as lost with their blocks."""
    await session.execute(
        text("""UPDATE chain_events SET orphaned_at = :now
                FROM unnest(CAST(:hashes AS bytea[]), CAST(:indexes AS integer[])) AS lost (hash, position)
                WHERE chain = :chain AND block_hash = lost.hash AND log_index = lost.position"""),
        {
            "chain": chain,
            "now": now,
            "hashes": [log.block_hash for log in logs],
            "indexes": [log.log_index for log in logs],
        },
    )


async def canonical_hashes(session: AsyncSession, chain: int, numbers: Sequence[int]) -> dict[int, bytes]:
    """Hashes of the blocks that the follower holds canonical at `numbers`, where it still has them."""
    result = await session.execute(
        text("""SELECT number, hash FROM chain_blocks
                WHERE chain = :chain AND canonical AND number = ANY (CAST(:numbers AS bigint[]))"""),
        {"chain": chain, "numbers": list(numbers)},
    )
    return {row[0]: row[1] for row in result}


async def drop_canonical(session: AsyncSession, chain: int, above: int) -> None:
    """Blocks over `above` are not canonical any more."""
    await session.execute(
        text("UPDATE chain_blocks SET canonical = false WHERE chain = :chain AND canonical AND number > :above"),
        {"chain": chain, "above": above},
    )


async def bump_epoch(session: AsyncSession, chain: int) -> int:
    """Count one more reorganisation; returns the new epoch."""
    result = await session.execute(
        text("UPDATE chains SET epoch = epoch + 1 WHERE id = :chain RETURNING epoch"), {"chain": chain}
    )
    return int(result.scalar_one())


async def forget_blocks(session: AsyncSession, chain: int, *, first: int, below: int) -> None:
    """Drop final blocks of `first` to `below - 1` that hold no observation."""
    await session.execute(
        text("""DELETE FROM chain_blocks WHERE chain = :chain AND number >= :first AND number < :below
                AND NOT EXISTS (SELECT FROM chain_events AS event
                                WHERE event.chain = chain_blocks.chain AND event.block_hash = chain_blocks.hash)"""),
        {"chain": chain, "first": first, "below": below},
    )


async def history_events(
    session: AsyncSession, chain: int, *, after: tuple[int, int], last: int, topics: Iterable[bytes], limit: int
) -> list[tuple[bytes, bytes, int, int]]:
    """(topics, data, number, log index) of live observations after (number, log index) `after` up to block `last`
    whose first topic is in `topics`, in order, at most `limit`."""
    result = await session.execute(
        text("""SELECT topics, data, block_number, log_index FROM chain_events
                WHERE chain = :chain AND (block_number, log_index) > (:number, :position) AND block_number <= :last
                AND orphaned_at IS NULL AND substr(topics, 1, 32) = ANY (CAST(:topics AS bytea[]))
                ORDER BY block_number, log_index LIMIT :limit"""),
        {
            "chain": chain,
            "number": after[0],
            "position": after[1],
            "last": last,
            "topics": list(topics),
            "limit": limit,
        },
    )
    return [(topics_, data, number, position) for topics_, data, number, position in result]


async def blocks_with_events(session: AsyncSession, chain: int, above: int) -> list[tuple[int, bytes]]:
    """(number, hash) of blocks over `above` that hold live observations: posted ones, or those of a fork that lost."""
    result = await session.execute(
        text("""SELECT DISTINCT block_number, block_hash FROM chain_events
                WHERE chain = :chain AND block_number > :above AND orphaned_at IS NULL ORDER BY 1"""),
        {"chain": chain, "above": above},
    )
    return [(row[0], row[1]) for row in result]


async def set_halted(session: AsyncSession, chain: int, reason: str | None, now: datetime) -> None:
    """Stop following for `reason`; None: go on."""
    await session.execute(
        text("""UPDATE chains SET halted_reason = CAST(:reason AS text),
                       halted_at = CASE WHEN CAST(:reason AS text) IS NULL THEN NULL
                                        ELSE CAST(:now AS timestamptz) END
                WHERE id = :chain"""),
        {"chain": chain, "reason": reason, "now": now},
    )


async def halted_and_rejected(session: AsyncSession, chain: int) -> tuple[datetime | None, int]:
    """Time of the halt, and the number of rejected observations that are not orphaned."""
    result = await session.execute(
        text("""SELECT (SELECT halted_at FROM chains WHERE id = :chain),
                       (SELECT count(*) FROM chain_events
                        WHERE chain = :chain AND rejected_reason IS NOT NULL AND orphaned_at IS NULL)"""),
        {"chain": chain},
    )
    halted_at, rejected = result.one()
    return halted_at, int(rejected)


def _event(row: Sequence[Any]) -> StoredEvent:
    number, block_hash, time, tx_hash, tx_index, log_index, topics, data, orphaned_at, rejected_reason = row
    words = tuple(topics[start : start + 32] for start in range(0, len(topics), 32))
    log = Log(number, block_hash, int(time), tx_hash, tx_index, log_index, words, data)
    return StoredEvent(log, orphaned_at=orphaned_at, rejected_reason=rejected_reason)
