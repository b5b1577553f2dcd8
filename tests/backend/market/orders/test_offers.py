# SPDX-License-Identifier: Apache-2.0
"""Direct offers: reserved before their signature is shown, taken as the chain says, closed in time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.chain.types import Log
from backend.core.clock import utc_now
from backend.core.crypto import recover
from backend.core.db import Database
from backend.core.envelope import PageParams
from backend.core.errors import Refusal
from backend.market.orders import errors
from backend.market.orders.fills import close_orders, end_offers, taken, untaken
from backend.market.orders.queries import list_offers
from backend.market.orders.reservations import MAX_HELD, Reservation, Wish, release_lapsed, reserve
from backend.market.orders.typed_data import order_hash
from backend.market.types import Terms, TradeKind, TradeLogged
from tests.backend.market.orders.conftest import Stall
from tests.support.square import FACTOR, MINUTES


async def _reserve(
    stall: Stall, offer_id: UUID, person: int, energy_wh: int = 1_000, *, at: datetime | None = None, **more: Any
) -> Reservation:
    wish = Wish(offer_id, stall.square.people[person], energy_wh, **more)
    return await reserve(stall.db, wish, now=at or utc_now())


async def _stands(stall: Stall, offer_id: UUID) -> tuple[str, int, int]:
    row = await stall.square.order(offer_id)
    return row.state, row.taken_wh, row.reserved_wh


async def _fill(stall: Stall, offer_id: UUID, buyer: int, energy_wh: int, *, number: int = 1, at: Any = None) -> bytes:
    """The follower tells of a confirmed `fillOffer`; returns the trade's id."""
    row = await stall.square.order(offer_id)
    now = at or utc_now()
    terms = Terms(row.meter, 100 + buyer, row.delivery_start, MINUTES, FACTOR)
    log = Log(1, b"\x01" * 32, int(now.timestamp()), b"\x02" * 32, 0, 0, (), b"")
    trade = TradeLogged(
        log, number.to_bytes(32, "big"), TradeKind.FILLED, bytes(row.maker), stall.address(buyer), energy_wh,
        row.price_micro_per_kwh, 0, FACTOR, terms, now,
    )  # fmt: skip
    async with stall.db.begin() as session:
        assert await taken(session, stall.square.chain.id, trade, row.slot, now=now)
    return trade.trade_id


async def test_reserve__two_buyers_at_the_same_instant__one_gets_the_rest(stall: Stall, databases: Any) -> None:
    offer_id = await stall.offer(1)
    other = Database(databases.service, pool_size=6)
    wishes = [Wish(offer_id, stall.square.people[buyer], 600) for buyer in (2, 3)]

    async with stall.db.begin() as session:
        await session.execute(text("SELECT id FROM orders WHERE id = :id FOR UPDATE"), {"id": offer_id})
        racing = [
            asyncio.create_task(reserve(db, wish, now=utc_now()))
            for db, wish in zip((stall.db, other), wishes, strict=True)
        ]
        while await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) < 2:
            pass
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    await other.close()

    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [type(refusal) for refusal in refused] == [errors.OfferTaken]
    assert refused[0].details == {"asked_kwh": "0.6", "rest_kwh": "0.4"}
    assert await _stands(stall, offer_id) == ("OPEN", 0, 600)


async def test_reserve__free_energy__shows_a_signature_that_fits_and_a_nonce_of_the_buyers_own(stall: Stall) -> None:
    offer_id = await stall.offer(1)

    first = await _reserve(stall, offer_id, 2, 300)
    second = await _reserve(stall, offer_id, 2, 300)

    digest = order_hash(first.offer.signed(), stall.domain)
    assert recover(digest, first.offer.signature) == stall.address(1)
    assert (first.buyer, first.buyer_meter) == (stall.address(2), 102)
    assert second.nonce == first.nonce + 1 < 2**79


