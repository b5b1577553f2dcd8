# SPDX-License-Identifier: Apache-2.0
"""Market outlooks over HTTP. Prices are text of six decimals in the community's currency, energy kWh as numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import numpy as np
from pydantic import Field

from ai_service.envelope import ApiModel
from ai_service.forecasting.metrics import MEDIAN, QUANTILES
from ai_service.forecasting.types import Floats
from ai_service.forecasts.schemas import IntervalOut, ModelOut
from ai_service.market import curve
from ai_service.market.curve import Explanation
from ai_service.market.service import Outlook, Side

BEST = 3
CONFIDENCE_LEVEL = 80
HIGH, MEDIUM = 0.75, 0.5  # of the room between the tariffs that the interval leaves


class MarketQuery(ApiModel):
    """Whose market, and how far ahead."""

    community_id: UUID
    hours: Annotated[int, Field(ge=24, le=48)] = 24


class PriceIntervalOut(ApiModel):
    """A central interval of a price."""

    level: int
    low_per_kwh: str
    high_per_kwh: str


class MovedOut(ApiModel):
    """What moved a price: `usual` plus all of these is the price. `text` says it in words."""

    usual_per_kwh: str
    supply_per_kwh: str
    demand_per_kwh: str
    observed_per_kwh: str
    limits_per_kwh: str
    text: str


class MarketPriceOut(ApiModel):
    """The price of one delivery interval; null where nobody is expected to offer or want anything."""

    start: datetime
    price_per_kwh: str | None
    intervals: list[PriceIntervalOut]
    supply_kwh: float
    demand_kwh: float
    explanation: MovedOut | None


class MarketPricesOut(ApiModel):
    """Prices of a community's coming delivery intervals. `observedPrices` is how many past ones were compared."""

    community_id: str
    currency: str
    resolution_minutes: int
    available_at: datetime
    feed_in_price_per_kwh: str
    retail_price_per_kwh: str
    observed_prices: int
    steps: list[MarketPriceOut]
    models: dict[str, ModelOut]


class CarbonOut(ApiModel):
    """The grid's emission factor (average, for inventories) that intensities rest on."""

    region: str
    grams_per_kwh: float
    source: str
    vintage: str


class AnalysisStepOut(ApiModel):
    """One delivery interval: energy put into and taken out of the community, price, carbon of what is taken."""

    start: datetime
    supply_kwh: float
    supply_interval: IntervalOut
    demand_kwh: float
    demand_interval: IntervalOut
    surplus_kwh: float
    traded_kwh: float
    price_per_kwh: str | None
    carbon_grams_per_kwh: float | None = Field(description="grid factor times the share that neighbours do not cover")


class HourOut(ApiModel):
    """A good time, and why."""

    start: datetime
    price_per_kwh: str
    surplus_kwh: float


class ConfidenceOut(ApiModel):
    """How sure this is: the share of the room between the tariffs that the 80 % price interval leaves, on average."""

    level: Literal["high", "medium", "low"]
    score: float


class AnalysisOut(ApiModel):
    """A community's next day or two."""

    community_id: str
    currency: str
    resolution_minutes: int
    available_at: datetime
    steps: list[AnalysisStepOut]
    best_to_buy: list[HourOut]
    best_to_sell: list[HourOut]
    expected_supply_kwh: float
    expected_demand_kwh: float
    expected_surplus_kwh: float
    grid_carbon: CarbonOut | None
    confidence: ConfidenceOut
    findings: list[str]
    models: dict[str, ModelOut]


def prices_out(outlook: Outlook, levels: list[int], *, now: datetime) -> MarketPricesOut:
    """What travels of an outlook's prices."""
    steps = []
    for index, quantiles in enumerate(outlook.price):
        known = bool(np.isfinite(quantiles).all())
        steps.append(
            MarketPriceOut(
                start=_start(outlook, index),
                price_per_kwh=_text(quantiles[MEDIAN]) if known else None,
                intervals=[_interval(quantiles, level) for level in levels] if known else [],
                supply_kwh=_short(outlook.supply.median[index]),
                demand_kwh=_short(outlook.demand.median[index]),
                explanation=_moved(outlook, index) if known else None,
            )
        )
    return MarketPricesOut(
        community_id=outlook.community.id,
        currency=outlook.community.currency,
        resolution_minutes=outlook.step_s // 60,
        available_at=now,
        feed_in_price_per_kwh=_text(outlook.tariffs.feed_in),
        retail_price_per_kwh=_text(outlook.tariffs.retail),
        observed_prices=outlook.observed,
        steps=steps,
        models=_models(outlook),
    )


