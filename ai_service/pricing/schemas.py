# SPDX-License-Identifier: Apache-2.0
"""Prices over HTTP; amounts are text, exact decimals."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ai_service.envelope import ApiModel
from ai_service.pricing.rule import Price


class PriceIn(ApiModel):
    """A demand to price."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"demandKwh": "4.5"}]})

    demand_kwh: Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=16, decimal_places=9, allow_inf_nan=False)]


class PriceOut(ApiModel):
    """The price by the reference rule and what made it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "price": "5.50",
                    "basePrice": "5.00",
                    "adjustment": "0.50",
                    "demand": "high",
                    "explanation": "Base 5.00, +0.50: demand of 4.5 kWh is above 4.0 kWh",
                    "method": "referenceRule",
                }
            ]
        }
    )

    price: str
    base_price: str
    adjustment: str
    demand: Literal["low", "normal", "high"]
    explanation: str
    method: Literal["referenceRule"] = "referenceRule"

    @classmethod
    def of(cls, price: Price) -> "PriceOut":
        """What travels of a price."""
        cents = Decimal("0.01")
        adjustment = price.adjustment if price.adjustment else Decimal(0).quantize(cents)
        return cls(
            price=f"{price.amount:f}",
            base_price=f"{price.base:f}",
            adjustment=f"{adjustment:f}",
            demand=price.step,
            explanation=price.explanation,
        )
