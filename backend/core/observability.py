# SPDX-License-Identifier: Apache-2.0
"""Logs, metrics and traces: one set-up for every process, so that a request can be followed through all of them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import event

from backend.core.db import Database

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
REQUESTS = Histogram("gridx_request_seconds", "Time to answer", ("method", "route", "status"), buckets=_FAST)
QUERIES = Histogram("gridx_database_query_seconds", "Time of one SQL statement", ("role",), buckets=_FAST)
POOL_USED = Gauge("gridx_database_pool_used", "Connections in use", ("role",))
POOL_SIZE = Gauge("gridx_database_pool_size", "Connections at most", ("role",))
RPC_SECONDS = Histogram("gridx_rpc_seconds", "Time of one call to a node", ("method",), buckets=_FAST)
CONFIRMATION = Histogram(
    "gridx_confirmation_seconds", "From a trade's block to its record", buckets=(1, 2, 5, 10, 30, 60, 120, 300, 900)
)
RECORDED = Counter("gridx_trades_recorded_total", "Trades recorded", ("way",))


def configure_logging(process: str, level: str) -> None:
    """JSON lines on standard output; every line names its process and, inside a request, the request."""
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
    structlog.contextvars.bind_contextvars(process=process)


def configure_tracing(process: str, endpoint: str | None) -> None:
    """Send spans to the OpenTelemetry collector at `endpoint`; without one tracing stays off and costs nothing."""
    if endpoint is None or isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    provider = TracerProvider(resource=Resource.create({"service.name": f"gridx-{process}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    HTTPXClientInstrumentor().instrument()  # calls to nodes carry the trace on


def observe_database(db: Database, role: str) -> None:
    """Measure every statement of `db`, trace it when tracing is on, and publish the use of its pool."""
    engine = db.engine.sync_engine
    pool: Any = engine.pool
    POOL_SIZE.labels(role).set_function(pool.size)
    POOL_USED.labels(role).set_function(pool.checkedout)
    seconds = QUERIES.labels(role)
    tracer = trace.get_tracer("gridx.database")
    tracing = isinstance(trace.get_tracer_provider(), TracerProvider)

    def span_of(statement: str) -> trace.Span:
        return tracer.start_span("sql", attributes={"db.system": "postgresql", "db.statement": statement})

    def started(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        conn.info["started"] = perf_counter()
        if tracing:
            conn.info["span"] = span_of(statement)

    def ended(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        seconds.observe(perf_counter() - conn.info["started"])
        if tracing:
            conn.info.pop("span").end()

    @contextmanager
    def watch_read(statement: str) -> Iterator[None]:
        begun = perf_counter()
        span = span_of(statement) if tracing else None
        try:
            yield
        finally:
            seconds.observe(perf_counter() - begun)
            if span is not None:
                span.end()

    db.watch_read = watch_read
    event.listen(engine, "before_cursor_execute", started)
    event.listen(engine, "after_cursor_execute", ended)
