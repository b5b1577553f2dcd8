# SPDX-License-Identifier: Apache-2.0
"""Settings: built once by the process that starts; everything else receives plain values.

The four addresses of external servers keep their usual names (`DATABASE_URL`, `REDIS_URL`, `RPC_URL`,
`AI_SERVICE_URL`); every other setting starts with `GRIDX_`. A secret has no default.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CommaList = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """What a process needs to know before it starts."""

    model_config = SettingsConfigDict(env_prefix="GRIDX_", frozen=True, extra="ignore", populate_by_name=True)

    database_url: str = Field(validation_alias="DATABASE_URL", description="PostgreSQL as gridx_api")
    database_service_url: str = Field(description="PostgreSQL as gridx_service")
    database_audit_url: str = Field(description="PostgreSQL as gridx_audit")
    database_pool_size: int = 20
    statement_timeout_s: float = Field(default=60.0, gt=0, description="longest statement of a request as gridx_api")
    redis_url: str = Field(validation_alias="REDIS_URL")
    rpc_url: CommaList = Field(validation_alias="RPC_URL", description="one or more nodes, comma separated")
    ai_service_url: str | None = Field(default=None, validation_alias="AI_SERVICE_URL")

    signing_key: SecretStr = Field(description="base64 of 32 bytes: Ed25519 seed that signs access tokens")
    operator_key: SecretStr = Field(description="hex of 32 bytes: secp256k1 key that signs meter reductions")

    deployment_file: Path = Path(".gridx/deployments/local.json")
    confirmations: int | None = Field(default=2, description="blocks until CONFIRMED; empty: the finalized tag")
    finality_depth: int | None = Field(default=None, description="blocks until FINAL; empty: the finalized tag")
    poll_interval_s: float = 0.5
    watch_interval_s: float = Field(default=1.0, description="pause between looks at posted claims that wait")
    websocket_url: str | None = Field(default=None, description="node that announces new heads; empty: as RPC_URL")
    second_node: bool = Field(default=False, description="blocks count only when two nodes agree on them")

    api_host: str = "127.0.0.1"
    api_port: int = 3001
    public_url: str = "http://127.0.0.1:3001"
    public_rpc_url: str | None = Field(default=None, description="node that browsers may ask; empty: only their wallet")
    explorer_url: str | None = None
    sentry_dsn: str | None = Field(default=None, description="where the web app reports its errors; empty: nowhere")
    web_folder: Path = Field(
        default=Path(__file__).parents[2] / "frontend" / "dist",
        description="the built web app; without it only the API",
    )
    cors_origins: CommaList = ()
    trusted_proxies: CommaList = ()
    access_token_s: int = Field(default=900, le=3600)
    refresh_token_s: int = 30 * 86_400

    limit_anonymous: str = "100/minute"
    limit_user: str = "10/second"
    limit_sign_in: str = "1/second"
    limit_sockets_address: int = Field(default=200, description="open WebSockets of one address, per process")
    limit_sockets_user: int = Field(default=20, description="open WebSockets of one user, per process")

    settlement_deadline_s: int = Field(default=72 * 3600, description="after it a missing reading counts as unknown")
    relayer_key: SecretStr | None = Field(default=None, description="hex of 32 bytes: secp256k1 key that settles pairs")
    relayer_keystore: Path | None = Field(default=None, description="encrypted key file instead of relayer_key")
    relayer_keystore_password: SecretStr | None = None
    relayer_interval_s: float = Field(default=5.0, description="a matched pair waits no longer for others")
    relayer_batch_pairs: int = Field(default=100, ge=1, le=256, description="most pairs in one transaction")
    relayer_gas_cap: int = Field(default=2**24, description="gas that one transaction may use; Polygon: 2**25")
    relayer_max_fee_wei: int = Field(default=2_000 * 10**9, description="most that a unit of gas may cost")
    relayer_min_priority_fee_wei: int = Field(default=10**9, description="least tip a unit of gas; Polygon: 25 gwei")
    relayer_bump_blocks: int = Field(default=6, ge=1, description="blocks until a waiting transaction is replaced")
    relayer_bump_s: float = 30.0
    relayer_daily_gas: int | None = Field(default=None, description="most gas of a UTC day; empty: no limit")
    relayer_daily_wei: int | None = Field(default=None, description="most wei of a UTC day; empty: no limit")
    relayer_min_balance_wei: int = Field(default=5 * 10**16, description="below it nothing is sent")

    readings_kept_days: int = Field(default=731, ge=731, description="settlement looks back at most 700 days")
    metrics_port: int | None = Field(default=None, description="port of /metrics of follower and relay; empty: none")
    log_level: str = "INFO"
    otlp_endpoint: str | None = Field(default=None, description="OpenTelemetry collector; empty: tracing off")

    @field_validator("rpc_url", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("public_rpc_url", "explorer_url", "sentry_dsn", mode="before")
    @classmethod
    def _empty_address_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator(
        "confirmations", "finality_depth", "metrics_port", "relayer_daily_gas", "relayer_daily_wei", mode="before"
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value
