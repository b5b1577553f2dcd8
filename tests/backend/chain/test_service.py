# SPDX-License-Identifier: Apache-2.0
"""The verbs that other domains call: registering, observing, proving, looking up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import rlp
from sqlalchemy.exc import DBAPIError
from trie import HexaryTrie

from backend.chain import observer as observing
from backend.chain import service
from backend.chain.deployment import ensure_registered, read_deployment
from backend.chain.errors import (
    BlockSuperseded,
    ChainIsHalted,
    ChainMismatch,
    ChainUnknown,
    DeploymentMissing,
    DeploymentUnreadable,
    RpcGarbage,
)
from backend.chain.follower import FollowerOptions
from backend.chain.identity import Likeness
from backend.chain.observer import Observer
from backend.chain.reader import Tip
from backend.chain.schemas import state_of
from backend.chain.types import Observation, TxState
from backend.core.clock import utc_now
from backend.core.crypto import keccak
from backend.core.db import Database
from tests.backend.chain.proxy import Proxy
from tests.backend.chain.support import Stage, block


def _facts(stage: Stage) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(stage.chain).items() if name not in ("id", "epoch", "halted_reason")}
    parent_hash = facts.pop("salt")
    return {**facts, "parent_hash": parent_hash}


def _raw(tx: str) -> bytes:
    return bytes.fromhex(tx[2:])


async def test_register_chain__again__is_the_same_chain_with_the_new_depth(stage: Stage) -> None:
    async with stage.db.begin() as session:
        again = await service.register_chain(session, **{**_facts(stage), "confirmations": 5})

    assert again == replace(stage.chain, confirmations=5)


async def test_register_chain__same_network_with_another_genesis__names_the_way_out(stage: Stage) -> None:
    async with stage.db.begin() as session:
        with pytest.raises(ChainMismatch, match="gridx reset"):
            await service.register_chain(session, **{**_facts(stage), "genesis_hash": bytes(32)})


async def test_register_chain__redeployed_on_a_chain_that_was_reset__names_the_way_out(stage: Stage) -> None:
    async with stage.db.begin() as session:
        with pytest.raises(ChainMismatch, match="gridx reset"):
            await service.register_chain(session, **{**_facts(stage), "deployment_block_hash": bytes(32)})


async def test_register_chain__a_later_deployment_on_the_same_chain__is_followed_too(stage: Stage) -> None:
    later = {"deployment_block": 50, "deployment_block_hash": bytes(32), "contract_address": bytes(20)}
    async with stage.db.begin() as session:
        second = await service.register_chain(session, **{**_facts(stage), **later})

        assert await service.get_chain(session) == second
    assert second.id != stage.chain.id


async def test_get_chain__nothing_registered__is_unknown(service_db: Database) -> None:
    async with service_db.begin() as session:
        with pytest.raises(ChainUnknown):
            await service.get_chain(session)


async def test_observe__mined__is_verified_with_depth_and_logs(stage: Stage) -> None:
    tx = stage.log.trades(2)
    first = await service.observe(stage.rpc, stage.chain, _raw(tx))
    stage.anvil.mine(1)

    second = await service.observe(stage.rpc, stage.chain, _raw(tx), finality_depth=2)

    assert (first.state, first.depth, first.is_confirmed) == (TxState.MINED, 1, False)
    assert (second.state, second.depth, second.is_confirmed, second.is_final) == (TxState.MINED, 2, True, True)
    assert second.receipt is not None
    assert second.receipt.succeeded
    assert [log.log_index for log in second.receipt.logs] == [0, 1]
    assert second.receipt.sender == _raw(stage.log.sender)
    assert second.receipt.recipient == stage.log.address
    assert second.receipt.gas_used == int(stage.anvil.rpc("eth_getTransactionReceipt", tx)["gasUsed"], 16)


async def test_observe__reverted_pending_and_unknown__are_told_apart(stage: Stage) -> None:
    stage.anvil.rpc("evm_setAutomine", False)
    call = {"from": stage.log.sender, "to": "0x" + stage.log.address.hex(), "data": "0xdeadbeef", "gas": hex(100_000)}
    reverted = stage.anvil.rpc("eth_sendTransaction", call)
    stage.anvil.mine(1)
    pending = stage.anvil.rpc("eth_sendTransaction", {"from": stage.log.sender, "to": stage.log.sender})

    found = await Observer(stage.rpc, stage.chain).observe_many([_raw(reverted), _raw(pending), bytes(32)])

    assert [found[key].state for key in (_raw(reverted), _raw(pending), bytes(32))] == [
        TxState.REVERTED,
        TxState.PENDING,
        TxState.NOT_FOUND,
    ]
    assert found[_raw(pending)].sender == _raw(stage.log.sender)
    assert found[_raw(pending)].nonce == int(stage.anvil.rpc("eth_getTransactionCount", stage.log.sender, "latest"), 16)


async def test_observe__foreign_contract__has_no_logs(stage: Stage) -> None:
    tx = stage.anvil.rpc("eth_sendTransaction", {"from": stage.log.sender, "to": stage.log.sender})
    stage.anvil.mine(1)

    found = await service.observe(stage.rpc, stage.chain, _raw(tx))

    assert found.receipt is not None
    assert found.receipt.logs == ()


async def test_observe__receipt_of_a_losing_block__counts_as_pending(stage: Stage, proxy: Proxy) -> None:
    tx = stage.log.trades(1)
    receipt = stage.anvil.rpc("eth_getTransactionReceipt", tx)
    stage.anvil.rpc("anvil_reorg", 1, [])
    proxy.alter = lambda method, params, result: receipt if method == "eth_getTransactionReceipt" else result

    found = await service.observe(stage.again(proxy.url).rpc, stage.chain, _raw(tx))

    assert found.state is TxState.PENDING
    assert found.receipt is None


async def test_observe__node_forges_the_receipt__is_found(stage: Stage, proxy: Proxy) -> None:
    tx = stage.log.trades(1)

    def alter(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockReceipts":
            result[0]["logs"][0]["data"] = "0x" + "00" * 160
        return result

    proxy.alter = alter
    follower = stage.again(proxy.url)

    with pytest.raises(RpcGarbage):
        await service.observe(follower.rpc, stage.chain, _raw(tx))


async def test_observe_many__same_block_again__reads_its_receipts_once(stage: Stage, proxy: Proxy) -> None:
    txs = [_raw(stage.log.trades(1)) for _ in range(3)]
    observer = Observer(stage.again(proxy.url).rpc, stage.chain)
    await observer.observe_many(txs)

    await observer.observe_many(txs)

    assert proxy.methods.count("eth_getBlockReceipts") == 3


async def test_observe_many__several_of_the_last_blocks__are_found_by_reading_the_blocks(
    stage: Stage, proxy: Proxy
) -> None:
    txs = [_raw(stage.log.trades(2)) for _ in range(5)]
    observer = Observer(stage.again(proxy.url).rpc, stage.chain)

    found = await observer.observe_many([*txs, bytes(32)])

    assert [found[tx].depth for tx in txs] == [5, 4, 3, 2, 1]
    assert [len(found[tx].receipt.logs) for tx in txs if found[tx].receipt] == [2] * 5
    assert found[bytes(32)].state is TxState.NOT_FOUND
    assert proxy.methods.count("eth_getTransactionReceipt") == 1


async def test_observe_many__reorganised_since_the_blocks_were_read__believes_only_the_new_chain(stage: Stage) -> None:
    txs = [_raw(stage.log.trades(1)) for _ in range(5)]
    observer = Observer(stage.rpc, stage.chain)
    before = await observer.observe_many(txs)
    stage.anvil.rpc("anvil_reorg", 3, [])

    after = await observer.observe_many(txs)

    assert {seen.state for seen in before.values()} == {TxState.MINED}
    assert [after[tx].state is TxState.MINED for tx in txs] == [True, True, False, False, False]


async def test_observe__its_block_forgotten_for_others_meanwhile__still_answers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "_CACHED_TRANSACTIONS", 1)
    first, second = _raw(stage.log.trades(1)), _raw(stage.log.trades(1))
    stage.anvil.mine(10)  # far behind the last blocks, which are searched first
    observer = Observer(stage.rpc, stage.chain)
    await observer.observe(first)
    tip = observer.reader.tip

    async def while_another_asks(numbers: Sequence[int] = (), **named: Any) -> Tip:
        if numbers:
            monkeypatch.setattr(observer.reader, "tip", tip)
            await observer.observe(second)
        return await tip(numbers, **named)

    monkeypatch.setattr(observer.reader, "tip", while_another_asks)

    seen = await observer.observe(first)

    assert seen.state is TxState.MINED


async def test_take_recorder_lock__held_by_another__waits_for_its_end(stage: Stage) -> None:
    async with stage.db.begin() as first:
        await service.take_recorder_lock(first, stage.chain)

        async def second() -> None:
            async with stage.db.begin() as session:
                await service.take_recorder_lock(session, stage.chain)

        waiting = asyncio.create_task(second())
        finished, _ = await asyncio.wait({waiting}, timeout=0.5)

    await asyncio.wait_for(waiting, 5)
    assert finished == set()


async def test_superseded__other_transactions_of_a_nonce__only_those_below_final_ones(stage: Stage) -> None:
    stage.log.trades(1)
    stage.log.trades(1)
    observer = Observer(stage.rpc, stage.chain, finality_depth=2)
    sender = _raw(stage.log.sender)
    others = {nonce.to_bytes(32, "big"): (sender, nonce) for nonce in range(4)}

    found = await observer.superseded(others)

    assert sorted(found) == [nonce.to_bytes(32, "big") for nonce in (0, 1)]  # the deployment and the first trade


async def test_superseded__the_very_transaction_was_mined_since__is_not(stage: Stage) -> None:
    mined = _raw(stage.log.trades(1))
    stage.anvil.mine(3)
    observer = Observer(stage.rpc, stage.chain, finality_depth=2)

    found = await observer.superseded({mined: (_raw(stage.log.sender), 1), b"\x01" * 32: (_raw(stage.log.sender), 1)})

    assert found == {b"\x01" * 32}


async def test_superseded__the_second_look_meets_a_node_that_lags__nothing_is_said(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.log.trades(1)
    stage.anvil.mine(3)
    observer = Observer(stage.rpc, stage.chain, finality_depth=2)
    other = b"\x01" * 32

    async def lagging(wanted: list[bytes]) -> dict[bytes, Observation]:
        return {tx: Observation(tx, TxState.NOT_FOUND, head=0, final=None) for tx in wanted}

    monkeypatch.setattr(observer, "observe_many", lagging)

    assert await observer.superseded({other: (_raw(stage.log.sender), 1)}) == set()


async def test_prove_log__log_in_the_middle_of_a_block__leads_to_the_block_hash(stage: Stage) -> None:
    stage.anvil.rpc("evm_setAutomine", False)
    for account in stage.anvil.accounts[6:9]:
        stage.anvil.rpc("eth_sendTransaction", {"from": account.address, "to": account.address})
    stage.anvil.rpc("evm_setAutomine", True)
    tx = stage.log.trades(3)
    stage.anvil.mine(1)
    await stage.follow()
    async with stage.db.begin() as session:
        event = (await service.lookup_tx(session, stage.chain, _raw(tx)))[1]

        proof = await service.prove_log(
            stage.rpc, session, stage.chain, block_hash=event.log.block_hash, log_index=event.log.log_index
        )

    assert proof is not None
    assert keccak(proof.header_rlp) == proof.block_hash == _raw(block(stage.anvil, event.log.block_number)["hash"])
    assert proof.receipts_root in proof.header_rlp
    assert proof.receipts_root == keccak(proof.path[0])
    nodes = [rlp.decode(node) for node in proof.path]
    assert HexaryTrie.get_from_proof(proof.receipts_root, rlp.encode(proof.tx_index), nodes) == proof.receipt
    log = rlp.decode(proof.receipt[1:] if proof.receipt[0] < 0x80 else proof.receipt)[3][proof.position]
    assert log == [stage.log.address, list(event.log.topics), event.log.data]


async def test_prove_log__its_block_lost__is_refused(stage: Stage) -> None:
    tx = stage.log.trades(1)
    stage.anvil.mine(1)
    await stage.follow()
    stage.anvil.rpc("anvil_reorg", 3, [])
    async with stage.db.begin() as session:
        event = (await service.lookup_tx(session, stage.chain, _raw(tx)))[0]

        with pytest.raises(BlockSuperseded):
            await service.prove_log(stage.rpc, session, stage.chain, block_hash=event.log.block_hash, log_index=0)


async def test_chain_status__following__says_where_it_stands(stage: Stage) -> None:
    stage.log.trades(1)
    stage.anvil.mine(20)
    await stage.follow()

    async with stage.db.begin() as session:
        found = await service.chain_status(session)

    head = int(block(stage.anvil, "latest")["number"], 16)
    assert state_of(found, utc_now()) == "following"
    assert (found.head_block, found.indexed_block, found.final_block, found.lag_blocks) == (head, head - 1, head - 7, 0)


async def test_chain_status__no_sign_of_life__is_away(stage: Stage) -> None:
    await stage.follow()

    async with stage.db.begin() as session:
        found = await service.chain_status(session)

    assert state_of(found, utc_now() + timedelta(minutes=2)) == "away"


async def test_store_logs__chain_is_halted__is_refused(stage: Stage) -> None:
    await service.halt(stage.db, stage.chain, "a test", now=utc_now())

    async with stage.db.begin() as session:
        await service.take_recorder_lock(session, stage.chain)
        with pytest.raises(ChainIsHalted):
            await service.store_logs(session, stage.chain, [], [])


async def test_store_logs__twice__returns_only_what_is_new(stage: Stage) -> None:
    seen = await service.observe(stage.rpc, stage.chain, _raw(stage.log.trades(2)))
    assert seen.receipt is not None
    assert seen.header is not None
    async with stage.db.begin() as session:
        await service.take_recorder_lock(session, stage.chain)

        first = await service.store_logs(session, stage.chain, [seen.header], seen.receipt.logs)
        second = await service.store_logs(session, stage.chain, [seen.header], seen.receipt.logs)

    assert first == list(seen.receipt.logs)
    assert second == []


async def test_retry_rejected__cause_is_mended__records_them(stage: Stage) -> None:
    stage.log.trades(4)
    stage.anvil.mine(1)
    stage.projector.refuse = lambda log: log.log_index == 2
    await stage.follow()
    stage.projector.refuse = lambda log: False

    mended = await service.retry_rejected(stage.db, stage.chain, stage.projector, now=utc_now())

    assert mended == 2  # one of the deployment, one of the trades
    assert await stage.records() == stage.log.truth()
    assert await stage.rows("SELECT count(*) FROM chain_events WHERE rejected_reason IS NOT NULL") == [(0,)]


async def test_identify_chain__same_and_reset_chain__are_told_apart(stage: Stage) -> None:
    same = await service.identify_chain(stage.rpc, stage.chain)
    stage.anvil.stop()
    stage.anvil.start()
    behind = await service.identify_chain(stage.again(stage.anvil.rpc_url).rpc, stage.chain)
    stage.anvil.mine(5)

    reset = await service.identify_chain(stage.again(stage.anvil.rpc_url).rpc, stage.chain)

    assert same.likeness is Likeness.SAME
    assert behind.likeness in (Likeness.BEHIND, Likeness.CHANGED)  # by the clock, both starts have one genesis or two
    assert reset.likeness is Likeness.CHANGED
    assert "gridx reset" in reset.explanation


def _record(stage: Stage) -> dict[str, Any]:
    chain = stage.chain
    return {
        "network": "local",
        "chainId": chain.chain_id,
        "genesisHash": "0x" + chain.genesis_hash.hex(),
        "address": "0x" + chain.contract_address.hex(),
        "blockNumber": chain.deployment_block,
        "blockHash": "0x" + chain.deployment_block_hash.hex(),
        "parentHash": "0x" + chain.salt.hex(),
    }


async def test_ensure_registered__record_of_the_deployment__is_the_chain(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "local.json"
    path.write_bytes(orjson.dumps(_record(stage)))

    found = await ensure_registered(stage.db, path, confirmations=2)

    assert found == stage.chain


@pytest.mark.parametrize(
    ("name", "value"), [("address", "0x12"), ("genesisHash", "zz"), ("blockNumber", "x"), ("chainId", None)]
)
async def test_read_deployment__damaged__is_named(stage: Stage, tmp_path: Path, name: str, value: Any) -> None:
    path = tmp_path / "local.json"
    path.write_bytes(orjson.dumps({**_record(stage), name: value}))

    with pytest.raises(DeploymentUnreadable):
        read_deployment(path)


def test_read_deployment__none_yet__is_said(tmp_path: Path) -> None:
    with pytest.raises(DeploymentMissing):
        read_deployment(tmp_path / "none.json")


async def test_write__as_the_api_role__is_refused(stage: Stage, db: Database, audit_db: Database) -> None:
    for role in (db, audit_db):
        async with role.begin() as session:
            with pytest.raises(DBAPIError, match=r"permission denied|read-only"):
                await service.register_chain(session, **{**_facts(stage), "contract_address": bytes(20)})
            await session.rollback()


async def test_delete__an_observation_as_the_service_role__is_refused(stage: Stage) -> None:
    for statement in ("DELETE FROM chain_events RETURNING 1", "UPDATE chain_events SET data = '' RETURNING 1"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await stage.rows(statement)


async def test_follow__long_gap_without_logs__is_crossed_in_few_rows(stage: Stage) -> None:
    stage.anvil.mine(900)
    stage.again(options=FollowerOptions(finality_depth=8, blocks_per_transaction=300))

    await stage.follow()

    assert (await stage.cursor()).next_block == 901
    assert (await stage.rows("SELECT count(*) FROM chain_blocks"))[0][0] < 20
