# SPDX-License-Identifier: Apache-2.0
"""The continuous order book of one delivery interval: price-time priority, partial and minimum fills, zones and fees.

An incoming order meets the resting orders of the other side, best first after all fees, as long as both all-in limits
hold. The resting order trades exactly at its limit: the price of energy is an offer's limit and its fees, or a bid's
limit less its fees; whatever is better belongs to the incoming order. Passed over are orders of the same owner and
pairs that would break a minimum fill. Only a placement makes matches: orders that rest never meet each other.
"""

from collections.abc import Iterator
from dataclasses import replace
from heapq import heapify, heappop, heappush

from backend.market.clearing.fees import NO_FEES, Fees
from backend.market.clearing.types import Level, Match, Order, OrderInvalid, Side

FEW = 64


class _Resting:
    """An order in the book and what is left of it, watt-hours; 0 when it is out of the book."""

    __slots__ = ("least_wh", "level", "order", "rest_wh")

    def __init__(self, order: Order, rest_wh: int, level: "list[int]") -> None:
        self.order = order
        self.rest_wh = rest_wh
        self.least_wh = order.min_fill_wh
        self.level = level

    def __lt__(self, other: object) -> bool:
        """Asked of two entries of one rank: an order that was taken out and put back, whose old entry is dead."""
        return False


_Entry = tuple[int, int, str, _Resting]
"""Rank of a resting order: limit (negative for bids), time, id."""


class _Ladder:
    """Resting orders of one side and zone: a heap by rank, from which dead orders fall when they come up."""

    __slots__ = ("dead", "heap", "levels", "side", "zone")

    def __init__(self, side: Side, zone: str) -> None:
        self.side = side
        self.zone = zone
        self.heap: list[_Entry] = []
        self.levels: dict[int, list[int]] = {}
        self.dead = 0

    def add(self, order: Order, rest_wh: int) -> _Resting:
        """Take an order in."""
        level = self.levels.get(order.price_micro)
        if level is None:
            level = self.levels[order.price_micro] = [0, 0]
        level[0] += rest_wh
        level[1] += 1
        resting = _Resting(order, rest_wh, level)
        heappush(self.heap, (_key(order), order.time, order.id, resting))
        return resting

    def drop(self, resting: _Resting) -> None:
        """Count an order out; its place in the heap is cleared later."""
        level = resting.level
        level[0] -= resting.rest_wh
        level[1] -= 1
        if not level[1]:
            del self.levels[resting.order.price_micro]
        resting.rest_wh = 0

    def bury(self) -> None:
        """One more dead order lies in the heap; clear it out when half of it is dead."""
        self.dead += 1
        if self.dead > FEW and 2 * self.dead > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[3].rest_wh]
            heapify(self.heap)
            self.dead = 0

    def top(self) -> _Entry | None:
        """The best living order."""
        heap = self.heap
        while heap:
            if heap[0][3].rest_wh:
                return heap[0]
            heappop(heap)
            self.dead -= 1
        return None


_Facing = list[tuple[_Ladder, int, int]]
"""Ladders that an order looks at: all fees of a pair, and the resting side's part of them."""


def _key(order: Order) -> int:
    """Rank of a limit: less is better for the other side."""
    return order.price_micro if order.side is Side.OFFER else -order.price_micro


