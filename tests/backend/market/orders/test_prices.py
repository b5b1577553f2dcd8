# SPDX-License-Identifier: Apache-2.0
"""Prices and deals as everybody sees them; what somebody's houses may still trade."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from backend.core.envelope import PageParams
from backend.core.ids import uuid7
from backend.market.orders.capacities import Hindrance, list_capacities
from backend.market.orders.prices import Reach, Resolution, list_deals, list_prices
from backend.market.orders.types import Venue
from tests.backend.market.orders.conftest import CAPACITY_W, Stall
from tests.support.square import COMMUNITY, MINUTES

DAY = timedelta(days=1)
PAGE = PageParams(1, 20)
_FILLED = """
INSERT INTO energy_trades (id, chain, trade_id, kind, seller_address, buyer_address, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, seller_meter, buyer_meter, community, delivery_start, delivery_minutes, consented,
    claim_g, status, orphaned_at, block_number, block_hash, tx_hash, log_index, block_time, recorded_at)
VALUES (:id, :chain, :trade, 1, :seller, :buyer, :energy, :price, 0, 7, 101, 102, :community, :start, :minutes, true,
    0, :status, CASE WHEN :status = 'ORPHANED' THEN now() END, 1, decode(repeat('01', 32), 'hex'),
    decode(repeat('02', 32), 'hex'), 0, now() + interval '1 minute', now()) RETURNING 1
"""


async def _match(stall: Stall, energy_wh: int, price: int, **changes: Any) -> None:
    """Person 1 sells to person 2 through the book."""
    await stall.submit(1, await stall.order(1, energy_wh=energy_wh, price_micro_per_kwh=price, **changes))
    await stall.submit(2, await stall.order(2, energy_wh=energy_wh, price_micro_per_kwh=price, is_bid=True, **changes))


async def _filled(stall: Stall, energy_wh: int, price: int, *, status: str = "CONFIRMED") -> bytes:
    """Person 2 has taken a direct offer of person 1; the trade's id."""
    trade_id = uuid7().bytes * 2
    await stall.square.rows(
        _FILLED, id=uuid7(), chain=stall.square.chain.id, trade=trade_id, seller=stall.address(1),
        buyer=stall.address(2), energy=energy_wh, price=price, community=COMMUNITY, start=stall.square.delivery_start,
        minutes=MINUTES, status=status,
    )  # fmt: skip
    return trade_id


def _reach(stall: Stall) -> Reach:
    start = stall.square.delivery_start
    return Reach(stall.square.chain.id, COMMUNITY, start - DAY, start + DAY)


async def test_list_prices__book_and_filled_offers__are_summed_up_by_interval(stall: Stall) -> None:
    await _match(stall, 1_000, 240_000)
    await _match(stall, 500, 200_000)
    await _filled(stall, 1_500, 300_000)
    await _filled(stall, 900, 999_000, status="ORPHANED")

    (price,), total = await list_prices(stall.db, _reach(stall), Resolution.INTERVAL, PAGE)

    assert (total, price.start, price.deals, price.energy_wh) == (1, stall.square.delivery_start, 3, 3_000)
    assert (price.opened, price.low, price.high, price.closed) == (240_000, 200_000, 300_000, 300_000)
    behind_the_end = await list_prices(stall.db, _reach(stall), Resolution.INTERVAL, PageParams(2, 20))
    assert behind_the_end == ([], 1)
    assert price.average == (1_000 * 240_000 + 500 * 200_000 + 1_500 * 300_000) // 3_000


async def test_list_prices__by_day__are_days_of_the_community(stall: Stall) -> None:
    await _match(stall, 1_000, 240_000)

    (hour,), _ = await list_prices(stall.db, _reach(stall), Resolution.HOUR, PAGE)
    (day,), _ = await list_prices(stall.db, _reach(stall), Resolution.DAY, PAGE)

    assert hour.start == stall.square.delivery_start
    assert timedelta(0) <= stall.square.delivery_start - day.start < DAY
    assert day.start.hour in (7, 8)  # midnight in Los Angeles


async def test_list_deals__of_both_venues__name_trades_on_chain_and_nobody(stall: Stall) -> None:
    await _match(stall, 1_000, 240_000)
    trade_id = await _filled(stall, 1_500, 300_000)

    deals, total = await list_deals(stall.db, _reach(stall), PAGE)

    assert total == 2
    assert [(deal.venue, deal.state, deal.trade_id) for deal in deals] == [
        (Venue.DIRECT, "CONFIRMED", trade_id), (Venue.BOOK, "MATCHED", None),
    ]  # fmt: skip
    assert not {"seller_id", "buyer_id", "maker"} & set(deals[0].__slots__)


async def test_list_capacities__orders_rest_and_have_traded__say_what_is_left(stall: Stall) -> None:
    await stall.submit(1, await stall.order(1, energy_wh=3_000))
    await stall.submit(2, await stall.order(2, energy_wh=1_000, is_bid=True))
    await stall.offer(1, energy_wh=2_000)

    (house,) = await _capacities(stall, 1)
    (elsewhere,) = await list_capacities(
        stall.db, stall.square.chain.id, user_id=stall.square.people[1], org_id=stall.square.org_id,
        delivery_start=stall.square.delivery_start + DAY,
    )  # fmt: skip

    assert (house.hindrance, house.wallet, house.meter) == (None, stall.address(1), 101)
    assert (house.offers.limit_wh, house.offers.rest_wh) == (CAPACITY_W, CAPACITY_W - 5_000)
    assert (house.bids.limit_wh, house.bids.rest_wh) == (CAPACITY_W, CAPACITY_W)
    assert elsewhere.offers.rest_wh == CAPACITY_W


async def test_list_capacities__a_house_that_cannot_trade__says_why(stall: Stall) -> None:
    await stall.square.rows("UPDATE houses SET meter = NULL WHERE id = :id RETURNING 1", id=stall.square.houses[1])
    await stall.square.rows("UPDATE houses SET meter = 999 WHERE id = :id RETURNING 1", id=stall.square.houses[2])
    await stall.square.rows("UPDATE chain_meters SET community = 9 WHERE meter = 103 RETURNING 1")
    await stall.square.rows(
        "UPDATE wallets SET valid_to = now() WHERE user_id = :user RETURNING 1", user=stall.square.people[4]
    )

    reasons = [(await _capacities(stall, person))[0].hindrance for person in (1, 2, 3, 4)]

    assert reasons == [
        Hindrance.NO_METER, Hindrance.NOT_ENROLLED, Hindrance.OTHER_COMMUNITY, Hindrance.OTHER_WALLET,
    ]  # fmt: skip
    assert await _capacities(stall, 5) == []


async def _capacities(stall: Stall, person: int) -> list[Any]:
    return await list_capacities(
        stall.db, stall.square.chain.id, user_id=stall.square.people[person], org_id=stall.square.org_id,
        delivery_start=stall.square.delivery_start,
    )  # fmt: skip
