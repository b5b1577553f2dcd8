# SPDX-License-Identifier: Apache-2.0
"""Real reorganisations: what was recorded on a fork that lost is undone, newest first; what was final stays."""

from __future__ import annotations

import pytest

from backend.chain import recording, service
from backend.chain.errors import BlockSuperseded
from backend.chain.follower import FollowerOptions, Step
from backend.chain.observer import Observer
from tests.backend.chain.support import Stage, block


async def _trades_on_blocks(stage: Stage, count: int) -> None:
    for _ in range(count):
        stage.log.trades(2)
    stage.anvil.mine(1)
    await stage.follow()


@pytest.mark.parametrize("depth", [1, 3, 5])
async def test_follow__reorganisation_before_finality__equals_the_new_chain(stage: Stage, depth: int) -> None:
    await _trades_on_blocks(stage, 6)

    stage.anvil.rpc("anvil_reorg", depth, [])
    stage.anvil.mine(2)
    await stage.follow()

    assert await stage.records() == stage.log.truth()
    assert (await stage.now_chain()).epoch == (1 if depth > 1 else 0)


async def test_follow__reorganisation_deeper_than_confirmations__undoes_newest_first_and_says_so(stage: Stage) -> None:
    await _trades_on_blocks(stage, 5)
    before = await stage.records()

    stage.anvil.rpc("anvil_reorg", 5, [])
    await stage.follow()

    undone = [
        tuple(row) for row in await stage.rows("SELECT block_number, log_index FROM test_orphans ORDER BY number")
    ]
    assert undone == sorted(set(before) - set(await stage.records()), reverse=True)
    assert len(undone) == 8
    events = await stage.rows("SELECT payload ->> 'logs' FROM outbox WHERE name = 'chain.blocks_orphaned.v1'")
    assert events == [("8",)]
    orphaned = await stage.rows("SELECT count(*) FROM chain_events WHERE orphaned_at IS NOT NULL")
    assert orphaned == [(8,)]


async def test_follow__trade_mined_again_in_another_block__is_recorded_again(stage: Stage) -> None:
    await _trades_on_blocks(stage, 3)

    stage.anvil.rpc("anvil_reorg", 3, [])
    stage.log.trades(5)
    stage.anvil.mine(2)
    await stage.follow()

    assert await stage.records() == stage.log.truth()
    assert len(await stage.records()) >= 5


async def test_follow__reorganisation_past_finality__halts_and_touches_nothing(stage: Stage) -> None:
    await _trades_on_blocks(stage, 3)
    stage.anvil.mine(10)
    await stage.follow()
    before = await stage.records()

    stage.anvil.rpc("anvil_reorg", 12, [])
    stage.anvil.mine(1)
    step = await stage.follow()
    again = await stage.follow()

    assert (step, again) == (Step.HALTED, Step.HALTED)
    assert await stage.records() == before
    reason = (await stage.now_chain()).halted_reason
    assert reason is not None
    assert "final" in reason
    assert await stage.rows("SELECT topic FROM outbox WHERE name = 'chain.halted.v1'") == [("alerts",)]


async def test_resume__after_the_old_chain_is_back__goes_on(stage: Stage) -> None:
    await _trades_on_blocks(stage, 1)
    await service.halt(stage.db, stage.chain, "a test", now=stage.follower._now())
    stage.log.trades(2)
    stage.anvil.mine(1)
    halted = await stage.follow()

    resumed = await service.resume(stage.db, stage.chain, now=stage.follower._now())
    await stage.follow()

    assert halted is Step.HALTED
    assert resumed
    assert await stage.records() == stage.log.truth()


async def test_follow__chain_was_reset__halts_and_names_the_way_out(stage: Stage) -> None:
    await _trades_on_blocks(stage, 2)
    stage.anvil.stop()
    stage.anvil.start()
    stage.anvil.mine(20)

    step = await stage.again(stage.anvil.rpc_url).step()

    assert step is Step.HALTED
    assert "gridx reset" in str((await stage.now_chain()).halted_reason)


