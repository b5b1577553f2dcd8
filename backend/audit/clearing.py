# SPDX-License-Identifier: Apache-2.0
"""The published rules of clearing, written a second time: from the book of a receipt to its matches. Plain integers.

Continuous: the incoming order goes through the resting ones, best first after all fees (then time, then id), passes
over its owner's and over fills below a minimum, and trades each at that order's own limit. Auctions: the lowest price
that carries the most energy without anybody meeting himself; both sides fill by price, time and id, an owner who would
face himself being held to what the others can take; the uniform price is the middle of the interval that suits all.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Pair(NamedTuple):
    """A match: ids of bid and offer, watt-hours, price of energy in micro-units per kWh."""

    bid: str
    offer: str
    energy_wh: int
    price_micro: int


@dataclass
class Entry:
    """An order of a receipt. `price` is its limit as a price of energy alone; `left` is what it may still trade."""

    name: str
    sells: bool
    energy_wh: int
    price: int
    time: int
    owner: str
    zone: str
    least_wh: int
    left: int = 0

    def rank(self) -> tuple[int, int, str]:
        """Priority on its own side."""
        return (self.price if self.sells else -self.price, self.time, self.name)


def cleared_again(receipt: Mapping[str, Any]) -> list[Pair]:
    """Matches of a receipt by the published rules. Raises KeyError, TypeError, ValueError when it is no receipt."""
    fees, rule = receipt["fees"], receipt["rule"]
    entries = [_entry(row, fees) for row in receipt["orders"]]
    if len({entry.name for entry in entries}) < len(entries):
        raise ValueError("an order stands twice in the receipt")
    if rule == "continuous":
        return _placed(entries, receipt["incoming"], fees.get("pairFeeMicroPerKwh", {}))
    if rule not in ("uniform", "pay-as-bid"):
        raise ValueError(f"no rule is called {rule!r}")
    return _auctioned(entries, rule)


def borne(fees: Mapping[str, Any], *, seller: bool, zone: str) -> int:
    """Fee per kWh of one side: half of the community fee (the seller's is the smaller) and the fee of its zone."""
    community = fees["communityFeeMicroPerKwh"]
    return int((community // 2 if seller else community - community // 2) + fees["gridFeeMicroPerKwh"].get(zone, 0))


def _entry(row: Mapping[str, Any], fees: Mapping[str, Any]) -> Entry:
    if row["side"] not in ("offer", "bid"):
        raise ValueError(f"no side is called {row['side']!r}")
    numbers = [row[name] for name in ("energyWh", "priceMicro", "time", "minFillWh")]
    if not all(type(number) is int and number >= 0 for number in numbers) or not row["energyWh"]:
        raise ValueError(f"order {row['id']} has a number that is none")
    sells = row["side"] == "offer"
    fee = borne(fees, seller=sells, zone=row["zone"])
    price = row["priceMicro"] + (fee if sells else -fee)
    energy_wh, _, time, least_wh = numbers
    return Entry(row["id"], sells, energy_wh, price, time, row["owner"], row["zone"], least_wh, left=energy_wh)


# --- the continuous book ----------------------------------------------------------------------------------------------


def _placed(entries: Iterable[Entry], incoming: str, pair_fees: Mapping[str, int]) -> list[Pair]:
    """What the incoming order meets among the others."""
    came = next(entry for entry in entries if entry.name == incoming)

    def toll(other: Entry) -> int:
        offer, bid = (came, other) if came.sells else (other, came)
        return int(pair_fees.get(f"{offer.zone}|{bid.zone}", 0))

    def gap(other: Entry) -> int:
        offer, bid = (came, other) if came.sells else (other, came)
        return offer.price + toll(other) - bid.price

    pairs = []
    facing = (entry for entry in entries if entry.sells != came.sells and entry.owner != came.owner and gap(entry) <= 0)
    for other in sorted(facing, key=lambda entry: (gap(entry), entry.time, entry.name)):
        fill = min(came.left, other.left)
        if fill == 0 or any(fill < order.least_wh and fill < order.left for order in (came, other)):
            continue
        came.left -= fill
        if came.sells:
            pairs.append(Pair(other.name, came.name, fill, other.price - toll(other)))
        else:
            pairs.append(Pair(came.name, other.name, fill, other.price))
    return pairs


# --- the auctions -----------------------------------------------------------------------------------------------------


def _auctioned(entries: list[Entry], rule: str) -> list[Pair]:
    offers = sorted((entry for entry in entries if entry.sells), key=Entry.rank)
    bids = sorted((entry for entry in entries if not entry.sells), key=Entry.rank)
    volume, price = _most_energy(offers, bids)
    if volume == 0:
        return []
    able_offers = [offer for offer in offers if offer.price <= price]
    able_bids = [bid for bid in bids if bid.price >= price]
    sold, bought = _fill(able_offers, volume, {}), _fill(able_bids, volume, {})
    held = _facing_himself(able_offers, sold, able_bids, bought, volume)
    if held is not None:
        others = sum(bid.energy_wh for bid in able_bids if bid.owner != held)
        his = sum(sold[offer.name] for offer in able_offers if offer.owner == held)
        sold = _fill(able_offers, volume, {held: min(his, others)})
        bought = _fill(able_bids, volume, {held: volume - min(his, others)})
    one_price = _middle(offers, sold, bids, bought, held) if rule == "uniform" else None
    by_name = {bid.name: bid.price for bid in able_bids}
    return [
        Pair(bid, offer, energy_wh, by_name[bid] if one_price is None else one_price)
        for offer, bid, energy_wh in _partners(able_offers, sold, able_bids, bought)
    ]


def _most_energy(offers: list[Entry], bids: list[Entry]) -> tuple[int, int]:
    """The most energy that one price can carry, and the lowest such price: a sweep over all prices."""
    weight: defaultdict[str, int] = defaultdict(int)
    heavy: list[tuple[int, str]] = []

    def move(entry: Entry, energy_wh: int) -> None:
        weight[entry.owner] += energy_wh
        heapq.heappush(heavy, (-weight[entry.owner], entry.owner))

    supply, demand = 0, sum(bid.energy_wh for bid in bids)
    for bid in bids:
        move(bid, bid.energy_wh)
    coming, leaving = iter([*offers, None]), iter([*reversed(bids), None])
    offer, bid_out = next(coming), next(leaving)
    best = (0, 0)
    for price in sorted({entry.price for entry in (*offers, *bids)}):
        while offer is not None and offer.price <= price:
            supply += offer.energy_wh
            move(offer, offer.energy_wh)
            offer = next(coming)
        while bid_out is not None and bid_out.price < price:
            demand -= bid_out.energy_wh
            move(bid_out, -bid_out.energy_wh)
            bid_out = next(leaving)
        while heavy and -heavy[0][0] != weight[heavy[0][1]]:
            heapq.heappop(heavy)
        most = min(supply, demand, supply + demand - weight[heavy[0][1]])
        if most > best[0]:
            best = (most, price)
    return best


def _fill(able: Iterable[Entry], volume: int, most_of: Mapping[str, int]) -> dict[str, int]:
    """Amounts by priority up to the volume, an owner in `most_of` getting no more than is said there."""
    room, amounts = dict(most_of), {}
    for entry in able:
        amount = min(entry.energy_wh, volume, room.get(entry.owner, volume))
        amounts[entry.name] = amount
        volume -= amount
        if entry.owner in room:
            room[entry.owner] -= amount
    return amounts


def _facing_himself(
    offers: Iterable[Entry], sold: Mapping[str, int], bids: Iterable[Entry], bought: Mapping[str, int], volume: int
) -> str | None:
    """The owner whose sales and purchases together are more than the volume, if there is one."""
    sums: defaultdict[str, int] = defaultdict(int)
    for side, amounts in ((offers, sold), (bids, bought)):
        for entry in side:
            sums[entry.owner] += amounts[entry.name]
    return next((owner for owner, energy_wh in sums.items() if energy_wh > volume), None)


def _middle(
    offers: Iterable[Entry], sold: Mapping[str, int], bids: Iterable[Entry], bought: Mapping[str, int], held: str | None
) -> int:
    """The one price: the middle of what the marginal orders leave. Those who wanted more narrow it, first those who
    trade in part, then those who trade nothing, unless that would leave no price."""
    low = max(offer.price for offer in offers if sold.get(offer.name))
    high = min(bid.price for bid in bids if bought.get(bid.name))
    traded = {**sold, **bought}
    others = [entry for entry in (*offers, *bids) if entry.owner != held]
    wanting = [entry for entry in others if traded.get(entry.name, 0) < entry.energy_wh]
    for in_part in (True, False):
        some = [entry for entry in wanting if bool(traded.get(entry.name)) == in_part]
        fair_low = max([low, *(entry.price for entry in some if not entry.sells)])
        fair_high = min([high, *(entry.price for entry in some if entry.sells)])
        if fair_low <= fair_high:
            low, high = fair_low, fair_high
    return (low + high) // 2


def _partners(
    offers: Iterable[Entry], sold: Mapping[str, int], bids: Iterable[Entry], bought: Mapping[str, int]
) -> list[tuple[str, str, int]]:
    """Offers by priority each take the best bid left of another owner; a last owner swaps with the last pairs."""
    left = {bid.name: bought[bid.name] for bid in bids}
    waiting = [bid for bid in bids if left[bid.name]]
    pairs: list[tuple[Entry, Entry, int]] = []
    stuck: list[tuple[Entry, int]] = []
    for offer in offers:
        needs = sold[offer.name]
        at = 0
        while needs:
            while at < len(waiting) and (waiting[at].owner == offer.owner or not left[waiting[at].name]):
                at += 1
            if at == len(waiting):
                stuck.append((offer, needs))
                break
            bid = waiting[at]
            fill = min(needs, left[bid.name])
            pairs.append((offer, bid, fill))
            needs -= fill
            left[bid.name] -= fill
            if not left[bid.name]:
                del waiting[at]
    if not stuck:
        return [(offer.name, bid.name, energy_wh) for offer, bid, energy_wh in pairs]
    order = {entry.name: place for place, entry in enumerate((*offers, *bids))}
    swapped = _swapped(pairs, stuck, [(bid, left[bid.name]) for bid in waiting])
    return [(*names, swapped[names]) for names in sorted(swapped, key=lambda names: tuple(order[n] for n in names))]


def _swapped(
    pairs: list[tuple[Entry, Entry, int]], offers: list[tuple[Entry, int]], bids: list[tuple[Entry, int]]
) -> dict[tuple[str, str], int]:
    """Pairs from the last backwards give their partners to the one owner who has only himself left."""
    owner = offers[0][0].owner
    energy: defaultdict[tuple[str, str], int] = defaultdict(int)
    for offer, bid, energy_wh in reversed(pairs):
        kept = energy_wh
        while kept and offers and owner not in (offer.owner, bid.owner):
            (his_offer, sells), (his_bid, buys) = offers[0], bids[0]
            fill = min(kept, sells, buys)
            energy[(his_offer.name, bid.name)] += fill
            energy[(offer.name, his_bid.name)] += fill
            kept -= fill
            offers[:1] = [(his_offer, sells - fill)] if sells > fill else []
            bids[:1] = [(his_bid, buys - fill)] if buys > fill else []
        if kept:
            energy[(offer.name, bid.name)] += kept
    return energy
