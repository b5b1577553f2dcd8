# SPDX-License-Identifier: Apache-2.0
"""Around every request: an id, a bound on its body, one log line, one measurement; refusals become answers."""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import Histogram
from pydantic.alias_generators import to_camel
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_service.envelope import envelope
from ai_service.errors import NotFound, Refusal, TooLarge

log = structlog.get_logger()

DEFAULT_BODY = 1 << 20
BODY_LIMITS = dict.fromkeys(("/api/energy-mix", "/api/forecast", "/api/forecast/batch"), 8 << 20)
FEATURES = {
    "forecast": "/api/forecast",
    "price": "/api/price",
    "market-analysis": "/api/market-analysis",
    "solar": "/api/solar-forecast",
    "energy-mix": "/api/energy-mix",
}
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
REQUESTS = Histogram("gridx_ai_request_seconds", "Time to answer", ("method", "route", "status"), buckets=BUCKETS)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_HTTP_CODES = {400: "request.malformed", 404: "request.not_found", 405: "request.method_not_allowed"}


class FeatureOff(NotFound):
    """The part was switched off by the setting GRIDX_AI_FEATURES_OFF."""

    code = "feature.off"
    title = "This part of the service is switched off here"


class Around:
    """The one middleware. `off` are names of FEATURES that answer nothing."""

    def __init__(self, app: ASGIApp, off: frozenset[str] = frozenset()) -> None:
        self.app = app
        self._off = tuple(FEATURES[name] for name in off)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, request = perf_counter(), 500, Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        body = _Bounded(BODY_LIMITS.get(scope["path"], DEFAULT_BODY), receive)

        async def observed(message: Message) -> None:
            nonlocal status
            if body.exceeded and not body.answered:
                return  # what the application makes of the cut body is replaced below
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if self._off and scope["path"].startswith(self._off):
                    await refusal_response(FeatureOff(), request_id)(scope, receive, observed)
                    return
                body.refuse(request.headers.get("content-length", "0"))
                await self.app(scope, body.receive, observed)
                body.refuse("0")
            except TooLarge as refusal:
                body.answered = True
                await refusal_response(refusal, request_id)(scope, receive, observed)
            finally:
                _report(request, status, perf_counter() - started)


class _Bounded:
    """A request's body up to a bound: whoever reads past it sees the client leave."""

    def __init__(self, bound: int, receive: Receive) -> None:
        self._bound, self._receive, self._seen = bound, receive, 0
        self.exceeded = self.answered = False

    def refuse(self, declared: str) -> None:
        """Raises TooLarge when too much was declared or has arrived."""
        if self.exceeded or (declared.isdigit() and int(declared) > self._bound):
            raise TooLarge(limit_bytes=self._bound)

    async def receive(self) -> Message:
        """The client's next message."""
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._bound:
            self.exceeded = True
            return {"type": "http.disconnect"}
        return message


def _report(request: Request, status: int, seconds: float) -> None:
    template = getattr(request.scope.get("route"), "path", "unmatched")
    REQUESTS.labels(request.method, template, str(status)).observe(seconds)
    log.info(
        "request",
        operation=f"{request.method} {template}",
        status=status,
        duration_ms=round(seconds * 1000, 2),
        parent=request.headers.get("traceparent"),
    )


def refusal_response(refusal: Refusal, request_id: str) -> Response:
    """The envelope of a refusal; 429 and 503 say when to come back."""
    retry_after = getattr(refusal, "retry_after_s", None)
    details = {
        "code": refusal.code,
        "message": refusal.message,
        "details": {to_camel(name): value for name, value in refusal.details.items()},
    }
    return _answer(
        refusal.status, details, request_id, {} if retry_after is None else {"Retry-After": str(retry_after)}
    )


def install(app: FastAPI) -> None:
    """Turn refusals, validation errors and bugs into the envelope."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return refusal_response(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        problems = [
            {"field": ".".join(map(str, one["loc"])), "message": one["msg"], "code": one["type"]}
            for one in error.errors()[:50]
        ]
        unreadable = any(problem["code"] == "json_invalid" for problem in problems)
        body = {
            "code": "request.malformed" if unreadable else "request.invalid",
            "message": "The body is not valid JSON" if unreadable else "The input is not valid",
            "details": {"problems": problems},
        }
        return _answer(400 if unreadable else 422, body, request.state.request_id)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _HTTP_CODES.get(error.status_code, "request.refused")
        body = {"code": code, "message": str(error.detail), "details": {}}
        return _answer(error.status_code, body, request.state.request_id)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        log.error("bug", error=repr(error), exc_info=error)
        message = "Something went wrong; the request id finds it in the logs"
        return _answer(500, {"code": "internal", "message": message, "details": {}}, request.state.request_id)


def _answer(status: int, error: dict[str, Any], request_id: str, headers: dict[str, str] | None = None) -> Response:
    return Response(
        envelope(None, request_id=request_id, error=error),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )
