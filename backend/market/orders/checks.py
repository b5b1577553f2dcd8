# SPDX-License-Identifier: Apache-2.0
"""Whether a signed order may be placed, judged from facts that are handed in. Pure: no database, no clock.

What only the lock of the book makes certain (capacity, slots, cancels) is judged again in `last_look`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from backend.core.ids import uuid7
from backend.core.units import format_address, micro_to_price
from backend.emissions.types import Basis
from backend.market.orders.errors import (
    ClockWrong,
    ExpiryRefused,
    FactorRefused,
    GateClosed,
    IntervalWrong,
    LaneForeign,
    MakerNotYours,
    MeterNotYours,
    OrderExpired,
    OrderMalformed,
    PriceRefused,
    TakerWrong,
)
from backend.market.orders.facts import HouseFacts, OrderFacts
from backend.market.orders.typed_data import POSITIONS, Order
from backend.market.orders.types import ORDER_LIFE, NewOrder, OrderKind, SignedOrder, Venue, at

CLOCK_TOLERANCE = timedelta(minutes=2)
MAX_METER = 2**63 - 1
DRAW_W = 17_250  # three phases of 25 A at 230 V: what a house may draw at least until its connection is told


@dataclass(frozen=True, slots=True)
class Submitted:
    """A signed order on its way through intake: whose it is, its hash, and the client's own clock if it was told."""

    user_id: UUID
    signed: SignedOrder
    order_hash: bytes
    client_time: datetime | None = None


def venue_of(order: Order, contract: bytes) -> Venue:
    """The book for orders whose taker is the contract; else an offer to whoever may take it."""
    return Venue.BOOK if order.taker == contract else Venue.DIRECT


def check_form(signed: SignedOrder, contract: bytes) -> None:
    """What holds for every order, whoever signed it. Raises OrderMalformed, TakerWrong."""
    order = signed.order
    if order.position >= POSITIONS:
        raise OrderMalformed("A slot has the positions 0 to 6", slot=order.slot)
    if order.energy_wh < 1 or order.min_fill_wh > order.energy_wh:
        raise OrderMalformed("An order has energy, and not less than its least fill", energy_wh=order.energy_wh)
    if order.price_micro_per_kwh < 1 or order.factor_id < 1 or not 1 <= order.meter <= MAX_METER:
        raise OrderMalformed("An order has a price, an emission factor and an enrolled meter")
    if venue_of(order, contract) is Venue.DIRECT and (order.is_bid or signed.kind is OrderKind.MARKET):
        raise TakerWrong(taker=format_address(order.taker), contract=format_address(contract))
    if order.taker == order.maker:
        raise TakerWrong("Nobody takes his own offer", taker=format_address(order.taker))


def check(submitted: Submitted, facts: OrderFacts, *, chain: int, contract: bytes, now: datetime) -> NewOrder:
    """The order, ready to be placed; its signature is not checked here. Raises the refusal that says why it is not.

    Its energy is held to `limit_wh` of the house, under the lock of the book.
    """
    order, kind = submitted.signed.order, submitted.signed.kind
    _check_clock(submitted.client_time, now)
    if facts.user_id != submitted.user_id:
        raise MakerNotYours(maker=format_address(order.maker))
    house = facts.house
    if house is None or facts.meter_owner != order.maker or house.owner_id != submitted.user_id:
        raise MeterNotYours(meter=str(order.meter), maker=format_address(order.maker))
    _check_times(order, facts, house, submitted.client_time, now)
    _check_lane(order, facts, venue_of(order, contract))
    _check_price(order, house)
    _check_factor(order, facts, venue_of(order, contract), now)
    return NewOrder(
        id=uuid7(),
        chain=chain,
        org_id=house.rules.org_id,
        community=house.rules.community,
        delivery_start=at(order.delivery_start),
        delivery_minutes=order.delivery_minutes,
        user_id=submitted.user_id,
        house_id=house.house_id,
        zone=house.zone,
        maker=order.maker,
        taker=order.taker,
        is_bid=order.is_bid,
        kind=kind,
        venue=venue_of(order, contract),
        meter=order.meter,
        energy_wh=order.energy_wh,
        min_fill_wh=order.min_fill_wh,
        price_micro_per_kwh=order.price_micro_per_kwh,
        factor_id=order.factor_id,
        slot=order.slot,
        expiry=at(order.expiry),
        order_hash=submitted.order_hash,
        signature=submitted.signed.signature,
        placed_at=now,
        capacity_wh=limit_wh(house.capacity_w, house.connection_w, is_bid=order.is_bid, minutes=order.delivery_minutes),
    )


