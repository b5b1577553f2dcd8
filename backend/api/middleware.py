# SPDX-License-Identifier: Apache-2.0
"""What happens around every request: an id, a limit, a bound on its body, headers, one log line, one measurement."""

import re
from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.errors import refusal_response
from backend.core.errors import Refusal, TooLarge
from backend.core.ids import uuid7
from backend.core.limits import Limiter, client_ip
from backend.core.observability import REQUESTS

log = structlog.get_logger()

DEFAULT_BODY = 1 << 20
BODY_LIMITS = {"/api/energy-production/uploads": 50 << 20, "/api/energy-production": 4 << 20}
UNLIMITED = ("/health", "/metrics", "/.well-known/jwks.json")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Around:
    """The one middleware. `identify` names the signed-in user of a request, or None (no database is asked)."""

    def __init__(self, app: ASGIApp, *, identify: Callable[[Request], str | None]) -> None:
        self.app = app
        self.identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request = Request(scope)
        request_id = _request_id(request)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        user = self.identify(request)
        scope["state"]["user"] = user
        with structlog.contextvars.bound_contextvars(request_id=request_id, user=user):
            try:
                await _count(request, user)
                await self.app(scope, _bounded(request, receive), observed)
            except Refusal as refusal:
                await refusal_response(refusal, request_id)(scope, receive, observed)
            finally:
                _report(request, status, perf_counter() - started)


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


async def _count(request: Request, user: str | None) -> None:
    if request.url.path.startswith(UNLIMITED):
        return
    limiter: Limiter = request.app.state.limiter
    if user is None:
        await limiter.hit("anonymous", client_ip(request))
    else:
        await limiter.hit("user", user)


def _bounded(request: Request, receive: Receive) -> Receive:
    """`receive` that refuses a body over the route's bound: by its declared length, and again as it arrives."""
    bound = BODY_LIMITS.get(request.url.path, DEFAULT_BODY)
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > bound:
        raise TooLarge(limit_bytes=bound, declared_bytes=int(declared))
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > bound:
            raise TooLarge(limit_bytes=bound)
        return message

    return bounded


def _report(request: Request, status: int, seconds: float) -> None:
    route = request.scope.get("route")
    template = getattr(route, "path", "unmatched")
    REQUESTS.labels(request.method, template, str(status)).observe(seconds)
    log.info(
        "request",
        operation=f"{request.method} {template}",
        status=status,
        duration_ms=round(seconds * 1000, 2),
        organisation=request.headers.get("x-org-id"),
    )
