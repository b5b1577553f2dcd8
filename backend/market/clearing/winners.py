# SPDX-License-Identifier: Apache-2.0
"""Who trades in an auction: the most energy that one price can carry when nobody meets himself.

At a price p the offers at or below p (S watt-hours) face the bids at or above it (D). If nobody may buy from himself,
they can trade min(S, D, S + D - w), where w is the largest sum of offers and bids of one owner: what is not his, which
is all that he can meet. The auction takes the lowest price at which that is largest. Both sides then fill by
priority (price after fees, time, id); if one owner would still face himself, he is held to what the others can take.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Interval, Order, Side

Wh = NDArray[np.int64]


class SideOfBook:
    """Orders of one side in priority order, with their energy prices, amounts and owners as exact 64-bit integers."""

    def __init__(self, side: Side, orders: list[Order], fees: Fees, owners: dict[str, int]) -> None:
        self.sign = 1 if side is Side.OFFER else -1
        price, self._rank = _ranked(orders, fees, self.sign)
        self._orders = orders
        self.price = price[self._rank]
        self.energy = _column([order.energy_wh for order in orders])[self._rank]
        self.owner = _column([owners.setdefault(order.owner, len(owners)) for order in orders])[self._rank]

    def __len__(self) -> int:
        return len(self._orders)

    def order(self, place: int) -> Order:
        """The order at a place of the priority."""
        return self._orders[int(self._rank[place])]

    def ids(self, places: Wh) -> list[str]:
        """Ids of the orders at some places."""
        orders = self._orders
        return [orders[index].id for index in self._rank[places].tolist()]

    def count_at(self, prices: Wh) -> Wh:
        """How many orders would trade at each price."""
        return np.searchsorted(self.sign * self.price, self.sign * prices, side="right")

    def supply_at(self, counts: Wh, owner: int | None = None) -> Wh:
        """Energy of that many first orders, of everybody or one owner."""
        energy = self.energy if owner is None else np.where(self.owner == owner, self.energy, 0)
        return np.concatenate(([0], np.cumsum(energy)))[counts]


def _ranked(orders: list[Order], fees: Fees, sign: int) -> tuple[Wh, Wh]:
    """Energy prices, and the places of the orders by price, time and id."""
    borne = {zone: fees.borne_micro_per_kwh(sign > 0, zone) for zone in {order.zone for order in orders}}
    price = _column([order.price_micro + sign * borne[order.zone] for order in orders])
    time = _column([order.time for order in orders])
    rank = np.lexsort((time, sign * price))
    same = (np.diff(price[rank]) == 0) & (np.diff(time[rank]) == 0)
    if not same.any():
        return price, rank
    by_id = np.empty(len(orders), dtype=np.int64)
    by_id[sorted(range(len(orders)), key=lambda place: orders[place].id)] = np.arange(len(orders))
    return price, np.lexsort((by_id, time, sign * price))


def _column(values: list[int]) -> Wh:
    return np.array(values, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Filled:
    """What one side trades: amounts of its first orders by priority, of which any may be partial or 0."""

    side: SideOfBook
    amounts_wh: Wh

    @property
    def last(self) -> int:
        """Place of the last order that trades."""
        return int(np.flatnonzero(self.amounts_wh)[-1])

    @property
    def marginal(self) -> Order:
        """The last order that trades."""
        return self.side.order(self.last)

    @property
    def refused(self) -> Order | None:
        """The best order that trades nothing."""
        empty = np.flatnonzero(self.amounts_wh == 0)
        place = int(empty[0]) if len(empty) else len(self.amounts_wh)
        return self.side.order(place) if place < len(self.side) else None

    def waiting_price(self, *, in_part: bool, held: int | None) -> int | None:
        """Energy price of the best order, of others than the owner `held`, that wanted more: of those that trade in
        part, or of those that trade nothing."""
        amounts = np.zeros_like(self.side.energy)
        amounts[: len(self.amounts_wh)] = self.amounts_wh
        waits = (amounts > 0) & (amounts < self.side.energy) if in_part else amounts == 0
        places = np.flatnonzero(waits & (self.side.owner != (-1 if held is None else held)))
        return int(self.side.price[places[0]]) if len(places) else None


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
    every = list(orders)
    owners: dict[str, int] = {}
    offers = [order for order in every if order.side is Side.OFFER]
    bids = [order for order in every if order.side is Side.BID]
    return SideOfBook(Side.OFFER, offers, fees, owners), SideOfBook(Side.BID, bids, fees, owners)


def winners_of(offers: SideOfBook, bids: SideOfBook) -> Winners | None:
    """Who trades how much, and the prices that carry it; None when nobody does."""
    if not len(offers) or not len(bids):
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
    filled_offers, filled_bids = Filled(offers, sold), Filled(bids, bought)
    interval = _interval(filled_offers, filled_bids, held)
    return Winners(filled_offers, filled_bids, volume, interval, None if held is None else _name(offers, held))


def _name(offers: SideOfBook, owner: int) -> str:
    """Name of an owner who stands on both sides."""
    return offers.order(int(np.argmax(offers.owner == owner))).owner


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
    """Prices between the marginal orders, narrowed so that none who wanted more would have got better than his limit:
    first for those who trade in part, then for those who trade nothing, each as far as it leaves a price."""
    low, high = int(offers.side.price[offers.last]), int(bids.side.price[bids.last])
    for in_part in (True, False):
        bid = bids.waiting_price(in_part=in_part, held=held)
        offer = offers.waiting_price(in_part=in_part, held=held)
        fair_low = low if bid is None else max(low, bid)
        fair_high = high if offer is None else min(high, offer)
        if fair_low <= fair_high:
            low, high = fair_low, fair_high
    return Interval(low, high)
