# SPDX-License-Identifier: Apache-2.0
"""Auctions of small books in plain Python: columns of NumPy cost more to set up than a few hundred orders are worth.

The rules are those of `winners`; only a book in which somebody might have to be held, because he stands on both sides
of it with more than is traded, is left to that module. Tests hold the two against each other.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from backend.market.clearing.fees import Fees
from backend.market.clearing.pairing import Share, pairs_of
from backend.market.clearing.types import Cleared, Interval, Match, Order, Rule, Side

Ranked = list[tuple[int, int, str, int, Order]]
"""Orders of one side by priority: signed energy price, time, id, place in the book, order."""


def clear_plain(rule: Rule, orders: Sequence[Order], fees: Fees) -> Cleared | None:
    """Clear a book; None when somebody might meet himself."""
    offers, bids = _ranked(orders, fees, Side.OFFER), _ranked(orders, fees, Side.BID)
    first_offers, first_bids, volume = _crossing(offers, bids)
    if not volume:
        return Cleared(rule, (), 0, refused_offer=_order(offers, 0), refused_bid=_order(bids, 0))
    if _faces_himself(offers[:first_offers], bids[:first_bids], volume):
        return None
    sold, bought = _shares(offers, volume), _shares(bids, volume)
    interval = _interval(offers, sold, bids, bought)
    price = interval.middle_micro if rule is Rule.UNIFORM else None
    return Cleared(
        rule,
        [
            Match(bids[bid][2], offers[offer][2], energy_wh, -bids[bid][0] if price is None else price)
            for offer, bid, energy_wh in pairs_of(sold, bought)
        ],
        volume,
        price_micro=price,
        interval=interval,
        marginal_offer=_order(offers, len(sold) - 1),
        marginal_bid=_order(bids, len(bought) - 1),
        refused_offer=_order(offers, len(sold)),
        refused_bid=_order(bids, len(bought)),
    )


def _ranked(orders: Sequence[Order], fees: Fees, side: Side) -> Ranked:
    sells = side is Side.OFFER
    sign = 1 if sells else -1
    borne = {zone: fees.borne_micro_per_kwh(sells, zone) for zone in {order.zone for order in orders}}
    return sorted(
        (sign * order.price_micro + borne[order.zone], order.time, order.id, place, order)
        for place, order in enumerate(orders)
        if order.side is side
    )


def _order(side: Ranked, place: int) -> Order | None:
    return side[place][4] if place < len(side) else None


def _crossing(offers: Ranked, bids: Ranked) -> tuple[int, int, int]:
    """How many offers and bids stand at the lowest price that carries the most energy, and how much that is."""
    supply = [0, *accumulate(entry[4].energy_wh for entry in offers)]
    demand = [0, *accumulate(entry[4].energy_wh for entry in bids)]
    best = 0, 0, 0
    first_offers, first_bids = 0, len(bids)
    for price in sorted({entry[0] for entry in offers} | {-entry[0] for entry in bids}):
        while first_offers < len(offers) and offers[first_offers][0] <= price:
            first_offers += 1
        while first_bids and -bids[first_bids - 1][0] < price:
            first_bids -= 1
        possible = min(supply[first_offers], demand[first_bids])
        if possible > best[2]:
            best = first_offers, first_bids, possible
        if supply[first_offers] >= demand[first_bids]:
            break  # dearer, supply grows and demand shrinks
    return best


def _faces_himself(offers: Ranked, bids: Ranked, volume: int) -> bool:
    """Whether anybody stands on both sides with more than `volume` together. Whoever stands on one side never does."""
    sells: dict[str, int] = {}
    for *_, order in offers:
        sells[order.owner] = sells.get(order.owner, 0) + order.energy_wh
    both: dict[str, int] = {}
    for *_, order in bids:
        if order.owner in sells:
            both[order.owner] = both.get(order.owner, sells[order.owner]) + order.energy_wh
    return max(both.values(), default=0) > volume


def _shares(side: Ranked, volume: int) -> list[Share]:
    """Place, owner and amount of the orders that trade: whole by priority, the last as far as the volume goes."""
    upto = list(accumulate(entry[4].energy_wh for entry in side))
    last = bisect_left(upto, volume)
    shares: list[Share] = [(place, entry[4].owner, entry[4].energy_wh) for place, entry in enumerate(side[: last + 1])]
    place, owner, energy_wh = shares[-1]
    shares[-1] = place, owner, energy_wh - (upto[last] - volume)
    return shares


def _interval(offers: Ranked, sold: Sequence[Share], bids: Ranked, bought: Sequence[Share]) -> Interval:
    """Prices between the marginal orders, narrowed as `winners` says."""
    low, high = offers[len(sold) - 1][0], -bids[len(bought) - 1][0]
    for in_part in (True, False):
        offer, bid = _waiting(offers, sold, in_part=in_part), _waiting(bids, bought, in_part=in_part)
        fair_low = low if bid is None else max(low, -bid)
        fair_high = high if offer is None else min(high, offer)
        if fair_low <= fair_high:
            low, high = fair_low, fair_high
    return Interval(low, high)


def _waiting(side: Ranked, shares: Sequence[Share], *, in_part: bool) -> int | None:
    """Signed energy price of the best order that wanted more: of what trades in part, or of what trades nothing."""
    if not in_part:
        return side[len(shares)][0] if len(shares) < len(side) else None
    price, *_, order = side[len(shares) - 1]
    return price if shares[-1][2] < order.energy_wh else None
