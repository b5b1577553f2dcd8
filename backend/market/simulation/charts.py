# SPDX-License-Identifier: Apache-2.0
"""Which charts a report shows, and the figures in them. Pure; money in units of currency, power in kW for the eye."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.market.islands.types import CRITICAL, Tier
from backend.market.simulation.engine import Simulation
from backend.market.simulation.measures import alone_net, savings_of
from backend.market.simulation.plots import Axes, Line, bars, line_chart, stacked_bars
from backend.market.simulation.totals import Totals
from backend.market.simulation.types import Agent, Series

MICRO = 1_000_000
LEAST_DAYS = 2
AGENT_COLOUR = {Agent.ZERO_INTELLIGENCE: 1, Agent.FORECAST: 3, Agent.STORAGE: 2}
AGENT_NAME = {
    Agent.ZERO_INTELLIGENCE: "zero intelligence", Agent.FORECAST: "forecast", Agent.STORAGE: "storage arbitrage",
}  # fmt: skip


class Calendar:
    """Where an interval stands in the shown clock: its time of day and its day."""

    def __init__(self, simulation: Simulation) -> None:
        world = simulation.world
        self.minutes = world.minutes
        self.per_day = world.intervals_per_day
        local = world.start + world.utc_offset
        shift = (local.hour * 60 + local.minute) // world.minutes
        places = np.arange(world.intervals) + shift
        self.slot = places % self.per_day
        self.day = places // self.per_day
        self.days = int(self.day[-1]) + 1
        self._first = local.date()

    def clock(self, interval: int) -> str:
        """Time of day as hours and minutes."""
        minute = int(self.slot[interval]) * self.minutes
        return f"{minute // 60:02d}:{minute % 60:02d}"

    def hours(self) -> list[str]:
        """Labels of the times of day: full hours only, every three of them."""
        return [
            f"{slot * self.minutes // 60:02d}:00" if slot * self.minutes % 180 == 0 else ""
            for slot in range(self.per_day)
        ]

    def dates(self) -> list[str]:
        """Labels of the days."""
        return [f"{self._first + timedelta(days=day):%d %b}" for day in range(self.days)]

    def mean_by_slot(self, values: Series, among: NDArray[np.bool_]) -> list[float | None]:
        """The mean of each time of day over the chosen intervals."""
        return [_mean(values[among & (self.slot == slot)]) for slot in range(self.per_day)]


def charts_of(simulation: Simulation, totals: Totals) -> list[tuple[str, str, str]]:
    """Title, explanation and SVG of each chart, in reading order."""
    calendar = Calendar(simulation)
    grid = np.zeros(simulation.world.intervals, bool)
    grid[totals.grid_intervals] = True
    found = [_price_of_day(simulation, totals, calendar), _day(totals, calendar, grid)]
    if calendar.days >= LEAST_DAYS:
        found += [_price_by_day(simulation, totals, calendar), _supply_by_day(totals, calendar)]
        found.append(_peaks(totals, calendar, grid))
    found += [_savings(simulation, totals), _lorenz(simulation, totals)]
    if len(totals.grid_intervals) < simulation.world.intervals:
        found.append(_island(simulation, totals, calendar))
    return found


def _price_of_day(simulation: Simulation, totals: Totals, calendar: Calendar) -> tuple[str, str, str]:
    tariff = simulation.setup.tariff
    prices = np.array(totals.price_micro, np.int64)
    low: list[float | None] = []
    middle: list[float | None] = []
    high: list[float | None] = []
    for slot in range(calendar.per_day):
        seen = np.sort(prices[(calendar.slot == slot) & (prices >= 0)])
        for edge, place in ((low, 0.1), (middle, 0.5), (high, 0.9)):
            edge.append(float(seen[int(place * (len(seen) - 1))]) / MICRO if len(seen) else None)
    flat = len(middle)
    currency = tariff.currency
    lines = [
        Line("median price", middle, 1),
        Line("retail and feed-in", [tariff.retail_micro_per_kwh / MICRO] * flat, 0),
        Line("", [tariff.feed_in_micro_per_kwh / MICRO] * flat, 0),
    ]
    svg = line_chart(Axes(calendar.hours(), "time of day", f"{currency} per kWh"), lines, band=(low, high))
    text = "Energy price of the deals, fees not included. The band holds four of five days (10th to 90th percentile)."
    return "Price over the day", text, svg


def _day(totals: Totals, calendar: Calendar, grid: NDArray[np.bool_]) -> tuple[str, str, str]:
    per_kwh = 60 / calendar.minutes / 1_000
    names = (("consumption", "demand_wh", 2), ("generation", "generation_wh", 3), ("traded", "delivered_wh", 1))
    lines = [
        Line(name, _scaled(calendar.mean_by_slot(totals.wh(series), grid), per_kwh), colour)
        for name, series, colour in names
    ]
    svg = line_chart(Axes(calendar.hours(), "time of day", "kW"), lines)
    return "Energy over the day", "Mean power of all households; traded is what was delivered between them.", svg


def _price_by_day(simulation: Simulation, totals: Totals, calendar: Calendar) -> tuple[str, str, str]:
    prices, traded = np.array(totals.price_micro, np.int64), totals.wh("traded_wh")
    worth = np.where(prices >= 0, prices * traded, 0)
    values: list[float | None] = []
    for day in range(calendar.days):
        there = calendar.day == day
        volume = int(traded[there].sum())
        values.append(int(worth[there].sum()) / volume / MICRO if volume else None)
    unit = f"{simulation.setup.tariff.currency} per kWh"
    svg = line_chart(Axes(calendar.dates(), "day", unit), [Line("mean price by energy", values, 1)])
    return "Price, day by day", "Mean energy price of each day's deals, weighted by energy.", svg


def _supply_by_day(totals: Totals, calendar: Calendar) -> tuple[str, str, str]:
    served, imported = _by_day(totals, calendar, "served_wh"), _by_day(totals, calendar, "imported_wh")
    delivered = _by_day(totals, calendar, "delivered_wh")
    own = [max(0.0, load - drawn) for load, drawn in zip(served, imported, strict=True)]
    grid = [drawn - local for drawn, local in zip(imported, delivered, strict=True)]
    stacks = [Line("own panels and battery", own, 3), Line("neighbours", delivered, 1), Line("grid", grid, 4)]
    svg = stacked_bars(Axes(calendar.dates(), "day", "kWh"), stacks)
    return "Where consumption comes from", "Per day, all households; what fills batteries is counted as well.", svg


def _peaks(totals: Totals, calendar: Calendar, grid: NDArray[np.bool_]) -> tuple[str, str, str]:
    kilowatts = 60 / calendar.minutes / 1_000
    lines = []
    for name, net, colour in (
        ("without market", alone_net(totals), 4), ("with market", totals.wh("net_export_wh"), 1),
    ):  # fmt: skip
        values: list[float | None] = []
        for day in range(calendar.days):
            there = net[(calendar.day == day) & grid]
            values.append(max(0, -int(there.min())) * kilowatts if len(there) else None)
        lines.append(Line(name, values, colour))
    svg = line_chart(Axes(calendar.dates(), "day", "kW"), lines)
    return "Highest import of each day", "Mean power over an interval at the community's feeder.", svg


def _savings(simulation: Simulation, totals: Totals) -> tuple[str, str, str]:
    saved = sorted(zip(savings_of(simulation, totals), simulation.agents, strict=True), key=lambda one: one[0])
    values = [(amount / MICRO, AGENT_COLOUR[agent]) for amount, agent in saved]
    legend = [(AGENT_NAME[agent], AGENT_COLOUR[agent]) for agent in Agent if agent in simulation.agents]
    axes = Axes(_ranks(len(values)), "households, from the least to the most", simulation.setup.tariff.currency)
    text = (
        "Against retail and feed-in tariff, over the whole run, after fees and imbalance; batteries are there in both."
    )
    return "Savings by household", text, bars(axes, values, legend)


def _lorenz(simulation: Simulation, totals: Totals) -> tuple[str, str, str]:
    gained = sorted(max(0, saved) for saved in savings_of(simulation, totals))
    running = np.concatenate((np.zeros(1), np.cumsum(np.array(gained, float))))
    share = (running / running[-1] * 100 if running[-1] else running).tolist()
    count = len(share)
    even: list[float | None] = [place * 100 / (count - 1) for place in range(count)]
    labels = [
        f"{place * 100 // (count - 1)} %" if place % max(1, (count - 1) // 5) == 0 else "" for place in range(count)
    ]
    axes = Axes(labels, "share of households, from the least to the most", "% of all savings")
    svg = line_chart(axes, [Line("savings", share, 1), Line("equal shares", even, 0)])
    text = "Lorenz curve: the further below the line of equal shares, the higher the Gini coefficient."
    return "Fairness", text, svg


def _island(simulation: Simulation, totals: Totals, calendar: Calendar) -> tuple[str, str, str]:
    island = simulation.setup.island_intervals(simulation.world)

    def served(tiers: tuple[Tier, ...]) -> list[float | None]:
        wanted = np.sum([totals.tier_demand_wh[tier] for tier in tiers], axis=0)
        given = np.sum([totals.tier_served_wh[tier] for tier in tiers], axis=0)
        return [float(got) / float(want) * 100 if want else None for got, want in zip(given, wanted, strict=True)]

    demand = totals.wh("demand_wh")[island.start : island.stop]
    alone = np.sum([one.unserved_wh[island.start : island.stop] for one in totals.alone], axis=0)
    by_itself: list[float | None] = [
        float(want - lacks) / float(want) * 100 if want else None for want, lacks in zip(demand, alone, strict=True)
    ]
    every = 180 // calendar.minutes
    labels = [calendar.clock(place) if number % every == 0 else "" for number, place in enumerate(island)]
    lines = [
        Line("critical loads", served(CRITICAL), 2),
        Line("ordinary loads", served((Tier.ORDINARY,)), 1),
        Line("all, each house alone", by_itself, 4),
    ]
    svg = line_chart(Axes(labels, "time of day", "% of demand served"), lines)
    text = "Critical tiers first, then max-min shares of local generation and storage; no grid in these hours."
    return "The island", text, svg


def _by_day(totals: Totals, calendar: Calendar, name: str) -> list[float]:
    return [float(totals.wh(name)[calendar.day == day].sum()) / 1_000 for day in range(calendar.days)]


def _mean(values: Series) -> float | None:
    return float(int(values.sum())) / len(values) if len(values) else None


def _scaled(values: list[float | None], factor: float) -> list[float | None]:
    return [None if value is None else value * factor for value in values]


def _ranks(count: int) -> list[Any]:
    return [str(place + 1) for place in range(count)]
