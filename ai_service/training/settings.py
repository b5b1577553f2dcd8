# SPDX-License-Identifier: Apache-2.0
"""Settings of training, promotion, drift and batches: read by the command and by the worker that start them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from ai_service.alerts import Alerts
from ai_service.errors import Invalid
from ai_service.forecasting.registry import HELD, Registry


class RegisterNotSet(Invalid):
    """No address of the register of models."""

    code = "model.register_not_set"
    title = "Set GRIDX_AI_MODELS_URL, or run the command as `gridx ai` beside a running stack"


class TrainingSettings(BaseSettings):
    """Names start with `GRIDX_AI_`, but for Redis."""

    model_config = SettingsConfigDict(
        env_prefix="GRIDX_AI_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    models_url: SecretStr | None = Field(default=None, description="database of the register, as gridx_models")
    models_folder: str = Field(default=".gridx/models", description="files of models: a folder or an object store")
    models_held: int = Field(default=HELD, ge=1, description="models in memory")
    models_kept: int = Field(default=5, ge=1, description="versions that stay beside the one in use: see pruning.py")
    redis_url: str | None = Field(default=None, validation_alias="REDIS_URL")

    backend_url: str = Field(default="http://127.0.0.1:3001", description="where readings of houses are asked")
    service_key: SecretStr | None = Field(default=None, description="API key of the forecasting service")

    promotion_margin: float = Field(default=0.01, ge=0, lt=1, description="share by which a version has to be better")
    promotion_days: int = Field(default=7, ge=1, description="days that neither version had learned from")
    retrain_days: int = Field(default=7, ge=0, description="age at which the worker trains a model anew")
    plan: Path | None = Field(
        default=None, description="JSON list of what the worker trains and watches; empty: nothing"
    )

    def alerts(self) -> Alerts:
        """Where alerts of this process go."""
        return Alerts(self.redis_url)

    def registry(self) -> Registry:
        """The register of models. Raises RegisterNotSet."""
        if self.models_url is None:
            raise RegisterNotSet
        url = self.models_url.get_secret_value()
        return Registry(url, self.models_folder, held=self.models_held, alerts=self.alerts())
