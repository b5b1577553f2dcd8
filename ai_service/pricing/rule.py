# SPDX-License-Identifier: Apache-2.0
"""The reference rule: a base price, lowered for small demand and raised for large. Exact decimals, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Step = Literal["low", "normal", "high"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Demand below `low_below_kwh` lowers the base by `low_step`; above `high_above_kwh` raises it by `high_step`."""

    base: Decimal = Decimal("5.00")
    low_below_kwh: Decimal = Decimal("2.0")
    low_step: Decimal = Decimal("0.50")
    high_above_kwh: Decimal = Decimal("4.0")
    high_step: Decimal = Decimal("0.50")

    def __post_init__(self) -> None:
        if self.low_below_kwh > self.high_above_kwh:
            raise ValueError("low_below_kwh lies above high_above_kwh: a demand would be both small and large")
        if self.low_step < 0 or self.high_step < 0 or self.base < self.low_step:
            raise ValueError("steps are not negative, and the base covers the lower step")


@dataclass(frozen=True, slots=True)
class Price:
    """A price with what made it."""

    amount: Decimal
    base: Decimal
    adjustment: Decimal
    step: Step
    explanation: str


def price_of(demand_kwh: Decimal, rule: Rule) -> Price:
    """The price at a demand; the thresholds themselves belong to the middle."""
    step, adjustment, why = _step(demand_kwh, rule)
    amount = rule.base + adjustment
    change = f"{adjustment:+}" if adjustment else "unchanged"
    text = f"Base {rule.base}, {change}: demand of {demand_kwh.normalize():f} kWh {why}"
    return Price(amount, rule.base, adjustment, step, text)


def _step(demand_kwh: Decimal, rule: Rule) -> tuple[Step, Decimal, str]:
    if demand_kwh < rule.low_below_kwh:
        return "low", -rule.low_step, f"is below {rule.low_below_kwh} kWh"
    if demand_kwh > rule.high_above_kwh:
        return "high", rule.high_step, f"is above {rule.high_above_kwh} kWh"
    return "normal", Decimal(0), f"lies from {rule.low_below_kwh} to {rule.high_above_kwh} kWh"
