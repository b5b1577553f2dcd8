# SPDX-License-Identifier: Apache-2.0
"""Is the process alive, is each part well, and how is it doing: /health, /health/detailed, /metrics."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text
from starlette.datastructures import State

from backend.chain.errors import ChainConnecting
from backend.core.db import Database
from backend.core.memo import Memo

router = APIRouter(tags=["health"])
PART_TIMEOUT_S = 2.0
WAITED_FOR = {"redis", "relayer"}
SILENT_S = 30

FOLLOWER_LAG = Gauge("gridx_recorded_lag_blocks", "Blocks between the node's head and what is recorded")
GAS_PRICE = Gauge("gridx_gas_price_wei", "Gas price that the node suggests")
TRADES_HOUR = Gauge("gridx_trades_last_hour", "Trades recorded within the last hour")
FAILED = Gauge("gridx_failed_submissions", "Posted claims whose transaction failed or vanished, last 24 h")
OUTBOX = Gauge("gridx_outbox_waiting", "Events that wait for the relay")
JOBS = Gauge("gridx_queue_jobs", "Jobs that wait for a worker")

QUEUE = "gridx"
FIGURES = text("""
SELECT (SELECT greatest(head_block - next_block + 1, 0) FROM chain_cursor ORDER BY chain DESC LIMIT 1) AS lag_blocks,
    (SELECT count(*) FROM energy_trades WHERE block_time > now() - interval '1 hour') AS trades_last_hour,
    (SELECT count(*) FROM trade_submissions WHERE state IN ('REVERTED', 'DROPPED', 'REPLACED')
        AND updated_at > now() - interval '24 hours') AS failed_submissions,
    (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS events_waiting
""")
# Whoever asks, as often as he likes: parts and figures are looked at once a second.
_seen: Memo[tuple[bytes, bool]] = Memo(seconds=1)
_measured: Memo[None] = Memo(seconds=1)


@router.get("/health")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/health/detailed")
async def detailed(request: Request) -> Response:
    """Each part with its latency; 503 when one that trades depend on is down. The relayer sends later what waits."""
    content, is_down = await _seen.get(request.app.state.db.dsn, lambda: _look(request))
    return Response(content, status_code=503 if is_down else 200, media_type="application/json")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus text; figures that live in PostgreSQL, Redis and the node are a second old at most."""
    await _measured.get(request.app.state.db.dsn, lambda: _measure(request))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _measure(request: Request) -> None:
    await asyncio.gather(_read_database(request), _read_node(request), _read_queue(request))


async def _look(request: Request) -> tuple[bytes, bool]:
    """The parts as JSON, and whether one is down that is not waited for."""
    state = request.app.state
    parts = dict(
        await asyncio.gather(
            _part("database", lambda: _select_one(state.db)),
            _part("serviceDatabase", lambda: _select_one(state.service_db)),
            _part("redis", state.redis.ping),
            _part("node", lambda: state.rpc.call("eth_blockNumber", [])),
            _part("follower", lambda: _follower(state.service_db)),
            _part("relayer", lambda: _relayer(state.service_db)),
            _part("market", lambda: _connected(state)),
        )
    )
    unwell = {name for name, part in parts.items() if part["status"] != "ok"}
    down = unwell - WAITED_FOR
    status = "down" if down else "degraded" if unwell else "ok"
    return orjson.dumps({"status": status, "parts": parts}), bool(down)


async def _part(name: str, check: Callable[[], Awaitable[Any]]) -> tuple[str, dict[str, Any]]:
    started = perf_counter()
    try:
        await asyncio.wait_for(check(), PART_TIMEOUT_S)
        result: dict[str, Any] = {"status": "ok"}
    except Exception as error:
        result = {"status": "down", "why": f"{type(error).__name__}: {error}"[:200]}
    return name, {**result, "latencyMs": round((perf_counter() - started) * 1000, 2)}


async def _select_one(db: Database) -> None:
    async with db.begin() as session:
        await session.execute(text("SELECT 1"))


async def _connected(state: State) -> None:
    if state.chain is None:
        raise ChainConnecting


async def _follower(db: Database) -> None:
    async with db.begin() as session:
        row = (
            await session.execute(
                text(
                    "SELECT c.halted_reason, extract(epoch FROM now() - k.seen_at) AS age FROM chains c "
                    "JOIN chain_cursor k ON k.chain = c.id ORDER BY c.id DESC LIMIT 1"
                )
            )
        ).one_or_none()
    if row is None:
        raise RuntimeError("no chain is registered yet")
    if row.halted_reason:
        raise RuntimeError(f"halted: {row.halted_reason}")
    if row.age is None or row.age > SILENT_S:
        raise RuntimeError(f"the follower has not looked at the chain for {row.age} s")


async def _relayer(db: Database) -> None:
    """Well as long as none has ever run: then nothing is matched here."""
    async with db.begin() as session:
        row = (
            await session.execute(
                text(
                    "SELECT stopped_reason, extract(epoch FROM now() - seen_at) AS age FROM relayers "
                    "ORDER BY seen_at DESC LIMIT 1"
                )
            )
        ).one_or_none()
    if row is not None and row.stopped_reason:
        raise RuntimeError(f"stopped: {row.stopped_reason}")
    if row is not None and row.age > SILENT_S:
        raise RuntimeError(f"the relayer has not looked at the chain for {row.age} s")


async def _read_database(request: Request) -> None:
    try:
        async with request.app.state.service_db.begin() as session:
            row = (await session.execute(FIGURES)).one()
    except Exception:
        return
    for gauge, value in (
        (FOLLOWER_LAG, row.lag_blocks),
        (TRADES_HOUR, row.trades_last_hour),
        (FAILED, row.failed_submissions),
        (OUTBOX, row.events_waiting),
    ):
        gauge.set(value or 0)


async def _read_node(request: Request) -> None:
    try:
        price = await asyncio.wait_for(request.app.state.rpc.call("eth_gasPrice", []), PART_TIMEOUT_S)
        GAS_PRICE.set(int(price, 16))
    except Exception:
        return


async def _read_queue(request: Request) -> None:
    try:
        JOBS.set(await request.app.state.redis.llen(QUEUE))
    except Exception:
        return
