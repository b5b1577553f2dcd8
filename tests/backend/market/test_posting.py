# SPDX-License-Identifier: Apache-2.0
"""Posted hashes: recorded when confirmed, pending before, refused when they contradict the chain."""

import asyncio
from datetime import timedelta

import pytest

from backend.core.clock import utc_now
from backend.core.ids import uuid7
from backend.market.errors import ClaimMismatch, NotOurEvent, SeveralTrades, TradeReverted, UnknownParty
from backend.market.watching import DROPPED_AFTER_BLOCKS, watch
from tests.backend.market.conftest import PRICE, Town, grams


async def _hash(town: Town, trade_id: bytes) -> bytes:
    block = town.stage.web3.eth.get_block("latest", full_transactions=False)
    return bytes(block["transactions"][-1])


async def _submission(town: Town) -> tuple[str, str | None]:
    row = (await town.rows("SELECT state, reason FROM trade_submissions ORDER BY id DESC LIMIT 1"))[0]
    return row.state, row.reason


async def test_post__confirmed_before_the_follower_saw_it__records_at_once(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    tx_hash = await _hash(town, trade_id)
    town.stage.anvil.mine(1)

    posted = await town.post(1, 2, tx_hash)

    assert posted.trade is not None
    assert posted.trade.trade_id == trade_id
    assert await town.wallet(2) == (grams(2000), 0)


async def test_post__recorded_by_poster_and_follower__has_one_effect(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    tx_hash = await _hash(town, trade_id)
    town.stage.anvil.mine(1)

    await town.post(1, 2, tx_hash)
    await town.confirm()
    again = await town.post(1, 2, tx_hash)

    assert again.trade is not None
    assert await town.wallet(2) == (grams(2000), 0)
    assert await town.statistics(1) == (1, 2000, 480_000)


async def test_post__not_deep_enough__is_pending_and_finished_without_the_client(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)

    posted = await town.post(1, 2, await _hash(town, trade_id))
    pending = await _submission(town)
    await town.confirm()

    assert posted.trade is None
    assert pending == ("MINED", None)
    assert await _submission(town) == ("RECORDED", None)


async def test_post__at_once_by_both_parties__has_one_effect(town: Town) -> None:
    tx_hash = await _hash(town, town.stage.fill(1, 2, 2000))
    town.stage.anvil.mine(1)

    posted = await asyncio.gather(
        *(town.post(1, 2, tx_hash, user_id=town.people[person]) for person in (1, 2) for _ in range(10))
    )

    assert {answer.trade.trade_id for answer in posted if answer.trade} == {
        posted[0].trade.trade_id if posted[0].trade else b""
    }
    assert await town.wallet(2) == (grams(2000), 0)
    assert len(await town.rows("SELECT 1 FROM trade_submissions")) == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"energy_wh": 2001}, "energy_kwh"),
        ({"price_micro_per_kwh": PRICE + 1}, "price_per_kwh"),
        ({"seller": 3}, "seller_id"),
        ({"buyer": 3}, "buyer_id"),
    ],
)
async def test_post__claim_contradicts_the_chain__is_refused_and_blocks_nobody(
    town: Town, changes: dict[str, int], field: str
) -> None:
    tx_hash = await _hash(town, town.stage.fill(1, 2, 2000))
    town.stage.anvil.mine(1)
    seller, buyer = changes.pop("seller", 1), changes.pop("buyer", 2)

    with pytest.raises(ClaimMismatch) as refused:
        await town.post(seller, buyer, tx_hash, user_id=town.people[4], **changes)
    true = await town.post(1, 2, tx_hash)

    assert field in refused.value.details
    assert true.trade is not None
    assert (await town.rows("SELECT state FROM trade_submissions WHERE user_id = :u", u=town.people[4]))[
        0
    ].state == "MISMATCHED"


