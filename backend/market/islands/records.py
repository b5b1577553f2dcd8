# SPDX-License-Identifier: Apache-2.0
"""An allocation as it is stored and reported: inputs and result as JSON, each computed from the one before. Pure.

Inputs: {"deliveryStart", "minutes", "turn", "starts": [...], "houses": [{"house", "owner", "generationWh": [...],
"demandWh": [...], "sources": [...], "criticalWh": {tier: Wh an interval}}], "storages": [{"storage", "owner",
"capacityWh", "chargeWh", "dischargeWh", "reserveWh", "efficiencyPpm", "stateWh"}]}; the first of each list is the
interval that is allocated. A house's demand includes its critical part, and is never less.
"""

from collections.abc import Mapping
from typing import Any

from backend.market.islands.allocation import Allocation, Load, Situation, Storage, allocate
from backend.market.islands.types import CRITICAL, Tier

Json = Mapping[str, Any]


def situation_of(inputs: Json) -> Situation:
    """The situation that stored inputs describe. Raises KeyError, ValueError, TypeError for damaged ones."""
    length = len(inputs["starts"])
    loads = []
    for house in inputs["houses"]:
        critical = {Tier(int(tier)): int(wh) for tier, wh in house["criticalWh"].items()}
        loads += [Load(_load_id(house, tier), tier, (wh,) * length) for tier, wh in sorted(critical.items())]
        rest = tuple(max(0, int(wh) - sum(critical.values())) for wh in house["demandWh"])
        loads.append(Load(_load_id(house, Tier.ORDINARY), Tier.ORDINARY, rest))
    generation = [sum(int(house["generationWh"][place]) for house in inputs["houses"]) for place in range(length)]
    storages = tuple(
        Storage(
            id=storage["storage"],
            capacity_wh=int(storage["capacityWh"]),
            charge_wh=int(storage["chargeWh"]),
            discharge_wh=int(storage["dischargeWh"]),
            reserve_wh=int(storage["reserveWh"]),
            efficiency_ppm=int(storage["efficiencyPpm"]),
            state_wh=int(storage["stateWh"]),
        )
        for storage in inputs["storages"]
    )
    return Situation(tuple(generation), tuple(loads), storages, turn=int(inputs["turn"]))


def run(inputs: Json) -> tuple[dict[str, Any], list[Json]]:
    """Allocate what stored inputs describe: the result as it is stored, and the certificate."""
    situation = situation_of(inputs)
    allocation = allocate(situation)
    return result_of(inputs, allocation), list(allocation.certificate)


def result_of(inputs: Json, allocation: Allocation) -> dict[str, Any]:
    """Who got what and why, each storage's move, and the sums."""
    houses = [_share(house, allocation) for house in inputs["houses"]]
    return {
        "houses": houses,
        "storages": [
            {
                "storage": storage, "chargedWh": move.charged_wh, "dischargedWh": move.discharged_wh,
                "stateWh": move.state_wh,
            }
            for storage, move in allocation.moves.items()
        ],
        "generationWh": sum(int(house["generationWh"][0]) for house in inputs["houses"]),
        "demandWh": sum(house["demandWh"] for house in houses),
        "shareWh": sum(house["shareWh"] for house in houses),
        "spilledWh": allocation.spilled_wh,
        "levelWh": {str(int(tier)): level for tier, level in allocation.level_wh.items()},
        "planWh": {str(int(tier)): list(plan) for tier, plan in allocation.plan_wh.items()},
    }  # fmt: skip


def _share(house: Json, allocation: Allocation) -> dict[str, Any]:
    critical = {Tier(int(tier)): int(wh) for tier, wh in house["criticalWh"].items()}
    by_tier = {tier: allocation.shares[_load_id(house, tier)] for tier in (*critical, Tier.ORDINARY)}
    demand = max(int(house["demandWh"][0]), sum(critical.values()))
    wanted = critical | {Tier.ORDINARY: demand - sum(critical.values())}
    return {
        "house": house["house"],
        "generationWh": int(house["generationWh"][0]),
        "demandWh": demand,
        "criticalWh": sum(critical.values()),
        "shareWh": sum(by_tier.values()),
        "criticalShareWh": sum(by_tier[tier] for tier in critical),
        "sharesWh": {str(int(tier)): wh for tier, wh in sorted(by_tier.items())},
        "source": house["sources"][0],
        "why": "; ".join(_why(tier, wanted[tier], by_tier[tier]) for tier in sorted(by_tier) if wanted[tier]),
    }


def _why(tier: Tier, wanted_wh: int, share_wh: int) -> str:
    name = {
        Tier.HOSPITAL: "tier 1 (hospital)", Tier.SHELTER: "tier 2 (shelter)",
        Tier.HOME_MEDICAL: "tier 3 (medical devices at home)", Tier.ORDINARY: "ordinary use",
    }[tier]  # fmt: skip
    if share_wh == wanted_wh:
        return f"{name}: all of {wanted_wh} Wh"
    return f"{name}: {share_wh} of {wanted_wh} Wh, an equal share of what the tiers above left and storage could hold"


def critical_of(tiers_wh: Mapping[int, int]) -> dict[str, int]:
    """Critical Wh by tier as inputs hold them."""
    return {str(int(tier)): tiers_wh[tier] for tier in CRITICAL if tiers_wh.get(tier)}


def _load_id(house: Json, tier: Tier) -> str:
    return f"{house['house']}:{int(tier)}"
