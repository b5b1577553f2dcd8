# SPDX-License-Identifier: Apache-2.0
"""The follower on a real chain: what is confirmed is recorded once, what is lost is undone, what is final stays."""

from __future__ import annotations

import asyncio

import pytest

from backend.chain.follower import FollowerOptions, Step
from tests.backend.chain.support import Stage, block


async def test_follow__logs_deeper_than_confirmations__are_recorded_in_order(stage: Stage) -> None:
    stage.log.trades(3)
    stage.log.trades(2)
    stage.anvil.mine(1)

    step = await stage.follow()

    assert step is Step.IDLE
    assert len(await stage.records()) >= 5
    assert await stage.records() == stage.log.truth()
    assert (await stage.cursor()).next_block == int(block(stage.anvil, "latest")["number"], 16)


async def test_follow__newest_block__waits_for_its_second_confirmation(stage: Stage) -> None:
    stage.log.trades(1)
    await stage.follow()
    before = len(await stage.records())

    stage.anvil.mine(1)
    await stage.follow()

    assert len(await stage.records()) == before + 1


async def test_follow__twice_without_news__changes_nothing(stage: Stage) -> None:
    stage.log.trades(4)
    stage.anvil.mine(1)
    await stage.follow()
    first = await stage.rows("SELECT block_hash, log_index, applied FROM test_records ORDER BY 1, 2")

    await stage.follow()
    await stage.again().step()

    assert await stage.rows("SELECT block_hash, log_index, applied FROM test_records ORDER BY 1, 2") == first


async def test_follow__no_confirmations_set__records_only_what_is_final(stage: Stage) -> None:
    await stage.rows("UPDATE chains SET confirmations = NULL RETURNING id")
    stage.log.trades(2)
    number = int(block(stage.anvil, "latest")["number"], 16)
    stage.anvil.mine(6)
    await stage.follow()
    before = [place for place in await stage.records() if place[0] == number]

    stage.anvil.mine(1)
    await stage.follow()

    assert before == []
    assert len([place for place in await stage.records() if place[0] == number]) == 2
    assert (await stage.cursor()).final_block == number


async def test_follow__a_block_becomes_final__finalises_and_forgets_empty_blocks(stage: Stage) -> None:
    stage.log.trades(1)
    stage.anvil.mine(30)

    await stage.follow()

    cursor = await stage.cursor()
    assert cursor.final_block == int(block(stage.anvil, "latest")["number"], 16) - 7
    assert await stage.rows("SELECT count(*) FROM test_records WHERE NOT is_final") == [(0,)]
    kept = await stage.rows("SELECT count(*) FROM chain_blocks")
    assert kept[0][0] <= 10
    assert cursor.history_block == cursor.final_block
    assert cursor.history_count == 1


async def test_follow__more_logs_than_fit_one_transaction__cursor_moves_by_whole_blocks(stage: Stage) -> None:
    for _ in range(6):
        stage.log.trades(5)
    stage.anvil.mine(1)
    stage.again(options=FollowerOptions(finality_depth=8, logs_per_transaction=7, headers_per_request=2))

    await stage.follow()

    assert await stage.records() == stage.log.truth()


async def test_run__stopped_and_started_while_blocks_come__misses_nothing(stage: Stage) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(stage.follower.run(stop))
    for _ in range(5):
        await asyncio.to_thread(stage.log.trades, 2)
    stop.set()
    await running
    await asyncio.to_thread(stage.log.trades, 2)
    stage.anvil.mine(1)

    stop = asyncio.Event()
    running = asyncio.create_task(stage.again().run(stop))
    await stage.caught_up()
    stop.set()
    await running

    assert await stage.rows("SELECT DISTINCT applied FROM test_records") == [(1,)]


async def test_run__websocket_hints__wake_before_the_poll(stage: Stage) -> None:
    options = FollowerOptions(finality_depth=8, poll_interval_s=60, ws_url=stage.anvil.rpc_url.replace("http", "ws"))
    stop = asyncio.Event()
    running = asyncio.create_task(stage.again(options=options).run(stop))
    await asyncio.sleep(1.5)  # it has looked once and waits for a minute now, unless it is woken

    await asyncio.to_thread(stage.log.trades, 1)
    stage.anvil.mine(1)

    await stage.caught_up()
    stop.set()
    await running


async def test_run__second_follower_of_a_chain__stands_by_until_the_first_ends(stage: Stage) -> None:
    first, second = stage.follower, stage.again()
    assert await first._locked_step() is not Step.WAITING

    waiting = await second._locked_step()
    await first.release()
    taken_over = await second._locked_step()

    assert waiting is Step.WAITING
    assert taken_over is not Step.WAITING


async def test_follow__log_that_cannot_be_recorded__is_rejected_and_the_rest_goes_on(stage: Stage) -> None:
    stage.log.trades(9)
    stage.anvil.mine(1)
    number, bad = next(place for place in stage.log.truth() if place[1] == 4)
    stage.projector.refuse = lambda log: (log.block_number, log.log_index) == (number, bad)

    await stage.follow()

    assert await stage.records() == [place for place in stage.log.truth() if place != (number, bad)]
    rejected = await stage.rows("SELECT log_index, rejected_reason FROM chain_events WHERE rejected_reason IS NOT NULL")
    assert rejected == [(bad, "ValueError: refused by the test")]
    assert await stage.rows("SELECT payload ->> 'log_index' FROM outbox WHERE name = 'chain.log_rejected.v1'") == [
        ("4",)
    ]


async def test_follow__database_fails_while_batches_wait__gives_up_at_once(stage: Stage) -> None:
    for _ in range(8):
        stage.log.trades(1)
    stage.again(options=FollowerOptions(finality_depth=8, logs_per_transaction=1, headers_per_request=1))
    stage.projector.refuse = lambda log: True
    stage.projector.error = lambda log: ConnectionResetError()

    async with asyncio.timeout(5):
        with pytest.raises(ConnectionResetError):
            await stage.follower.step()

    assert await stage.records() == []


async def test_follow__lost_connection_in_the_projector__rejects_nothing_and_is_tried_again(stage: Stage) -> None:
    stage.log.trades(3)
    stage.anvil.mine(1)
    stage.projector.refuse = lambda log: True
    stage.projector.error = lambda log: ConnectionResetError()
    stop = asyncio.Event()
    running = asyncio.create_task(stage.follower.run(stop))
    await asyncio.sleep(0.5)
    during = await stage.records()
    stage.projector.refuse = lambda log: False

    await stage.caught_up()
    stop.set()
    await running

    assert during == []
    assert await stage.rows("SELECT count(*) FROM chain_events WHERE rejected_reason IS NOT NULL") == [(0,)]
