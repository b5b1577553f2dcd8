# SPDX-License-Identifier: Apache-2.0
"""The modelled market of one delivery interval: curves of supply and demand, the price at which they cross, and why.

Limits of both sides are taken as spread evenly between feed-in and retail tariff, as of traders without strategy (Gode
and Sunder, "Allocative Efficiency of Markets with Zero-Intelligence Traders", JPE 1993): nobody sells below what the
grid pays, nobody pays more than the grid asks. With supply S, demand D and all-in limits, S(p) = S (p − a) / w sellers'
energy is offered at price p and D(p) = D (b − p) / w wanted, where a = feed-in + seller fee, b = retail − buyer fee and
w = retail − feed-in. They cross at p = (S a + D b) / (S + D): the uniform price of the market's rule on such a book.
Prices are in micro-units per kWh, here as floats: expectations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ai_service.errors import Invalid
from ai_service.forecasting.metrics import QUANTILES
from ai_service.forecasting.types import Floats

GRID = 24  # scenarios of supply times as many of demand
CHANCES = 9  # of what books do beside the model, for each of them
LEARNT_AFTER = 24  # intervals of observed prices that weigh as much as the model


class TariffsMissing(Invalid):
    """Without a retail tariff above the feed-in tariff there is no room for a price."""

    code = "price.tariffs_missing"
    title = "The community's retail tariff does not lie above its feed-in tariff; an operator sets both"


@dataclass(frozen=True, slots=True)
class Tariffs:
    """What bounds a community's prices, micro-units per kWh. Raises TariffsMissing."""

    feed_in: int
    retail: int
    community_fee: int = 0
    lowest: int = 0
    highest: int = 2**40 - 1

    def __post_init__(self) -> None:
        if self.sellers_least >= self.buyers_most:
            raise TariffsMissing(feed_in_micro_per_kwh=self.feed_in, retail_micro_per_kwh=self.retail)

    @property
    def sellers_least(self) -> int:
        """The price at which the first seller comes: half of the community fee, rounded down, is the seller's."""
        return self.feed_in + self.community_fee // 2

    @property
    def buyers_most(self) -> int:
        """The price at which the last buyer goes."""
        return self.retail - (self.community_fee - self.community_fee // 2)

    def bounded(self, price: Floats) -> Floats:
        """Within the market's own limits."""
        return np.clip(price, self.lowest, self.highest)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a price comes from: `usual` at usual supply and demand, and what moved it; they add up to the price."""

    usual: float
    supply: float
    demand: float
    observed: float
    limits: float


def price(supply: Floats, demand: Floats, tariffs: Tariffs) -> Floats:
    """Where the curves cross; NaN where nobody offers and nobody wants anything."""
    total = supply + demand
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = (supply * tariffs.sellers_least + demand * tariffs.buyers_most) / total
    return np.where(total > 0, crossing, np.nan)


def traded(supply: Floats, demand: Floats, tariffs: Tariffs) -> Floats:
    """Energy offered at the crossing of the curves, which is what is wanted there."""
    width = tariffs.retail - tariffs.feed_in
    offered = supply * (price(supply, demand, tariffs) - tariffs.sellers_least) / width
    return np.nan_to_num(offered, nan=0.0)


@dataclass(frozen=True, slots=True)
class Observed:
    """What prices of late did beside the model, micro-units per kWh: `lean`, how far they lay above it, and `chances`
    (CHANCES), how far books of few orders strayed from that, either way."""

    lean: float
    chances: Floats

    @classmethod
    def nothing(cls) -> Observed:
        """No price was seen."""
        return cls(0.0, np.zeros(CHANCES))


def observed(prices: Floats, modelled: Floats) -> Observed:
    """Of past prices and the model's for the same intervals. Both parts are drawn to nothing while there are few."""
    seen = np.isfinite(prices) & np.isfinite(modelled)
    count = int(seen.sum())
    if count == 0:
        return Observed.nothing()
    above = prices[seen] - modelled[seen]
    middle = float(np.median(above))
    trust = count / (count + LEARNT_AFTER)
    return Observed(middle * trust, np.quantile(above - middle, (np.arange(CHANCES) + 0.5) / CHANCES) * trust)


def scenarios(supply: Floats, demand: Floats, tariffs: Tariffs, seen: Observed) -> Floats:
    """(steps, QUANTILES) of the price for quantiles of supply and demand (steps, QUANTILES), taken as independent."""
    share = (np.arange(GRID) + 0.5) / GRID
    levels = np.array(QUANTILES)
    answer = np.full((len(supply), len(QUANTILES)), np.nan)
    least = tariffs.sellers_least + min(seen.lean, 0.0)
    most = tariffs.buyers_most + max(seen.lean, 0.0)
    for step in range(len(supply)):
        sold = np.interp(share, levels, supply[step])[:, None]
        wanted = np.interp(share, levels, demand[step])[None, :]
        prices = price(sold, wanted, tariffs) + seen.lean
        prices = (prices[np.isfinite(prices)][:, None] + seen.chances).ravel()
        if len(prices):
            answer[step] = np.quantile(tariffs.bounded(np.clip(prices, least, most)), levels)
    return answer


def explain(
    supply: float, demand: float, *, usual_supply: float, usual_demand: float, tariffs: Tariffs, lean: float
) -> Explanation:
    """What moved the price away from the one at usual supply and demand: Shapley shares, so no order is preferred."""

    def at(sold: float, wanted: float) -> float:
        if sold + wanted <= 0:  # nobody there to move it: the middle
            return (tariffs.sellers_least + tariffs.buyers_most) / 2
        return float(price(np.array([sold]), np.array([wanted]), tariffs)[0])

    usual = at(usual_supply, usual_demand)
    only_supply, only_demand, both = at(supply, usual_demand), at(usual_supply, demand), at(supply, demand)
    by_supply = ((only_supply - usual) + (both - only_demand)) / 2
    by_demand = ((only_demand - usual) + (both - only_supply)) / 2
    free = both + lean
    return Explanation(usual, by_supply, by_demand, lean, float(tariffs.bounded(np.array([free]))[0]) - free)
