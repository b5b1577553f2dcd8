# SPDX-License-Identifier: Apache-2.0
"""The report of an island: what was signed, who got what and why with all inputs, what became of the queue."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.types import OrgRole
from backend.core.cells import csv_text
from backend.core.crypto import recover
from backend.core.db import Actor, Database
from backend.core.units import format_address, format_hex
from backend.market import sql
from backend.market.islands import queries
from backend.market.islands.checking import FORMAT, not_allocated, summary_of
from backend.market.islands.documents import digest_of_body
from backend.market.islands.errors import IslandNotFound, OperatorOnly
from backend.market.islands.types import IntentState, Island

MOST_INTENTS = 100_000
_RUNS = """
SELECT delivery_start, inputs::text, result::text, certificate::text, allocated_at FROM island_runs
WHERE org_id = $1 AND island_id = $2 ORDER BY delivery_start
"""
_COLUMNS = (
    "house", "source", "generationWh", "demandWh", "criticalWh", "shareWh", "criticalShareWh", "why",
)  # fmt: skip


async def report(service_db: Database, island_id: UUID, *, actor: Actor | None) -> dict[str, Any]:
    """Everything about an island, enough to compute it again; for operators, or without an actor for a command line.

    Raises OperatorOnly, IslandNotFound.
    """
    if actor is not None and actor.org_role != OrgRole.OPERATOR:
        raise OperatorOnly
    async with service_db.begin() as session:
        island = await queries.island(session, island_id)
        if island is None or (actor is not None and island.org_id != actor.org_id):
            raise IslandNotFound(island_id=island_id)
        made = await _report(session, island)
    return made | {"notAllocated": not_allocated(made), "summary": summary_of(made)}


async def _report(session: AsyncSession, island: Island) -> dict[str, Any]:
    documents = await queries.documents(session, island.id)
    runs = [_run(row) for row in await sql.fetch(session, _RUNS, island.org_id, island.id)]
    links = await queries.intents(session, island.id, MOST_INTENTS, 0)
    return {
        "format": FORMAT,
        "island": {
            "id": str(island.id),
            "community": island.community,
            "reason": island.reason,
            "deliveryMinutes": island.delivery_minutes,
            "startsAt": _text(island.starts_at),
            "startsAtUnix": int(island.starts_at.timestamp()),
            "endsAt": _text(island.ends_at),
            "endsAtUnix": int(island.ends_at.timestamp()),
            "endedAt": _text(island.ended_at),
            "priceCapMicroPerKwh": island.price_cap_micro_per_kwh,
            "chainLostAt": _text(island.chain_lost_at),
            "chainBackAt": _text(island.chain_back_at),
        },
        "declaration": _document(documents["signer"], documents["body"], documents["signature"]),
        "ending": _document(documents["end_signer"], documents["end_body"], documents["end_signature"])
        if documents["end_body"]
        else None,
        "runs": runs,
        "intents": {
            "count": island.intents,
            "head": format_hex(island.head),
            "links": [intent_of(row) for row in links],
        },
    }


def intent_of(row: dict[str, Any]) -> dict[str, Any]:
    """An intent with what has become of its match."""
    return {
        "sequence": row["sequence"],
        "previousHash": format_hex(row["previous_hash"]),
        "hash": format_hex(row["hash"]),
        "content": row["content"],
        "chainAway": row["chain_away"],
        "queuedAt": _text(row["queued_at"]),
        "outcome": {
            "state": outcome_of(row).value,
            "reason": row["reason"],
            "blockNumber": row["block_number"],
            "logIndex": row["log_index"],
            "txHash": format_hex(row["tx_hash"]) if row["tx_hash"] else None,
            "isFinal": row["status"] == "FINAL",
        },
    }


def outcome_of(row: dict[str, Any]) -> IntentState:
    """A trade on chain is what counts; without one, a cancelled match is a conflict."""
    if row["block_number"] is not None:
        return IntentState.LOGGED
    return IntentState.CONFLICT if row["state"] == "CANCELLED" else IntentState.WAITING


def as_csv(made: dict[str, Any]) -> str:
    """Who got what and why: a line for each house and interval."""
    rows = (
        [run["deliveryStart"], *(share[name] for name in _COLUMNS)]
        for run in made["runs"]
        for share in run["result"]["houses"]
    )
    return csv_text(["deliveryStart", *_COLUMNS], rows)


def _run(row: Any) -> dict[str, Any]:
    return {
        "deliveryStart": _text(row["delivery_start"]),
        "allocatedAt": _text(row["allocated_at"]),
        "inputs": orjson.loads(row["inputs"]),
        "result": orjson.loads(row["result"]),
        "certificate": orjson.loads(row["certificate"]),
    }


def _document(signer: bytes, body: dict[str, Any], signature: bytes) -> dict[str, Any]:
    return {
        "signer": format_address(signer),
        "signature": format_hex(signature),
        "byContract": recover(digest_of_body(body), signature) != signer,
        "body": body,
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
