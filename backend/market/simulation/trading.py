# SPDX-License-Identifier: Apache-2.0
"""One delivery interval at the market: wishes become orders of the service's own clearing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from backend.market.clearing.auctions import clear_pay_as_bid, clear_uniform
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Cleared, Match, Order, Rule, Side
from backend.market.simulation.agents import Wish, price_of
from backend.market.simulation.types import Tariff

AUCTIONS: Mapping[Rule, Callable[[Sequence[Order], Fees], Cleared]] = {
    Rule.UNIFORM: clear_uniform,
    Rule.PAY_AS_BID: clear_pay_as_bid,
}


@dataclass(frozen=True, slots=True)
class Member:
    """A household as the market knows it."""

    house: str
    owner: str
    zone: str


@dataclass(frozen=True, slots=True)
class Deal:
    """A match of households, by number; `bid` and `offer` are the orders that met."""

    seller: int
    buyer: int
    energy_wh: int
    price_micro: int
    bid: Order
    offer: Order


@dataclass(frozen=True, slots=True)
class Market:
    """What is the same in every interval."""

    rule: Rule
    fees: Fees
    tariff: Tariff
    rounds: int
    members: Sequence[Member]

    def trade(self, wishes: Sequence[Wish], *, expected_micro: int, chance: Generator) -> tuple[list[Deal], int]:
        """Deals in the order in which they were made, and how many orders it took.

        In an auction each wish is one order; in the continuous book its owner comes back `rounds` times, each time
        in a new order of arrival, takes the rest of the last order back and places it at a new price.
        """
        if self.rule is Rule.CONTINUOUS:
            return self._continuous(wishes, expected_micro, chance)
        draws = chance.random(len(wishes)).tolist()
        orders = [
            self._order(place, wish, wish.energy_wh, self._price(wish, expected_micro, draws[place], 0, 1), place)
            for place, wish in enumerate(wishes)
        ]
        by_id = {order.id: order for order in orders}
        cleared = AUCTIONS[self.rule](orders, self.fees)
        return [_deal(match, by_id, wishes) for match in cleared.matches], len(orders)

    def _continuous(self, wishes: Sequence[Wish], expected: int, chance: Generator) -> tuple[list[Deal], int]:
        book = ContinuousBook(self.fees)
        left = [wish.energy_wh for wish in wishes]
        by_id: dict[str, Order] = {}
        deals: list[Deal] = []
        time = 0
        draws = chance.random((self.rounds, len(wishes))).tolist()
        for step in range(self.rounds):
            for place in chance.permutation(len(wishes)).tolist():
                if left[place] == 0:
                    continue
                if step:
                    book.cancel(f"{place}.{step - 1}")
                wish = wishes[place]
                price = self._price(wish, expected, draws[step][place], step, self.rounds)
                order = self._order(place, wish, left[place], price, time, step)
                by_id[order.id] = order
                time += 1
                for match in book.place(order):
                    left[_place(match.bid)] -= match.energy_wh
                    left[_place(match.offer)] -= match.energy_wh
                    deals.append(_deal(match, by_id, wishes))
        return deals, time

    def _order(self, place: int, wish: Wish, energy_wh: int, price: int, time: int, step: int = 0) -> Order:
        member = self.members[wish.house]
        side = Side.BID if wish.is_bid else Side.OFFER
        return Order(f"{place}.{step}", side, energy_wh, price, time, member.house, member.owner, member.zone)

    def _price(self, wish: Wish, expected: int, chance: float, step: int, steps: int) -> int:
        return price_of(wish, expected_micro=expected, chance=chance, step=step, steps=steps, tariff=self.tariff)


def _place(order_id: str) -> int:
    return int(order_id.partition(".")[0])


def _deal(match: Match, by_id: Mapping[str, Order], wishes: Sequence[Wish]) -> Deal:
    seller, buyer = wishes[_place(match.offer)].house, wishes[_place(match.bid)].house
    return Deal(seller, buyer, match.energy_wh, match.price_micro, by_id[match.bid], by_id[match.offer])