async def test_post__reverted__is_refused(town: Town) -> None:
    contract, accounts = town.stage.contract, town.stage.anvil.accounts
    call = contract.functions.logEnergyTrade(accounts[1].address, accounts[1].address, 1000, 1000)
    tx_hash = bytes(call.transact({"from": accounts[1].address, "gas": 200_000}))
    town.stage.anvil.mine(1)

    with pytest.raises(TradeReverted):
        await town.post(1, 2, tx_hash)

    assert (await _submission(town))[0] == "REVERTED"


async def test_post__transaction_of_another_contract__is_refused(town: Town) -> None:
    accounts = town.stage.anvil.accounts
    tx_hash = bytes(
        town.stage.web3.eth.send_transaction({"from": accounts[1].address, "to": accounts[2].address, "value": 1})
    )
    town.stage.anvil.mine(2)

    with pytest.raises(NotOurEvent):
        await town.post(1, 2, tx_hash)


async def test_post__several_equal_events__asks_for_the_trade_id(town: Town) -> None:
    receipt = town.stage.log_many(1, 2, 3)
    tx_hash = bytes(receipt["transactionHash"])
    town.stage.anvil.mine(1)

    with pytest.raises(SeveralTrades) as refused:
        await town.post(1, 2, tx_hash, energy_wh=1000, price_micro_per_kwh=200_000)
    chosen = refused.value.details["trade_ids"][1]
    posted = await town.post(1, 2, tx_hash, energy_wh=1000, price_micro_per_kwh=200_000, event_id=chosen)

    assert posted.trade is not None
    assert posted.trade.trade_id == chosen


async def test_post__unknown_users__is_refused_and_not_stored(town: Town) -> None:
    with pytest.raises(UnknownParty):
        await town.post(1, 2, b"\x01" * 32, seller_id=uuid7())

    assert await town.rows("SELECT 1 FROM trade_submissions") == []


async def test_post__one_bad_in_a_group__does_not_fail_its_neighbours(town: Town) -> None:
    good = await _hash(town, town.stage.fill(1, 2, 2000))
    other = await _hash(town, town.stage.fill(1, 3, 1000))
    town.stage.anvil.mine(1)

    answers = await asyncio.gather(
        town.post(1, 2, good),
        town.post(1, 3, other, energy_wh=999),
        town.post(1, 2, b"\x09" * 32),
        return_exceptions=True,
    )

    assert not isinstance(answers[0], BaseException)
    assert answers[0].trade is not None
    assert isinstance(answers[1], ClaimMismatch)
    assert not isinstance(answers[2], BaseException)
    assert answers[2].trade is None


async def test_watch__unknown_for_long__is_dropped_and_revived_when_mined(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    tx_hash = await _hash(town, trade_id)
    raw = town.stage.anvil.rpc("eth_getRawTransactionByHash", "0x" + tx_hash.hex())
    town.stage.anvil.rpc("anvil_reorg", 1, [])
    await town.post(1, 2, tx_hash)
    now = utc_now()

    await watch(town.db, town.chain, town.poster.observer, now=now + timedelta(seconds=1), every=timedelta(0))
    town.stage.anvil.mine(DROPPED_AFTER_BLOCKS)
    await watch(town.db, town.chain, town.poster.observer, now=now + timedelta(seconds=2), every=timedelta(0))
    dropped = await _submission(town)
    town.stage.anvil.rpc("eth_sendRawTransaction", raw)
    await town.confirm()

    assert dropped == ("DROPPED", "trade.dropped")
    assert (await _submission(town))[0] == "RECORDED"
    assert (await town.trade(trade_id)).status == "CONFIRMED"


async def test_post__block_lost_between_look_and_record__is_not_recorded_from_it(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    tx_hash = await _hash(town, trade_id)
    town.stage.anvil.mine(1)
    await town.post(1, 2, tx_hash)

    town.stage.anvil.rpc("anvil_reorg", 2, [])
    await town.confirm(2)

    assert (await town.trade(trade_id)).status == "ORPHANED"
    assert await town.wallet(2) == (0, 0)
    assert (await _submission(town))[0] == "SUBMITTED"
