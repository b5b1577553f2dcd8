# SPDX-License-Identifier: Apache-2.0
"""The verbs of the audit for other processes: run and keep a report, read the last one, prove or verify one trade."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from backend.audit import bundle, compare, database
from backend.audit.checkpoints import Checkpoint
from backend.audit.deployment import Deployment
from backend.audit.fetch import Options
from backend.audit.report import Report
from backend.audit.rpc import Node, client
from backend.audit.verify import Verdict, check
from backend.core.ids import uuid7

KEPT_DIFFERENCES = 1_000
CHECKPOINTS = 200

_STORE = """
INSERT INTO audit_reports (id, chain, started_at, finished_at, final_block, differences, report, requested_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_CHECKPOINTS = """
SELECT r.report->'checkpoint' AS checkpoint FROM audit_reports AS r JOIN chains AS c ON c.id = r.chain
WHERE c.chain_id = $1 AND c.genesis_hash = $2 AND c.contract_address = $3 AND c.deployment_block_hash = $4
    AND NOT r.report->'differencesByCode' ?| array['node.disagree', 'history.truncated', 'history.head_mismatch']
ORDER BY r.finished_at DESC LIMIT $5
"""
_LAST = "SELECT id, report FROM audit_reports ORDER BY finished_at DESC LIMIT 1"
_RUNNING = "SELECT pg_try_advisory_lock(4711, 1)"


async def checkpoints(url: str, deployment: Deployment) -> list[Checkpoint]:
    """Checkpoints of earlier reports on this deployment, newest first. A report that doubted its node leaves none."""
    connection = await database.connect(url)
    try:
        rows = await connection.fetch(
            _CHECKPOINTS, deployment.chain_id, deployment.genesis_hash, deployment.address, deployment.block_hash,
            CHECKPOINTS,
        )  # fmt: skip
    finally:
        await connection.close()
    return [Checkpoint.from_json(row["checkpoint"]) for row in rows]


async def store(url: str, report: Report, *, requested_by: UUID | None = None) -> UUID:
    """Keep a report for ever (nobody may change it); as gridx_audit, which may write nothing else."""
    identity = uuid7()
    connection = await database.connect(url)
    try:
        async with connection.transaction(isolation="read_committed", readonly=False):
            await connection.execute("SET TRANSACTION READ WRITE")
            place = report.deployment
            chain = await connection.fetchval(
                database.CHAIN, place.chain_id, place.genesis_hash, place.address, place.block_hash
            )
            await connection.execute(
                _STORE, identity, chain, report.started_at, report.finished_at, report.anchor.number,
                report.differences, report.to_json(KEPT_DIFFERENCES), requested_by,
            )  # fmt: skip
    finally:
        await connection.close()
    return identity


async def last_report(connection: asyncpg.Connection) -> dict[str, Any] | None:
    """The newest report with its id, None while there is none; the report is JSON text or an object."""
    row = await connection.fetchrow(_LAST)
    return None if row is None else {"id": row["id"], "report": row["report"]}


async def run(
    *, rpc_urls: Sequence[str], url: str, deployment: Deployment, finality_depth: int | None,
    clock: Callable[[], datetime], operator: bytes | None = None, requested_by: UUID | None = None,
    watch: compare.Watch = compare.unwatched,
) -> UUID | None:  # fmt: skip
    """Audit and keep the report; None when another audit runs already. Raises WrongChain, NodeFailed, OSError."""
    guard = await database.connect(url)
    try:
        if not await guard.fetchval(_RUNNING):
            return None
        request = compare.Request(
            rpc_urls=rpc_urls,
            database_url=url,
            deployment=deployment,
            options=Options(finality_depth=finality_depth),
            checkpoints=await checkpoints(url, deployment),
            operator=operator,
        )
        report = await compare.audit(request, clock=clock, watch=watch)
        return await store(url, report, requested_by=requested_by)
    finally:
        await guard.close()


async def proof(*, rpc_url: str, url: str, deployment: Deployment, trade_id: bytes) -> dict[str, Any]:
    """The proof bundle of a trade. Raises TradeNotRecorded, TradeNotOnChain, NodeFailed, DatabaseLacksChain."""
    async with client() as http, database.snapshot(url) as snapshot:
        return await bundle.build(Node(rpc_url, http), snapshot, deployment, trade_id)


async def verify(
    *, rpc_urls: Sequence[str], url: str, deployment: Deployment, trade_id: bytes
) -> tuple[dict[str, Any], Verdict, list[str]]:
    """Bundle, verdict, and the nodes that hold its blocks. Raises as `proof`."""
    made = await proof(rpc_url=rpc_urls[0], url=url, deployment=deployment, trade_id=trade_id)
    verdict = check(made)
    agreeing = []
    async with client() as http:
        for node in (Node(address, http) for address in dict.fromkeys(rpc_urls)):
            held = [await node.block_hash(number) == block for number, block in verdict.blocks.values()]
            if held and all(held):
                agreeing.append(node.name)
    return made, verdict, agreeing
