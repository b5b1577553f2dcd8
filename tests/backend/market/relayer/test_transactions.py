# SPDX-License-Identifier: Apache-2.0
"""Whatever becomes of a transaction or of the process that sent it, each pair is logged once and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import Any

import pytest

from backend.chain import service as chains
from backend.chain.types import Observation, TxState
from backend.core.clock import utc_now
from backend.market.relayer.encoding import SETTLER_ROLE
from backend.market.relayer.relayer import FAILPOINTS
from backend.market.relayer.types import GWEI, Outcome
from tests.backend.market.relayer.conftest import OPTIONS, SETTLER, Trading
from tests.backend.market.relayer.relay_once import killed_at

ON_THE_WAY = [name for name in FAILPOINTS if "cancel" not in name and name != "relayer.after_replace"]
ETHER = 10**18


async def _die(trading: Trading, failpoint: str) -> int | None:
    await trading.relayer.release()
    key = trading.town.stage.key(SETTLER)
    return await killed_at(failpoint, trading.databases.service, trading.anvil.rpc_url, key, OPTIONS)


async def test_die__anywhere_between_match_and_confirmation__the_next_relayer_ends_what_was_begun(
    trading: Trading,
) -> None:
    pairs, codes = [], []
    for name in ON_THE_WAY:
        pairs += [await trading.pair(1, 2), await trading.pair(3, 4)]
        codes.append(await _die(trading, name))
        await trading.relayer.step()
        await trading.town.confirm()
    await trading.settle()

    assert codes == [-signal.SIGKILL] * len(ON_THE_WAY)
    assert await trading.states() == ["FINAL"] * len(pairs)
    assert await trading.logged() == [pair.trade_id for pair in pairs]
    assert await trading.town.rows("SELECT 1 FROM match_skips") == []
    settler = trading.anvil.accounts[SETTLER].address
    assert trading.town.stage.web3.eth.get_transaction_count(settler) == len(await trading.transactions())


async def test_die__while_pairs_are_taken_out__each_is_taken_out_once(trading: Trading) -> None:
    pairs = [await trading.pair(1, 2), await trading.pair(3, 4)]
    trading.cancel(pairs[0].offer, 1)
    trading.cancel(pairs[1].offer, 3)

    codes = [await _die(trading, name) for name in ("relayer.before_cancel_commit", "relayer.after_cancel")]
    await trading.relayer.step()

    assert codes == [-signal.SIGKILL] * 2
    assert await trading.matches() == [("CANCELLED", "order_cancelled")] * 2
    assert [await trading.order(pair.bid) for pair in pairs] == [("OPEN", None, 0)] * 2


async def _stuck(trading: Trading) -> Any:
    """A pair in a transaction that the base fee has left behind; its row."""
    await trading.pair(1, 2)
    trading.automine(False)
    await trading.relayer.step()
    (row,) = await trading.transactions()
    trading.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(row.max_fee_wei * 3))
    trading.anvil.mine(1)
    return row


async def test_bump__the_base_fee_has_risen__replaces_the_transaction_by_one_that_is_mined(trading: Trading) -> None:
    first = await _stuck(trading)

    await trading.relayer.step()  # it is the next to be mined from now on
    trading.anvil.mine(OPTIONS.bump_blocks)
    await trading.relayer.step()
    bumped = await trading.transactions()
    await trading.settle()

    assert [(row.state, row.nonce, row.pairs) for row in bumped] == [
        ("REPLACED", first.nonce, 1),
        ("SENT", first.nonce, 1),
    ]
    assert bumped[1].max_fee_wei * 8 >= first.max_fee_wei * 9
    assert bumped[1].priority_fee_wei * 8 >= first.priority_fee_wei * 9
    assert await trading.states() == ["FINAL"]
    assert [row.state for row in await trading.transactions()] == ["LOST", "MINED"]


async def test_bump__killed_after_the_replacement_was_stored__it_is_sent(trading: Trading) -> None:
    await trading.pair(1, 2)
    assert await _die(trading, "relayer.after_store") == -signal.SIGKILL
    (first,) = await trading.transactions()
    trading.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(first.max_fee_wei * 3))
    trading.anvil.mine(1)
    await trading.relayer.step()  # too cheap for the node

    code = await _die(trading, "relayer.after_replace")
    stored = [(row.state, row.nonce, row.pairs) for row in await trading.transactions()]
    await trading.settle()

    assert code == -signal.SIGKILL
    assert stored == [("REPLACED", 0, 1), ("SIGNED", 0, 1)]
    assert await trading.states() == ["FINAL"]


async def test_fees__above_what_we_pay__stop_with_an_alert_until_they_fall(trading: Trading) -> None:
    trading.set(max_fee_wei=3 * GWEI)
    await trading.pair(1, 2)
    trading.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(50 * GWEI))
    trading.anvil.mine(1)

    stopped = await trading.relayer.step()
    trading.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    trading.anvil.mine(1)
    await trading.settle()

    assert stopped is Outcome.STOPPED
    assert await trading.states() == ["FINAL"]
    assert await trading.alerts() == ["relayer_stopped fees_too_high", "relayer_resumed fees_too_high"]


async def test_drop__the_node_forgets_the_transaction__it_is_broadcast_again(trading: Trading) -> None:
    await trading.pair(1, 2)
    trading.automine(False)
    await trading.relayer.step()
    (row,) = await trading.transactions()
    trading.anvil.rpc("anvil_dropTransaction", "0x" + row.tx_hash.hex())
    trading.anvil.mine(1)

    await trading.settle()

    assert await trading.states() == ["FINAL"]
    assert [(one.tx_hash, one.state) for one in await trading.transactions()] == [(row.tx_hash, "MINED")]


async def test_funds__run_out_and_come_back__one_alert_each_and_every_pair_is_settled(trading: Trading) -> None:
    trading.balance(10**15)
    await trading.pair(1, 2)

    stopped = [await trading.relayer.step(), await trading.relayer.step()]
    trading.balance(5 * ETHER)
    await trading.settle()

    assert stopped == [Outcome.STOPPED, Outcome.STOPPED]
    assert await trading.states() == ["FINAL"]
    assert await trading.alerts() == ["relayer_stopped low_balance", "relayer_resumed low_balance"]


async def test_funds__gone_between_store_and_broadcast__the_stored_transaction_is_paid_later(trading: Trading) -> None:
    await trading.pair(1, 2)
    assert await _die(trading, "relayer.after_store") == -signal.SIGKILL
    trading.balance(1)
    trading.set(min_balance_wei=0, retry_s=3600)

    stopped = [await trading.relayer.step(), await trading.relayer.step()]
    (refused,) = await trading.transactions()
    trading.balance(5 * ETHER)
    trading.set(retry_s=0)
    await trading.settle()

    assert stopped == [Outcome.STOPPED, Outcome.STOPPED]
    assert await trading.alerts() == ["relayer_stopped low_balance", "relayer_resumed low_balance"]
    assert (refused.state, "nsufficient funds" in refused.refused) == ("SIGNED", True)
    assert await trading.states() == ["FINAL"]
    assert [row.tx_hash for row in await trading.transactions()] == [refused.tx_hash]


@pytest.mark.parametrize("cause", ["fees_too_high", "daily_budget", "low_balance"])
async def test_stop__no_pair_waits_any_more__lasts_until_the_cause_is_gone(trading: Trading, cause: str) -> None:
    if cause == "fees_too_high":
        trading.set(max_fee_wei=GWEI)
    elif cause == "daily_budget":
        trading.set(daily_gas=50_000)
    else:
        trading.balance(10**16)
        trading.set(min_balance_wei=0, min_priority_fee_wei=100 * GWEI)
    paired = await trading.pair(1, 2)

    for energy_wh in (1_000, 2_000):
        stopped = await trading.relayer.step()
        trading.cancel(paired.offer, 1)
        await trading.town.confirm()
        idle = [await trading.relayer.step() for _ in range(2)]
        paired = await trading.pair(1, 2, energy_wh=energy_wh)
        assert stopped is Outcome.STOPPED
        assert Outcome.STOPPED not in idle
    told = await trading.alerts()
    trading.balance(5 * ETHER)
    trading.set(max_fee_wei=2_000 * GWEI, daily_gas=None)
    trading.cancel(paired.offer, 1)
    await trading.town.confirm()
    await trading.relayer.step()

    assert told == [f"relayer_stopped {cause}"]
    assert await trading.alerts() == [f"relayer_stopped {cause}", f"relayer_resumed {cause}"]


async def test_budget__of_the_day_is_used__stops_until_the_next_day(trading: Trading) -> None:
    trading.set(daily_gas=300_000, gas_cap=200_000)
    for _ in range(4):
        await trading.pair(1, 2)
    trading.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    trading.anvil.mine(1)

    by_gas = await trading.relayer.step()
    trading.set(daily_gas=None, daily_wei=6 * 10**14)
    by_wei = await trading.relayer.step()
    today = await trading.states()
    await trading.town.confirm()
    await trading.tomorrow(daily_wei=6 * 10**14, gas_cap=200_000)
    await trading.settle()
    await trading.settle()

    assert (by_gas, by_wei) == (Outcome.STOPPED, Outcome.STOPPED)
    assert set(today) == {"MATCHED", "SENT"}
    assert set(await trading.states()) == {"FINAL"}
    assert await trading.alerts() == ["relayer_stopped daily_budget", "relayer_resumed daily_budget"]


async def test_reorganise__the_block_of_a_batch_is_lost__it_is_broadcast_again_and_logged_once(
    trading: Trading,
) -> None:
    pairs = [await trading.pair(1, 2), await trading.pair(3, 4)]
    await trading.relayer.step()
    await trading.town.confirm()
    await trading.relayer.step()
    trading.anvil.rpc("anvil_reorg", 3, [])
    trading.anvil.mine(1)

    await trading.town.follow()
    undone = await trading.states()
    await trading.relayer.step()
    again = [(row.state, row.nonce) for row in await trading.transactions()]
    await trading.settle()

    assert undone == ["SENT", "SENT"]
    assert again == [("SENT", 0)]
    assert await trading.states() == ["FINAL", "FINAL"]
    assert await trading.logged() == [pair.trade_id for pair in pairs]


async def test_reorganise__a_skip_is_lost__the_pair_may_still_be_logged(trading: Trading) -> None:
    pair = await trading.pair(1, 2)
    trading.automine(False)
    await trading.relayer.step()
    stage = trading.town.stage
    fill = stage.contract.functions.cancel(
        pair.offer.slot >> 3, int(pair.offer.delivery_start.timestamp()), 1 << (pair.offer.slot & 7)
    )
    sender = trading.anvil.accounts[1].address
    fill.transact({"from": sender, "maxPriorityFeePerGas": 10**12, "maxFeePerGas": 10**13})
    trading.anvil.mine(1)
    await trading.town.confirm()
    skipped = await trading.town.rows("SELECT final_at FROM match_skips")
    trading.anvil.rpc("anvil_reorg", 3, [])
    trading.anvil.mine(1)
    await trading.town.follow()

    await trading.settle()

    assert [row.final_at for row in skipped] == [None]
    assert await trading.town.rows("SELECT 1 FROM match_skips") == []
    assert await trading.states() == ["FINAL"]


async def test_halt__the_follower_has_stopped__nothing_is_sent_until_it_goes_on(trading: Trading) -> None:
    town = trading.town
    await trading.pair(1, 2)
    await chains.halt(town.db, town.chain, "the chain contradicts what is final", now=utc_now())

    halted = await trading.relayer.step()
    sent = await trading.transactions()
    await chains.resume(town.db, town.chain, now=utc_now())
    await trading.settle()

    assert (halted, sent) == (Outcome.STOPPED, [])
    assert await trading.states() == ["FINAL"]


async def test_nonce__taken_by_somebody_else_with_our_key__the_pairs_go_into_another_transaction(
    trading: Trading,
) -> None:
    await trading.pair(1, 2)
    assert await _die(trading, "relayer.after_store") == -signal.SIGKILL
    settler = trading.anvil.accounts[SETTLER].address
    trading.town.stage.web3.eth.send_transaction({"from": settler, "to": settler, "value": 0})
    trading.anvil.mine(OPTIONS.finality_depth or 0)

    await trading.settle()
    await trading.settle()

    assert [(row.nonce, row.state) for row in await trading.transactions()] == [(0, "LOST"), (1, "MINED")]
    assert await trading.states() == ["FINAL"]


async def test_nonce__mined_by_us_while_a_node_that_lags_shows_it_pending__is_not_given_up(
    trading: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trading.pair(1, 2)
    await trading.relayer.step()
    trading.anvil.mine(OPTIONS.finality_depth or 0)
    observer = trading.relayer.desk.observer
    look, asked = observer.observe_many, []

    async def late_once(wanted: Iterable[bytes]) -> dict[bytes, Observation]:
        asked.append(list(wanted))
        if len(asked) == 1:
            return {tx: Observation(tx, TxState.PENDING, head=0, final=None) for tx in asked[0]}
        return await look(asked[-1])

    monkeypatch.setattr(observer, "observe_many", late_once)
    await trading.relayer.step()
    monkeypatch.undo()
    await trading.settle()

    assert len(asked) == 2
    assert [(row.nonce, row.state) for row in await trading.transactions()] == [(0, "MINED")]
    assert await trading.states() == ["FINAL"]


async def test_nonce__a_gap_before_ours__is_filled(trading: Trading) -> None:
    settler = trading.anvil.accounts[SETTLER].address
    trading.town.stage.web3.eth.send_transaction({"from": settler, "to": settler, "value": 0})
    await trading.pair(1, 2)
    await trading.relayer.step()
    trading.anvil.rpc("anvil_reorg", 2, [])
    trading.anvil.mine(1)

    await trading.relayer.step()
    await trading.settle()

    assert [(row.nonce, row.pairs, row.state) for row in await trading.transactions()] == [
        (0, 0, "MINED"),
        (1, 1, "MINED"),
    ]
    assert await trading.states() == ["FINAL"]


async def test_refusal__nodes_take_no_transaction_of_this_size__its_nonce_is_used_up_and_its_pairs_go_in_smaller_ones(
    trading: Trading,
) -> None:
    pairs = [await trading.pair(1 + number % 2, 3 + number % 2) for number in range(6)]
    assert await _die(trading, "relayer.after_store") == -signal.SIGKILL
    (large,) = await trading.transactions()
    trading.anvil.rpc("evm_setBlockGasLimit", hex(large.gas * 2 // 3))
    trading.anvil.mine(1)

    await trading.relayer.step()  # refused; from now on it is the next to be mined
    trading.anvil.mine(OPTIONS.bump_blocks)
    await trading.settle()
    await trading.settle()

    stored = await trading.transactions()
    assert [(row.pairs, row.state) for row in stored[:2]] == [(6, "LOST"), (0, "MINED")]
    assert all(0 < row.pairs < 6 for row in stored[2:])
    assert await trading.states() == ["FINAL"] * 6
    assert await trading.logged() == [pair.trade_id for pair in pairs]


async def test_revert__the_contract_is_paused_after_the_batch_was_sent__pairs_wait_and_are_sent_again(
    trading: Trading,
) -> None:
    stage = trading.town.stage
    await trading.pair(1, 2)
    trading.automine(False)
    await trading.relayer.step()
    sender = trading.anvil.accounts[0].address
    call = stage.contract.functions.pause()
    call.transact({"from": sender, "gas": 100_000, "maxPriorityFeePerGas": 10**12, "maxFeePerGas": 10**13})
    trading.anvil.mine(1)
    trading.automine(True)

    await trading.town.confirm(8)
    paused = [await trading.relayer.step(), await trading.relayer.step()]
    stage.send(0, stage.contract.functions.unpause())
    await trading.settle()

    assert paused[-1] is Outcome.STOPPED
    assert [row.state for row in await trading.transactions()] == ["REVERTED", "MINED"]
    assert await trading.states() == ["FINAL"]
    assert await trading.alerts() == ["relayer_stopped contract_refuses", "relayer_resumed contract_refuses"]


async def test_keys__two_signers__share_the_queue_and_log_each_pair_once(trading: Trading) -> None:
    stage = trading.town.stage
    stage.send(0, stage.contract.functions.grantRole(SETTLER_ROLE, trading.anvil.accounts[6].address))
    other = trading.another(account=6, batch_pairs=2)
    trading.set(batch_pairs=2)
    pairs = [await trading.pair(1 + number % 2, 3 + number % 2) for number in range(8)]
    for _ in range(6):
        await asyncio.gather(trading.relayer.step(), other.step())
    await trading.settle()

    assert sum(row.pairs for row in await trading.transactions()) == len(pairs)
    assert await trading.states() == ["FINAL"] * len(pairs)
    assert await trading.logged() == [pair.trade_id for pair in pairs]