async def test_follow__running_while_the_chain_is_reset__halts_too(stage: Stage) -> None:
    await _trades_on_blocks(stage, 4)
    stage.anvil.stop()
    stage.anvil.start()
    stage.anvil.mine(2)

    step = await stage.follow()

    assert step is Step.HALTED


async def test_store_logs__block_that_lost_beside_the_cursor__is_refused(stage: Stage) -> None:
    await _trades_on_blocks(stage, 2)
    tx = stage.log.trades(1)
    stage.anvil.mine(2)
    seen = await Observer(stage.rpc, stage.chain).observe(bytes.fromhex(tx[2:]))
    assert seen.receipt is not None
    assert seen.header is not None
    stage.anvil.rpc("anvil_reorg", 3, [])
    stage.anvil.mine(3)
    await stage.follow()

    async with stage.db.begin() as session:
        await service.take_recorder_lock(session, stage.chain)
        with pytest.raises(BlockSuperseded):
            await service.store_logs(session, stage.chain, [seen.header], seen.receipt.logs)


async def _post(stage: Stage, tx: str) -> int:
    """Record a transaction ahead of the follower, as a poster does; number of its block."""
    seen = await Observer(stage.rpc, stage.chain).observe(bytes.fromhex(tx[2:]))
    assert seen.receipt is not None
    assert seen.header is not None
    async with stage.db.begin() as session:
        await service.take_recorder_lock(session, stage.chain)
        fresh = await service.store_logs(session, stage.chain, [seen.header], seen.receipt.logs)
        await service.apply_logs(session, stage.chain, fresh, stage.projector, stage.follower._now())
    return seen.receipt.block_number


async def test_follow__posted_ahead_of_the_follower__is_recorded_once(stage: Stage) -> None:
    await _post(stage, stage.log.trades(2))
    posted = await stage.records()
    stage.anvil.mine(1)

    await stage.follow()

    assert len(posted) == 2
    assert await stage.records() == stage.log.truth()


async def test_follow__posted_in_a_block_that_stands__is_never_orphaned_meanwhile(stage: Stage) -> None:
    stage.anvil.mine(3)
    await _post(stage, stage.log.trades(2))
    await stage.follow()  # reaches the block before
    stage.anvil.mine(1)

    await stage.follow()

    assert await stage.rows("SELECT count(*) FROM test_orphans") == [(0,)]
    assert await stage.records() == stage.log.truth()


async def test_follow__posted_from_a_block_that_lost__is_orphaned_before_its_successor_is_recorded(
    stage: Stage,
) -> None:
    await stage.follow()
    number = await _post(stage, stage.log.trades(2))
    stage.anvil.rpc("anvil_reorg", 1, [])
    stage.log.trades(1)
    stage.anvil.mine(2)

    await stage.follow()

    assert await stage.records() == stage.log.truth()
    lost = await stage.rows("SELECT DISTINCT block_number FROM chain_events WHERE orphaned_at IS NOT NULL")
    assert lost == [(number,)]


async def test_follow__posted_far_ahead_on_a_lost_fork__is_orphaned_when_an_earlier_block_is_recorded(
    stage: Stage,
) -> None:
    await stage.follow()
    stage.anvil.mine(4)
    await _post(stage, stage.log.trades(2))
    stage.anvil.rpc("anvil_reorg", 3, [])
    stage.again(options=FollowerOptions(finality_depth=8, blocks_per_transaction=1))

    await stage.follower.step()

    assert await stage.records() == stage.log.truth()


async def test_rewind__below_what_is_final__is_refused(stage: Stage) -> None:
    await _trades_on_blocks(stage, 2)
    stage.anvil.mine(12)
    await stage.follow()
    cursor = await stage.cursor()

    async with stage.db.begin() as session:
        with pytest.raises(BlockSuperseded):
            await recording.rewind(
                session,
                stage.chain,
                stage.projector,
                stage.follower._now(),
                ancestor=cursor.final_block - 1,
                ancestor_hash=bytes.fromhex(block(stage.anvil, cursor.final_block - 1)["hash"][2:]),
                keep=(),
            )
