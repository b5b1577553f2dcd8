# SPDX-License-Identifier: Apache-2.0
"""Asks the AI service over HTTP: two seconds in all, one more try, a circuit breaker. Every question is idempotent.

Each route has a breaker of its own: whoever asks for energy mixes that take too long keeps nobody from forecasts.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

import httpx
import orjson
import structlog
from prometheus_client import Counter

from backend.forecasts.breaker import Breaker
from backend.forecasts.errors import PassedOn

log = structlog.get_logger()

TIMEOUT_S = 2.0
TRIES = 2
PATHS = {
    "price": "/api/price",
    "solar-forecast": "/api/solar-forecast",
    "energy-mix": "/api/energy-mix",
    "forecast": "/api/forecast",
    "forecast/batch": "/api/forecast/batch",
    "market-analysis": "/api/market-analysis",
}
CALLS = Counter("gridx_ai_calls_total", "Questions to the AI service", ("route", "outcome"))
_PASSED_ON = frozenset({400, 403, 404, 409, 413, 422, 429})


class Away(Exception):
    """The AI service gave no usable answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a name of PATHS, and either parameters or a JSON body."""

    route: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class AiClient:
    """One per process. Without an address it is always away."""

    def __init__(self, address: str | None, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._breakers = {route: Breaker() for route in PATHS}
        self._http: httpx.AsyncClient | None = None
        if address is not None:
            self._http = httpx.AsyncClient(base_url=address, timeout=TIMEOUT_S, transport=transport)

    async def ask(self, question: Question, headers: Mapping[str, str]) -> bytes:
        """The JSON of the answer's data. Raises PassedOn for its refusals and Away when nothing usable came."""
        breaker = self._breakers[question.route]
        if self._http is None or not breaker.may_try(monotonic()):
            CALLS.labels(question.route, "not tried").inc()
            raise Away
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._send(self._http, question, headers)
            found = _read(answer)
        except (httpx.HTTPError, TimeoutError, Away) as error:
            breaker.failed(monotonic())
            CALLS.labels(question.route, "away").inc()
            log.warning("ai.away", route=question.route, error=repr(error)[:200])
            raise Away from error
        except PassedOn:
            breaker.succeeded()
            CALLS.labels(question.route, "refused").inc()
            raise
        breaker.succeeded()
        CALLS.labels(question.route, "answered").inc()
        return found

    def retry_after_s(self, route: str) -> int:
        """Whole seconds after which asking a route of PATHS makes sense; at least 1."""
        return self._breakers[route].retry_after_s(monotonic())

    async def close(self) -> None:
        """Give the connections back."""
        if self._http is not None:
            await self._http.aclose()

    async def _send(self, http: httpx.AsyncClient, question: Question, headers: Mapping[str, str]) -> httpx.Response:
        method = "GET" if question.body is None else "POST"
        sent = httpx.Headers(dict(headers), encoding="latin-1")  # as they came
        if question.body is not None:
            sent["Content-Type"] = "application/json"
        for attempt in range(1, TRIES + 1):
            try:
                answer = await http.request(
                    method,
                    PATHS[question.route],
                    params=list(question.params),
                    content=question.body,
                    headers=sent,
                )
            except httpx.TransportError:
                if attempt == TRIES:
                    raise
                continue
            if answer.status_code not in (502, 503, 504) or attempt == TRIES:
                return answer
        raise AssertionError("the last try returns or raises")


def _read(answer: httpx.Response) -> bytes:
    try:
        said = orjson.loads(answer.content)
        if answer.status_code == 200 and isinstance(said["data"], dict):
            return orjson.dumps(said["data"])
        error = said["error"]
        if answer.status_code in _PASSED_ON:
            waiting = answer.headers.get("retry-after", "")
            raise PassedOn(
                status=answer.status_code,
                code=str(error["code"]),
                message=str(error["message"]),
                details={str(name): value for name, value in dict(error["details"]).items() if name != "message"},
                retry_after_s=int(waiting) if waiting.isdigit() else None,
            )
    except (ValueError, KeyError, TypeError) as error:
        raise Away(f"status {answer.status_code} without an envelope") from error
    raise Away(f"status {answer.status_code}")
