# SPDX-License-Identifier: Apache-2.0
"""The HTTP application: its parts are opened once, the routers hang below it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import structlog
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.openapi.utils import get_openapi
from redis.asyncio import Redis

from ai_service import around, router
from ai_service.cache import Cache
from ai_service.energymix.places import Places
from ai_service.envelope import VERSION, enveloped
from ai_service.forecasts import router as forecasts
from ai_service.forecasts.catalogue import Catalogue
from ai_service.forecasts.engine import warm_up
from ai_service.forecasts.models import Models, Register
from ai_service.forecasts.service import Forecasts
from ai_service.houses import Houses
from ai_service.identity import Identities
from ai_service.limits import Limiter
from ai_service.market import router as market
from ai_service.market.service import Market
from ai_service.settings import Settings
from ai_service.solar import router as solar

BACKEND_TIMEOUT_S = 2.0
WEATHER_TIMEOUT_S = 1.0  # less than who asks will wait: an answer without weather is better than none


def create_app(
    settings: Settings,
    *,
    backend: httpx.AsyncBaseTransport | None = None,
    weather: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The application for `settings`; nothing is opened before it starts.

    `backend` and `weather` carry requests to those services, where not over the network.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state
        state.settings = settings
        state.trusted_proxies = frozenset(one.strip() for one in settings.trusted_proxies.split(",") if one.strip())
        state.redis = Redis.from_url(settings.redis_url, socket_timeout=1.0, socket_connect_timeout=0.5)
        state.cache = Cache(state.redis)
        named = {"anonymous": settings.limit_anonymous, "user": settings.limit_user}
        state.limiter = Limiter(state.redis, named)
        state.backend = httpx.AsyncClient(base_url=settings.backend_url, timeout=BACKEND_TIMEOUT_S, transport=backend)
        secret = settings.service_key
        own_key = secret.get_secret_value() if secret else None
        state.identities = Identities(state.backend, issuer=settings.issuer, service_key=own_key)
        models = Models(_open_register if settings.models_url and settings.trained_models else None)
        state.forecasts = Forecasts(
            Houses(state.backend, service_key=own_key),
            Catalogue(settings.cities),
            models,
            most_values=settings.limit_values,
        )
        beside = [asyncio.create_task(models.keep_up()), asyncio.create_task(asyncio.to_thread(warm_up))]
        state.market = Market(state.forecasts)
        state.weather_http = httpx.AsyncClient(
            base_url=settings.weather_url, timeout=WEATHER_TIMEOUT_S, transport=weather
        )
        state.price_rule = settings.price_rule()
        state.solving = Places()
        yield
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await state.weather_http.aclose()
        await state.backend.aclose()
        await state.redis.aclose()

    app = FastAPI(
        title="GridX AI",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    around.install(app)
    app.include_router(router.operations)
    app.include_router(router.router)
    app.include_router(solar.router)
    app.include_router(forecasts.router)
    app.include_router(market.router)
    _document(app)
    app.add_middleware(GZipMiddleware, minimum_size=1400)
    app.add_middleware(around.Around, off=settings.switched_off())
    return app


def _open_register() -> Register:
    """The register of models that the environment names."""
    from ai_service.training.settings import TrainingSettings  # with MLflow, which takes seconds: in the background

    return TrainingSettings().registry()


def configure_logging(level: str) -> None:
    """JSON lines on standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process="ai")


def _document(app: FastAPI) -> None:
    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            app.openapi_schema = enveloped(schema)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to replace the document
