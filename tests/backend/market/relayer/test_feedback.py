# SPDX-License-Identifier: Apache-2.0
"""What the chain says about matches and orders, through the follower, and back again when its blocks are lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import text

from backend.market.orders.types import NewOrder, Venue
from backend.market.relayer.encoding import settle_call
from backend.market.relayer.queue import waiting
from tests.backend.market.conftest import FINALITY_DEPTH
from tests.backend.market.relayer.conftest import NEVER, Trading
from tests.support.orders import order_of_row, store_order


async def _placed(trading: Trading, order: NewOrder) -> NewOrder:
    async with trading.town.db.begin() as session:
        await trading.open_book(session, order)
        await store_order(session, order)
    return order


async def test_follow__orders_cancelled_on_chain__end_and_those_in_other_places_stand(trading: Trading) -> None:
    ended = await _placed(trading, trading.orders.new(1, expiry=NEVER))
    direct = await _placed(trading, trading.orders.new(1, expiry=NEVER, venue=Venue.DIRECT))
    other = await _placed(trading, trading.orders.new(1, expiry=NEVER))
    assert ended.slot >> 3 == direct.slot >> 3 == other.slot >> 3
    mask = 1 << (ended.slot & 7) | 1 << (direct.slot & 7)
    start = int(ended.delivery_start.timestamp())
    trading.town.stage.send(1, trading.town.stage.contract.functions.cancel(ended.slot >> 3, start, mask))

    await trading.town.confirm()

    assert await trading.order(ended) == ("CANCELLED", "order_cancelled", 0)
    assert (await trading.order(direct))[:2] == ("CANCELLED", "order_cancelled")
    assert (await trading.order(other))[0] == "OPEN"


async def test_follow__a_direct_offer_filled_and_lost__is_taken_and_open_again(trading: Trading) -> None:
    offer = await _placed(trading, trading.orders.new(1, expiry=NEVER, venue=Venue.DIRECT))
    order: Any = order_of_row(offer)
    fill = trading.town.stage.contract.functions.fillOffer(order.values(), offer.signature, 77, 400, 102)
    trading.town.stage.send(2, fill)

    await trading.town.confirm()
    taken = await trading.town.rows("SELECT taken_wh FROM orders")
    trading.anvil.rpc("anvil_reorg", 3, [])
    trading.anvil.mine(2)
    await trading.town.follow()

    assert [row.taken_wh for row in taken] == [400]
    assert [row.taken_wh for row in await trading.town.rows("SELECT taken_wh FROM orders")] == [0]


async def test_follow__a_pair_that_is_logged_twice__is_a_skip_without_consequence(trading: Trading) -> None:
    pair = await trading.pair(1, 2)
    async with trading.town.db.begin() as session:
        again = settle_call(await waiting(session, trading.town.chain.id, 1))
    await trading.settle()
    stage = trading.town.stage
    admin = trading.anvil.accounts[0].address
    stage.web3.eth.send_transaction({"from": admin, "to": stage.contract.address, "data": again, "gas": 1_000_000})

    await trading.town.confirm(FINALITY_DEPTH)
    await trading.relayer.step()

    assert len(await trading.town.rows("SELECT 1 FROM match_skips WHERE final_at IS NOT NULL")) == 1
    assert await trading.states() == ["FINAL"]
    assert (await trading.order(pair.offer))[2] == 1_000


async def test_follow__a_pair_that_was_taken_out_is_logged_all_the_same__the_chain_decides(trading: Trading) -> None:
    await trading.pair(1, 2)
    async with trading.town.db.begin() as session:
        call = settle_call(await waiting(session, trading.town.chain.id, 1))
    async with trading.town.db.begin() as session:
        await session.execute(text("UPDATE matches SET state = 'CANCELLED', reason = 'order_expired'"))
    stage = trading.town.stage
    admin = trading.anvil.accounts[0].address
    stage.web3.eth.send_transaction({"from": admin, "to": stage.contract.address, "data": call, "gas": 1_000_000})

    await trading.town.confirm()

    assert await trading.matches() == [("CONFIRMED", None)]


async def _log_under(trading: Trading, nonce: int) -> None:
    """An admin logs the pair that waits under another nonce."""
    async with trading.town.db.begin() as session:
        (waits,) = await waiting(session, trading.town.chain.id, 1)
    call = settle_call([replace(waits, nonce=nonce)])
    stage = trading.town.stage
    admin = trading.anvil.accounts[0].address
    stage.web3.eth.send_transaction({"from": admin, "to": stage.contract.address, "data": call, "gas": 1_000_000})


async def test_follow__nonces_that_the_database_never_drew__are_not_drawn_again(trading: Trading) -> None:
    pair = await trading.pair(1, 2)
    await _log_under(trading, 5_000)

    await trading.town.confirm()
    await trading.relayer.step()

    assert await trading.matches() == [("CANCELLED", "overfilled")]  # its orders were filled under another nonce
    assert (await trading.order(pair.offer))[:2] == ("CANCELLED", "overfilled")
    assert [row.nextval for row in await trading.town.rows("SELECT nextval('settlement_nonces')")] == [5_001]


async def test_settle__a_nonce_that_is_another_trade_s_for_good__both_orders_are_matched_anew(
    trading: Trading,
) -> None:
    await trading.pair(1, 2)
    await _log_under(trading, 2)
    await trading.town.confirm()
    await trading.town.rows("SELECT setval('settlement_nonces', 1)")
    dear = {"price_micro_per_kwh": 300_000, "expiry": NEVER}
    offer, bid = trading.orders.new(3, **dear), trading.orders.new(4, is_bid=True, **dear)
    for order in (offer, bid):
        await _placed(trading, order)
    pair = await trading.pair(3, 4, offer=offer, bid=bid, price=300_000)

    await trading.relayer.step()
    doubted = await trading.matches()
    await trading.settle()
    await trading.settle()

    assert (pair.nonce, doubted[1]) == (2, ("MATCHED", None))
    rows = await trading.town.rows("SELECT state, reason, offer_id FROM matches ORDER BY settlement_nonce")
    assert [(row.state, row.reason) for row in rows[:2]] == [("CANCELLED", "overfilled"), ("CANCELLED", "nonce_used")]
    assert [(row.state, row.offer_id) for row in rows[2:]] == [("FINAL", offer.id)]
