# SPDX-License-Identifier: Apache-2.0
"""A month of a community on one core: `gridx bench simulate [--json] [--rule RULE]`.

100 modelled households over 30 days, every 15 minutes, are modelled, traded, settled and reported; the households are
modelled within the time. The value is the slowest rule's time by the clock, CPU time stands beside it. Exit code 1 when
the limit is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

from backend.market.clearing.types import Rule
from backend.market.simulation.report import run
from backend.market.simulation.types import Setup
from scripts.simulation.modelled import modelled_world

HOUSEHOLDS, DAYS = 100, 30
LIMIT_S = 60


def measure(rule: Rule, households: int, days: int) -> dict[str, float | int | str]:
    """CPU and wall seconds of a whole run, orders and deals, and the memory it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    report = run(modelled_world(households, days, seed=1), Setup(rule))
    market = report.figures["market"]
    cpu_s = time.process_time() - cpu
    return {
        "rule": rule.value,
        "cpu_s": round(cpu_s, 2),
        "wall_s": round(time.perf_counter() - wall, 2),
        "orders": market["orders"],
        "orders_per_cpu_s": round(market["orders"] / cpu_s),
        "deals": market["deals"],
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure; exit code 1 when a rule takes longer than the limit."""
    parser = argparse.ArgumentParser(description="Simulate 100 households over 30 days.")
    parser.add_argument("--json", action="store_true", help="only the last line, which is JSON in any case")
    parser.add_argument("--rule", choices=[rule.value for rule in Rule], help="only this rule; default: all")
    parser.add_argument("--households", type=int, default=HOUSEHOLDS)
    parser.add_argument("--days", type=int, default=DAYS)
    chosen = parser.parse_args(arguments)
    rules = [Rule(chosen.rule)] if chosen.rule else list(Rule)
    figures = [measure(rule, chosen.households, chosen.days) for rule in rules]
    for row in () if chosen.json else figures:
        print(", ".join(f"{name} {value}" for name, value in row.items()))
    worst = max(figures, key=lambda row: row["wall_s"])
    value = float(worst["wall_s"])
    unit = f"seconds ({chosen.households} households × {chosen.days} days, {worst['rule']})"
    print(
        json.dumps(
            {"value": value, "unit": unit, "limit": LIMIT_S, "ratio": round(value / LIMIT_S, 4), "figures": figures}
        )
    )
    return 1 if value > LIMIT_S else 0


if __name__ == "__main__":
    sys.exit(main())
