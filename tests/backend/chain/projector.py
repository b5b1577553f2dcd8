# SPDX-License-Identifier: Apache-2.0
"""A projector that writes each log to a real table, and can be told to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain.types import Chain, Log


class RecordingProjector:
    """Writes each log to `test_records`. `refuse` picks logs that cannot be recorded."""

    def __init__(self) -> None:
        self.refuse: Callable[[Log], bool] = lambda log: False
        self.error: Callable[[Log], Exception] = lambda log: ValueError("refused by the test")

    async def apply(self, session: AsyncSession, chain: Chain, logs: Sequence[Log], now: datetime) -> None:
        for log in logs:
            await session.execute(
                text("""INSERT INTO test_records (chain, block_hash, log_index, block_number, trade)
                        VALUES (:chain, :hash, :index, :number, :trade)
                        ON CONFLICT (chain, block_hash, log_index) DO UPDATE SET applied = test_records.applied + 1"""),
                {
                    "chain": chain.id,
                    "hash": log.block_hash,
                    "index": log.log_index,
                    "number": log.block_number,
                    "trade": log.topics[1],
                },
            )
            if self.refuse(log):
                raise self.error(log)

    async def orphan(self, session: AsyncSession, chain: Chain, logs: Sequence[Log], now: datetime) -> None:
        for log in logs:
            gone = await session.execute(
                text("DELETE FROM test_records WHERE block_hash = :hash AND log_index = :index"),
                {"hash": log.block_hash, "index": log.log_index},
            )
            assert gone.rowcount == 1  # only what was applied is undone
            await session.execute(
                text("INSERT INTO test_orphans (block_number, log_index) VALUES (:number, :index)"),
                {"number": log.block_number, "index": log.log_index},
            )

    async def finalise(self, session: AsyncSession, chain: Chain, up_to_block: int, now: datetime) -> None:
        await session.execute(
            text("UPDATE test_records SET is_final = true WHERE block_number <= :number"), {"number": up_to_block}
        )