def limit_wh(capacity_w: int, connection_w: int | None, *, is_bid: bool, minutes: int) -> int:
    """Most energy that all bids, or all offers, of a house may have in an interval, whole Wh.

    A house sells what its panels deliver, as far as its connection carries it, and buys what the connection carries.
    Until that is told, it buys what three phases of 25 A carry, or as much as its panels deliver if that is more.
    """
    if is_bid:
        most_w = max(capacity_w, DRAW_W) if connection_w is None else connection_w
    else:
        most_w = capacity_w if connection_w is None else min(capacity_w, connection_w)
    return most_w * minutes // 60


def _check_clock(client_time: datetime | None, now: datetime) -> None:
    if client_time is not None and abs(client_time - now) > CLOCK_TOLERANCE:
        raise ClockWrong(client_time=client_time, server_time=now, tolerance_s=int(CLOCK_TOLERANCE.total_seconds()))


def _check_times(
    order: Order, facts: OrderFacts, house: HouseFacts, client_time: datetime | None, now: datetime
) -> None:
    """Interval, gate and expiry. The book's own gate counts once it is made."""
    rules, start = house.rules, at(order.delivery_start)
    minutes = {order.delivery_minutes, facts.minutes_on_chain, rules.delivery_minutes}
    if len(minutes) > 1 or not rules.is_aligned(start):
        raise IntervalWrong(
            delivery_start=start, delivery_minutes=order.delivery_minutes, community_minutes=rules.delivery_minutes
        )
    opens, closes = rules.gate(start)
    closes = house.closes_at or closes
    if not opens <= now < closes:
        raise GateClosed(server_time=now, gate_opens=opens, gate_closes=closes, client_time=client_time)
    expiry = at(order.expiry)
    if expiry <= now:
        raise OrderExpired(expiry=expiry, server_time=now)
    earliest, latest = max(start + timedelta(minutes=order.delivery_minutes), closes), start + ORDER_LIFE
    if not earliest <= expiry <= latest:
        raise ExpiryRefused(expiry=expiry, earliest=earliest, latest=latest)


def _check_lane(order: Order, facts: OrderFacts, venue: Venue) -> None:
    lane = facts.lane
    if (
        lane is None
        or lane.venue is not venue
        or lane.delivery_start != at(order.delivery_start)
        or order.position >= lane.next_position
    ):
        raise LaneForeign(slot=order.slot, lane=order.lane, delivery_start=at(order.delivery_start))


def _check_price(order: Order, house: HouseFacts) -> None:
    low, high = house.rules.min_price_micro_per_kwh, house.rules.max_price_micro_per_kwh
    if not low <= order.price_micro_per_kwh <= high:
        raise PriceRefused(
            price=micro_to_price(order.price_micro_per_kwh), lowest=micro_to_price(low), highest=micro_to_price(high)
        )


def _check_factor(order: Order, facts: OrderFacts, venue: Venue, now: datetime) -> None:
    factor, start = facts.factor, at(order.delivery_start)
    if factor is None:
        raise FactorRefused("There is no such emission factor", factor_id=order.factor_id)
    if factor.basis is not Basis.NON_BASELOAD:
        raise FactorRefused("A factor of average generation earns nothing", factor_id=order.factor_id)
    if factor.region != facts.region:
        raise FactorRefused("The factor is of another region", factor_id=order.factor_id, region=factor.region)
    if not factor.valid_from <= start < factor.valid_to or factor.effective_at > now:
        raise FactorRefused("The factor does not cover this delivery yet, or any more", factor_id=order.factor_id)
    if venue is Venue.BOOK and order.factor_id != facts.interval_factor:
        raise FactorRefused(
            "All orders of a book name one factor", factor_id=order.factor_id, needed=facts.interval_factor
        )
