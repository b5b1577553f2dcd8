# SPDX-License-Identifier: Apache-2.0
"""What happens around every request: an id, a limit, a bound on its body, headers, one log line, one measurement."""

import re
from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.accounts.service import FORECASTER_ID
from backend.api.errors import refusal_response
from backend.core.errors import Refusal, TooLarge
from backend.core.ids import uuid7
from backend.core.limits import Limiter, client_ip, counted_address
from backend.core.observability import REQUESTS

log = structlog.get_logger()

DEFAULT_BODY = 1 << 20
BODY_LIMITS = {"/api/energy-production/uploads": 50 << 20, "/api/energy-production": 4 << 20}
SIGNING_IN, SIGN_IN_BODY = "/api/auth/", 64 << 10  # nobody is known yet, and naming each wrong field takes time
UNCOUNTED = str(FORECASTER_ID)  # asks for all users, and counts them itself
LIMITED = "/api/"  # beside it: probes, public keys and the files of the web app
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
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request = Request(scope)
        body = _Bounded(request, receive)
        request_id = _request_id(request)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if body.exceeded and not body.answered:
                return  # what the application makes of the cut body is replaced below
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
                body.refuse_declared()
                await self.app(scope, body.receive, observed)
                body.refuse_exceeded()
            except Refusal as refusal:
                body.answered = True
                await refusal_response(refusal, request_id)(scope, receive, observed)
            finally:
                _report(request, status, perf_counter() - started)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket: its connecting is limited like a request, its end is one log line."""
        started = perf_counter()
        connection = HTTPConnection(scope)
        request_id = _request_id(connection)
        scope.setdefault("state", {})["request_id"] = request_id
        outcome = "ended"

        async def observed(message: Message) -> None:
            nonlocal outcome
            if message["type"] == "websocket.close":
                outcome = f"closed {message.get('code', 1000)} {message.get('reason') or ''}".rstrip()
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await _count(connection, None)
                await self.app(scope, receive, observed)
            except Refusal as refusal:
                outcome = refusal.code
                await refusal_response(refusal, request_id)(scope, receive, send)
            finally:
                seconds = round(perf_counter() - started, 3)
                log.info("websocket", operation=f"WS {scope['path'][:100]}", outcome=outcome, duration_s=seconds)


def _request_id(request: HTTPConnection) -> str:
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


async def _count(request: HTTPConnection, user: str | None) -> None:
    if not request.url.path.startswith(LIMITED) or user == UNCOUNTED:
        return
    limiter: Limiter = request.app.state.limiter
    if user is None:
        await limiter.hit("anonymous", counted_address(client_ip(request)))
    else:
        await limiter.hit("user", user)


class _Bounded:
    """Reads a request's body up to the route's bound: its declared length first, then what really arrives.

    Whoever reads past the bound sees the client leave; frameworks turn errors of a body into answers of their own, so
    the refusal is raised only after the application has ended.
    """

    def __init__(self, request: Request, receive: Receive) -> None:
        self._receive = receive
        path = request.url.path
        self._bound = SIGN_IN_BODY if path.startswith(SIGNING_IN) else BODY_LIMITS.get(path, DEFAULT_BODY)
        self._declared = request.headers.get("content-length", "0")
        self._seen = 0
        self.exceeded = False
        self.answered = False

    def refuse_declared(self) -> None:
        """Raises TooLarge when the declared length is over the bound; nothing was read yet."""
        if self._declared.isdigit() and int(self._declared) > self._bound:
            raise TooLarge(limit_bytes=self._bound, declared_bytes=int(self._declared))

    def refuse_exceeded(self) -> None:
        """Raises TooLarge when more arrived than the bound."""
        if self.exceeded:
            raise TooLarge(limit_bytes=self._bound)

    async def receive(self) -> Message:
        """The next message of the client."""
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._bound:
            self.exceeded = True
            return {"type": "http.disconnect"}
        return message


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