class ContinuousBook:
    """One book. Every method is deterministic; none is safe to be called from two threads at once."""

    def __init__(self, fees: Fees = NO_FEES) -> None:
        self.fees = fees
        self._resting: dict[str, _Resting] = {}
        self._ladders: dict[tuple[Side, str], _Ladder] = {}
        self._views: dict[tuple[Side, str], _Facing] = {}

    def __len__(self) -> int:
        return len(self._resting)

    def place(self, order: Order, *, rests: bool = True) -> list[Match]:
        """Match an order as far as it goes; the rest waits in the book, or vanishes when `rests` is false (a market
        order, whose limit is the worst acceptable). Raises OrderInvalid when its id is in the book already.
        """
        if order.id in self._resting:
            raise OrderInvalid(f"order {order.id} is in the book already")
        matches: list[Match] = []
        left = self._meet(order, matches)
        if left and rests:
            self._resting[order.id] = self._ladder(order.side, order.zone).add(order, left)
        return matches

    def around(self, order: Order) -> list[Order]:
        """The part of the book that explains the placement of `order`, asked for before it is placed: what is left of
        the resting orders that it will look at, best first, of the next one, and of the best of its own side.
        """
        seen = self._look(order)
        own = [entry for ladder in self._ladders.values() if ladder.side is order.side and (entry := ladder.top())]
        if own:
            seen.append(min(own, key=lambda entry: (self._own_cost(entry[3].order), entry[1], entry[2]))[3])
        return [_with_rest(resting.order, resting.rest_wh) for resting in seen]

    def restore(self, order: Order, rest_wh: int) -> None:
        """Put an order into the book with `rest_wh` left, without matching; an order of that id is replaced, 0 removes.

        Raises OrderInvalid when more would be left than was ordered.
        """
        if not 0 <= rest_wh <= order.energy_wh:
            raise OrderInvalid(f"order {order.id} cannot have {rest_wh} Wh left of {order.energy_wh}")
        held = self._resting.get(order.id)
        if held is not None and rest_wh and held.order == order:
            held.level[0] += rest_wh - held.rest_wh
            held.rest_wh = rest_wh
            return
        self.cancel(order.id)
        if rest_wh:
            self._resting[order.id] = self._ladder(order.side, order.zone).add(order, rest_wh)

    def cancel(self, order_id: str) -> int:
        """Take an order out; returns the watt-hours it had left, 0 when it is not in the book."""
        resting = self._resting.pop(order_id, None)
        if resting is None:
            return 0
        rest = resting.rest_wh
        ladder = self._ladder(resting.order.side, resting.order.zone)
        ladder.drop(resting)
        ladder.bury()
        return rest

    def rest(self, order_id: str) -> int:
        """Watt-hours left of an order, 0 when it is not in the book."""
        resting = self._resting.get(order_id)
        return 0 if resting is None else resting.rest_wh

    def orders(self) -> Iterator[tuple[Order, int]]:
        """Resting orders with what is left of each, in no promised order."""
        return ((resting.order, resting.rest_wh) for resting in self._resting.values())

    def level(self, side: Side, zone: str, price_micro: int) -> Level:
        """What rests at one all-in limit; energy 0 when nothing does."""
        ladder = self._ladders.get((side, zone))
        energy_wh, orders = (ladder.levels.get(price_micro) if ladder else None) or (0, 0)
        return Level(side, zone, price_micro, energy_wh, orders)

    def levels(self) -> list[Level]:
        """All levels: offers from the cheapest, then bids from the dearest; zones in alphabetical order."""
        every = [
            Level(ladder.side, ladder.zone, price, level[0], level[1])
            for ladder in self._ladders.values()
            for price, level in ladder.levels.items()
        ]
        every.sort(key=lambda level: (level.side is Side.BID, _rank(level), level.zone))
        return every

    def _own_cost(self, order: Order) -> int:
        price = self.fees.energy_price_micro(order)
        return price if order.side is Side.OFFER else -price

    def _look(self, order: Order) -> list[_Resting]:
        """The resting orders that the placement of `order` looks at, and the best one that it does not reach."""
        facing = self._facing(order.side, order.zone)
        taken: list[tuple[_Ladder, _Entry]] = []
        seen: list[_Resting] = []
        left = order.energy_wh
        while (found := _best(facing, None)) is not None:
            ladder, entry, _ = found
            seen.append(entry[3])
            if not left or entry[0] + self._tolls(order.side, order.zone, ladder.zone)[0] > -_key(order):
                break
            left -= _fill(order, left, entry[3])
            taken.append((ladder, heappop(ladder.heap)))
        for ladder, entry in taken:
            heappush(ladder.heap, entry)
        return seen

    def _ladder(self, side: Side, zone: str) -> _Ladder:
        ladder = self._ladders.get((side, zone))
        if ladder is None:
            ladder = self._ladders[(side, zone)] = _Ladder(side, zone)
            self._views.clear()
        return ladder

    def _facing(self, side: Side, zone: str) -> _Facing:
        """Ladders of the other side with their fees, remembered until a zone comes up for the first time."""
        view = self._views.get((side, zone))
        if view is None:
            view = self._views[(side, zone)] = [
                (ladder, *self._tolls(side, zone, ladder.zone))
                for ladder in self._ladders.values()
                if ladder.side is not side
            ]
        return view

    def _tolls(self, side: Side, zone: str, facing_zone: str) -> tuple[int, int]:
        """All fees of a pair, and the part of the resting side; the pair fee is the buyer's."""
        seller_zone, buyer_zone = (zone, facing_zone) if side is Side.OFFER else (facing_zone, zone)
        seller = self.fees.seller_micro_per_kwh(seller_zone)
        buyer = self.fees.buyer_micro_per_kwh(buyer_zone)
        buyer += self.fees.pair_fee_micro_per_kwh(seller_zone=seller_zone, buyer_zone=buyer_zone)
        return seller + buyer, buyer if side is Side.OFFER else seller

    def _meet(self, order: Order, matches: list[Match]) -> int:
        """Match an order with whom it may meet; returns the watt-hours left of it."""
        facing = self._facing(order.side, order.zone)
        buys = order.side is Side.BID
        budget = -_key(order)
        left = order.energy_wh
        passed: list[tuple[_Ladder, _Entry]] = []
        while left:
            found = _best(facing, budget)
            if found is None:
                break
            ladder, entry, part = found
            resting = entry[3]
            fill = _fill(order, left, resting)
            if not fill:
                passed.append((ladder, heappop(ladder.heap)))
                continue
            price = entry[0] + part
            matches.append(Match(order.id, entry[2], fill, price) if buys else Match(entry[2], order.id, fill, -price))
            left -= fill
            if fill == resting.rest_wh:
                heappop(ladder.heap)
                ladder.drop(resting)
                del self._resting[entry[2]]
            else:
                resting.rest_wh -= fill
                resting.level[0] -= fill
        for ladder, entry in passed:
            heappush(ladder.heap, entry)
        return left


