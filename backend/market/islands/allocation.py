# SPDX-License-Identifier: Apache-2.0
"""Who gets how much of an island's energy. Pure: whole watt-hours in, whole watt-hours out; no database, no clock.

All local generation and the storages form one pool. Tiers are served in order: hospital, shelter, medical devices
at home, then everything else. Within a tier the loads of the interval and of the forecast intervals after it get
max-min shares in Wh: nobody can be given more without taking from somebody who has less, and nobody gets more
than the demand. What a tier needs later is kept back from the tiers below it, as far as the storages can hold it.

Each tier is a sequence of small linear programmes: raise one level for all its open intervals as far as generation
and storages carry it; the intervals that the duals name as the bottleneck are fixed there; go on with the rest.
Loads do not appear one by one: a level asks an interval for Σ min(level, demand). The level's segment between two
demands is found by bisection, so a certificate is one programme with whole numbers and its duals.

Rounding: an interval's total for a tier is rounded down, then raised by 1 Wh where that can be carried, the largest
remainder first. Within an interval loads get whole levels; Wh left over go round, beginning elsewhere each interval.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log2
from typing import Any

from backend.market.islands.programme import Column, Optimum, Programme, Row, solve, upper_bound
from backend.market.islands.types import TIERS, Tier

MILLION = 1_000_000
_CLOSE = 1e-6
_PROVEN = 1e-3
_LARGEST = 1e6
_BINDING = 1e-7


@dataclass(frozen=True, slots=True)
class Load:
    """What one house wants in one tier: Wh in each interval of the horizon."""

    id: str
    tier: Tier
    demand_wh: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery. `charge_wh`, `discharge_wh`: most in one interval. It never falls below its reserve (or below where
    it stands, if that is lower). Of what is charged, `efficiency_ppm` millionths can be taken out again."""

    id: str
    capacity_wh: int
    charge_wh: int
    discharge_wh: int
    reserve_wh: int
    efficiency_ppm: int
    state_wh: int

    @property
    def floor_wh(self) -> int:
        """What must stay in it."""
        return min(self.reserve_wh, self.state_wh)

    @property
    def room_wh(self) -> int:
        """The most that can be charged in one interval."""
        room = ((self.capacity_wh - self.state_wh + 1) * MILLION - 1) // self.efficiency_ppm
        return min(self.charge_wh, room)

    @property
    def stock_wh(self) -> int:
        """The most that can be discharged in one interval."""
        return min(self.discharge_wh, self.state_wh - self.floor_wh)

    def after(self, charged_wh: int, discharged_wh: int) -> int:
        """Its state after an interval."""
        return self.state_wh + charged_wh * self.efficiency_ppm // MILLION - discharged_wh


@dataclass(frozen=True, slots=True)
class Situation:
    """All that an allocation depends on. The first interval is allocated, later ones are forecast.

    `turn` is the interval's number: it decides with whom leftover Wh begin.
    """

    generation_wh: tuple[int, ...]
    loads: tuple[Load, ...]
    storages: tuple[Storage, ...]
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What a storage does in the interval, and its state after it."""

    charged_wh: int
    discharged_wh: int
    state_wh: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Shares of the first interval by load, moves by storage, generation that nobody could use or store.

    `level_wh`: below it, every load of the tier got its demand. `plan_wh`: each tier's total in each interval.
    """

    shares: Mapping[str, int]
    moves: Mapping[str, Move]
    spilled_wh: int
    level_wh: Mapping[Tier, int | None]
    plan_wh: Mapping[Tier, tuple[int, ...]]
    certificate: tuple[Mapping[str, Any], ...]


def allocate(situation: Situation) -> Allocation:
    """Share the first interval out. Never impossible: when energy is scarce, shares shrink from the last tier up."""
    required = [0] * len(situation.generation_wh)
    plan: dict[Tier, tuple[int, ...]] = {}
    certificate: list[Mapping[str, Any]] = []
    for tier in TIERS:
        filling = _Filling(situation, tier, required)
        certificate += filling.run()
        plan[tier] = tuple(filling.totals)
        required = [held + total for held, total in zip(required, filling.totals, strict=True)]
    moves, left_wh = _moves(situation, required)
    _give_up(plan, max(0, -left_wh))
    shares: dict[str, int] = {}
    levels: dict[Tier, int | None] = {}
    for tier in TIERS:
        loads = sorted((load for load in situation.loads if load.tier == tier), key=lambda load: load.id)
        filled = water_fill(plan[tier][0], [load.demand_wh[0] for load in loads], turn=situation.turn)
        shares |= {load.id: share for load, share in zip(loads, filled, strict=True)}
        short = [share for load, share in zip(loads, filled, strict=True) if share < load.demand_wh[0]]
        levels[tier] = min(short) if short else None
    return Allocation(shares, moves, max(0, left_wh), levels, plan, tuple(certificate))


