# SPDX-License-Identifier: Apache-2.0
"""Nodes that leave out, alter, cut off or contradict: each is found and named."""

from __future__ import annotations

from typing import Any

import pytest

from backend.audit.differences import Code
from backend.audit.fetch import WrongChain
from tests.backend.audit.proxy import LyingNode, Refused


def without_log(trade_id: bytes) -> Any:
    """eth_getLogs leaves one trade out, everything else is true."""

    def lie(method: str, _params: list[Any], result: Any) -> Any:
        if method == "eth_getLogs":
            return [log for log in result if "0x" + trade_id.hex() not in log["topics"]]
        return result

    return lie


async def test_audit__node_withholds_a_log__names_it_and_goes_on_with_the_truth(books, traded, run_audit):
    with LyingNode(traded.anvil.rpc_url, without_log(traded.ids["filled"])) as node:
        report = await run_audit(rpc_url=node.url)

    (withheld,) = list(report.findings)
    assert withheld.code is Code.LOG_WITHHELD
    assert report.totals.trades == 7


async def test_audit__node_withholds_a_register_log__names_it(books, traded, run_audit):
    meter = "0x" + (104).to_bytes(32, "big").hex()

    def lie(method: str, _params: list[Any], result: Any) -> Any:
        return [log for log in result if meter not in log["topics"]] if method == "eth_getLogs" else result

    with LyingNode(traded.anvil.rpc_url, lie) as node:
        report = await run_audit(rpc_url=node.url)

    assert [item.code for item in report.findings] == [Code.LOG_WITHHELD]


async def test_audit__log_withheld_on_a_long_chain__count_and_head_show_it(books, traded, run_audit):
    with LyingNode(traded.anvil.rpc_url, without_log(traded.ids["filled"])) as node:
        report = await run_audit(rpc_url=node.url, reading={"full_headers": 1})

    assert not report.every_header_checked
    assert "node.log_withheld" in report.findings.counts
    assert "trade.extra" in report.findings.counts


async def test_audit__node_cuts_the_end_off_a_long_chain__says_truncated(books, traded, run_audit):
    last = traded.web3.eth.block_number

    def lie(method: str, _params: list[Any], result: Any) -> Any:
        return [log for log in result if int(log["blockNumber"], 16) < last] if method == "eth_getLogs" else result

    with LyingNode(traded.anvil.rpc_url, lie) as node:
        report = await run_audit(rpc_url=node.url, reading={"full_headers": 1})

    truncated = [item for item in report.findings if item.code is Code.HISTORY_TRUNCATED]
    assert [item.subject for item in truncated] == ["node"]


async def test_audit__long_chain_without_lies__finds_nothing(books, run_audit):
    report = await run_audit(reading={"full_headers": 1})

    assert report.differences == 0


async def test_audit__log_and_receipt_withheld__receipts_are_false(books, traded, run_audit):
    wanted = "0x" + traded.ids["filled"].hex()

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockReceipts":
            for receipt in result:
                receipt["logs"] = [log for log in receipt["logs"] if wanted not in log["topics"]]
        return without_log(traded.ids["filled"])(method, params, result)

    with LyingNode(traded.anvil.rpc_url, lie) as node:
        report = await run_audit(rpc_url=node.url)

    assert "node.receipts_false" in report.findings.counts
    assert "node.log_withheld" in report.findings.counts


async def test_audit__amount_altered_in_the_logs__is_false(books, traded, run_audit):
    def lie(method: str, _params: list[Any], result: Any) -> Any:
        if method == "eth_getLogs":
            for log in result:
                if "0x" + traded.ids["filled"].hex() in log["topics"]:
                    log["data"] = log["data"][:60] + "ffffff" + log["data"][66:]
        return result

    with LyingNode(traded.anvil.rpc_url, lie) as node:
        report = await run_audit(rpc_url=node.url)

    assert [item.code for item in report.findings] == [Code.LOG_FALSE]


@pytest.mark.parametrize("field", ["receiptsRoot", "stateRoot", "timestamp", "parentHash", "logsBloom"])
async def test_audit__header_altered__is_false(books, traded, run_audit, field):
    place = traded.deployment.block_number + 2

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == hex(place):
            value = result[field]
            result[field] = value[:-1] + ("0" if value[-1] != "0" else "1")
        return result

    with LyingNode(traded.anvil.rpc_url, lie) as node:
        report = await run_audit(rpc_url=node.url)

    assert "node.header_false" in report.findings.counts


async def test_audit__second_node_with_another_block__disagrees(books, traded, run_audit):
    last = traded.web3.eth.block_number

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == hex(last):
            result["hash"] = "0x" + "07" * 32
        return result

    with LyingNode(traded.anvil.rpc_url, lie) as node:
        report = await run_audit(rpc_urls=[traded.anvil.rpc_url, node.url])

    assert [item.code for item in report.findings] == [Code.NODES_DISAGREE]


async def test_audit__two_nodes_that_agree__says_how_many(books, traded, run_audit):
    with LyingNode(traded.anvil.rpc_url, lambda _m, _p, result: result) as node:
        report = await run_audit(rpc_urls=[traded.anvil.rpc_url, node.url])

    assert report.verdict == "agrees with 2 independent nodes"


async def test_audit__one_node_named_twice__counts_once(books, traded, run_audit):
    report = await run_audit(rpc_urls=[traded.anvil.rpc_url, traded.anvil.rpc_url])

    assert report.verdict == "agrees with this node"


async def test_audit__another_chain__is_refused(books, traded, run_audit):
    def lie(method: str, _params: list[Any], result: Any) -> Any:
        return "0x1" if method == "eth_chainId" else result

    with LyingNode(traded.anvil.rpc_url, lie) as node, pytest.raises(WrongChain, match="serves chain 1"):
        await run_audit(rpc_url=node.url)


async def test_audit__same_chain_id_other_genesis__is_refused(books, traded, run_audit):
    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "0x0":
            result["hash"] = "0x" + "07" * 32
        return result

    with LyingNode(traded.anvil.rpc_url, lie) as node, pytest.raises(WrongChain, match="genesis"):
        await run_audit(rpc_url=node.url)


async def test_audit__range_too_large_for_the_node__is_halved(books, traded, run_audit):
    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= 2:
            raise Refused("the range is too large")
        return result

    with LyingNode(traded.anvil.rpc_url, lie) as node:
        report = await run_audit(rpc_url=node.url)

    assert report.differences == 0


async def test_audit__later_trades__are_not_yet_final(books, run_audit):
    report = await run_audit(finality_depth=2)

    assert report.differences == 0
    assert report.totals.trades == 4
    assert report.totals.not_yet_final == 3


async def test_audit__consent_after_the_audited_block__is_not_judged_yet(books, run_audit):
    report = await run_audit(finality_depth=3)

    assert report.differences == 0
    assert report.totals.not_yet_final == 4
