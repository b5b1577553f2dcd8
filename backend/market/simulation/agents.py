# SPDX-License-Identifier: Apache-2.0
"""Trading agents: what a household wants before the gate closes, and at which price it says so. Pure.

- zero intelligence, constrained (Gode & Sunder 1993, J. Political Economy 101(1)): knows its energy, as their traders
  know their units; draws a price at random between its own limit and the other end of the tariff, never beyond.
- forecast: places the mean of its own net energy at this time of day over the last seven days, and prices between what
  the market paid at this time of day and its limit: the larger its surplus or need for this house, the more it yields.
- storage: forecasts the same way, and holds a battery whose content it values by the dearest and cheapest quarter of
  the day it remembers, less the battery's losses; buys below the middle of these worths what its own panels are not
  forecast to fill in the next twelve hours, sells above it what its own house is not forecast to need (on the first
  day: neither).

A limit is all-in: a buyer never offers more than retail, a seller never asks less than feed-in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.market.simulation.storage import Store
from backend.market.simulation.types import Series, Tariff

PERMILLE = 1_000
FORECAST_DAYS = 7
UNKNOWN_WH = 10**12
MEMORY = 4
"""How strongly the past counts against a new price: (MEMORY − 1) : 1."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Energy that household number `house` wants to buy or sell, and the price beyond which it does not.

    `yields_permille`: how far it goes from the expected price towards its limit; None draws a price at random.
    """

    house: int
    is_bid: bool
    energy_wh: int
    limit_micro: int
    yields_permille: int | None = None


class Memory:
    """The public prices as everybody remembers them, by time of day; begins in the middle of the tariff."""

    def __init__(self, tariff: Tariff, slots: int) -> None:
        self.tariff = tariff
        middle = (tariff.retail_micro_per_kwh + tariff.feed_in_micro_per_kwh) // 2
        self.expected_micro = [middle] * slots

    def learn(self, slot: int, price_micro: int) -> None:
        """A new day's price at this time of day."""
        self.expected_micro[slot] = ((MEMORY - 1) * self.expected_micro[slot] + price_micro) // MEMORY

    def outlook(self) -> tuple[int, int]:
        """Mean of the cheapest and of the dearest quarter of the remembered day."""
        prices = sorted(self.expected_micro)
        quarter = max(1, len(prices) // 4)
        return sum(prices[:quarter]) // quarter, sum(prices[-quarter:]) // quarter


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a storage agent reckons with: the price expected now, and the worth of a stored and of a drawn kWh."""

    expected_micro: int
    stored_worth_micro: int
    drawn_cost_micro: int

    @property
    def pays(self) -> bool:
        """Whether buying cheap and selling dear is worth the losses."""
        return self.stored_worth_micro > self.drawn_cost_micro

    @property
    def middle_micro(self) -> int:
        """Below it arbitrage buys, above it arbitrage sells."""
        return (self.stored_worth_micro + self.drawn_cost_micro) // 2

    @property
    def is_cheap(self) -> bool:
        """Whether now is a time to fill the battery."""
        return self.pays and self.expected_micro < self.middle_micro


def outlook_of(memory: Memory, slot: int, *, round_trip_millionths: int) -> Outlook:
    """The outlook at a time of day for a battery of this round-trip efficiency, inside the tariff."""
    low, high = memory.outlook()
    tariff = memory.tariff
    worth = max(tariff.feed_in_micro_per_kwh, high * round_trip_millionths // 1_000_000)
    cost = min(tariff.retail_micro_per_kwh, -(-low * 1_000_000 // round_trip_millionths))
    return Outlook(memory.expected_micro[slot], worth, cost)


def forecast_wh(net_wh: Series, per_day: int) -> Series:
    """A house's own forecast of its net energy, from the past alone: the mean at this time of day, up to seven days.

    On the first day it is what the interval before measured; before anything is known, 0. Means are rounded down.
    """
    if len(net_wh) == 0:
        return net_wh
    found: Series = np.concatenate((np.zeros(1, np.int64), net_wh[:-1]))
    days = -(-len(net_wh) // per_day)
    padded = np.zeros(days * per_day, np.int64)
    padded[: len(net_wh)] = net_wh
    by_day = padded.reshape(days, per_day)
    sums = np.cumsum(by_day, axis=0)
    means = np.zeros_like(by_day)
    for day in range(1, days):
        first = max(0, day - FORECAST_DAYS)
        past = sums[day - 1] - (sums[first - 1] if first else 0)
        means[day] = past // (day - first)
    found[per_day:] = means.reshape(-1)[per_day : len(net_wh)]
    return found


def ahead_wh(forecast: Series, per_day: int) -> Series:
    """The surplus that a house is forecast to have in the twelve hours after each interval; on the first day no end.

    Only the current day's forecast is used, whose times of day stand for the next day's too.
    """
    found: Series = np.full(len(forecast), UNKNOWN_WH, np.int64)
    half = per_day // 2
    for first in range(per_day, len(forecast), per_day):
        today = forecast[first - per_day : first].copy()
        today[: len(forecast) - first] = forecast[first : first + per_day]
        until = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.tile(np.maximum(today, 0), 2))))
        ahead = until[half + 1 : half + 1 + per_day] - until[1 : per_day + 1]
        found[first : first + per_day] = ahead[: len(forecast) - first]
    return found


def plain_wishes(house: int, net_wh: int, tariff: Tariff, yields_permille: int | None) -> list[Wish]:
    """What a house without a battery wants: its surplus sold, its need bought."""
    if net_wh > 0:
        return [Wish(house, False, net_wh, tariff.feed_in_micro_per_kwh, yields_permille)]
    if net_wh < 0:
        return [Wish(house, True, -net_wh, tariff.retail_micro_per_kwh, yields_permille)]
    return []


def storage_wishes(
    house: int,
    net_wh: int,
    store: Store,
    outlook: Outlook,
    tariff: Tariff,
    *,
    surplus_ahead_wh: int,
    need_ahead_wh: int,
) -> list[Wish]:
    """What a house with a battery wants: first its own energy against the battery's worth, then arbitrage."""
    room_wh, held_wh = store.can_charge_wh(), store.can_discharge_wh()
    worth, cost = outlook.stored_worth_micro, outlook.drawn_cost_micro
    is_dear = outlook.pays and not outlook.is_cheap
    if net_wh > 0:
        kept_wh = 0 if is_dear else min(net_wh, room_wh)
        parts = [(False, kept_wh, worth), (False, net_wh - kept_wh, tariff.feed_in_micro_per_kwh)]
        room_wh -= kept_wh
    else:
        own_wh = min(-net_wh, held_wh)
        parts = [(True, -net_wh - own_wh, tariff.retail_micro_per_kwh)]
        if outlook.is_cheap:
            parts.append((True, own_wh, cost))
        held_wh -= own_wh
    if outlook.is_cheap:
        spare_wh = store.battery.capacity_wh - store.content_wh() - surplus_ahead_wh
        parts.append((True, min(room_wh, spare_wh), outlook.middle_micro))
    elif is_dear:
        spare_wh = store.content_wh() - need_ahead_wh
        parts.append((False, min(held_wh, spare_wh), outlook.middle_micro))
    return [Wish(house, is_bid, wh, limit, PERMILLE // 2) for is_bid, wh, limit in parts if wh > 0]


def eagerness_permille(net_wh: int, largest_wh: int) -> int:
    """How far a forecast agent yields: its energy now against the largest it has seen."""
    return min(PERMILLE, abs(net_wh) * PERMILLE // largest_wh) if largest_wh > 0 else 0


def price_of(wish: Wish, *, expected_micro: int, chance: float, step: int, steps: int, tariff: Tariff) -> int:
    """The price to say now, never worse than the wish's limit; `chance` in [0, 1) serves zero intelligence.

    In the last of several steps an agent that yields says its limit.
    """
    limit = wish.limit_micro
    if wish.yields_permille is None:
        if wish.is_bid:
            return tariff.feed_in_micro_per_kwh + int(chance * (limit - tariff.feed_in_micro_per_kwh + 1))
        return limit + int(chance * (tariff.retail_micro_per_kwh - limit + 1))
    yields = wish.yields_permille
    if steps > 1:
        yields = max(yields, step * PERMILLE // (steps - 1))
    first = min(expected_micro, limit) if wish.is_bid else max(expected_micro, limit)
    return first + (limit - first) * yields // PERMILLE


def assign(names: Sequence[str], weights: Sequence[int], count: int) -> list[str]:
    """`count` places shared out by weight, largest remainder first (ties: first named), in order of names."""
    total = sum(weights)
    if total <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("weights are never negative and not all zero")
    shares = [divmod(count * weight, total) for weight in weights]
    given = [whole for whole, _ in shares]
    by_remainder = sorted(range(len(names)), key=lambda place: (-shares[place][1], place))
    for place in by_remainder[: count - sum(given)]:
        given[place] += 1
    return [name for name, share in zip(names, given, strict=True) for _ in range(share)]
