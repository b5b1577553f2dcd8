# SPDX-License-Identifier: Apache-2.0
"""/api/config: what the web app has to know of this installation. Public; nothing secret stands in it."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from backend.chain.deployment import Deployment, read_deployment
from backend.chain.errors import DeploymentMissing
from backend.core.envelope import VERSION, ApiModel, EnvelopeRoute
from backend.core.errors import refusals
from backend.core.settings import Settings
from backend.core.units import format_address

router = APIRouter(tags=["web app"], route_class=EnvelopeRoute)
_CHAINS = {1: "Ethereum", 137: "Polygon", 31337: "GridX local", 80002: "Polygon Amoy"}
_POLYGON = (137, 80002)


class NativeCurrencyOut(ApiModel):
    """The coin that transactions are paid with (EIP-3085)."""

    name: str
    symbol: str
    decimals: int = 18


class ConfigOut(ApiModel):
    """Chain, contract and addresses outside. `rpcUrl` is a node that browsers may ask; null: they ask their wallet."""

    version: str
    chain_id: int
    chain_name: str
    native_currency: NativeCurrencyOut
    contract_address: str
    rpc_url: str | None
    explorer_url: str | None
    confirmations: int | None = Field(description="null: the chain's finalized tag")
    sentry_dsn: str | None


@router.get("/api/config", responses=refusals(DeploymentMissing))
async def get_config(request: Request, response: Response) -> ConfigOut:
    """What the web app has to know before anybody signs in; answers also while chain and database are away."""
    settings: Settings = request.app.state.settings
    response.headers["Cache-Control"] = "public, max-age=60"
    return config_of(settings, read_deployment(settings.deployment_file))


def config_of(settings: Settings, deployment: Deployment) -> ConfigOut:
    """The answer for these settings and this deployment."""
    coin = ("POL", "POL") if deployment.chain_id in _POLYGON else ("Ether", "ETH")
    return ConfigOut(
        version=VERSION,
        chain_id=deployment.chain_id,
        chain_name=_CHAINS.get(deployment.chain_id, deployment.network),
        native_currency=NativeCurrencyOut(name=coin[0], symbol=coin[1]),
        contract_address=format_address(deployment.address),
        rpc_url=settings.public_rpc_url,
        explorer_url=settings.explorer_url,
        confirmations=settings.confirmations,
        sentry_dsn=settings.sentry_dsn,
    )