async def test_reserve__what_cannot_be_taken__is_refused_by_name(stall: Stall) -> None:
    offer_id = await stall.offer(1, min_fill_wh=400)
    for_three = await stall.offer(1, taker=stall.address(3))
    gate = stall.square.delivery_start
    refused = {
        errors.OwnOffer: _reserve(stall, offer_id, 1),
        errors.BuyerRefused: _reserve(stall, offer_id, 5),
        errors.FillTooSmall: _reserve(stall, offer_id, 2, 399),
        errors.OfferTaken: _reserve(stall, offer_id, 2, 1_001),
        errors.GateClosed: _reserve(stall, offer_id, 2, at=gate),
        errors.OfferNotFound: _reserve(stall, for_three, 2),
    }

    for error, asking in refused.items():
        with pytest.raises(error):
            await asking
    with pytest.raises(errors.BuyerRefused):
        await _reserve(stall, offer_id, 2, buyer=stall.address(3))

    assert (await _reserve(stall, for_three, 3)).buyer == stall.address(3)
    assert await _stands(stall, offer_id) == ("OPEN", 0, 0)


async def test_reserve__too_many__is_refused_until_some_lapse(stall: Stall) -> None:
    offer_id = await stall.offer(1)
    for _ in range(MAX_HELD):
        await _reserve(stall, offer_id, 2, 1)

    with pytest.raises(errors.TooManyReservations):
        await _reserve(stall, offer_id, 2, 1)
    await _reserve(stall, offer_id, 2, 1, at=utc_now() + timedelta(minutes=11))

    assert await _stands(stall, offer_id) == ("OPEN", 0, 1)


async def test_release_lapsed__ten_minutes_are_over__energy_is_free_again(stall: Stall) -> None:
    offer_id = await stall.offer(1)
    await _reserve(stall, offer_id, 2)

    early = await release_lapsed(stall.db, now=utc_now() + timedelta(minutes=9))
    late = await release_lapsed(stall.db, now=utc_now() + timedelta(minutes=11))
    again = await release_lapsed(stall.db, now=utc_now() + timedelta(minutes=12))

    assert (early, late, again) == (0, 1, 0)
    assert await _stands(stall, offer_id) == ("OPEN", 0, 0)


async def test_taken__fill_of_a_reservation__moves_its_energy_once_and_back_after_a_reorganisation(
    stall: Stall,
) -> None:
    offer_id = await stall.offer(1)
    await _reserve(stall, offer_id, 2, 700)

    trade_id = await _fill(stall, offer_id, 2, 600)
    await _fill(stall, offer_id, 2, 600)
    filled = await _stands(stall, offer_id)
    async with stall.db.begin() as session:
        undone = [await untaken(session, stall.square.chain.id, [trade_id], now=utc_now()) for _ in range(2)]
    lost = await _stands(stall, offer_id)
    await _fill(stall, offer_id, 2, 600)

    assert filled == ("OPEN", 600, 0)
    assert undone == [1, 0]
    assert lost == ("OPEN", 0, 0)
    assert await _stands(stall, offer_id) == ("OPEN", 600, 0)


async def test_taken__everything__fills_the_offer_and_a_reorganisation_opens_it_again(stall: Stall) -> None:
    offer_id = await stall.offer(1)

    trade_id = await _fill(stall, offer_id, 2, 1_000)
    filled = await _stands(stall, offer_id)
    async with stall.db.begin() as session:
        await untaken(session, stall.square.chain.id, [trade_id], now=utc_now())

    assert filled == ("FILLED", 1_000, 0)
    assert await _stands(stall, offer_id) == ("OPEN", 0, 0)


async def test_taken__fill_that_nobody_reserved__makes_reservations_give_way_the_latest_first(stall: Stall) -> None:
    offer_id = await stall.offer(1)
    await _reserve(stall, offer_id, 2, 300)
    await _reserve(stall, offer_id, 3, 300)

    await _fill(stall, offer_id, 4, 500)
    between = await _stands(stall, offer_id)
    await _fill(stall, offer_id, 2, 300, number=2)

    assert between == ("OPEN", 500, 300)
    assert await _stands(stall, offer_id) == ("OPEN", 800, 0)


async def test_taken__slot_that_is_not_ours__changes_nothing(stall: Stall) -> None:
    offer_id = await stall.offer(1)
    row = await stall.square.order(offer_id)
    terms = Terms(101, 102, row.delivery_start, MINUTES, FACTOR)
    log = Log(1, b"\x01" * 32, 1, b"\x02" * 32, 0, 0, (), b"")
    trade = TradeLogged(log, b"\x09" * 32, TradeKind.FILLED, stall.address(1), stall.address(2), 5, 5, 0, FACTOR, terms,
                        utc_now())  # fmt: skip

    async with stall.db.begin() as session:
        assert not await taken(session, stall.square.chain.id, trade, row.slot + 8, now=utc_now())

    assert await _stands(stall, offer_id) == ("OPEN", 0, 0)


