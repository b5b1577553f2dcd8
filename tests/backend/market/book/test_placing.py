# SPDX-License-Identifier: Apache-2.0
"""Placing: what an answer says is durable, priced at the resting order's limit, and explained."""

import asyncio
from datetime import timedelta

import pytest

from backend.core.clock import utc_now
from backend.market.book import service
from backend.market.book.errors import AuctionTakesLimits
from backend.market.book.types import Placed
from backend.market.clearing.receipts import faults_of, reclear
from backend.market.clearing.types import Side
from backend.market.orders.errors import (
    CommunityNotFound,
    ExpiryRefused,
    FactorRefused,
    GateClosed,
    OrderReplayed,
    OverCapacity,
)
from backend.market.orders.types import OrderKind, OrderState
from tests.backend.market.book.replay import check_book
from tests.support.databases import Cluster, DatabaseUrls
from tests.support.square import CONTRACT, FACTOR, Square


async def test_place__nothing_to_meet__rests_and_is_durable(square: Square) -> None:
    placed = await square.sell(square.engine(), 1)

    row = await square.order(placed.order_id)
    assert (placed.state, placed.rest_wh, placed.version, placed.matches) == (OrderState.OPEN, 1_000, 1, ())
    assert (row.state, row.matched_wh, row.placed_version, row.ended_at) == ("OPEN", 0, 1, None)


async def test_place__meets_two_orders__trades_at_their_limits_best_first(square: Square) -> None:
    engine = square.engine()
    dear = await square.sell(engine, 1, price_micro_per_kwh=230_000)
    cheap = await square.sell(engine, 2, price_micro_per_kwh=220_000, energy_wh=400)

    bought = await square.buy(engine, 3, price_micro_per_kwh=240_000, energy_wh=1_000)

    assert [(m.energy_wh, m.price_micro_per_kwh) for m in bought.matches] == [(400, 220_000), (600, 230_000)]
    assert (bought.state, bought.rest_wh) == (OrderState.FILLED, 0)
    assert (await square.order(cheap.order_id)).state == "FILLED"
    assert (await square.order(dear.order_id)).matched_wh == 600


