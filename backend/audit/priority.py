# SPDX-License-Identifier: Apache-2.0
"""Whether a receipt names every order that had a claim: a book may hide nobody who came first.

In an auction every open order of the book stands in the receipt. In the continuous book no order that rested may have
had a better price after fees, or the same and come earlier, than the last one that the incoming order met; orders that
an undone match brought back are not judged there, because they were out of the book for a while.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backend.audit.clearing import borne


@dataclass(frozen=True, slots=True)
class Order:
    """A stored order of the book: `time` is the version that placed it, `changed` the last that changed it."""

    name: str
    is_bid: bool
    energy_wh: int
    price_micro: int
    time: int
    zone: str
    min_fill_wh: int
    user: str
    state: str
    changed: int

    def was_open(self, version: int) -> bool:
        """Whether it was in the book just before a version, if it never came back into it."""
        return self.time < version and (self.state == "OPEN" or self.changed >= version)


def left_out_of_auction(version: int, paper: Mapping[str, Any], orders: Iterable[Order]) -> Iterator[str]:
    """Ids of orders that were open when a book was auctioned and do not stand in the receipt."""
    named = {row["id"] for row in paper["orders"]}
    return (order.name for order in orders if order.was_open(version) and order.name not in named)


class Rested:
    """The orders that rested in one continuous book, as the versions go by."""

    def __init__(self, orders: Iterable[Order]) -> None:
        self._orders = {order.name: order for order in orders}
        self._coming = sorted(self._orders.values(), key=lambda order: order.time, reverse=True)
        ended = (order for order in self._orders.values() if order.state != "OPEN")
        self._leaving = sorted(ended, key=lambda order: order.changed, reverse=True)
        self._ladders: defaultdict[tuple[bool, str], list[tuple[int, int, str]]] = defaultdict(list)

    def left_out(self, version: int, paper: Mapping[str, Any], incoming: Order) -> Iterator[str]:
        """Ids of orders with a better claim than the last that was met; receipts come in the sequence of versions."""
        self._reach(version)
        named = {row["id"]: row for row in paper["orders"]}
        met = [row["offer" if incoming.is_bid else "bid"] for row in paper["matches"]]
        if not met:
            return
        rows = (named[name] for name in met)
        last = max(
            (_gap(paper["fees"], incoming, row["priceMicro"], row["zone"]), row["time"], row["id"]) for row in rows
        )
        for (is_bid, zone), ladder in self._ladders.items():
            if is_bid == incoming.is_bid:
                continue
            best = next((entry for entry in ladder if entry[2] not in named), None)
            if best and (_gap(paper["fees"], incoming, abs(best[0]), zone), best[1], best[2]) < last:
                yield best[2]

    def _reach(self, version: int) -> None:
        """Take in who was placed before a version, and out who ended before it."""
        while self._coming and self._coming[-1].time < version:
            order = self._coming.pop()
            insort(self._ladders[(order.is_bid, order.zone)], _entry(order))
        while self._leaving and self._leaving[-1].changed < version:
            order = self._leaving.pop()
            ladder = self._ladders[(order.is_bid, order.zone)]
            place = bisect_left(ladder, _entry(order))
            if place < len(ladder) and ladder[place] == _entry(order):
                del ladder[place]


def _entry(order: Order) -> tuple[int, int, str]:
    return (-order.price_micro if order.is_bid else order.price_micro), order.time, order.name


def _gap(fees: Mapping[str, Any], incoming: Order, price_micro: int, zone: str) -> int:
    """By how much the limits of an incoming and a resting order miss each other after all fees."""
    seller_zone, buyer_zone = (zone, incoming.zone) if incoming.is_bid else (incoming.zone, zone)
    asked, bid = (price_micro, incoming.price_micro) if incoming.is_bid else (incoming.price_micro, price_micro)
    pair = int(fees.get("pairFeeMicroPerKwh", {}).get(f"{seller_zone}|{buyer_zone}", 0))
    all_fees = borne(fees, seller=True, zone=seller_zone) + borne(fees, seller=False, zone=buyer_zone) + pair
    return int(asked - bid + all_fees)
