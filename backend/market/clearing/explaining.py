# SPDX-License-Identifier: Apache-2.0
"""What a receipt says besides the book: price, interval, marginal orders, the best order refused on each side, and why.

Reasons of a refusal: `limit` (its limit is on the wrong side of the price), `volume` (others came first and the other
side was used up), `owner` (it could have met only its own owner), `min_fill` (a minimum fill stood in the way), `rests`
(orders that rest do not meet each other), `nobody` (the other side is empty). `neededMicro` is the all-in limit with
which the order would have come to trade, null where no limit would have helped.
"""

from collections.abc import Callable, Sequence
from typing import Any

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Cleared, Interval, Match, Order, Rule, Side

Refusal = dict[str, Any]


def explain_auction(cleared: Cleared, fees: Fees, orders: Sequence[Order]) -> dict[str, Any]:
    """Outcome of an auction; `orders` is its book."""
    return {
        **_outcome(cleared.price_micro, cleared.interval, cleared.marginal_offer, cleared.marginal_bid),
        "refusedOffer": _auction_refusal(cleared.refused_offer, cleared, fees, orders),
        "refusedBid": _auction_refusal(cleared.refused_bid, cleared, fees, orders),
        "why": _why_auction(cleared),
    }


def explain_placement(
    resting: Sequence[Order], fees: Fees, incoming: Order, matches: Sequence[Match]
) -> dict[str, Any]:
    """Outcome of one placement into the continuous book; `resting` is the part of the book around it."""
    by_id = {order.id: order for order in resting}
    partners = [by_id[match.offer if incoming.side is Side.BID else match.bid] for match in matches]
    interval = offer = bid = None
    if partners:
        offer, bid = (partners[-1], incoming) if incoming.side is Side.BID else (incoming, partners[-1])
        low, high = fees.energy_price_micro(offer), fees.energy_price_micro(bid) - _pair_fee(fees, offer, bid)
        interval = Interval(low, high)
    facing = sorted((order for order in resting if order.side is not incoming.side), key=_ranker(fees, incoming))
    own = [order for order in resting if order.side is incoming.side]
    left = incoming.energy_wh - sum(match.energy_wh for match in matches)
    refused = {
        _key(incoming.side): _own_refusal(own[0], facing, fees) if own else None,
        _key(_other(incoming.side)): _facing_refusal(facing, partners, fees, incoming, left),
    }
    return {
        **_outcome(None, interval, offer, bid),
        "refusedOffer": refused["refusedOffer"],
        "refusedBid": refused["refusedBid"],
        "why": _why_placement(incoming, matches),
    }


def _outcome(
    price_micro: int | None, interval: Interval | None, offer: Order | None, bid: Order | None
) -> dict[str, Any]:
    return {
        "priceMicro": price_micro,
        "intervalMicro": None if interval is None else [interval.low_micro, interval.high_micro],
        "marginalOffer": None if offer is None else offer.id,
        "marginalBid": None if bid is None else bid.id,
    }


def _auction_refusal(order: Order | None, cleared: Cleared, fees: Fees, orders: Sequence[Order]) -> Refusal | None:
    """Why the best order of a side that traded nothing did not trade, and which limit it would have needed."""
    if order is None:
        return None
    sells = order.side is Side.OFFER
    sign = 1 if sells else -1
    fee = fees.energy_price_micro(order) - order.price_micro
    border = _border(order, cleared, fees, orders)
    if border is None:
        return _refusal(order, "nobody", None)
    if sign * fees.energy_price_micro(order) > sign * border:
        return _refusal(order, "limit", border - fee)
    marginal = cleared.marginal_offer if sells else cleared.marginal_bid
    if marginal is None or order.owner == cleared.held_owner:
        return _refusal(order, "owner", None)
    return _refusal(order, "volume", fees.energy_price_micro(marginal) - fee - sign)


def _border(order: Order, cleared: Cleared, fees: Fees, orders: Sequence[Order]) -> int | None:
    """The energy price on whose right side an order had to be: the one price, else that of the last order to meet, else
    that of the best order of the other side; None without any."""
    if cleared.price_micro is not None:
        return cleared.price_micro
    marginal = cleared.marginal_bid if order.side is Side.OFFER else cleared.marginal_offer
    if marginal is not None:
        return fees.energy_price_micro(marginal)
    prices = [fees.energy_price_micro(other) for other in orders if other.side is not order.side]
    return (max(prices) if order.side is Side.OFFER else min(prices)) if prices else None


