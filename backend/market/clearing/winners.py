# SPDX-License-Identifier: Apache-2.0
"""Who trades in an auction: the most energy that one price can carry when nobody meets himself.

At a price p the offers at or below p (S watt-hours) face the bids at or above it (D). If nobody may buy from himself,
they can trade min(S, D, S + D - w), where w is the largest sum of offers and bids of one owner: what is not his, which
is all that he can meet. The auction takes the lowest price at which that is largest. Both sides then fill by
priority (price after fees, time, id); if one owner would still face himself, he is held to what the others can take.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Interval, Order, Side

Wh = NDArray[np.int64]


class SideOfBook:
    """Orders of one side in priority order, with their energy prices, amounts and owners as exact 64-bit integers."""

    def __init__(self, orders: list[Order], fees: Fees, owners: dict[str, int]) -> None:
        orders.sort(key=lambda order: order.id)
        price = _energy_prices(orders, fees)
        self.sign = -1 if orders and orders[0].side is Side.BID else 1
        rank = np.lexsort((_column(order.time for order in orders), self.sign * price))
        self.orders: list[Order] = [orders[index] for index in rank.tolist()]
        self.price = price[rank]
        self.energy = _column(order.energy_wh for order in self.orders)
        self.owner = _column(owners.setdefault(order.owner, len(owners)) for order in self.orders)

    def count_at(self, prices: Wh) -> Wh:
        """How many orders would trade at each price."""
        return np.searchsorted(self.sign * self.price, self.sign * prices, side="right")

    def supply_at(self, counts: Wh, owner: int | None = None) -> Wh:
        """Energy of that many first orders, of everybody or one owner."""
        energy = self.energy if owner is None else np.where(self.owner == owner, self.energy, 0)
        return np.concatenate(([0], np.cumsum(energy)))[counts]


def _energy_prices(orders: Sequence[Order], fees: Fees) -> Wh:
    bears = {order.zone: 0 for order in orders}
    for zone in bears:
        bears[zone] = (
            fees.seller_micro_per_kwh(zone) if orders[0].side is Side.OFFER else -fees.buyer_micro_per_kwh(zone)
        )
    return _column(order.price_micro + bears[order.zone] for order in orders)


def _column(values: Iterable[int]) -> Wh:
    return np.fromiter(values, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Filled:
    """What one side trades: amounts by priority, of which the last may be partial, and orders that got nothing."""

    side: SideOfBook
    amounts_wh: list[int]

    @property
    def marginal(self) -> Order:
        """The last order that trades."""
        last = max(index for index, amount in enumerate(self.amounts_wh) if amount)
        return self.side.orders[last]

    def refused(self) -> Order | None:
        """The best order that trades nothing."""
        for index, order in enumerate(self.side.orders):
            if index >= len(self.amounts_wh) or not self.amounts_wh[index]:
                return order
        return None

    def marginal_price(self) -> int:
        """Energy price of the last order that trades."""
        last = max(index for index, amount in enumerate(self.amounts_wh) if amount)
        return int(self.side.price[last])

    def waiting_price(self, *, held: int | None) -> int | None:
        """Energy price of the best order, of others than the owner `held`, that would have traded more."""
        for index, order in enumerate(self.side.orders):
            amount = self.amounts_wh[index] if index < len(self.amounts_wh) else 0
            if amount < order.energy_wh and int(self.side.owner[index]) != held:
                return int(self.side.price[index])
        return None


@dataclass(frozen=True, slots=True)
class Winners:
    """Both sides of an auction; `held` is the owner who was held to what others can take, if anybody was."""

    offers: Filled
    bids: Filled
    volume_wh: int
    interval: Interval
    held: str | None


def sides_of(orders: Iterable[Order], fees: Fees) -> tuple[SideOfBook, SideOfBook]:
    """Offers and bids in priority order."""
    split: dict[Side, list[Order]] = {Side.OFFER: [], Side.BID: []}
    for order in orders:
        split[order.side].append(order)
    owners: dict[str, int] = {}
    return SideOfBook(split[Side.OFFER], fees, owners), SideOfBook(split[Side.BID], fees, owners)


def winners_of(offers: SideOfBook, bids: SideOfBook) -> Winners | None:
    """Who trades how much, and the prices that carry it; None when nobody does."""
    if not offers.orders or not bids.orders:
        return None
    prices = np.unique(np.concatenate((offers.price, bids.price)))
    offer_counts, bid_counts = offers.count_at(prices), bids.count_at(prices)
    supply, demand = offers.supply_at(offer_counts), bids.supply_at(bid_counts)
    possible = np.minimum(supply, demand)
    while True:
        at = int(np.argmax(possible))
        volume = int(possible[at])
        if not volume:
            return None
        first_offers, first_bids = int(offer_counts[at]), int(bid_counts[at])
        owner, weight = _heaviest(offers, offers.energy[:first_offers], bids, bids.energy[:first_bids])
        if int(supply[at] + demand[at]) - weight >= volume:
            return _fill_both(offers, bids, volume, first_offers, first_bids)
        his = offers.supply_at(offer_counts, owner) + bids.supply_at(bid_counts, owner)
        possible = np.minimum(possible, supply + demand - his)


def _heaviest(offers: SideOfBook, sold: Wh, bids: SideOfBook, bought: Wh) -> tuple[int, int]:
    """The owner with the largest amount on both sides together, and how much."""
    weights = np.zeros(int(max(offers.owner.max(), bids.owner.max())) + 1, dtype=np.int64)
    np.add.at(weights, offers.owner[: len(sold)], sold)
    np.add.at(weights, bids.owner[: len(bought)], bought)
    owner = int(np.argmax(weights))
    return owner, int(weights[owner])


def _fill_both(offers: SideOfBook, bids: SideOfBook, volume: int, first_offers: int, first_bids: int) -> Winners:
    """Fill both sides by priority up to the volume, holding the owner who would face himself."""
    sold = _fill(offers, first_offers, volume)
    bought = _fill(bids, first_bids, volume)
    owner, weight = _heaviest(offers, sold, bids, bought)
    held = owner if weight > volume else None
    if held is not None:
        others = int(bids.energy[:first_bids][bids.owner[:first_bids] != held].sum())
        sells = min(_of_owner(offers, sold, held), others)
        sold = _fill(offers, first_offers, volume, held=held, most_wh=sells)
        bought = _fill(bids, first_bids, volume, held=held, most_wh=volume - sells)
    filled_offers, filled_bids = Filled(offers, sold.tolist()), Filled(bids, bought.tolist())
    interval = _interval(filled_offers, filled_bids, held)
    return Winners(filled_offers, filled_bids, volume, interval, None if held is None else _name(offers, held))


def _name(offers: SideOfBook, owner: int) -> str:
    """Name of an owner who stands on both sides."""
    return offers.orders[int(np.argmax(offers.owner == owner))].owner


def _fill(side: SideOfBook, first: int, volume: int, *, held: int | None = None, most_wh: int = 0) -> Wh:
    """Amounts of the first orders by priority up to `volume`, the owner `held` getting `most_wh` at most."""
    energy = side.energy[:first]
    if held is not None:
        his = side.owner[:first] == held
        energy = np.where(his, _upto(np.where(his, energy, 0), most_wh), energy)
    return _upto(energy, volume)


def _upto(energy: Wh, most_wh: int) -> Wh:
    """The amounts, cut off where their sum reaches `most_wh`."""
    before = np.cumsum(energy) - energy
    return np.clip(most_wh - before, 0, energy)


def _of_owner(side: SideOfBook, amounts: Wh, owner: int) -> int:
    return int(amounts[side.owner[: len(amounts)] == owner].sum())


def _interval(offers: Filled, bids: Filled, held: int | None) -> Interval:
    """Prices between the marginal orders; no order that wants more may have a reason to complain, if that can be."""
    low, high = offers.marginal_price(), bids.marginal_price()
    waiting_bid, waiting_offer = bids.waiting_price(held=held), offers.waiting_price(held=held)
    fair_low = low if waiting_bid is None else max(low, waiting_bid)
    fair_high = high if waiting_offer is None else min(high, waiting_offer)
    return Interval(fair_low, fair_high) if fair_low <= fair_high else Interval(low, high)