async def test_place__matched__has_a_nonce_a_trade_id_and_a_receipt_that_clears_again(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    bid = await square.buy(engine, 2)

    match = (await square.matches())[0]

    receipt = (await square.rows("SELECT * FROM match_receipts"))[0]
    assert (match.offer_id, match.bid_id, match.receipt_id) == (offer.order_id, bid.order_id, receipt.id)
    assert match.trade_id == CONTRACT + match.settlement_nonce.to_bytes(10, "big") + b"\0\0"
    assert (match.state, match.seller_id, match.buyer_id) == ("MATCHED", square.people[1], square.people[2])
    assert faults_of(receipt.receipt) == []
    assert [(m.offer, m.energy_wh, m.price_micro) for m in reclear(receipt.receipt)] == [
        (str(offer.order_id), 1_000, 240_000)
    ]


async def test_place__with_fees__each_side_bears_his_own_and_nobody_passes_his_limit(square: Square) -> None:
    await square.set_rules(community_fee=10_001, grid_fees='{"north": 3000}')
    engine = square.engine()
    await square.sell(engine, 1, price_micro_per_kwh=200_000, energy_wh=1_500, zone="north")

    placed = await square.buy(engine, 2, price_micro_per_kwh=240_000, energy_wh=1_500)

    match = (await square.matches())[0]
    assert match.price_micro_per_kwh == 200_000 + 5_000 + 3_000
    assert match.seller_fee_micro == 1_500 * 8_000 // 1_000
    assert match.buyer_fee_micro == placed.matches[0].fee_micro == 1_500 * 5_001 // 1_000


async def test_place__market_order__takes_what_there_is_and_its_rest_is_cancelled(square: Square) -> None:
    engine = square.engine()
    await square.sell(engine, 1, energy_wh=300)

    placed = await square.buy(engine, 2, kind=OrderKind.MARKET, energy_wh=1_000)

    assert (placed.state, placed.reason, placed.rest_wh) == (OrderState.CANCELLED, "order.unmatched", 0)
    assert [m.energy_wh for m in placed.matches] == [300]
    view = await service.book_view(square.db, square.key)
    assert view.levels == ()
    assert view.row.last_price_micro_per_kwh == 240_000


async def test_place__two_wallets_of_one_user__never_trade_with_one_another(square: Square) -> None:
    engine = square.engine()
    await square.sell(engine, 1, price_micro_per_kwh=200_000)
    await square.sell(engine, 2, price_micro_per_kwh=230_000)

    placed = await square.buy(engine, 1, wallet=1, price_micro_per_kwh=240_000, energy_wh=2_000)

    assert [(m.seller_id, m.price_micro_per_kwh) for m in await square.matches()] == [(square.people[2], 230_000)]
    assert placed.rest_wh == 1_000


async def test_place__two_takers_at_the_same_instant__share_what_there_is(square: Square) -> None:
    engine, other = square.engine(), square.engine()
    offer = await square.sell(engine, 1)

    takers = await asyncio.gather(
        *(square.buy(which, person, kind=OrderKind.MARKET) for which in (engine, other) for person in (2, 3))
    )

    assert sum(m.energy_wh for taker in takers for m in taker.matches) == 1_000
    assert (await square.order(offer.order_id)).matched_wh == 1_000


async def test_place__many_books_in_one_group__keeps_them_apart(square: Square) -> None:
    engine = square.engine()

    await asyncio.gather(*(square.sell(engine, 1, interval=interval) for interval in range(5)))
    bought = await asyncio.gather(*(square.buy(engine, 2, interval=interval) for interval in (4, 2, 0)))

    assert {len(placed.matches) for placed in bought} == {1}
    assert {row.delivery_start for row in await square.matches()} == {
        square.key_of(interval).delivery_start for interval in (0, 2, 4)
    }


async def test_place__bad_orders_in_a_group__fail_alone_with_their_reasons(square: Square) -> None:
    engine = square.engine()
    known = square.new(1)
    await engine.place(known)
    used = square.new(4)

    answers = await asyncio.gather(
        engine.place(square.new(2, is_bid=True)),
        engine.place(known),
        engine.place(square.new(3, community=99)),
        engine.place(square.new(3, factor_id=FACTOR + 1)),
        engine.place(square.new(3, expiry=utc_now())),
        engine.place(square.new(3, energy_wh=500, capacity_wh=499)),
        engine.place(used),
        engine.place(square.new(5, maker=used.maker, slot=used.slot, interval=1)),
        engine.place(square.new(5, energy_wh=0)),
        return_exceptions=True,
    )

    kinds = [None if not isinstance(a, BaseException) else type(a) for a in answers]
    assert kinds[:8] == [None, OrderReplayed, CommunityNotFound, FactorRefused, ExpiryRefused, OverCapacity, None, None]
    assert kinds[8] is not None
    assert len(await square.rows("SELECT 1 FROM orders")) == 4


async def test_place__after_the_gate__is_refused_whatever_the_client_thinks(square: Square) -> None:
    engine = square.engine()
    await square.sell(engine, 1)
    await square.pass_gate()

    with pytest.raises(GateClosed):
        await square.buy(engine, 2, placed_at=utc_now() - timedelta(hours=1))

    assert await square.matches() == []


async def test_place__rules_change_later__the_book_keeps_its_own(square: Square) -> None:
    engine = square.engine()
    await square.sell(engine, 1)

    await square.set_rules("uniform", community_fee=50_000)
    here = await square.buy(engine, 2)
    await square.sell(engine, 1, interval=1)
    there = await square.buy(engine, 2, interval=1)

    assert len(here.matches) == 1
    assert (there.matches, there.rest_wh) == ((), 1_000)


async def test_place__auction__takes_no_market_orders_nor_minimum_fills(square: Square) -> None:
    await square.set_rules("uniform")
    engine = square.engine()

    with pytest.raises(AuctionTakesLimits):
        await square.sell(engine, 1, kind=OrderKind.MARKET)
    with pytest.raises(AuctionTakesLimits):
        await square.sell(engine, 1, min_fill_wh=500)


async def test_book_view__after_partial_fills__sums_what_is_left(square: Square) -> None:
    engine = square.engine()
    for person, price in ((1, 240_000), (2, 240_000), (3, 250_000)):
        await square.sell(engine, person, price_micro_per_kwh=price)
    await square.buy(engine, 4, energy_wh=300)
    await square.buy(engine, 5, price_micro_per_kwh=200_000)

    view = await service.book_view(square.db, square.key)

    assert [(level.side, level.price_micro, level.energy_wh, level.orders) for level in view.levels] == [
        (Side.OFFER, 240_000, 1_700, 2), (Side.OFFER, 250_000, 1_000, 1), (Side.BID, 200_000, 1_000, 1),
    ]  # fmt: skip
    assert (view.best(Side.OFFER), view.best(Side.BID), view.row.version) == (240_000, 200_000, 5)


async def test_place__connections_die__the_next_orders_find_the_book_as_it_is(
    square: Square, cluster: Cluster, databases: DatabaseUrls
) -> None:
    engine = square.engine()
    await square.sell(engine, 1)
    cluster.server.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{databases.name}'")

    answers = await asyncio.gather(*(square.buy(engine, person) for person in (2, 3)), return_exceptions=True)
    answers.append(await square.buy(engine, 4))

    placed = [answer for answer in answers if isinstance(answer, Placed)]
    assert sum(match.energy_wh for answer in placed for match in answer.matches) == 1_000
    assert len(await square.rows("SELECT 1 FROM orders")) == 1 + len(placed)
    assert await check_book(square, square.key) == 1