def water_fill(total_wh: int, demands_wh: Sequence[int], *, turn: int = 0) -> list[int]:
    """Max-min shares of `total_wh`: each its demand or the common level; leftover Wh go round from number `turn` on."""
    order = sorted(demands_wh)
    level, below = 0, 0
    for place, demand in enumerate(order):
        level = (total_wh - below) // (len(order) - place)
        if demand > level:
            break
        below += demand
    else:
        return list(demands_wh)
    shares = [min(demand, level) for demand in demands_wh]
    hungry = [number for number, demand in enumerate(demands_wh) if demand > level]
    left = total_wh - sum(shares)
    for step in range(left):
        shares[hungry[(turn + step) % len(hungry)]] += 1
    return shares


def proves(situation: Situation, certificate: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the duals of each entry prove that no higher level was possible, counted without a solver."""
    network = _Network(situation)
    for entry in certificate:
        counts = {int(interval): int(count) for interval, count in entry["counts"].items()}
        programme = network.raising(entry["required_wh"], counts, entry["from_wh"], entry["to_wh"])
        if upper_bound(programme, entry["duals"]) * network.unit_wh > entry["level_wh"] + _PROVEN * network.unit_wh:
            return False
    return True


class _Network:
    """Generation, storages and what is asked of each interval, as a programme: columns are the level, then charge,
    discharge and state of each storage and interval; rows are the states' changes, then the intervals' balances.

    Programmes count in `unit_wh`, so that HiGHS sees numbers below a million whatever the island's size: its
    tolerances are absolute. Duals are the same in any unit.
    """

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._length = len(situation.generation_wh)
        self.unit_wh = _unit_wh(situation)
        self.close_wh = _CLOSE * self.unit_wh

    def raising(self, required: Sequence[int], counts: Mapping[int, int], low: int, high: int) -> Programme:
        """Raise the level from `low` to at most `high`; interval t needs required[t] + counts[t] × level."""
        return self._programme(Column(low / self.unit_wh, high / self.unit_wh, 1.0), required, counts, hoarding=0.0)

    def carrying(self, required: Sequence[float]) -> Programme:
        """Serve what is required and keep as much stored for as long as possible."""
        return self._programme(Column(0, 0), required, {}, hoarding=1.0)

    def whole_wh(self, flow_wh: float) -> int:
        """A flow rounded down; what lies below the next whole Wh by no more than the tolerance is that Wh."""
        return floor(flow_wh + self.close_wh) if flow_wh > 0 else 0

    def column(self, storage: int, interval: int) -> int:
        """Number of the column of a storage's charge; discharge and state follow it."""
        return 1 + 3 * (storage * self._length + interval)

    def _programme(
        self, level: Column, required: Sequence[float], counts: Mapping[int, int], *, hoarding: float
    ) -> Programme:
        columns, rows, unit = [level], [], self.unit_wh
        for number, storage in enumerate(self._situation.storages):
            for interval in range(self._length):
                first = self.column(number, interval)
                columns += [
                    Column(0, storage.charge_wh / unit),
                    Column(0, storage.discharge_wh / unit),
                    Column(storage.floor_wh / unit, storage.capacity_wh / unit, hoarding),
                ]
                change = {first: -storage.efficiency_ppm / MILLION, first + 1: 1.0, first + 2: 1.0}
                before = storage.state_wh / unit if interval == 0 else 0.0
                rows.append(Row(before, before, change if interval == 0 else change | {first - 1: -1.0}))
        for interval, generated in enumerate(self._situation.generation_wh):
            flows = {0: -float(counts[interval])} if counts.get(interval) else {}
            for number in range(len(self._situation.storages)):
                first = self.column(number, interval)
                flows |= {first: -1.0, first + 1: 1.0}
            rows.append(Row((required[interval] - generated) / unit, inf, flows))
        return Programme(columns, rows)


class _Filling:
    """One tier on its way up: each interval's total, fixed for the intervals that met their bottleneck."""

    def __init__(self, situation: Situation, tier: Tier, held: Sequence[int]) -> None:
        self._network = _Network(situation)
        self._tier = tier
        self._held = held
        self._demands = [
            sorted(load.demand_wh[interval] for load in situation.loads if load.tier == tier)
            for interval in range(len(held))
        ]
        self.totals = [0] * len(held)
        self._open = {interval for interval, demands in enumerate(self._demands) if any(demands)}

    def run(self) -> list[dict[str, Any]]:
        """Raise the level until every interval is fixed; the proofs of the bottlenecks."""
        proof = []
        while self._open:
            steps = sorted({0} | {demand for interval in self._open for demand in self._demands[interval]})
            reached = self._last_carried(steps)
            if reached == len(steps) - 1:
                for interval in self._open:
                    self.totals[interval] = sum(self._demands[interval])
                break
            proof += self._raise(steps[reached], steps[reached + 1])
        return proof

    def _needed(self, level: float) -> list[float]:
        return [
            self._held[interval] + (_asked(demands, level) if interval in self._open else self.totals[interval])
            for interval, demands in enumerate(self._demands)
        ]

    def _last_carried(self, steps: Sequence[int]) -> int:
        """Number of the highest step that generation and storages carry; the lowest is carried always."""
        low, high = 0, len(steps)
        while high - low > 1:
            middle = (low + high) // 2
            if solve(self._network.carrying(self._needed(steps[middle]))) is None:
                high = middle
            else:
                low = middle
        return low

    def _raise(self, low: int, high: int) -> list[dict[str, Any]]:
        """Find the level between two demands and fix the intervals that hold it down."""
        counts = {
            interval: len(self._demands[interval]) - bisect_right(self._demands[interval], low)
            for interval in sorted(self._open)
        }
        required = [
            round(wh) - counts.get(interval, 0) * low for interval, wh in enumerate(self._needed(low))
        ]  # without the loads that want more than `low`: they are counted
        best = solve(self._network.raising(required, counts, low, high))
        if best is None:  # floating point: `low` was carried only within its tolerance
            self._fix(list(counts), self._needed(low))
            return []
        blocked = _blocked(best, counts, len(required))
        level_wh = best.objective * self._network.unit_wh
        self._fix(blocked, self._needed(max(low, level_wh - self._network.close_wh)))
        return [{
            "tier": int(self._tier), "from_wh": low, "to_wh": high, "level_wh": level_wh,
            "required_wh": required, "counts": {str(interval): count for interval, count in counts.items() if count},
            "fixes": blocked, "duals": list(best.duals),
        }]  # fmt: skip

    def _fix(self, blocked: Sequence[int], needed: list[float]) -> None:
        """Round the blocked intervals' totals: down, then 1 Wh up where it can be carried, largest remainder first."""
        exact = {interval: needed[interval] - self._held[interval] for interval in blocked}
        for interval in blocked:
            self.totals[interval] = max(0, floor(exact[interval]))
            needed[interval] = self._held[interval] + self.totals[interval]
        for interval in sorted(blocked, key=lambda number: (self.totals[number] - exact[number], number)):
            if self.totals[interval] < sum(self._demands[interval]):
                needed[interval] += 1
                if solve(self._network.carrying(needed)) is None:
                    needed[interval] -= 1
                else:
                    self.totals[interval] += 1
        self._open -= set(blocked)


def _unit_wh(situation: Situation) -> float:
    """The power of two in which no amount passes a million, 1 at least."""
    amounts = [
        *situation.generation_wh,
        *(storage.capacity_wh for storage in situation.storages),
        *(sum(load.demand_wh[t] for load in situation.loads) for t in range(len(situation.generation_wh))),
    ]
    return 2.0 ** max(0, ceil(log2(max(1, *amounts) / _LARGEST)))


def _asked(demands: Sequence[int], level: float) -> float:
    met = bisect_right(demands, level)
    return sum(demands[:met]) + level * (len(demands) - met)


def _blocked(best: Optimum, counts: Mapping[int, int], length: int) -> list[int]:
    """The open intervals whose balance holds the level down, by their duals."""
    balances = best.duals[-length:]
    found = [interval for interval in counts if counts[interval] and abs(balances[interval]) > _BINDING]
    return found or list(counts)


def _moves(situation: Situation, required: Sequence[int]) -> tuple[dict[str, Move], int]:
    """What the storages do in the first interval, in whole Wh within their limits, and what is left over.

    What is left over is below zero only by what floating point lost on a very large island.
    """
    network = _Network(situation)
    best = solve(network.carrying(required))
    exact = []
    for number, storage in enumerate(situation.storages):
        first = network.column(number, 0)
        flows = [value * network.unit_wh for value in best.values[first : first + 2]] if best else [0.0, 0.0]
        exact.append(_netted(*flows, efficiency=storage.efficiency_ppm / MILLION))
    charged = [
        min(network.whole_wh(into), storage.room_wh)
        for storage, (into, _) in zip(situation.storages, exact, strict=True)
    ]
    discharged = [
        min(network.whole_wh(out), storage.stock_wh)
        for storage, (_, out) in zip(situation.storages, exact, strict=True)
    ]
    left = situation.generation_wh[0] + sum(discharged) - sum(charged) - required[0]
    for number in sorted(range(len(exact)), key=lambda place: (discharged[place] - exact[place][1], place)):
        raised = min(ceil(exact[number][1] - network.close_wh), situation.storages[number].stock_wh)
        if left < 0 and raised > discharged[number]:
            left += raised - discharged[number]
            discharged[number] = raised
    for number in range(len(exact)):
        lowered = min(max(0, -left), charged[number])
        charged[number], left = charged[number] - lowered, left + lowered
    moves = {
        storage.id: Move(into, out, storage.after(into, out))
        for storage, into, out in zip(situation.storages, charged, discharged, strict=True)
    }
    return moves, left


def _give_up(plan: dict[Tier, tuple[int, ...]], missing_wh: int) -> None:
    """Take what is missing in the first interval from the last tiers."""
    for tier in reversed(TIERS):
        taken = min(missing_wh, plan[tier][0])
        plan[tier] = (plan[tier][0] - taken, *plan[tier][1:])
        missing_wh -= taken


def _netted(charged: float, discharged: float, *, efficiency: float) -> tuple[float, float]:
    """The same change of state without charging and discharging at once."""
    change = charged * efficiency - discharged
    return (change / efficiency, 0.0) if change >= 0 else (0.0, -change)
