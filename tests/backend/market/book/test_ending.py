# SPDX-License-Identifier: Apache-2.0
"""Orders that end or open again: by their owner, by the chain, by an undone match, by the gate."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.clock import utc_now
from backend.market.book import service
from backend.market.book.auctions import clear_due
from backend.market.book.engine import Engine
from backend.market.book.errors import OrderEnded
from backend.market.book.types import Ended, Placed, Undone
from backend.market.clearing.receipts import faults_of
from backend.market.orders.errors import CancelOnChain, OrderNotFound
from backend.market.orders.types import OrderKind, OrderState, Venue
from tests.support.orders import store_order
from tests.support.square import Square


async def undo(square: Square, *match_ids: UUID, ended: dict[UUID, str] | None = None) -> None:
    """What the relayer does when matches cannot be settled."""
    async with square.db.begin() as session:
        await session.execute(
            text("UPDATE matches SET state = 'CANCELLED', reason = 'skipped' WHERE id = ANY(:ids)"),
            {"ids": list(match_ids)},
        )
        undone = [Undone(match_id, ended or {}) for match_id in match_ids]
        await service.undo_matches(session, undone, now=utc_now())


async def cancel(square: Square, engine: Engine, placed: Placed, person: int) -> Ended:
    """The owner cancels."""
    return await service.cancel_order(square.db, engine, placed.order_id, user_id=square.people[person])


async def test_cancel_order__half_matched__takes_the_rest_out_and_keeps_the_match(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    await square.buy(engine, 2, energy_wh=400)

    ended = await cancel(square, engine, offer, 1)
    late = await square.buy(engine, 3)

    assert (ended.state, ended.rest_wh, ended.matched_wh) == (OrderState.CANCELLED, 600, 400)
    assert late.matches == ()
    assert (await square.order(offer.order_id)).state == "CANCELLED"
    assert [m.state for m in await square.matches()] == ["MATCHED"]


async def test_cancel_order__of_somebody_else_or_ended_or_direct__is_refused(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    direct = square.new(1, venue=Venue.DIRECT)
    async with square.db.begin() as session:
        await store_order(session, direct)

    with pytest.raises(OrderNotFound):
        await cancel(square, engine, offer, 2)
    await cancel(square, engine, offer, 1)
    with pytest.raises(OrderEnded) as refused:
        await cancel(square, engine, offer, 1)
    with pytest.raises(CancelOnChain):
        await service.cancel_order(square.db, engine, direct.id, user_id=direct.user_id)

    assert refused.value.details["state"] == "CANCELLED"


async def test_cancel_order__while_it_is_taken__is_either_cancelled_or_matched(square: Square) -> None:
    engine = square.engine()
    offers = [await square.sell(engine, 1) for _ in range(6)]

    outcomes = await asyncio.gather(
        *(square.buy(engine, 2) for _ in offers),
        *(cancel(square, engine, offer, 1) for offer in offers),
        return_exceptions=True,
    )

    assert not [each for each in outcomes if isinstance(each, BaseException) and not isinstance(each, OrderEnded)]
    rows = [await square.order(offer.order_id) for offer in offers]
    assert {(row.state, row.matched_wh) for row in rows} <= {("CANCELLED", 0), ("FILLED", 1_000)}
    assert sum(row.matched_wh for row in rows) == sum(match.energy_wh for match in await square.matches())


async def test_end_orders__cancelled_on_chain__leave_the_book_with_the_reason(square: Square) -> None:
    engine = square.engine()
    offer, other = await square.sell(engine, 1), await square.sell(engine, 2, interval=1)

    async with square.db.begin() as session:
        ids = [offer.order_id, other.order_id]
        ended = await service.end_orders(session, square.chain.id, ids, reason="order.on_chain", now=utc_now())
        again = await service.end_orders(session, square.chain.id, ids, reason="other", now=utc_now())

    assert (ended, again) == (2, 0)
    assert (await square.order(other.order_id)).reason == "order.on_chain"
    assert (await square.buy(engine, 3)).matches == ()


async def test_undo_matches__one_side_at_fault__ends_it_and_opens_the_other_in_its_place(square: Square) -> None:
    engine = square.engine()
    first = await square.sell(engine, 1)
    second = await square.sell(engine, 2)
    bid = await square.buy(engine, 3)

    await undo(square, bid.matches[0].match_id, ended={bid.order_id: "order.balance"})
    taken = await square.buy(engine, 4)

    assert taken.matches[0].energy_wh == 1_000
    assert (await square.order(first.order_id)).state == "FILLED"
    assert (await square.order(second.order_id)).state == "OPEN"
    row = await square.order(bid.order_id)
    assert (row.state, row.reason, row.matched_wh) == ("CANCELLED", "order.balance", 0)


async def test_undo_matches__somebody_waits__is_matched_again_at_once(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    bid = await square.buy(engine, 2)
    waiting = await square.buy(engine, 3, price_micro_per_kwh=250_000, energy_wh=600)

    await undo(square, bid.matches[0].match_id, ended={bid.order_id: "order.balance"})

    again = (await square.matches())[1]
    assert (again.bid_id, again.energy_wh, again.price_micro_per_kwh) == (waiting.order_id, 600, 250_000)
    row = await square.order(offer.order_id)
    assert (row.state, row.matched_wh) == ("OPEN", 600)
    assert (await service.book_view(square.db, square.key)).levels[0].energy_wh == 400


async def test_undo_matches__after_the_gate__closes_what_would_open(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    bid = await square.buy(engine, 2)
    await square.pass_gate()
    await clear_due(square.db, square.chain.id, utc_now())

    await undo(square, bid.matches[0].match_id, ended={bid.order_id: "order.balance"})

    row = await square.order(offer.order_id)
    assert (row.state, row.reason, row.matched_wh) == ("CLOSED", "order.gate_closed", 0)


async def test_undo_matches__of_a_market_order__does_not_let_it_rest(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    bid = await square.buy(engine, 2, kind=OrderKind.MARKET)

    await undo(square, bid.matches[0].match_id, ended={offer.order_id: "order.balance"})

    assert {(await square.order(each.order_id)).state for each in (offer, bid)} == {"CANCELLED"}
    assert (await service.book_view(square.db, square.key)).levels == ()


@pytest.mark.parametrize("rule", ["uniform", "pay-as-bid"])
async def test_clear_due__two_workers_at_once__auction_once_and_explain_it(square: Square, rule: str) -> None:
    await square.set_rules(rule, community_fee=2_000)
    engine = square.engine()
    await asyncio.gather(
        *(square.sell(engine, person, price_micro_per_kwh=200_000 + person * 10_000) for person in (1, 2, 3)),
        *(square.buy(engine, person, price_micro_per_kwh=200_000 + person * 7_000) for person in (4, 5, 6)),
    )
    await square.pass_gate()

    closed = await asyncio.gather(*(clear_due(square.db, square.chain.id, utc_now()) for _ in range(2)))

    receipts = await square.rows("SELECT rule, receipt FROM match_receipts")
    matches = await square.matches()
    assert sum(closed) == 1
    assert [(row.rule, faults_of(row.receipt)) for row in receipts] == [(rule, [])]
    assert [match.energy_wh for match in matches] == [1_000, 1_000]
    assert {match.price_micro_per_kwh for match in matches} == (
        {matches[0].price_micro_per_kwh} if rule == "uniform" else {234_000, 241_000}
    )
    states = await square.rows("SELECT state, count(*) AS n FROM orders GROUP BY state ORDER BY state")
    assert [(row.state, row.n) for row in states] == [("CLOSED", 2), ("FILLED", 4)]


async def test_clear_due__continuous_or_empty_books__are_closed_once(square: Square) -> None:
    engine = square.engine()
    offer = await square.sell(engine, 1)
    gone = await square.sell(engine, 2, interval=1)
    await cancel(square, engine, gone, 2)
    await square.pass_gate(0)
    await square.pass_gate(1)

    closed = [await clear_due(square.db, square.chain.id, utc_now()) for _ in range(2)]

    assert closed == [2, 0]
    assert (await square.order(offer.order_id)).reason == "order.gate_closed"
    assert await square.rows("SELECT 1 FROM match_receipts") == []
    assert [row.is_closed for row in await square.rows("SELECT closed_at IS NOT NULL AS is_closed FROM books")] == [
        True,
        True,
    ]


async def test_clear_due__while_orders_come__each_is_in_the_auction_or_refused(square: Square) -> None:
    await square.set_rules("uniform")
    engine = square.engine()
    await square.sell(engine, 1)
    bids = [asyncio.create_task(square.buy(engine, 2 + number % 6)) for number in range(60)]
    await asyncio.wait(bids, return_when=asyncio.FIRST_COMPLETED)

    more = [asyncio.create_task(square.buy(engine, 2)) for _ in range(20)]
    await square.pass_gate()
    await clear_due(square.db, square.chain.id, utc_now())
    outcomes = await asyncio.gather(*bids, *more, return_exceptions=True)

    placed = [each for each in outcomes if isinstance(each, Placed)]
    rows = await square.rows("SELECT state, count(*) AS n FROM orders WHERE is_bid GROUP BY state ORDER BY state")
    assert {getattr(each, "code", "placed") for each in outcomes} <= {"placed", "order.gate_closed"}
    assert [(row.state, row.n) for row in rows] == [("CLOSED", len(placed) - 1), ("FILLED", 1)]
