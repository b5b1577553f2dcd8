# SPDX-License-Identifier: Apache-2.0
"""The one shape of every JSON answer under /api, and what travels inside it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from backend.core import idempotency

VERSION = "1.0.0"
_ITEMS = b'{"items":'  # how a `Paged` begins; nothing else that travels has a first field of that name
T = TypeVar("T")


class ApiModel(BaseModel):
    """Base of everything that travels over HTTP: camelCase outside, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", from_attributes=True)


class Paged(ApiModel, Generic[T]):
    """One page of a list; the envelope moves `page`, `limit` and `total` to `meta.pagination`."""

    items: list[T]
    page: int
    limit: int
    total: int


@dataclass(frozen=True, slots=True)
class PageParams:
    """Which page was asked for."""

    page: int
    limit: int

    @property
    def offset(self) -> int:
        """Rows to pass over."""
        return (self.page - 1) * self.limit


async def _page_params(
    page: Annotated[int, Query(ge=1, le=100_000)] = 1, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> PageParams:
    return PageParams(page, limit)


PageQuery = Annotated[PageParams, Depends(_page_params)]


def envelope(
    data: Any, *, request_id: str, error: dict[str, Any] | None = None, pagination: dict[str, int] | None = None
) -> bytes:
    """The answer's bytes; `data` may be JSON that is serialised already (orjson.Fragment)."""
    meta: dict[str, Any] = {"version": VERSION, "requestId": request_id}
    if pagination is not None:
        meta["pagination"] = pagination
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"data": data, "error": error, "timestamp": now, "meta": meta})


class EnvelopeRoute(APIRoute):
    """Wraps what a route returns into the envelope. Files, pages and 204 answers pass unchanged."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def wrapped(request: Request) -> Response:
            response = await (idempotency.once(request, handle) if idempotency.applies(request) else handle(request))
            if response.media_type != "application/json" or response.status_code == 204:
                return response
            return _wrap(response, getattr(request.state, "request_id", ""))

        return wrapped


def _wrap(response: Response, request_id: str) -> Response:
    body = bytes(response.body)
    pagination = None
    data: Any = orjson.Fragment(body) if body else None
    if body.startswith(_ITEMS):
        end = body.rindex(b',"page":')
        data = orjson.Fragment(body[len(_ITEMS) : end])
        pagination = orjson.loads(b"{" + body[end + 1 :])
    wrapped = Response(
        envelope(data, request_id=request_id, pagination=pagination),
        status_code=response.status_code,
        media_type="application/json",
        background=response.background,
    )
    for name, value in response.raw_headers:
        if name not in (b"content-length", b"content-type"):
            wrapped.raw_headers.append((name, value))
    return wrapped
