# SPDX-License-Identifier: Apache-2.0
"""Matched pairs are settled on a real chain, recorded and credited like any other trade."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from backend.core.clock import utc_now
from backend.market.orders.types import NewOrder
from backend.market.relayer.types import Outcome
from tests.backend.market.conftest import grams
from tests.backend.market.relayer.conftest import NEVER, Trading
from tests.support.orders import store_order


async def test_settle__three_pairs__are_recorded_credited_and_final(trading: Trading) -> None:
    pairs = [await trading.pair(1, 2), await trading.pair(3, 4, energy_wh=500), await trading.pair(2, 1, price=240_000)]

    await trading.relayer.step()
    sent = await trading.states()
    await trading.town.confirm()
    confirmed = await trading.states()
    await trading.settle()

    assert (sent, confirmed) == (["SENT"] * 3, ["CONFIRMED"] * 3)
    assert await trading.states() == ["FINAL"] * 3
    assert await trading.logged() == sorted(pair.trade_id for pair in pairs)
    trade = await trading.town.trade(pairs[1].trade_id)
    assert (trade.kind, trade.energy_wh, trade.consented, trade.claim_g) == (2, 500, True, grams(500))
    assert await trading.town.wallet(4) == (grams(500), 0)
    (stored,) = await trading.transactions()
    assert (stored.state, stored.pairs, stored.ended_at is not None) == ("MINED", 3, True)
    assert stored.cost_wei == stored.gas_used * (stored.cost_wei // stored.gas_used) > 0


async def test_settle__a_young_pair__waits_until_it_is_old_or_many_wait(trading: Trading) -> None:
    trading.set(interval_s=3600, batch_pairs=2)
    await trading.pair()
    waited = await trading.relayer.step()
    await trading.pair(3, 4)

    await trading.relayer.step()

    assert waited is Outcome.NOT_DUE
    assert await trading.states() == ["SENT", "SENT"]


async def test_settle__more_than_a_transaction_may_use__is_split_in_the_order_of_nonces(trading: Trading) -> None:
    pairs = [await trading.pair(1 + number % 2, 3 + number % 2) for number in range(6)]
    trading.set(gas_cap=400_000)

    await trading.settle()

    stored = await trading.transactions()
    assert len(stored) > 1
    assert sum(row.pairs for row in stored) == 6
    assert all(row.gas <= 400_000 for row in stored)
    assert [row.nonce for row in stored] == list(range(len(stored)))
    assert await trading.logged() == [pair.trade_id for pair in pairs]


async def test_settle__a_pair_whose_signature_does_not_fit__is_taken_out_and_its_counterpart_reopens(
    trading: Trading,
) -> None:
    good = await trading.pair(1, 2)
    broken: NewOrder = trading.orders.new(3, expiry=NEVER)
    object.__setattr__(broken, "signature", good.offer.signature)
    async with trading.town.db.begin() as session:
        await store_order(session, broken)
    bad = await trading.pair(3, 4, offer=broken)

    await trading.settle()

    assert await trading.matches() == [("FINAL", None), ("CANCELLED", "bad_signature")]
    assert await trading.order(bad.offer) == ("CANCELLED", "bad_signature", 0)
    assert await trading.order(bad.bid) == ("OPEN", None, 0)
    assert await trading.logged() == [good.trade_id]


async def test_settle__cancelled_on_chain_while_matched__is_taken_out_before_it_costs_anything(
    trading: Trading,
) -> None:
    pair = await trading.pair(1, 2)
    trading.cancel(pair.offer, 1)

    await trading.settle()

    assert await trading.matches() == [("CANCELLED", "order_cancelled")]
    assert await trading.order(pair.bid) == ("OPEN", None, 0)
    assert (await trading.order(pair.offer))[:2] == ("CANCELLED", "order_cancelled")
    assert await trading.transactions() == []


async def test_settle__cancelled_on_chain_while_sent__is_skipped_and_undone_once_the_skip_is_final(
    trading: Trading,
) -> None:
    skipped, good = await trading.pair(1, 2), await trading.pair(3, 4)
    trading.automine(False)
    await trading.relayer.step()
    cancel = trading.town.stage.contract.functions.cancel(
        skipped.offer.slot >> 3, int(skipped.offer.delivery_start.timestamp()), 1 << (skipped.offer.slot & 7)
    )
    cancel.transact({"from": trading.anvil.accounts[1].address, "maxPriorityFeePerGas": 10**12, "maxFeePerGas": 10**13})
    trading.anvil.mine(1)

    await trading.town.confirm()
    await trading.relayer.step()
    early = await trading.matches()
    await trading.settle()

    assert early == [("SENT", None), ("CONFIRMED", None)]
    assert await trading.matches() == [("CANCELLED", "order_cancelled"), ("FINAL", None)]
    assert await trading.order(skipped.bid) == ("OPEN", None, 0)
    assert await trading.logged() == [good.trade_id]


async def test_settle__the_rest_of_an_order_below_its_minimum_fill__goes_along_with_what_comes_before(
    trading: Trading,
) -> None:
    offer = trading.orders.new(1, energy_wh=1_000, min_fill_wh=400, expiry=NEVER)
    async with trading.town.db.begin() as session:
        await store_order(session, offer)
    await trading.pair(1, 2, offer=offer, energy_wh=700)
    await trading.pair(1, 3, offer=offer, energy_wh=300)

    await trading.settle()

    assert await trading.states() == ["FINAL", "FINAL"]
    assert [row.pairs for row in await trading.transactions()] == [2]


async def test_settle__expired_while_nothing_can_be_sent__is_cancelled(trading: Trading) -> None:
    late = trading.orders.new(1, expiry=int((utc_now() - timedelta(minutes=1)).timestamp()))
    async with trading.town.db.begin() as session:
        await store_order(session, late)
    pair = await trading.pair(1, 2, offer=late)
    trading.balance(0)

    await trading.settle()

    assert await trading.matches() == [("CANCELLED", "order_expired")]
    assert (await trading.order(late))[:2] == ("CANCELLED", "order_expired")
    assert await trading.order(pair.bid) == ("OPEN", None, 0)
    assert await trading.transactions() == []


async def test_settle__two_relayers_with_one_key__one_works_until_it_goes(trading: Trading) -> None:
    other = trading.another()
    await trading.pair(1, 2)

    outcomes = await asyncio.gather(trading.relayer.step(), other.step())
    await trading.town.confirm()
    first = [row.pairs for row in await trading.transactions()]
    await trading.pair(3, 4)
    await trading.relayer.release()
    await other.release()
    await other.step()

    assert sorted(outcome is None for outcome in outcomes) == [False, True]
    assert first == [1]
    assert await trading.states() == ["CONFIRMED", "SENT"]
