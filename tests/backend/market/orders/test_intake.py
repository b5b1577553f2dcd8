# SPDX-License-Identifier: Apache-2.0
"""Intake: what is accepted, and the name under which each other order is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.core.clock import utc_now
from backend.core.errors import Refusal
from backend.market.orders import errors
from backend.market.orders.checks import DRAW_W
from backend.market.orders.intake import Intake
from backend.market.orders.typed_data import Order
from backend.market.orders.types import OrderKind, OrderState, Venue
from tests.backend.market.orders.conftest import (
    AVERAGE_FACTOR,
    CAPACITY_W,
    FOREIGN_FACTOR,
    LATE_FACTOR,
    Stall,
)
from tests.contracts.support import malleate
from tests.support.square import MINUTES

CAPACITY_WH = CAPACITY_W * MINUTES // 60
WEEK_S = 7 * 86_400
CONNECTIONS = [  # capacity of panels, connection; what the house may sell and buy, all W
    (5_000, None, 5_000, DRAW_W),
    (20_000, None, 20_000, 20_000),
    (20_000, 10_000, 10_000, 10_000),
    (5_000, 30_000, 5_000, 30_000),
]
Change = Callable[[Order], Order]


def _with(**changes: Any) -> Change:
    return lambda order: replace(order, **changes)


def _moved(seconds: int, *names: str) -> Change:
    return lambda order: replace(order, **{name: getattr(order, name) + seconds for name in names})


REFUSED: dict[str, tuple[Change, type[Refusal]]] = {
    "position 7": (_with(slot=(1024 << 3) + 7), errors.OrderMalformed),
    "no energy": (_with(energy_wh=0), errors.OrderMalformed),
    "least fill above its energy": (_with(min_fill_wh=1_001), errors.OrderMalformed),
    "meter beyond what is stored": (_with(meter=2**63), errors.OrderMalformed),
    "bid for anybody": (_with(is_bid=True, taker=bytes(20)), errors.TakerWrong),
    "maker as its own taker": (lambda order: replace(order, taker=order.maker), errors.TakerWrong),
    "wallet of another": (_with(maker=b"\x01" * 20), errors.MakerNotYours),
    "unknown meter": (_with(meter=999), errors.MeterNotYours),
    "meter of another": (_with(meter=102), errors.MeterNotYours),
    "interval that does not exist": (_moved(60, "delivery_start"), errors.IntervalWrong),
    "interval of another length": (_with(delivery_minutes=15), errors.IntervalWrong),
    "interval whose gate has closed": (_moved(-4 * 3600, "delivery_start", "expiry"), errors.GateClosed),
    "interval whose gate has not opened": (_moved(9 * 86_400, "delivery_start", "expiry"), errors.GateClosed),
    "expired order": (_with(expiry=1_700_000_000), errors.OrderExpired),
    "order that expires before its delivery ends": (_moved(60 - WEEK_S, "expiry"), errors.ExpiryRefused),
    "order that lives for more than a week": (_moved(1, "expiry"), errors.ExpiryRefused),
    "lane that nobody was given": (_with(slot=2000 << 3), errors.LaneForeign),
    "position that was not handed out yet": (_moved(1, "slot"), errors.LaneForeign),
    "lane of another interval": (_moved(3600, "delivery_start"), errors.LaneForeign),
    "lane of the book for a direct offer": (_with(taker=bytes(20)), errors.LaneForeign),
    "unknown factor": (_with(factor_id=99), errors.FactorRefused),
    "average factor": (_with(factor_id=AVERAGE_FACTOR), errors.FactorRefused),
    "factor of another region": (_with(factor_id=FOREIGN_FACTOR), errors.FactorRefused),
    "factor that is not the interval's": (_with(factor_id=LATE_FACTOR), errors.FactorRefused),
    "price below the community's limit": (_with(price_micro_per_kwh=999), errors.PriceRefused),
    "price above the community's limit": (_with(price_micro_per_kwh=500_001), errors.PriceRefused),
    "more than the house can deliver": (_with(energy_wh=CAPACITY_WH + 1), errors.OverCapacity),
}


async def test_submit__order_that_breaks_a_rule__is_refused_by_the_rules_name_and_stored_nowhere(stall: Stall) -> None:
    await stall.square.rows(
        """INSERT INTO community_markets (org_id, community, min_price_micro_per_kwh, max_price_micro_per_kwh,
               updated_at) VALUES (:org, 3, 1000, 500000, now()) RETURNING 1""",
        org=stall.square.org_id,
    )
    sound = await stall.order(1)
    wrong = {}

    for name, (change, expected) in REFUSED.items():
        try:
            await stall.submit(1, change(sound))
        except Refusal as refusal:
            if type(refusal) is not expected:
                wrong[name] = str(refusal)
        else:
            wrong[name] = "accepted"

    assert wrong == {}
    assert await stall.square.rows("SELECT id FROM orders") == []
    assert (await stall.submit(1, sound))[1].state is OrderState.OPEN


async def test_submit__signature_that_does_not_fit__is_refused(stall: Stall) -> None:
    order, domain, user = await stall.order(1), stall.domain, stall.square.people[1]
    sound = stall.sign(1, order)
    elsewhere = {
        "another chain": stall.sign(1, order, domain=replace(domain, chain_id=domain.chain_id + 1)),
        "another contract": stall.sign(1, order, domain=replace(domain, contract=b"\x0c" * 20)),
        "the chain before its reset": stall.sign(1, order, domain=replace(domain, salt=b"\x0d" * 32)),
        "another key": stall.sign(2, order),
        "another order": replace(sound, order=replace(order, energy_wh=999)),
        "its malleable twin": replace(sound, signature=malleate(sound.signature)),
        "nothing": replace(sound, signature=b"\x00"),
    }

    for signed in elsewhere.values():
        with pytest.raises(errors.SignatureWrong):
            await stall.intake.submit(user, signed)

    assert await stall.square.rows("SELECT id FROM orders") == []


@pytest.mark.parametrize("accepts", [True, False])
async def test_submit__maker_is_a_contract__is_asked_by_eip_1271(stall: Stall, accepts: bool) -> None:
    asked = []

    async def call(address: bytes, data: bytes) -> bytes:
        asked.append((address, data[:4]))
        return bytes.fromhex("1626ba7e").ljust(32, b"\0") if accepts else bytes(32)

    intake = Intake(stall.db, stall.square.chain, stall.square.engine(), call)
    signed = replace(stall.sign(1, await stall.order(1)), signature=b"what the contract understands")

    submitting = intake.submit(stall.square.people[1], signed)
    if accepts:
        assert (await submitting)[1].state is OrderState.OPEN
    else:
        with pytest.raises(errors.SignatureWrong):
            await submitting

    assert asked == [(stall.address(1), bytes.fromhex("1626ba7e"))]


async def test_submit__same_order_again__is_a_replay_and_its_slot_is_used(stall: Stall) -> None:
    order = await stall.order(1)
    first, _ = await stall.submit(1, order)

    with pytest.raises(errors.OrderReplayed) as replayed:
        await stall.submit(1, order)
    with pytest.raises(errors.SlotUsed):
        await stall.submit(1, replace(order, energy_wh=1))

    assert replayed.value.details == {"order_id": first.id}


async def test_submit__same_order_many_times_at_once__is_placed_once(stall: Stall) -> None:
    order = await stall.order(1)

    outcomes = await asyncio.gather(*(stall.submit(1, order) for _ in range(5)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if not isinstance(outcome, tuple)]
    assert len(refused) == 4
    assert {type(refusal) for refusal in refused} <= {errors.OrderReplayed, errors.SlotUsed}
    assert len(await stall.square.rows("SELECT id FROM orders")) == 1


async def test_submit__slot_cancelled_on_chain__is_refused_others_of_its_lane_are_not(stall: Stall) -> None:
    order, other = await stall.order(1), await stall.order(1)
    await stall.cancelled_on_chain(1, order.lane, stall.square.delivery_start, 1 << order.position)

    with pytest.raises(errors.CancelledOnChain):
        await stall.submit(1, order)

    assert (await stall.submit(1, other))[1].state is OrderState.OPEN


async def test_submit__wrong_clock__is_refused_and_names_both_times(stall: Stall) -> None:
    late = utc_now() + timedelta(minutes=10)

    with pytest.raises(errors.ClockWrong) as refused:
        await stall.submit(1, await stall.order(1), client_time=late)

    assert refused.value.details["client_time"] == late
    assert abs(refused.value.details["server_time"] - utc_now()) < timedelta(minutes=1)


async def test_submit__orders_of_one_house_at_once__never_pass_its_capacity(stall: Stall) -> None:
    orders = [await stall.order(1, energy_wh=CAPACITY_WH // 4, is_bid=side) for side in (False, True) * 10]
    engines = [Intake(stall.db, stall.square.chain, stall.square.engine(), None) for _ in range(2)]
    user = stall.square.people[1]

    outcomes = await asyncio.gather(
        *(engines[place // 10].submit(user, stall.sign(1, order)) for place, order in enumerate(orders)),
        return_exceptions=True,
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(refusal) for refusal in refused] == [errors.OverCapacity] * 12
    sums = await stall.square.rows("SELECT is_bid, sum(energy_wh)::bigint AS wh FROM orders GROUP BY 1 ORDER BY 1")
    assert [(row.is_bid, row.wh) for row in sums] == [(False, CAPACITY_WH), (True, CAPACITY_WH)]


async def test_submit__direct_offer__counts_against_the_same_capacity_and_keeps_its_signature(stall: Stall) -> None:
    await stall.offer(1, energy_wh=CAPACITY_WH - 500)

    with pytest.raises(errors.OverCapacity):
        await stall.submit(1, await stall.order(1))

    (row,) = await stall.square.rows("SELECT venue, state, length(signature) AS size FROM orders")
    assert (row.venue, row.state, row.size) == ("direct", "OPEN", 65)


async def test_submit__house_without_panels__buys_what_a_connection_carries_and_sells_nothing(stall: Stall) -> None:
    await stall.square.rows(
        "UPDATE houses SET capacity_w = 0 WHERE id = :house RETURNING 1", house=stall.square.houses[1]
    )

    with pytest.raises(errors.OverCapacity):
        await stall.submit(1, await stall.order(1, energy_wh=1))
    _, placed = await stall.submit(1, await stall.order(1, is_bid=True, energy_wh=DRAW_W * MINUTES // 60))
    with pytest.raises(errors.OverCapacity):
        await stall.submit(1, await stall.order(1, is_bid=True, energy_wh=1))

    assert placed.rest_wh == DRAW_W * MINUTES // 60


@pytest.mark.parametrize(("capacity_w", "connection_w", "sells_w", "buys_w"), CONNECTIONS)
async def test_submit__connection_told_or_not__bounds_both_sides(
    stall: Stall, capacity_w: int, connection_w: int | None, sells_w: int, buys_w: int
) -> None:
    await stall.square.rows(
        "UPDATE houses SET capacity_w = :capacity, connection_w = :connection WHERE id = :house RETURNING 1",
        house=stall.square.houses[1], capacity=capacity_w, connection=connection_w,
    )  # fmt: skip

    refused = []
    for is_bid, most_w in ((False, sells_w), (True, buys_w)):
        with pytest.raises(errors.OverCapacity) as over:
            await stall.submit(1, await stall.order(1, is_bid=is_bid, energy_wh=most_w * MINUTES // 60 + 1))
        refused.append(over.value.details["capacity_kwh"])
        await stall.submit(1, await stall.order(1, is_bid=is_bid, energy_wh=most_w * MINUTES // 60))

    assert [Decimal(str(kwh)) * 60 * 1000 / MINUTES for kwh in refused] == [sells_w, buys_w]


async def test_submit__market_order__cannot_be_a_direct_offer(stall: Stall) -> None:
    order = await stall.order(1, venue=Venue.DIRECT)

    with pytest.raises(errors.TakerWrong):
        await stall.submit(1, order, OrderKind.MARKET)