def analysis_out(outlook: Outlook, *, now: datetime) -> AnalysisOut:
    """What travels of an outlook as a whole."""
    supply, demand = outlook.supply.median, outlook.demand.median
    grid = outlook.carbon
    covered = np.minimum(supply, demand) / np.where(demand > 0, demand, 1.0)
    carbon = [None if grid is None or demand[i] <= 0 else _short(grid.grams_per_kwh * (1 - covered[i]))
              for i in range(len(demand))]  # fmt: skip
    traded = curve.traded(supply, demand, outlook.tariffs)
    prices = outlook.price[:, MEDIAN]
    steps = [
        AnalysisStepOut(
            start=_start(outlook, index),
            supply_kwh=_short(supply[index]),
            supply_interval=_energy_interval(outlook.supply, index),
            demand_kwh=_short(demand[index]),
            demand_interval=_energy_interval(outlook.demand, index),
            surplus_kwh=_short(supply[index] - demand[index]),
            traded_kwh=_short(traded[index]),
            price_per_kwh=_text(prices[index]) if np.isfinite(prices[index]) else None,
            carbon_grams_per_kwh=carbon[index],
        )
        for index in range(len(supply))
    ]
    return AnalysisOut(
        community_id=outlook.community.id,
        currency=outlook.community.currency,
        resolution_minutes=outlook.step_s // 60,
        available_at=now,
        steps=steps,
        best_to_buy=_best(steps, prices),
        best_to_sell=_best(steps, -prices),
        expected_supply_kwh=_short(float(supply.sum())),
        expected_demand_kwh=_short(float(demand.sum())),
        expected_surplus_kwh=_short(float((supply - demand).sum())),
        grid_carbon=None
        if grid is None
        else CarbonOut(region=grid.region, grams_per_kwh=grid.grams_per_kwh, source=grid.source, vintage=grid.vintage),
        confidence=_confidence(outlook),
        findings=_findings(outlook),
        models=_models(outlook),
    )


def _best(steps: list[AnalysisStepOut], cost: Floats) -> list[HourOut]:
    """The intervals of least cost, the soonest of equal ones first; those without a price are none of them."""
    order = np.argsort(cost, kind="stable")
    return [_hour(steps[index]) for index in order[np.isfinite(cost[order])][:BEST]]


def _confidence(outlook: Outlook) -> ConfidenceOut:
    room = outlook.tariffs.buyers_most - outlook.tariffs.sellers_least
    low, high = (QUANTILES.index(end) for end in (0.1, 0.9))
    known = np.isfinite(outlook.price).all(axis=1)
    width = float((outlook.price[known, high] - outlook.price[known, low]).mean()) if known.any() else float(room)
    score = min(1.0, max(0.0, 1 - width / room))
    level: Literal["high", "medium", "low"] = "high" if score >= HIGH else "medium" if score >= MEDIUM else "low"
    return ConfidenceOut(level=level, score=round(score, 4))


def _findings(outlook: Outlook) -> list[str]:
    found = []
    if outlook.carbon is None:
        found.append(f"no emission factor of region {outlook.community.region} is registered")
    if outlook.observed == 0:
        found.append("no prices paid of late to compare the model with")
    for name, side in (("supply", outlook.supply), ("demand", outlook.demand)):
        if side.found is None:
            found.append(f"nobody's readings show any {name}")
        else:
            found += [f"{name}: {one.code} ({one.count}): {one.detail}" for one in side.found.findings]
    return found


def _moved(outlook: Outlook, index: int) -> MovedOut:
    told: Explanation = outlook.explanations[index]
    median = float(outlook.price[index, MEDIAN])
    spread = median - (told.usual + told.supply + told.demand + told.observed + told.limits)
    parts = [
        (told.supply, f"supply of {outlook.supply.median[index]:.2f} kWh (usual {outlook.supply.usual:.2f})"),
        (told.demand, f"demand of {outlook.demand.median[index]:.2f} kWh (usual {outlook.demand.usual:.2f})"),
        (told.observed, "prices paid of late"),
        (told.limits + spread, "the market's limits and the spread of what may come"),
    ]
    said = "; ".join(f"{_signed(amount)} {why}" for amount, why in parts if abs(amount) >= 0.5)
    text = f"{_text(told.usual)} at usual supply and demand" + (f"; {said}" if said else "")
    return MovedOut(
        usual_per_kwh=_text(told.usual),
        supply_per_kwh=_signed(told.supply),
        demand_per_kwh=_signed(told.demand),
        observed_per_kwh=_signed(told.observed),
        limits_per_kwh=_signed(told.limits + spread),
        text=text,
    )


def _models(outlook: Outlook) -> dict[str, ModelOut]:
    sides = {"supply": outlook.supply.found, "demand": outlook.demand.found}
    return {name: ModelOut.model_validate(one.model) for name, one in sides.items() if one is not None}


def _start(outlook: Outlook, index: int) -> datetime:
    return outlook.start + timedelta(seconds=outlook.step_s * index)


def _hour(step: AnalysisStepOut) -> HourOut:
    return HourOut(start=step.start, price_per_kwh=step.price_per_kwh or "", surplus_kwh=step.surplus_kwh)


def _at(quantiles: Floats, level: float) -> float:
    return float(np.interp(level, np.array(QUANTILES), quantiles))


def _interval(quantiles: Floats, percent: int) -> PriceIntervalOut:
    tail = (1 - percent / 100) / 2
    ends = [_text(_at(quantiles, end)) for end in (tail, 1 - tail)]
    return PriceIntervalOut(level=percent, low_per_kwh=ends[0], high_per_kwh=ends[1])


def _energy_interval(side: Side, index: int) -> IntervalOut:
    tail = (1 - CONFIDENCE_LEVEL / 100) / 2
    low, high = (_short(_at(side.quantiles[index], end)) for end in (tail, 1 - tail))
    return IntervalOut(level=CONFIDENCE_LEVEL, low=low, high=high)


def _text(micro: float) -> str:
    rounded = round(micro)
    sign = "-" if rounded < 0 else ""
    return f"{sign}{abs(rounded) // 10**6}.{abs(rounded) % 10**6:06d}"


def _signed(micro: float) -> str:
    text = _text(micro)
    return text if text.startswith("-") else f"+{text}"


def _short(value: float) -> float:
    return float(f"{value:.6g}")