async def test_close_orders__gate_has_passed__closes_offers_and_lets_what_was_shown_be_filled(stall: Stall) -> None:
    offer_id = await stall.offer(1)
    await _reserve(stall, offer_id, 2, 400)
    gate = stall.square.delivery_start

    before = await close_orders(stall.db, stall.square.chain.id, now=gate - timedelta(seconds=1))
    closed = await close_orders(stall.db, stall.square.chain.id, now=gate)
    await _fill(stall, offer_id, 2, 400, at=gate)

    assert (before, closed) == (0, 1)
    assert await _stands(stall, offer_id) == ("CLOSED", 400, 0)


async def test_end_offers__cancelled_on_chain__ends_offer_and_reservations(stall: Stall) -> None:
    offer_id = await stall.offer(1)
    await _reserve(stall, offer_id, 2, 400)

    async with stall.db.begin() as session:
        ended = await end_offers(
            session, stall.square.chain.id, [offer_id], reason="order.cancelled_on_chain", now=utc_now()
        )

    assert ended == 1
    assert await _stands(stall, offer_id) == ("CANCELLED", 0, 0)
    events = await stall.square.rows("SELECT payload->>'state' AS state FROM outbox WHERE topic = 'orders' ORDER BY id")
    assert [event.state for event in events] == ["OPEN", "OPEN", "CANCELLED"]


async def test_list_offers__of_others__shows_what_can_be_taken_and_no_maker(stall: Stall) -> None:
    dear = await stall.offer(1, price_micro_per_kwh=300_000)
    cheap = await stall.offer(3, price_micro_per_kwh=200_000)
    await stall.offer(2)
    await stall.offer(1, taker=stall.address(4))
    await _reserve(stall, cheap, 4, 250)

    offers, total = await list_offers(
        stall.db, stall.square.chain.id, stall.square.org_id, stall.square.people[2], PageParams(1, 10),
        since=None, until=None, now=utc_now(),
    )  # fmt: skip

    assert total == 2
    assert [(offer.id, offer.rest_wh) for offer in offers] == [(cheap, 750), (dear, 1_000)]
    assert not {"maker", "signature", "user_id"} & set(offers[0].__slots__)


async def test_offers__any_sequence_of_reserving_filling_and_losing__keeps_their_sums(stall: Stall) -> None:
    offer_id = await stall.offer(1, energy_wh=3_000)
    seed, now, number = Random(7), utc_now(), 0
    standing: dict[bytes, int] = {}

    for _ in range(80):
        act, energy_wh, buyer = seed.choice(("reserve", "fill", "lose", "lapse")), seed.randrange(1, 900), 2
        now += timedelta(seconds=seed.randrange(0, 240))
        rest_on_chain = 3_000 - sum(standing.values())
        if act == "reserve":
            with suppress(errors.OfferTaken, errors.GateClosed, errors.TooManyReservations):
                await _reserve(stall, offer_id, seed.randint(2, 4), energy_wh, at=now)
        elif act == "fill" and rest_on_chain:
            number, buyer = number + 1, seed.randint(2, 4)
            energy_wh = min(energy_wh, rest_on_chain)
            standing[await _fill(stall, offer_id, buyer, energy_wh, number=number, at=now)] = energy_wh
        elif act == "lose" and standing:
            lost = seed.choice(sorted(standing))
            del standing[lost]
            async with stall.db.begin() as session:
                await untaken(session, stall.square.chain.id, [lost], now=now)
        else:
            await release_lapsed(stall.db, now=now)

        state, taken_wh, reserved_wh = await _stands(stall, offer_id)
        (held,) = await stall.square.rows(
            "SELECT coalesce(sum(energy_wh), 0)::bigint AS wh FROM offer_reservations WHERE ended_at IS NULL"
        )
        assert (taken_wh, reserved_wh) == (sum(standing.values()), held.wh)
        assert taken_wh + reserved_wh <= 3_000
        assert (state == "FILLED") is (taken_wh == 3_000)
