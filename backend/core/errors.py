# SPDX-License-Identifier: Apache-2.0
"""Refusals: each has a kind (its HTTP status), a code that keeps its name, a title and facts."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic.alias_generators import to_camel


class Refusal(Exception):
    """Base of everything that GridX declines to do. `details` holds the facts given as keywords."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or self.title
        self.details = details
        super().__init__(self.message)

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.code}: {self.message}" + (f" ({facts})" if facts else "")


class Malformed(Refusal):
    """The request cannot be read at all."""

    status = 400
    code = "request.malformed"
    title = "The request cannot be read"


class Unauthenticated(Refusal):
    """Nobody is signed in, or the credential does not hold."""

    status = 401
    code = "auth.required"
    title = "Sign in first"


class Forbidden(Refusal):
    """Signed in, but not allowed to do this."""

    status = 403
    code = "auth.forbidden"
    title = "Your role does not allow this"


class NotFound(Refusal):
    """There is no such thing, or it belongs to somebody else."""

    status = 404
    code = "request.not_found"
    title = "There is no such thing"


class Conflict(Refusal):
    """The request contradicts the present state."""

    status = 409
    code = "request.conflict"
    title = "This contradicts the present state"


class TooLarge(Refusal):
    """The body is larger than this route takes."""

    status = 413
    code = "request.too_large"
    title = "The body is too large"


class Invalid(Refusal):
    """The input was read and fails validation."""

    status = 422
    code = "request.invalid"
    title = "The input is not valid"


class _RetryLater(Refusal):
    def __init__(self, message: str | None = None, *, retry_after_s: int = 1, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class TooMany(_RetryLater):
    """A rate limit was reached; `retry_after_s` says when to try again."""

    status = 429
    code = "request.too_many"
    title = "Too many requests; wait and try again"


class Unavailable(_RetryLater):
    """Something that this needs is away; trying again later may work."""

    status = 503
    code = "service.unavailable"
    title = "A part that this needs is away; try again"


class DatabaseAway(Unavailable):
    """PostgreSQL does not answer. `may_have_been_done` is true for what changes something: when the connection breaks
    while a change is committed, nobody knows whether it was."""

    code = "database.unavailable"
    title = "The database does not answer; try again"


class StillRunning(_RetryLater):
    """The first request with this Idempotency-Key has not ended."""

    status = 409
    code = "idempotency.still_running"
    title = "A request with this Idempotency-Key is still running; try again shortly"


def refusals(*errors: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` that document which refusals a route can answer with."""
    by_status: dict[int | str, list[type[Refusal]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {
        status: {
            "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/ErrorEnvelope"},
                    "examples": {kind.code: {"value": _example(kind)} for kind in kinds},
                }
            },
        }
        for status, kinds in by_status.items()
    }


def _example(kind: type[Refusal]) -> dict[str, Any]:
    return {"data": None, "error": {"code": kind.code, "message": kind.title, "details": {}}}


def plain_details(refusal: Refusal) -> dict[str, Any]:
    """The facts of a refusal as JSON: camelCase names, bytes as 0x text, times in ISO 8601."""
    return {to_camel(name): _plain_value(value) for name, value in refusal.details.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain_value(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
