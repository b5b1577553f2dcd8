# SPDX-License-Identifier: Apache-2.0
"""Who trades with whom, once it is known how much everybody sells and buys.

Offers in priority order each take the best bid left of another owner; a bid that was passed over is the next to be
taken. When only offers and bids of one owner remain, they swap partners with the pairs made last that do not involve
him. Every order keeps its amount; pairs are at most twice the orders.
"""

from collections import deque
from collections.abc import Sequence

Share = tuple[int, int | str, int]
"""An order's part of the volume: its place, its owner, watt-hours."""

Pair = tuple[int, int, int]
"""Places of an offer and a bid, and the watt-hours between them."""


def pairs_of(offers: Sequence[Share], bids: Sequence[Share]) -> list[Pair]:
    """Pair equal volumes in priority order without any owner meeting himself, which must be possible."""
    pairs: list[Pair] = []
    passed: deque[Share] = deque()  # bids of one owner, over which his own offers passed
    stuck: deque[Share] = deque()  # offers for which only bids of their owner are left
    coming = iter(bids)
    bid = next(coming, None)
    for place, owner, amount_wh in offers:
        left = amount_wh
        while left:
            waiting = bool(passed) and passed[0][1] != owner
            if waiting:
                partner = passed.popleft()
            else:
                while bid is not None and bid[1] == owner:
                    passed.append(bid)
                    bid = next(coming, None)
                if bid is None:
                    stuck.append((place, owner, left))
                    break
                partner = bid
            bid_place, buyer, rest = partner
            fill = left if left < rest else rest
            pairs.append((place, bid_place, fill))
            left -= fill
            if waiting and rest > fill:
                passed.appendleft((bid_place, buyer, rest - fill))
            elif not waiting:
                bid = (bid_place, buyer, rest - fill) if rest > fill else next(coming, None)
    return _swap(pairs, stuck, passed, offers, bids) if stuck else pairs


def _swap(
    pairs: list[Pair], stuck: deque[Share], passed: deque[Share], offers: Sequence[Share], bids: Sequence[Share]
) -> list[Pair]:
    """Let the offers and bids of one owner, who alone is left, change partners with the last pairs without him."""
    owner = stuck[0][1]
    his_offers = {place for place, seller, _ in offers if seller == owner}
    his_bids = {place for place, buyer, _ in bids if buyer == owner}
    energy: dict[tuple[int, int], int] = {}

    def note(offer: int, bid: int, amount_wh: int) -> None:
        energy[(offer, bid)] = energy.get((offer, bid), 0) + amount_wh

    for other_offer, other_bid, amount_wh in reversed(pairs):
        left = amount_wh
        while left and stuck and other_offer not in his_offers and other_bid not in his_bids:
            (offer, _, sells_wh), (bid, _, buys_wh) = stuck.popleft(), passed.popleft()
            fill = min(left, sells_wh, buys_wh)
            note(offer, other_bid, fill)
            note(other_offer, bid, fill)
            left -= fill
            if sells_wh > fill:
                stuck.appendleft((offer, owner, sells_wh - fill))
            if buys_wh > fill:
                passed.appendleft((bid, owner, buys_wh - fill))
        if left:
            note(other_offer, other_bid, left)
    return [(offer, bid, amount_wh) for (offer, bid), amount_wh in sorted(energy.items())]
