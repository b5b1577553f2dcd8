# SPDX-License-Identifier: Apache-2.0
"""The same households without a market: each on its own panels and battery, the rest from the supplier. Pure.

Batteries then serve self-consumption alone: they take up the surplus and fill the need of their own house.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from backend.market.settlement.imbalance import amount_of
from backend.market.simulation.storage import Store
from backend.market.simulation.types import Battery, Household, Series, Tariff


@dataclass(frozen=True, slots=True)
class Alone:
    """A household's `metered_wh` (net export positive) in each interval, and its `unserved_wh` without a grid."""

    metered_wh: Series
    unserved_wh: Series

    def cost_micro(self, tariff: Tariff, *, without: range) -> int:
        """What the supplier charges less what it pays, floor of each interval; intervals in `without` left out."""
        kept = np.ones(len(self.metered_wh), bool)
        kept[without.start : without.stop] = False
        imported = np.maximum(-self.metered_wh[kept], 0)
        exported = np.maximum(self.metered_wh[kept], 0)
        charged = amount_of(imported, tariff.retail_micro_per_kwh)
        paid = amount_of(exported, tariff.feed_in_micro_per_kwh)
        return int(np.sum(charged) - np.sum(paid))


def live_alone(household: Household, battery: Battery | None, minutes: int, island: Container[int]) -> Alone:
    """The household's meter without a market; in an interval of `island` it lives on panels and battery alone."""
    net = household.generation_wh - household.consumption_wh
    metered = net.copy()
    unserved = np.zeros_like(net)
    store = Store(battery, minutes) if battery is not None else None
    for interval, surplus in enumerate(net.tolist()):
        rest = surplus - store.balance(surplus) if store is not None else surplus
        if interval in island:
            unserved[interval] = max(0, -rest)
            rest = 0
        metered[interval] = rest
    return Alone(metered, unserved)
