# SPDX-License-Identifier: Apache-2.0
"""What a run adds up to, by interval and by household, and what it must never show. Pure, whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Rule
from backend.market.islands.types import TIERS, Tier
from backend.market.settlement.imbalance import Kind
from backend.market.simulation.accounts import COMMUNITY, account_of
from backend.market.simulation.alone import Alone, live_alone
from backend.market.simulation.engine import Simulation, Step
from backend.market.simulation.trading import Deal, Member
from backend.market.simulation.types import Series

BY_INTERVAL = (
    "demand_wh", "served_wh", "generation_wh", "traded_wh", "delivered_wh", "credited_wh", "imported_wh",
    "exported_wh", "net_export_wh", "charged_wh", "discharged_wh", "spilled_wh", "orders", "deals",
)  # fmt: skip


@dataclass(slots=True)
class HouseTotals:
    """One household over the run. Cost is what it paid less what it got, in the intervals with a grid."""

    cost_micro: int = 0
    island_cost_micro: int = 0
    bought_wh: int = 0
    sold_wh: int = 0
    demand_wh: int = 0
    generation_wh: int = 0
    island_demand_wh: int = 0
    island_served_wh: int = 0


@dataclass(slots=True)
class Checks:
    """What must be zero: energy and money that do not add up, deals beyond a limit, deals of one owner."""

    energy_residual_wh: int = 0
    money_residual_micro: int = 0
    deals_beyond_a_limit: int = 0
    deals_of_one_owner: int = 0


@dataclass(slots=True)
class Totals:
    """Sums of a run. `price_micro` holds −1 where nothing was traded; `alone` is each household without a market."""

    series: dict[str, list[int]]
    price_micro: list[int]
    houses: list[HouseTotals]
    alone: list[Alone]
    by_kind_micro: dict[Kind, int]
    checks: Checks
    tier_demand_wh: dict[Tier, list[int]]
    tier_served_wh: dict[Tier, list[int]]
    carbon_g: int = 0
    fees_micro: int = 0
    supplier_micro: int = 0
    lost_mwh: int = 0
    kept_mwh: int = 0
    grid_intervals: list[int] = field(default_factory=list)

    def wh(self, name: str) -> Series:
        """A series by interval."""
        return np.array(self.series[name], np.int64)


def totals_of(simulation: Simulation, steps: Iterable[Step]) -> Totals:
    """Add up the steps of a simulation, from first to last."""
    world, setup = simulation.world, simulation.setup
    island = setup.island_intervals(world)
    totals = Totals(
        series={name: [] for name in BY_INTERVAL},
        price_micro=[],
        houses=[HouseTotals() for _ in world.households],
        alone=[
            live_alone(home, setup.battery if house in simulation.stores else None, world.minutes, island)
            for house, home in enumerate(world.households)
        ],
        by_kind_micro=dict.fromkeys(Kind, 0),
        checks=Checks(),
        tier_demand_wh={tier: [] for tier in TIERS},
        tier_served_wh={tier: [] for tier in TIERS},
    )
    for step in steps:
        demand, generated = simulation.loads_wh(step.interval), simulation.generation_wh(step.interval)
        _add_energy(totals, step, demand, generated)
        _add_money(totals, step, demand, generated)
        _check(totals.checks, step, generated, simulation.members, setup.fees, pair=setup.rule is Rule.CONTINUOUS)
    totals.lost_mwh = sum(store.lost_mwh for store in simulation.stores.values())
    totals.kept_mwh = sum(store.content_mwh for store in simulation.stores.values())
    return totals


def _add_energy(totals: Totals, step: Step, demand: list[int], generated: list[int]) -> None:
    row = {
        "demand_wh": sum(demand),
        "served_wh": sum(step.served_wh),
        "generation_wh": sum(generated),
        "traded_wh": sum(deal.energy_wh for deal in step.deals),
        "delivered_wh": step.settled.delivered_wh,
        "credited_wh": step.settled.credited_wh,
        "imported_wh": sum(-wh for wh in step.metered_wh if wh < 0),
        "exported_wh": sum(wh for wh in step.metered_wh if wh > 0),
        "net_export_wh": sum(step.metered_wh),
        "charged_wh": sum(flow for flow in step.flows_wh if flow > 0),
        "discharged_wh": sum(-flow for flow in step.flows_wh if flow < 0),
        "spilled_wh": step.island.spilled_wh if step.island else 0,
        "orders": step.orders,
        "deals": len(step.deals),
    }
    for name, value in row.items():
        totals.series[name].append(value)
    price = step.price_micro
    totals.price_micro.append(-1 if price is None else price)
    if step.island is None:
        totals.grid_intervals.append(step.interval)
        return
    for tier in TIERS:
        totals.tier_demand_wh[tier].append(step.island.demand_by_tier[tier])
        totals.tier_served_wh[tier].append(step.island.served_by_tier[tier])


def _add_money(totals: Totals, step: Step, demand: list[int], generated: list[int]) -> None:
    settled = step.settled
    totals.carbon_g += settled.carbon_g
    for kind, amount in settled.by_kind_micro.items():
        totals.by_kind_micro[kind] += amount
    totals.fees_micro += settled.balance_micro.get(COMMUNITY.fees, 0)
    totals.supplier_micro += settled.balance_micro.get(COMMUNITY.grid, 0)
    for house, held in enumerate(totals.houses):
        cost = -settled.balance_micro.get(account_of(house), 0)
        held.demand_wh += demand[house]
        held.generation_wh += generated[house]
        if step.island is not None:
            held.island_cost_micro += cost
            held.island_demand_wh += demand[house]
            held.island_served_wh += step.served_wh[house]
            continue
        held.cost_micro += cost
        held.bought_wh += settled.bought_wh.get(house, 0)
        held.sold_wh += settled.sold_wh.get(house, 0)


def _check(checks: Checks, step: Step, generated: list[int], members: list[Member], fees: Fees, *, pair: bool) -> None:
    spilled = step.island.spilled_wh if step.island else 0
    kept = sum(generated) - sum(step.flows_wh) - sum(step.served_wh) - spilled
    checks.energy_residual_wh += abs(kept - sum(step.metered_wh))
    checks.money_residual_micro += abs(sum(step.settled.balance_micro.values()))
    for deal in step.deals:
        seller, buyer = members[deal.seller], members[deal.buyer]
        checks.deals_of_one_owner += seller.owner == buyer.owner
        checks.deals_beyond_a_limit += is_beyond_a_limit(deal, seller.zone, buyer.zone, fees, pair=pair)


def is_beyond_a_limit(deal: Deal, seller_zone: str, buyer_zone: str, fees: Fees, *, pair: bool) -> bool:
    """Whether a party of a deal is worse off than its limit, fees included."""
    paid = deal.price_micro + fees.buyer_micro_per_kwh(buyer_zone)
    if pair:
        paid += fees.pair_fee_micro_per_kwh(seller_zone=seller_zone, buyer_zone=buyer_zone)
    got = deal.price_micro - fees.seller_micro_per_kwh(seller_zone)
    return paid > deal.bid.price_micro or got < deal.offer.price_micro
