# SPDX-License-Identifier: Apache-2.0
"""The figures of a report and their definitions. Pure; ratios are exact fractions until they are rounded for showing.

Self-sufficiency = (consumption − supply from the grid) / consumption; self-consumption = (generation − feed-in to the
grid) / generation (Luthander, Widén, Nilsson, Palm 2015, Applied Energy 142, 80–94), with a grid, three ways:
- alone: each household with its own panels and battery, no market
- traded: what neighbours sold and delivered counts as local, as the market's own books have it
- pooled: only what crosses the community's feeder counts; the physical bound of what trading can call local
Gini of savings: 0 when all households save the same; a household that lost counts as 0 and is counted beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from backend.emissions.registry import CitedFactor
from backend.market.islands.types import CRITICAL, TIERS
from backend.market.settlement.imbalance import RULE
from backend.market.simulation.engine import FACTOR, Simulation
from backend.market.simulation.island import LOOK_AHEAD_HOURS
from backend.market.simulation.totals import Totals
from backend.market.simulation.types import Agent, Series

DECIMALS = 6


def share(part: int, whole: int) -> float | None:
    """part / whole with six decimals; None when there is no whole."""
    return round(float(Fraction(int(part), int(whole))), DECIMALS) if whole else None


def gini(values: Sequence[int]) -> float | None:
    """The Gini coefficient of amounts that are not negative; None when they are all zero."""
    total = sum(values)
    if total == 0:
        return None
    weighted = sum(rank * value for rank, value in enumerate(sorted(values), 1))
    count = len(values)
    return round(float(Fraction(2 * weighted, count * total) - Fraction(count + 1, count)), DECIMALS)


def savings_of(simulation: Simulation, totals: Totals) -> list[int]:
    """By household: what it would have paid its supplier without a market, less what it paid, micro-units."""
    setup = simulation.setup
    without = setup.island_intervals(simulation.world)
    return [
        alone.cost_micro(setup.tariff, without=without) - house.cost_micro
        for alone, house in zip(totals.alone, totals.houses, strict=True)
    ]


def measures_of(simulation: Simulation, totals: Totals) -> dict[str, Any]:
    """All figures of the report, with units in the names."""
    found: dict[str, Any] = {
        "setting": _setting(simulation),
        "market": _market(totals),
        "energy": _energy(totals),
        "peak": _peak(simulation, totals),
        "money": _money(simulation, totals),
        "carbon": _carbon(totals, FACTOR),
        "households": _households(simulation, totals),
    }
    if totals.tier_demand_wh[TIERS[0]]:
        found["island"] = _island(simulation, totals)
    checks = totals.checks
    found["checks"] = {
        "energy_residual_wh": checks.energy_residual_wh,
        "money_residual_micro": checks.money_residual_micro,
        "deals_beyond_a_limit": checks.deals_beyond_a_limit,
        "deals_of_one_owner": checks.deals_of_one_owner,
    }
    return found


def _setting(simulation: Simulation) -> dict[str, Any]:
    world, setup = simulation.world, simulation.setup
    fees, battery = setup.fees, setup.battery
    return {
        "data": world.source,
        "households": len(world.households),
        "intervals": world.intervals,
        "minutes": world.minutes,
        "start": world.start.isoformat(),
        "clock_offset_minutes": int(world.utc_offset.total_seconds() // 60),
        "rule": setup.rule.value,
        "rounds": setup.rounds,
        "seed": setup.seed,
        "agents": {agent.value: simulation.agents.count(agent) for agent in Agent},
        "currency": setup.tariff.currency,
        "retail_micro_per_kwh": setup.tariff.retail_micro_per_kwh,
        "feed_in_micro_per_kwh": setup.tariff.feed_in_micro_per_kwh,
        "community_fee_micro_per_kwh": fees.community_micro_per_kwh,
        "grid_fee_micro_per_kwh": dict(sorted(fees.grid_micro_per_kwh.items())),
        "pair_fee_micro_per_kwh": {f"{a}>{b}": fee for (a, b), fee in sorted(fees.pair_micro_per_kwh.items())},
        "battery": {
            "capacity_wh": battery.capacity_wh,
            "power_w": battery.power_w,
            "charge_permille": battery.charge_permille,
            "discharge_permille": battery.discharge_permille,
        },
        "imbalance_rule": RULE,
        "island_from_hour": setup.island_hour,
    }


def _market(totals: Totals) -> dict[str, Any]:
    traded = totals.wh("traded_wh")
    prices = np.array(totals.price_micro, np.int64)
    with_deals = np.sort(prices[prices >= 0])
    worth = sum(price * wh for price, wh in zip(prices.tolist(), traded.tolist(), strict=True) if price >= 0)
    volume = int(traded.sum())
    middle = len(with_deals) // 2
    return {
        "orders": sum(totals.series["orders"]),
        "deals": sum(totals.series["deals"]),
        "intervals_with_deals": len(with_deals),
        "traded_wh": volume,
        "delivered_wh": sum(totals.series["delivered_wh"][interval] for interval in totals.grid_intervals),
        "mean_price_micro_per_kwh": worth // volume if volume else None,
        "median_price_micro_per_kwh": int(with_deals[middle]) if volume else None,
        "lowest_price_micro_per_kwh": int(with_deals[0]) if volume else None,
        "highest_price_micro_per_kwh": int(with_deals[-1]) if volume else None,
    }


def _energy(totals: Totals) -> dict[str, Any]:
    grid = totals.grid_intervals
    load, made = int(totals.wh("served_wh")[grid].sum()), int(totals.wh("generation_wh")[grid].sum())
    imported, exported = int(totals.wh("imported_wh")[grid].sum()), int(totals.wh("exported_wh")[grid].sum())
    delivered = int(totals.wh("delivered_wh")[grid].sum())
    net = totals.wh("net_export_wh")[grid]
    alone_in, alone_out = _alone(totals)
    taken, fed = int(np.maximum(-net, 0).sum()), int(np.maximum(net, 0).sum())
    supplies = {
        "alone": (int(alone_in[grid].sum()), int(alone_out[grid].sum())),
        "traded": (imported - delivered, exported - delivered),
        "pooled": (taken, fed),
    }
    return {
        "consumption_wh": load,
        "generation_wh": made,
        "charged_wh": sum(totals.series["charged_wh"]),
        "discharged_wh": sum(totals.series["discharged_wh"]),
        "battery_losses_wh": totals.lost_mwh // 1_000,
        "left_in_batteries_wh": totals.kept_mwh // 1_000,
        "from_grid_wh": {name: drawn for name, (drawn, _) in supplies.items()},
        "to_grid_wh": {name: given for name, (_, given) in supplies.items()},
        "self_sufficiency": {name: share(load - drawn, load) for name, (drawn, _) in supplies.items()},
        "self_consumption": {name: share(made - given, made) for name, (_, given) in supplies.items()},
    }


def _alone(totals: Totals) -> tuple[Series, Series]:
    """Import and export of all households without a market, by interval."""
    metered = np.stack([alone.metered_wh for alone in totals.alone])
    return np.maximum(-metered, 0).sum(axis=0), np.maximum(metered, 0).sum(axis=0)


def _peak(simulation: Simulation, totals: Totals) -> dict[str, Any]:
    """The largest mean power over an interval at the feeder, W."""
    grid, per_hour = totals.grid_intervals, 60 // simulation.world.minutes
    net = totals.wh("net_export_wh")[grid]
    alone = alone_net(totals)[grid]
    return {
        "import_w": {"alone": per_hour * highest(-alone), "market": per_hour * highest(-net)},
        "export_w": {"alone": per_hour * highest(alone), "market": per_hour * highest(net)},
    }


def alone_net(totals: Totals) -> Series:
    """Net export at the feeder without a market, by interval."""
    found: Series = np.stack([alone.metered_wh for alone in totals.alone]).sum(axis=0)
    return found


def highest(values: Series) -> int:
    """The largest value, at least 0."""
    return max(0, int(values.max())) if len(values) else 0


def _money(simulation: Simulation, totals: Totals) -> dict[str, Any]:
    savings = savings_of(simulation, totals)
    gained = [max(0, saved) for saved in savings]
    cost = sum(house.cost_micro for house in totals.houses)
    ordered = sorted(savings)
    return {
        "households_paid_micro": cost,
        "households_would_have_paid_micro": cost + sum(savings),
        "savings_micro": sum(savings),
        "savings_per_household_micro": sum(savings) // len(savings),
        "median_savings_micro": ordered[len(ordered) // 2],
        "households_that_lost": sum(saved < 0 for saved in savings),
        "gini_of_savings": gini(gained),
        "fees_micro": totals.fees_micro,
        "supplier_micro": totals.supplier_micro,
        "lines_micro": {kind.value: amount for kind, amount in totals.by_kind_micro.items()},
    }


def _carbon(totals: Totals, factor: CitedFactor) -> dict[str, Any]:
    return {
        "avoided_emission_estimate_g": totals.carbon_g,
        "credited_wh": sum(totals.series["credited_wh"]),
        "factor_mg_per_kwh": factor.mg_per_kwh,
        "region": f"{factor.region} ({factor.region_name})",
        "vintage": factor.vintage,
        "source": factor.source,
    }


def _households(simulation: Simulation, totals: Totals) -> list[dict[str, Any]]:
    savings = savings_of(simulation, totals)
    return [
        {
            "name": home.name,
            "agent": agent.value,
            "consumption_wh": held.demand_wh,
            "generation_wh": held.generation_wh,
            "bought_wh": held.bought_wh,
            "sold_wh": held.sold_wh,
            "paid_micro": held.cost_micro,
            "savings_micro": saved,
        }
        for home, agent, held, saved in zip(
            simulation.world.households, simulation.agents, totals.houses, savings, strict=True
        )
    ]


def _island(simulation: Simulation, totals: Totals) -> dict[str, Any]:
    island = simulation.setup.island_intervals(simulation.world)
    shares = [Fraction(held.island_served_wh, held.island_demand_wh) for held in totals.houses if held.island_demand_wh]
    demand = sum(held.island_demand_wh for held in totals.houses)
    unserved_alone = sum(int(alone.unserved_wh.sum()) for alone in totals.alone)
    parts = [int(one * 10**9) for one in shares]
    return {
        "hours": len(island) * simulation.world.minutes // 60,
        "look_ahead_hours": LOOK_AHEAD_HOURS,
        "price_micro_per_kwh": simulation.setup.tariff.retail_micro_per_kwh,
        "demand_wh": demand,
        "served_wh": sum(held.island_served_wh for held in totals.houses),
        "served_share": share(sum(held.island_served_wh for held in totals.houses), demand),
        "served_share_alone": share(demand - unserved_alone, demand),
        "served_share_critical": share(
            sum(sum(totals.tier_served_wh[tier]) for tier in CRITICAL),
            sum(sum(totals.tier_demand_wh[tier]) for tier in CRITICAL),
        ),
        "served_share_by_tier": {
            tier.name.lower(): share(sum(totals.tier_served_wh[tier]), sum(totals.tier_demand_wh[tier]))
            for tier in TIERS
        },
        "lowest_share_of_a_household": round(float(min(shares)), DECIMALS) if shares else None,
        "gini_of_shares": gini(parts),
        "spilled_wh": sum(totals.series["spilled_wh"]),
        "paid_between_neighbours_micro": sum(max(0, held.island_cost_micro) for held in totals.houses),
    }
