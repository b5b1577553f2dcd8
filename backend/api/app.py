# SPDX-License-Identifier: Apache-2.0
"""The HTTP application: its parts are opened once, the domains' routers hang below it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import structlog
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

from backend.accounts import router as accounts
from backend.accounts.deps import current_user, identify
from backend.accounts.service import PrincipalReader, make_accounts
from backend.api import documentation, errors, health, openapi, operations, site, web
from backend.api.middleware import Around
from backend.api.wallet_calls import contract_caller
from backend.audit import router as audit
from backend.audit import runs_router as audit_runs
from backend.carbon import router as carbon
from backend.carbon.aliases import Aliases
from backend.carbon.signing import OperatorKey
from backend.chain import router as chain
from backend.chain.deployment import ensure_registered, read_deployment
from backend.chain.observer import Observer
from backend.chain.rpc import RpcClient
from backend.core.db import DATABASE_ERRORS, Database
from backend.core.envelope import VERSION
from backend.core.errors import Refusal
from backend.core.limits import Limiter
from backend.core.observability import configure_logging, configure_tracing, observe_database
from backend.core.redis import connect
from backend.core.settings import Settings
from backend.emissions import router as emissions
from backend.forecasts import router as forecasts
from backend.forecasts.client import AiClient
from backend.forecasts.service import Forecasts
from backend.live import router as live
from backend.live import service as live_service
from backend.market import router as market
from backend.market.book.engine import Engine
from backend.market.islands import router as islands
from backend.market.orders import market_router
from backend.market.orders import router as orders
from backend.market.orders.batch_router import batches
from backend.market.orders.intake import Intake
from backend.market.orders.service import last_look
from backend.market.posting import Poster
from backend.market.settlement import router as settlement
from backend.market.wallet_use import has_unfinished_trades
from backend.sites import router as sites

log = structlog.get_logger()
_CHAIN_RETRY_S = 1.0


def create_app(settings: Settings) -> FastAPI:
    """The application for `settings`; nothing is opened before it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await _open(app, settings)
        connecting = asyncio.create_task(_connect_chain(app, settings))
        yield
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting
        await _close(app)

    app = FastAPI(
        title="GridX",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.trusted_proxies = frozenset(settings.trusted_proxies)
    app.state.explorer_url = settings.explorer_url
    app.state.settings = settings
    errors.install(app)
    app.include_router(market.router)  # a request is compared with one route after the other: the most asked first
    app.include_router(orders.orders)
    app.include_router(batches)
    parts = (carbon, chain, health, site, accounts, sites, emissions, audit, audit_runs, live, islands, settlement)
    for part in (*parts, forecasts, operations):
        app.include_router(part.router)
    for router in (orders.matches, orders.offers, market_router.market, market_router.community_market):
        app.include_router(router)
    openapi.install(app)
    documentation.install(app)
    web.install(app, settings)
    app.add_middleware(GZipMiddleware, minimum_size=1400)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["X-Request-Id", "Retry-After", "Idempotency-Replayed"],
        )
    app.add_middleware(Around, identify=identify)
    if settings.otlp_endpoint:
        FastAPIInstrumentor.instrument_app(app)
    return app


async def _open(app: FastAPI, settings: Settings) -> None:
    state = app.state
    configure_logging("api", settings.log_level)
    configure_tracing("api", settings.otlp_endpoint)
    state.db = Database(
        settings.database_url, pool_size=settings.database_pool_size, statement_timeout_s=settings.statement_timeout_s
    )
    state.service_db = Database(settings.database_service_url, pool_size=settings.database_pool_size)
    observe_database(state.db, "gridx_api")
    observe_database(state.service_db, "gridx_service")
    state.redis = connect(settings.redis_url)
    named = {
        "anonymous": settings.limit_anonymous,
        "user": settings.limit_user,
        "sign-in": settings.limit_sign_in,
    }
    state.limiter = Limiter(state.redis, named)
    state.rpc = RpcClient(settings.rpc_url)
    state.principals = PrincipalReader(state.service_db)
    state.require_user = current_user
    state.accounts = make_accounts(
        signing_seed=base64.b64decode(settings.signing_key.get_secret_value()),
        public_url=settings.public_url,
        other_origins=settings.cors_origins,
        chain_id=read_deployment(settings.deployment_file).chain_id if settings.deployment_file.exists() else 0,
        access_lifetime=timedelta(seconds=settings.access_token_s),
        refresh_lifetime=timedelta(seconds=settings.refresh_token_s),
    )
    state.aliases = Aliases(bytes.fromhex(settings.operator_key.get_secret_value().removeprefix("0x")))
    state.operator = OperatorKey.from_hex(settings.operator_key.get_secret_value())
    state.call_contract = contract_caller(state.rpc)
    state.unfinished_trades = has_unfinished_trades
    limits = live_service.Limits(settings.limit_sockets_address, settings.limit_sockets_user)
    state.forecasts = Forecasts(AiClient(settings.ai_service_url))
    state.live, state.live_feed = live_service.make_live(
        state.service_db, state.redis, state.principals, origins=state.accounts.origins, limits=limits
    )
    state.live_feed.start()
    state.chain = None
    state.poster = None
    state.engine = None
    state.intake = None


async def _connect_chain(app: FastAPI, settings: Settings) -> None:
    """Register the chain as soon as deployment and database are there; trades can be posted from then on."""
    while app.state.poster is None:
        try:
            chain = await ensure_registered(
                app.state.service_db, settings.deployment_file, confirmations=settings.confirmations
            )
        except (Refusal, *DATABASE_ERRORS) as error:
            log.warning("chain.waiting", why=str(error))
            await asyncio.sleep(_CHAIN_RETRY_S)
            continue
        observer = Observer(
            app.state.rpc, chain, finality_depth=settings.finality_depth, second_node=settings.second_node
        )
        app.state.accounts = replace(app.state.accounts, chain_id=chain.chain_id)
        app.state.chain = chain
        app.state.engine = Engine(app.state.service_db, chain, last_look)
        app.state.intake = Intake(app.state.service_db, chain, app.state.engine, app.state.call_contract)
        app.state.poster = Poster(app.state.service_db, chain, observer, app.state.operator)


async def _close(app: FastAPI) -> None:
    await app.state.live_feed.stop()
    await app.state.forecasts.client.close()
    await app.state.rpc.close()
    await app.state.redis.aclose()
    await app.state.db.close()
    await app.state.service_db.close()
