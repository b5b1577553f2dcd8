# SPDX-License-Identifier: Apache-2.0
"""Turns refusals, validation errors and bugs into the envelope, each with its right status."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from backend.core import idempotency
from backend.core.db import DATABASE_ERRORS, is_away, sqlstate_of
from backend.core.envelope import envelope
from backend.core.errors import DatabaseAway, Invalid, Refusal, Unavailable, plain_details

log = structlog.get_logger()
_READING = ("GET", "HEAD", "OPTIONS")
_UNKNOWN = {"may_have_been_done": True}
MOST_PROBLEMS = 50  # named in one answer
_HTTP_CODES = {400: "request.malformed", 404: "request.not_found", 405: "request.method_not_allowed"}


class StatementTooLong(Unavailable):
    """PostgreSQL stopped a statement that took longer than `GRIDX_STATEMENT_TIMEOUT_S`; it changed nothing."""

    code = "database.statement_too_long"
    title = "The database took too long for this and stopped; ask for less at once, or try again later"


class TextNotStorable(Invalid):
    """A text of the request holds NUL, which PostgreSQL does not take."""

    code = "request.text_not_storable"
    title = "A text holds a NUL character (U+0000), which cannot be stored; leave it out"


def refusal_response(refusal: Refusal, request_id: str) -> Response:
    """The envelope of a refusal; 429 and 503 say when to come back."""
    error = {"code": refusal.code, "message": refusal.message, "details": plain_details(refusal)}
    headers = {}
    retry_after = getattr(refusal, "retry_after_s", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Response(
        envelope(None, request_id=request_id, error=error),
        status_code=refusal.status,
        media_type="application/json",
        headers=headers,
    )


_NOT_STORABLE = ("22021", "22P05")  # NUL as text, and as \u0000 within JSON
_STOPPED = "57014"  # statement_timeout


def install(app: FastAPI) -> None:
    """Register the handlers on `app`."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return refusal_response(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        problems = [
            {
                "field": ".".join(str(part) for part in problem["loc"]),
                "message": problem["msg"],
                "code": problem["type"],
            }
            for problem in error.errors()[:MOST_PROBLEMS]
        ]
        unreadable = any(problem["code"] == "json_invalid" for problem in problems)
        body = {
            "code": "request.malformed" if unreadable else "request.invalid",
            "message": "The body is not valid JSON" if unreadable else "The input is not valid",
            "details": {"problems": problems},
        }
        return _error(request, 400 if unreadable else 422, body)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _HTTP_CODES.get(error.status_code, "request.refused")
        return _error(request, error.status_code, {"code": code, "message": str(error.detail), "details": {}})

    for kind in DATABASE_ERRORS:
        app.exception_handler(kind)(_database_error)

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        log.error("bug", error=repr(error), exc_info=error)
        body = {
            "code": "internal",
            "message": "Something went wrong; the request id finds it in the logs",
            "details": {},
        }
        return _error(request, 500, body)


async def _database_error(request: Request, error: Exception) -> Response:
    state = sqlstate_of(error)
    if state in _NOT_STORABLE:
        return refusal_response(TextNotStorable(), request.state.request_id)
    if state == _STOPPED:
        log.warning("database.statement_too_long", error=str(error))
        return refusal_response(StatementTooLong(), request.state.request_id)
    if is_away(error):
        log.warning("database.unavailable", error=str(error))
        return refusal_response(_database_away(request), request.state.request_id)
    log.error("bug", error=repr(error), exc_info=error)
    return _error(request, 500, {"code": "internal", "message": "Something went wrong", "details": {}})


def _database_away(request: Request) -> DatabaseAway:
    """What to tell whoever sent `request`."""
    if request.method in _READING:
        return DatabaseAway(may_have_been_done=False)
    told = "The database does not answer; this may have been carried out or not. "
    if idempotency.applies(request):
        return DatabaseAway(told + "Send it again with the same Idempotency-Key: it takes effect once", **_UNKNOWN)
    return DatabaseAway(told + "Look at what is there before you repeat it", **_UNKNOWN)


def _error(request: Request, status: int, body: dict[str, Any]) -> Response:
    return Response(
        envelope(None, request_id=request.state.request_id, error=body),
        status_code=status,
        media_type="application/json",
    )
