# SPDX-License-Identifier: Apache-2.0
"""The auctions of a delivery interval, from orders to matches: who trades, who with whom, at what price.

Uniform: one price of energy for everybody, carrying the most energy that one price can. It is the middle, rounded down,
of the interval in which it may lie: not below the dearest offer and not above the cheapest bid that trade, and such
that no order that wanted more would have got a better price than its limit (first those that trade in part, then those
that trade nothing, each as far as that leaves a price).

Pay-as-bid: the same orders trade as much as at a uniform price, but every buyer pays his limit: the price of energy of
a match is the bid's limit less the buyer's fees. The best offer meets the best bid.

In both, fees belong to each side's zone; pair fees and minimum fills exist in the continuous book only.
"""

from collections.abc import Iterable

import numpy as np

from backend.market.clearing.fees import NO_FEES, Fees
from backend.market.clearing.pairing import Share, pairs_of
from backend.market.clearing.plain import clear_plain
from backend.market.clearing.types import Cleared, Match, Order, Rule
from backend.market.clearing.winners import Filled, SideOfBook, sides_of, winners_of

SMALL = 1_000
"""Orders up to which plain Python is as fast."""


def clear_uniform(orders: Iterable[Order], fees: Fees = NO_FEES) -> Cleared:
    """Clear a book at one price. The result does not depend on the sequence of `orders`."""
    return _clear(Rule.UNIFORM, orders, fees)


def clear_pay_as_bid(orders: Iterable[Order], fees: Fees = NO_FEES) -> Cleared:
    """Clear a book at the price of each bid. The result does not depend on the sequence of `orders`."""
    return _clear(Rule.PAY_AS_BID, orders, fees)


def _clear(rule: Rule, orders: Iterable[Order], fees: Fees) -> Cleared:
    every = list(orders)
    cleared = clear_plain(rule, every, fees) if len(every) <= SMALL else None
    return cleared or clear_columns(rule, every, fees)


def clear_columns(rule: Rule, orders: Iterable[Order], fees: Fees) -> Cleared:
    """Clear a book of any size, with NumPy; `_clear` knows when that is worth it."""
    offers, bids = sides_of(orders, fees)
    winners = winners_of(offers, bids)
    if winners is None:
        return Cleared(rule, (), 0, refused_offer=_first(offers), refused_bid=_first(bids))
    price = winners.interval.middle_micro if rule is Rule.UNIFORM else None
    pairs = np.array(pairs_of(_shares(winners.offers), _shares(winners.bids)), dtype=np.int64)
    prices = bids.price[pairs[:, 1]] if price is None else np.full(len(pairs), price)
    named = zip(bids.ids(pairs[:, 1]), offers.ids(pairs[:, 0]), pairs[:, 2].tolist(), prices.tolist(), strict=True)
    matches = [Match(*match) for match in named]
    return Cleared(
        rule,
        matches,
        winners.volume_wh,
        price_micro=price,
        interval=winners.interval,
        marginal_offer=winners.offers.marginal,
        marginal_bid=winners.bids.marginal,
        refused_offer=winners.offers.refused,
        refused_bid=winners.bids.refused,
        held_owner=winners.held,
    )


def _first(side: SideOfBook) -> Order | None:
    return side.order(0) if len(side) else None


def _shares(filled: Filled) -> list[Share]:
    """Place, owner and amount of every order that trades."""
    places = np.flatnonzero(filled.amounts_wh)
    return list(
        zip(places.tolist(), filled.side.owner[places].tolist(), filled.amounts_wh[places].tolist(), strict=True)
    )
