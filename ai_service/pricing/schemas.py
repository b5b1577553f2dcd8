# SPDX-License-Identifier: Apache-2.0
"""Prices over HTTP; amounts are text, exact decimals."""

from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from ai_service.envelope import ApiModel
from ai_service.forecasts.schemas import LEVELS
from ai_service.market.schemas import MarketPricesOut
from ai_service.pricing.rule import Price


class PriceIn(ApiModel):
    """A demand to price by the reference rule, a community whose market to price, or both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"demandKwh": "4.5"}]})

    demand_kwh: (
        Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=16, decimal_places=9, allow_inf_nan=False)] | None
    ) = None
    community_id: UUID | None = None
    horizon_hours: int = Field(default=24, description="of the market's prices: 1 to 48")
    levels: list[int] = Field(default=LEVELS, description="central intervals in percent, 1 to 95, at most ten")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.demand_kwh is None and self.community_id is None:
            raise ValueError("give demandKwh, communityId or both")
        return self


class PriceOut(ApiModel):
    """The price by the reference rule and what made it; the prices that a community's market is likely to see."""

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

    price: str | None = None
    base_price: str | None = None
    adjustment: str | None = None
    demand: Literal["low", "normal", "high"] | None = None
    explanation: str | None = None
    method: Literal["referenceRule"] = "referenceRule"
    market: MarketPricesOut | None = None

    @classmethod
    def of(cls, price: Price | None, market: MarketPricesOut | None = None) -> "PriceOut":
        """What travels of a price and of a market's prices."""
        if price is None:
            return cls(market=market)
        cents = Decimal("0.01")
        adjustment = price.adjustment if price.adjustment else Decimal(0).quantize(cents)
        return cls(
            price=f"{price.amount:f}",
            base_price=f"{price.base:f}",
            adjustment=f"{adjustment:f}",
            demand=price.step,
            explanation=price.explanation,
            market=market,
        )
