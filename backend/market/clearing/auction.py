# SPDX-License-Identifier: Apache-2.0
"""An auction from orders to matches: who trades, who with whom, at what price."""

from collections.abc import Iterable

from backend.market.clearing.fees import Fees
from backend.market.clearing.pairing import Share, pairs_of
from backend.market.clearing.types import Cleared, Match, Order, Rule
from backend.market.clearing.winners import Filled, SideOfBook, sides_of, winners_of


def clear(rule: Rule, orders: Iterable[Order], fees: Fees) -> Cleared:
    """Clear by one of the two auctions; the sequence of `orders` does not matter."""
    offers, bids = sides_of(orders, fees)
    winners = winners_of(offers, bids)
    if winners is None:
        return Cleared(rule, (), 0, refused_offer=_first(offers), refused_bid=_first(bids))
    price = winners.interval.middle_micro if rule is Rule.UNIFORM else None
    bid_prices = bids.price.tolist()
    matches = [
        Match(
            bids.orders[pair.bid].id,
            offers.orders[pair.offer].id,
            pair.energy_wh,
            bid_prices[pair.bid] if price is None else price,
        )
        for pair in pairs_of(_shares(winners.offers), _shares(winners.bids))
    ]
    return Cleared(
        rule,
        matches,
        winners.volume_wh,
        price_micro=price,
        interval=winners.interval,
        marginal_offer=winners.offers.marginal,
        marginal_bid=winners.bids.marginal,
        refused_offer=winners.offers.refused(),
        refused_bid=winners.bids.refused(),
    )


def _first(side: SideOfBook) -> Order | None:
    return side.orders[0] if side.orders else None


def _shares(filled: Filled) -> list[Share]:
    owners = filled.side.owner.tolist()
    return [Share(place, owners[place], amount_wh) for place, amount_wh in enumerate(filled.amounts_wh) if amount_wh]