def _facing_refusal(
    facing: Sequence[Order], partners: Sequence[Order], fees: Fees, incoming: Order, left: int
) -> Refusal | None:
    """Why the best resting order that the incoming one did not meet was not met."""
    met = {order.id for order in partners}
    refused = next((order for order in facing if order.id not in met), None)
    if refused is None:
        return None
    rank = _ranker(fees, incoming)
    sign = 1 if refused.side is Side.OFFER else -1
    over = rank(refused)[0]
    if over > 0:
        return _refusal(refused, "limit", refused.price_micro - sign * over)
    if left == 0 and partners and rank(refused) > rank(partners[-1]):
        return _refusal(refused, "volume", refused.price_micro - sign * (over - rank(partners[-1])[0] + 1))
    return _refusal(refused, "owner" if refused.owner == incoming.owner else "min_fill", None)


def _own_refusal(order: Order, facing: Sequence[Order], fees: Fees) -> Refusal:
    """Why the best resting order of the incoming order's own side had not traded before."""
    if not facing:
        return _refusal(order, "nobody", None)
    over = min(_ranker(fees, order)(other)[0] for other in facing)
    if over <= 0:
        return _refusal(order, "rests", None)
    return _refusal(order, "limit", order.price_micro - over if order.side is Side.OFFER else order.price_micro + over)


def _ranker(fees: Fees, incoming: Order) -> Callable[[Order], tuple[int, int, str]]:
    """Rank of resting orders for an incoming one: by how much the two limits miss each other, then time and id."""

    def rank(order: Order) -> tuple[int, int, str]:
        offer, bid = (order, incoming) if order.side is Side.OFFER else (incoming, order)
        gap = fees.energy_price_micro(offer) - fees.energy_price_micro(bid) + _pair_fee(fees, offer, bid)
        return gap, order.time, order.id

    return rank


def _pair_fee(fees: Fees, offer: Order, bid: Order) -> int:
    return fees.pair_fee_micro_per_kwh(seller_zone=offer.zone, buyer_zone=bid.zone)


def _refusal(order: Order, reason: str, needed: int | None) -> Refusal:
    return {"id": order.id, "limitMicro": order.price_micro, "reason": reason, "neededMicro": needed}


def _key(side: Side) -> str:
    return "refusedOffer" if side is Side.OFFER else "refusedBid"


def _other(side: Side) -> Side:
    return Side.BID if side is Side.OFFER else Side.OFFER


def _why_auction(cleared: Cleared) -> str:
    """The price in one plain sentence."""
    if cleared.interval is None:
        return "No offer and bid of different owners met within their limits, so nothing was traded."
    low, high = cleared.interval.low_micro, cleared.interval.high_micro
    if cleared.rule is Rule.PAY_AS_BID:
        return (
            f"The most that one price can carry, {cleared.volume_wh} Wh, was traded, and every buyer pays his own "
            "limit: the price of energy is the bid's limit less its fees."
        )
    if low == high:
        return (
            f"{low} micro-units per kWh is the only price of energy at which the most, {cleared.volume_wh} Wh, is "
            "traded and no order that wanted more would have got a better price than its limit."
        )
    return (
        f"The most, {cleared.volume_wh} Wh, is traded at any price of energy from {low} to {high} micro-units per kWh; "
        f"the price is the middle, {cleared.price_micro}."
    )


def _why_placement(incoming: Order, matches: Sequence[Match]) -> str:
    """The prices in one plain sentence."""
    if not matches:
        return f"No resting order of another owner met the {incoming.side.value} within both limits."
    prices = [match.price_micro for match in matches]
    span = f"{prices[0]}" if prices[0] == prices[-1] else f"{prices[0]} to {prices[-1]}"
    sign = "less" if incoming.side is Side.OFFER else "plus"
    resting = _other(incoming.side).value
    met = f"the best resting {resting}" if len(matches) == 1 else f"{len(matches)} resting {resting}s, the best first,"
    return (
        f"The {incoming.side.value} came last and met {met} at exactly that {resting}'s limit {sign} its fees: "
        f"{span} micro-units per kWh of energy."
    )
