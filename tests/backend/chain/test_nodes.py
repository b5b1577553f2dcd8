# SPDX-License-Identifier: Apache-2.0
"""Nodes that lag, lie, leave out, stall or refuse: nothing false is recorded, nothing is lost, and it is said why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.chain.errors import NodesDisagree, RpcGarbage, RpcRefused, RpcUnavailable, RpcWrongChain
from backend.chain.follower import FollowerOptions, Step
from backend.chain.history import HISTORY_CALL
from tests.backend.chain.nodes import client
from tests.backend.chain.proxy import Proxy, unaltered
from tests.backend.chain.support import Stage

OPTIONS = FollowerOptions(finality_depth=8, poll_interval_s=0.05)


def _capped(proxy: Proxy, head: int) -> None:
    """Make the node lag: it knows nothing over `head`."""

    def alter(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and result is not None and int(result["number"], 16) > head:
            return stage_block(head) if params[0] == "latest" else None
        return result

    def stage_block(number: int) -> Any:
        import json
        import urllib.request

        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [hex(number), False]}
        request = urllib.request.Request(proxy.target, json.dumps(body).encode(), {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request))["result"]

    proxy.alter = alter


async def test_follow__node_lags_behind_the_cursor__waits_and_undoes_nothing(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(5)
    await stage.follow()
    before = await stage.records()
    _capped(proxy, (await stage.cursor()).next_block - 3)

    step = await stage.again(proxy.url).step()

    assert step is Step.WAITING
    assert await stage.records() == before
    assert "lags behind" in str((await stage.cursor()).note)
    assert (await stage.now_chain()).epoch == 0


async def test_follow__first_node_lags__the_second_is_asked(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(5)
    await stage.follow()
    _capped(proxy, (await stage.cursor()).next_block - 3)
    stage.log.trades(2)
    stage.anvil.mine(1)

    follower = stage.again(proxy.url, stage.anvil.rpc_url)
    await follower.step()
    await stage.follow()

    assert await stage.records() == stage.log.truth()


async def test_follow__local_chain_lost_its_newest_blocks__waits_until_it_has_grown_again(stage: Stage) -> None:
    stage.anvil.mine(4)
    stage.log.trades(1)
    stage.anvil.mine(1)
    await stage.follow()
    stage.anvil.rpc("anvil_rollback", 4)

    waiting = await stage.follow()
    stage.anvil.mine(6)
    await stage.follow()

    assert waiting is Step.WAITING
    assert await stage.records() == stage.log.truth()


def _without_logs(method: str, params: list[Any], result: Any) -> Any:
    if method == "eth_getBlockReceipts":
        for receipt in result:
            receipt["logs"] = []
    return result


def _without_bloom(method: str, params: list[Any], result: Any) -> Any:
    if method == "eth_getBlockByNumber" and result is not None:
        result["logsBloom"] = "0x" + "00" * 256
    return result


def _without_receipts(method: str, params: list[Any], result: Any) -> Any:
    return [] if method == "eth_getBlockReceipts" else result


def _with_other_amount(method: str, params: list[Any], result: Any) -> Any:
    if method == "eth_getBlockReceipts":
        for receipt in result:
            for log in receipt["logs"]:
                log["data"] = log["data"][:-1] + "f"
    return result


def _with_wrong_parent(method: str, params: list[Any], result: Any) -> Any:
    if method == "eth_getBlockByNumber" and result is not None:
        result["parentHash"] = "0x" + "11" * 32
    return result


@pytest.mark.parametrize(
    "lie", [_without_logs, _without_bloom, _without_receipts, _with_other_amount, _with_wrong_parent]
)
async def test_follow__node_withholds_or_alters__is_found_and_nothing_is_recorded(
    stage: Stage, proxy: Proxy, lie: Any
) -> None:
    stage.again(proxy.url)
    await stage.follow()
    before = await stage.records()
    stage.log.trades(3)
    stage.anvil.mine(1)
    proxy.alter = lie

    with pytest.raises(RpcGarbage):
        await stage.follower.step()
    during = await stage.records()
    proxy.alter = unaltered
    await stage.follow()

    assert during == before
    assert await stage.records() == stage.log.truth()


async def test_run__node_lies_for_a_while__is_reported_and_caught_up_with_the_other_node(
    stage: Stage, proxy: Proxy
) -> None:
    stage.log.trades(3)
    stage.anvil.mine(1)
    proxy.alter = _without_logs
    stop = asyncio.Event()
    running = asyncio.create_task(stage.again(proxy.url, stage.anvil.rpc_url, options=OPTIONS).run(stop))

    await stage.caught_up()
    stop.set()
    await running

    assert (await stage.now_chain()).halted_reason is None


async def test_follow__contract_has_more_history_than_the_logs__halts_with_an_alarm(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(12)

    def alter(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_call" and params[0]["data"] == HISTORY_CALL:
            return "0x" + (3).to_bytes(32, "big").hex() + result[66:]
        return result

    proxy.alter = alter
    step = await stage.again(proxy.url).step()

    assert step is Step.HALTED
    assert "3 history entries" in str((await stage.now_chain()).halted_reason)
    assert await stage.rows("SELECT count(*) FROM outbox WHERE name = 'chain.halted.v1'") == [(1,)]


async def test_follow__stored_log_was_deleted__halts_at_the_next_final_block(stage: Stage) -> None:
    stage.log.trades(2)
    stage.anvil.mine(1)
    await stage.follow()
    await stage.rows("UPDATE chain_events SET orphaned_at = now() WHERE log_index = 0 RETURNING 1")
    stage.anvil.mine(12)

    step = await stage.follow()

    assert step is Step.HALTED


async def test_follow__node_without_old_state__goes_on_unchecked(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(12)
    proxy.alter = lambda method, params, result: None if method == "eth_call" else result

    step = await stage.again(proxy.url).step()

    assert step is Step.ADVANCED
    assert (await stage.now_chain()).halted_reason is None


async def test_follow__second_node_shows_another_block__records_nothing(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(1)
    other = stage.anvil.rpc("eth_getBlockByNumber", "0x0", False)
    asked: list[str] = []

    def alter(method: str, params: list[Any], result: Any) -> Any:
        asked.append(method)
        return other if method == "eth_getBlockByNumber" else result

    proxy.alter = alter
    follower = stage.again(stage.anvil.rpc_url, proxy.url, options=FollowerOptions(finality_depth=8, second_node=True))

    with pytest.raises(NodesDisagree):
        await follower.step()

    assert await stage.records() == []
    assert "eth_getBlockByNumber" in asked


async def test_follow__second_node_agrees__records(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(1)
    stage.again(stage.anvil.rpc_url, proxy.url, options=FollowerOptions(finality_depth=8, second_node=True))

    await stage.follow()

    assert await stage.records() == stage.log.truth()
    assert "eth_getBlockByNumber" in proxy.methods


async def test_follow__second_node_needed_and_away__records_nothing(stage: Stage) -> None:
    stage.log.trades(2)
    stage.anvil.mine(1)
    follower = stage.again(
        stage.anvil.rpc_url, "http://127.0.0.1:9", options=FollowerOptions(finality_depth=8, second_node=True)
    )

    with pytest.raises(RpcUnavailable):
        await follower.step()

    assert await stage.records() == []


async def test_follow__one_node_contradicts_finality__the_other_is_believed(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(12)
    await stage.follow()
    held = {number: stage.anvil.rpc("eth_getBlockByNumber", hex(number), False) for number in range(30)}
    stage.anvil.rpc("anvil_reorg", 12, [])  # anvil itself is now the node that lies, the proxy remembers the truth

    def alter(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber":
            number = max(n for n, value in held.items() if value) if params[0] == "latest" else int(params[0], 16)
            return held.get(number)
        return result

    proxy.alter = alter
    step = await stage.again(stage.anvil.rpc_url, proxy.url).step()

    assert step is Step.WAITING
    assert (await stage.now_chain()).halted_reason is None


async def test_call__node_of_another_chain__is_refused_by_name(stage: Stage) -> None:
    async with client(stage.anvil.rpc_url) as rpc:
        rpc.expect(137)

        with pytest.raises(RpcWrongChain) as refused:
            await rpc.call("eth_blockNumber", [])

    assert refused.value.details == {"expected": 137, "found": 31337}


async def test_call__first_node_is_away__the_second_answers(stage: Stage) -> None:
    async with client("http://127.0.0.1:9", stage.anvil.rpc_url) as rpc:
        assert int(await rpc.call("eth_chainId", []), 16) == 31337


async def test_call__node_stalls__gives_up_in_time(stage: Stage, proxy: Proxy) -> None:
    proxy.delay_s = 5
    async with client(proxy.url, timeout_s=0.2, attempts=1) as rpc:
        started = asyncio.get_running_loop().time()

        with pytest.raises(RpcUnavailable):
            await rpc.call("eth_blockNumber", [])

    assert asyncio.get_running_loop().time() - started < 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>busy</html>",
        b"[]",
        b"42",
        b'{"jsonrpc":"2.0"}',
        b'[{"id":"x","result":1}]',
        b'{"jsonrpc":"2.0","id":0,"error":"no"}',
        b'{"jsonrpc":"2.0","id":7,"result":1}',
    ],
)
async def test_call__node_answers_garbage__is_typed(stage: Stage, proxy: Proxy, raw: bytes) -> None:
    proxy.raw = raw
    async with client(proxy.url, attempts=1) as rpc:
        with pytest.raises(RpcGarbage):
            await rpc.call("eth_blockNumber", [])


async def test_call__answer_is_too_large__is_cut_off(stage: Stage, proxy: Proxy) -> None:
    proxy.raw = b'{"jsonrpc":"2.0","id":0,"result":"' + b"a" * 100_000 + b'"}'
    async with client(proxy.url, attempts=1, max_answer_bytes=10_000) as rpc:
        with pytest.raises(RpcGarbage, match="too large"):
            await rpc.call("eth_blockNumber", [])


async def test_call__node_limits_requests__another_node_is_asked(stage: Stage, proxy: Proxy) -> None:
    proxy.raw = b'{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"limit exceeded"}}'
    async with client(proxy.url, stage.anvil.rpc_url) as rpc:
        assert int(await rpc.call("eth_chainId", []), 16) == 31337


async def test_call__node_refuses__its_words_are_kept(stage: Stage) -> None:
    async with client(stage.anvil.rpc_url) as rpc:
        with pytest.raises(RpcRefused) as refused:
            await rpc.call("eth_noSuchMethod", [])

    assert refused.value.rpc_code == -32601


async def test_batch__more_calls_than_one_request_takes__come_back_in_order(stage: Stage) -> None:
    stage.anvil.mine(20)
    async with client(stage.anvil.rpc_url, max_batch=7) as rpc:
        found = await rpc.batch([("eth_getBlockByNumber", [hex(number), False]) for number in range(20)])

    assert [int(header["number"], 16) for header in found] == list(range(20))


async def test_follow__node_without_block_receipts__reads_them_one_by_one(stage: Stage, proxy: Proxy) -> None:
    stage.log.trades(2)
    stage.anvil.mine(1)
    proxy.missing = frozenset({"eth_getBlockReceipts"})
    stage.again(proxy.url)

    await stage.follow()

    assert await stage.records() == stage.log.truth()
    assert "eth_getTransactionReceipt" in proxy.methods
