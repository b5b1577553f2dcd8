# SPDX-License-Identifier: Apache-2.0
"""Settings of the AI service: built once by the process that starts; everything else receives plain values."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from ai_service.around import FEATURES
from ai_service.pricing.rule import Rule


class Settings(BaseSettings):
    """What the process needs to know before it starts. Names start with `GRIDX_AI_`, but for Redis."""

    model_config = SettingsConfigDict(env_prefix="GRIDX_AI_", frozen=True, extra="ignore", populate_by_name=True)

    redis_url: str = Field(validation_alias="REDIS_URL")
    backend_url: str = Field(default="http://127.0.0.1:3001", description="where key set and introspection are asked")
    issuer: str = Field(default="http://127.0.0.1:3001", description="who issues access tokens: GRIDX_PUBLIC_URL")
    service_key: SecretStr | None = Field(default=None, description="API key of the forecasting service")
    trusted_proxies: str = Field(default="", description="addresses whose X-Forwarded-For counts, comma separated")

    host: str = "127.0.0.1"
    port: int = 8000
    log_level: str = "INFO"
    limit_anonymous: str = "100/minute"
    limit_user: str = "20/second"

    limit_series: int = Field(default=100, description="questions in one call of the batch form")
    limit_values: int = Field(default=20_000, description="values of a series that a caller brings along")
    features_off: str = Field(default="", description="parts switched off, comma separated: names of FEATURES")
    trained_models: bool = Field(default=True, description="answer with models of the register where it has one")
    models_url: SecretStr | None = Field(default=None, description="the register's database; empty: no register")
    cities: Path | None = Field(default=None, description="JSON catalogue of cities and their CSV files; empty: none")

    cache_forecast_s: int = 300
    cache_price_s: int = 60
    cache_market_s: int = 600

    weather_url: str = "https://api.openweathermap.org"
    weather_key: SecretStr | None = Field(default=None, description="key of OpenWeatherMap; empty: no weather")
    cache_weather_s: int = 1800

    price_base: Decimal = Decimal("5.00")
    price_low_below_kwh: Decimal = Decimal("2.0")
    price_low_step: Decimal = Decimal("0.50")
    price_high_above_kwh: Decimal = Decimal("4.0")
    price_high_step: Decimal = Decimal("0.50")

    def switched_off(self) -> frozenset[str]:
        """Names in `features_off`. Raises ValueError for one that no part has."""
        off = frozenset(name.strip() for name in self.features_off.split(",") if name.strip())
        if off - FEATURES.keys():
            raise ValueError(
                f"GRIDX_AI_FEATURES_OFF knows {', '.join(FEATURES)}; not {', '.join(off - FEATURES.keys())}"
            )
        return off

    def price_rule(self) -> Rule:
        """The reference rule of prices."""
        return Rule(
            base=self.price_base,
            low_below_kwh=self.price_low_below_kwh,
            low_step=self.price_low_step,
            high_above_kwh=self.price_high_above_kwh,
            high_step=self.price_high_step,
        )
