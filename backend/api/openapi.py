# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document: every answer under /api in its envelope, every refusal documented."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.accounts.deps import SCHEME

_META = {
    "type": "object",
    "properties": {
        "version": {"type": "string"},
        "requestId": {"type": "string"},
        "pagination": {
            "type": "object",
            "required": ["page", "limit", "total"],
            "properties": {name: {"type": "integer"} for name in ("page", "limit", "total")},
        },
    },
}
_ERROR = {
    "type": "object",
    "required": ["code", "message", "details"],
    "properties": {
        "code": {"type": "string", "description": "keeps its name"},
        "message": {"type": "string"},
        "details": {"type": "object", "additionalProperties": True},
    },
}
_ERROR_ENVELOPE = {
    "type": "object",
    "required": ["data", "error", "timestamp", "meta"],
    "properties": {
        "data": {"type": "null"},
        "error": _ERROR,
        "timestamp": {"type": "string", "format": "date-time"},
        "meta": _META,
    },
}
_API_KEY = {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "API key"}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` describe what really travels."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["ErrorEnvelope"] = _ERROR_ENVELOPE
            pages = {f"#/components/schemas/{name}": schemas.pop(name) for name in list(schemas) if "Paged_" in name}
            for path, operations in schema["paths"].items():
                for operation in operations.values():
                    if path.startswith("/api/"):
                        _wrap_answers(operation, pages)
                    if {SCHEME: []} in operation.get("security", ()):
                        operation["security"].append({"ApiKey": []})
            schema["components"].setdefault("securitySchemes", {})["ApiKey"] = _API_KEY
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to replace the document


def _wrap_answers(operation: dict[str, Any], pages: dict[str, dict[str, Any]]) -> None:
    for status, answer in operation.get("responses", {}).items():
        content = answer.get("content", {}).get("application/json")
        if content is None:
            continue
        if status == "422" and "HTTPValidationError" in str(content.get("schema", "")):
            content["schema"] = {"$ref": "#/components/schemas/ErrorEnvelope"}
        elif status.startswith("2"):
            content["schema"] = _envelope_of(content.get("schema", {}), pages)


def _envelope_of(schema: dict[str, Any], pages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The envelope around `schema`; of a page travel its items, the rest stands in `meta.pagination`."""
    meta = _META
    if (page := pages.get(schema.get("$ref", ""))) is not None:
        schema = page["properties"]["items"]
        meta = {**_META, "required": ["pagination"]}
    return {
        "type": "object",
        "required": ["data", "error", "timestamp", "meta"],
        "properties": {
            "data": schema,
            "error": {"type": "null"},
            "timestamp": {"type": "string", "format": "date-time"},
            "meta": meta,
        },
    }