def _rank(level: Level) -> int:
    return level.price_micro if level.side is Side.OFFER else -level.price_micro


def _fill(order: Order, left: int, resting: _Resting) -> int:
    """Watt-hours that an incoming order with `left` to go trades with a resting one: 0 when it passes over it."""
    rest = resting.rest_wh
    fill = left if left < rest else rest
    if resting.order.owner == order.owner:
        return 0
    if (fill < order.min_fill_wh and fill != left) or (fill < resting.least_wh and fill != rest):
        return 0
    return fill


def _with_rest(order: Order, rest_wh: int) -> Order:
    """An order as it stands: only its rest is ordered still."""
    return replace(order, energy_wh=rest_wh, min_fill_wh=min(order.min_fill_wh, rest_wh))


def _best(facing: _Facing, budget: int | None) -> tuple[_Ladder, _Entry, int] | None:
    """The best order across zones, within `budget` if there is one: price after all fees, then time, then id."""
    best: tuple[_Ladder, _Entry, int] | None = None
    best_cost = 0
    for ladder, toll, part in facing:
        entry = ladder.top()
        if entry is None:
            continue
        cost = entry[0] + toll
        if budget is not None and cost > budget:
            continue
        if best is None or (cost, entry[1], entry[2]) < (best_cost, best[1][1], best[1][2]):
            best, best_cost = (ladder, entry, part), cost
    return best
