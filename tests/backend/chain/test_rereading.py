# SPDX-License-Identifier: Apache-2.0
"""Final blocks read again: what is missing is recorded, what contradicts the chain is told and left alone."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from backend.chain import service
from backend.chain.errors import BlocksNotFinal, FinalBlockDiffers
from backend.chain.follower import Step
from backend.chain.rereading import Found
from backend.chain.safety import HistoryCheck
from backend.core.clock import utc_now
from backend.core.db import Database
from tests.backend.chain.support import Stage


async def _reread(stage: Stage, first: int = 0, last: int | None = None) -> service.Reread:
    return await service.reread(
        stage.db, stage.rpc, stage.chain, stage.projector, first=first, last=last, now=utc_now()
    )


async def _change(owner_db: Database, *statements: str) -> None:
    async with owner_db.begin() as session:
        for statement in statements:
            await session.execute(text(statement))


async def test_reread__logs_were_lost__records_them_and_the_follower_goes_on(stage: Stage, owner_db: Database) -> None:
    stage.log.trades(3)
    stage.anvil.mine(1)
    await stage.follow()
    lost = "log_index IN (0, 2) AND block_number = (SELECT max(block_number) FROM chain_events)"
    await _change(owner_db, f"DELETE FROM test_records WHERE {lost}", f"DELETE FROM chain_events WHERE {lost}")
    stage.anvil.mine(12)
    halted = await stage.follow()
    await service.resume(stage.db, stage.chain, now=utc_now())
    halted_again = await stage.follow()

    read = await _reread(stage)
    again = await _reread(stage)
    await service.resume(stage.db, stage.chain, now=utc_now())
    stage.anvil.mine(3)
    goes_on = await stage.follow()

    assert (halted, halted_again, goes_on) == (Step.HALTED, Step.HALTED, Step.IDLE)
    assert (read.found.missing, read.found.rejected, read.found.surplus) == (2, 0, 0)
    assert read.history is HistoryCheck.EQUAL
    assert (again.found, again.history) == (Found(logs=read.found.logs), HistoryCheck.NOTHING_NEW)
    assert await stage.records() == stage.log.truth()
    assert await stage.rows("SELECT count(*) FROM test_records WHERE NOT is_final") == [(0,)]


async def test_reread__lost_before_what_was_compared__compares_all_anew(stage: Stage, owner_db: Database) -> None:
    stage.log.trades(2)
    stage.anvil.mine(12)
    await stage.follow()
    lost = "log_index = 1 AND block_number = (SELECT max(block_number) FROM chain_events)"
    await _change(owner_db, f"DELETE FROM test_records WHERE {lost}", f"DELETE FROM chain_events WHERE {lost}")

    read = await _reread(stage)

    assert (read.found.missing, read.history) == (1, HistoryCheck.EQUAL)
    assert (await stage.cursor()).history_count == 2


async def test_reread__stored_logs_are_not_the_chains__are_counted_and_left_alone(
    stage: Stage, owner_db: Database
) -> None:
    stage.log.trades(2)
    stage.anvil.mine(1)
    await stage.follow()
    await _change(
        owner_db,
        "UPDATE chain_events SET data = set_byte(data, 31, 99) WHERE log_index = 1 "
        "AND block_number = (SELECT max(block_number) FROM chain_events)",
        "INSERT INTO chain_events (chain, block_hash, log_index, block_number, block_time, tx_hash, tx_index, topics, "
        "data) SELECT chain, block_hash, 7, block_number, block_time, tx_hash, tx_index, topics, data "
        "FROM chain_events WHERE log_index = 0 ORDER BY block_number DESC LIMIT 1",
    )
    stage.anvil.mine(12)
    await stage.follow()

    read = await _reread(stage)

    assert (read.found.missing, read.found.surplus, read.found.altered) == (0, 1, 1)
    assert read.history is HistoryCheck.DIFFERS
    assert "reread" in read.explanation


async def test_reread__blocks_that_are_not_final__is_refused(stage: Stage) -> None:
    stage.log.trades(1)
    stage.anvil.mine(12)
    await stage.follow()
    final = (await stage.cursor()).final_block

    with pytest.raises(BlocksNotFinal):
        await _reread(stage, last=final + 1)
    with pytest.raises(BlocksNotFinal):
        await _reread(stage, first=final + 1)


async def test_reread__node_on_another_chain_since__is_refused(stage: Stage, owner_db: Database) -> None:
    stage.log.trades(1)
    stage.anvil.mine(12)
    await stage.follow()
    final = (await stage.cursor()).final_block
    await _change(owner_db, f"UPDATE chain_blocks SET hash = set_byte(hash, 0, 255) WHERE number = {final}")

    with pytest.raises(FinalBlockDiffers):
        await _reread(stage)
