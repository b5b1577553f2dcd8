# SPDX-License-Identifier: Apache-2.0
"""Who trades with whom, once it is known how much everybody sells and buys.

Offers in priority order each take the best bid left of another owner; a bid that was passed over is the next to be
taken. When only offers and bids of one owner remain, they swap partners with the pairs made last that do not involve
him. Every order keeps its amount; pairs are at most twice the orders.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple


class Share(NamedTuple):
    """An order's part of the volume."""

    place: int
    owner: int
    energy_wh: int


class Pair(NamedTuple):
    """Places of an offer and a bid, and the energy between them."""

    offer: int
    bid: int
    energy_wh: int


def pairs_of(offers: Sequence[Share], bids: Sequence[Share]) -> list[Pair]:
    """Pair equal volumes in priority order without any owner meeting himself, which must be possible."""
    pairs: list[Pair] = []
    passed: deque[Share] = deque()
    stuck: deque[Share] = deque()
    coming = iter(bids)
    bid = next(coming, None)
    for place, owner, energy_wh in offers:
        left = energy_wh
        while left:
            if passed and passed[0].owner != owner:
                partner = passed.popleft()
                waits: deque[Share] | None = passed
            else:
                while bid is not None and bid.owner == owner:
                    passed.append(bid)
                    bid = next(coming, None)
                if bid is None:
                    stuck.append(Share(place, owner, left))
                    break
                partner, waits = bid, None
            fill = min(left, partner.energy_wh)
            pairs.append(Pair(place, partner.place, fill))
            left -= fill
            rest = Share(partner.place, partner.owner, partner.energy_wh - fill) if partner.energy_wh > fill else None
            if waits is None:
                bid = rest if rest is not None else next(coming, None)
            elif rest is not None:
                waits.appendleft(rest)
    return _swap(pairs, stuck, passed, offers, bids) if stuck else pairs


def _swap(
    pairs: list[Pair], stuck: deque[Share], passed: deque[Share], offers: Sequence[Share], bids: Sequence[Share]
) -> list[Pair]:
    """Let the offers and bids of one owner, who alone is left, change partners with the last pairs without him."""
    owner = stuck[0].owner
    seller = {share.place: share.owner for share in offers}
    buyer = {share.place: share.owner for share in bids}
    energy: dict[tuple[int, int], int] = {}

    def note(offer: int, bid: int, amount_wh: int) -> None:
        energy[(offer, bid)] = energy.get((offer, bid), 0) + amount_wh

    for pair in reversed(pairs):
        left = pair.energy_wh
        while left and stuck and owner not in (seller[pair.offer], buyer[pair.bid]):
            offer, bid = stuck.popleft(), passed.popleft()
            fill = min(left, offer.energy_wh, bid.energy_wh)
            note(offer.place, pair.bid, fill)
            note(pair.offer, bid.place, fill)
            left -= fill
            if offer.energy_wh > fill:
                stuck.appendleft(offer._replace(energy_wh=offer.energy_wh - fill))
            if bid.energy_wh > fill:
                passed.appendleft(bid._replace(energy_wh=bid.energy_wh - fill))
        if left:
            note(pair.offer, pair.bid, left)
    return [Pair(offer, bid, amount) for (offer, bid), amount in sorted(energy.items())]
