# SPDX-License-Identifier: Apache-2.0
"""The project's one shape of JSON answers under /api. `backend` has its own copy; a test holds the two together."""

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

VERSION = "1.0.0"


class ApiModel(BaseModel):
    """Base of everything that travels over HTTP: camelCase outside, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", from_attributes=True)


def envelope(data: Any, *, request_id: str, error: dict[str, Any] | None = None) -> bytes:
    """The answer's bytes; `data` may be JSON that is serialised already (orjson.Fragment)."""
    meta: dict[str, Any] = {"version": VERSION, "requestId": request_id}
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    whole = {"data": data, "error": error, "timestamp": now, "meta": meta}
    try:
        return orjson.dumps(whole)
    except orjson.JSONEncodeError:  # a refusal repeats what was asked: an integer may be beyond 64 bits
        return json.dumps(whole).encode()


class EnvelopeRoute(APIRoute):
    """Wraps what a route returns into the envelope. Files, pages and 204 answers pass unchanged."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def wrapped(request: Request) -> Response:
            response = await handle(request)
            if response.media_type != "application/json" or response.status_code == 204:
                return response
            return _wrap(response, getattr(request.state, "request_id", ""))

        return wrapped


def _wrap(response: Response, request_id: str) -> Response:
    body = bytes(response.body)
    wrapped = Response(
        envelope(orjson.Fragment(body) if body else None, request_id=request_id),
        status_code=response.status_code,
        media_type="application/json",
        background=response.background,
    )
    for name, value in response.raw_headers:
        if name not in (b"content-length", b"content-type"):
            wrapped.raw_headers.append((name, value))
    return wrapped


_META = {"type": "object", "properties": {"version": {"type": "string"}, "requestId": {"type": "string"}}}
_ERROR = {
    "type": "object",
    "required": ["code", "message", "details"],
    "properties": {
        "code": {"type": "string", "description": "keeps its name"},
        "message": {"type": "string"},
        "details": {"type": "object", "additionalProperties": True},
    },
}


def enveloped(schema: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document in which every answer under /api stands in its envelope."""
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    components["ErrorEnvelope"] = _shape({"type": "null"}, _ERROR)
    for path, operations in schema["paths"].items():
        for operation in operations.values() if path.startswith("/api/") else ():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {}).get("application/json")
                if content is not None and status.startswith("2"):
                    content["schema"] = _shape(content.get("schema", {}), {"type": "null"})
    return schema


def _shape(data: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["data", "error", "timestamp", "meta"],
        "properties": {
            "data": data,
            "error": error,
            "timestamp": {"type": "string", "format": "date-time"},
            "meta": _META,
        },
    }
