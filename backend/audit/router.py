# SPDX-License-Identifier: Apache-2.0
"""Public verification and proof of one trade, the last audit report, and the auditor's way to start an audit."""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Depends, Path, Request

from backend.accounts.deps import Db, ServiceDb
from backend.audit import runs, service
from backend.audit.bundle import TradeNotOnChain, TradeNotRecorded
from backend.audit.database import DatabaseLacksChain
from backend.audit.deployment import Deployment
from backend.audit.encoding import hex_of
from backend.audit.errors import (
    AuditChainUnknown,
    AuditNodeUnavailable,
    AuditNoneYet,
    AuditTradeNotOnChain,
    AuditTradeUnknown,
)
from backend.audit.fetch import WrongChain
from backend.audit.rpc import NodeFailed
from backend.audit.runs_router import Auditor
from backend.audit.schemas import AuditOut, AuditStarted, TradeVerdictOut
from backend.core.clock import utc_now
from backend.core.db import raw
from backend.core.envelope import EnvelopeRoute
from backend.core.errors import Forbidden, Unauthenticated, refusals
from backend.core.settings import Settings

router = APIRouter(prefix="/api/blockchain", tags=["audit"], route_class=EnvelopeRoute)
TradeId = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$", description="trade id as on chain, 0x-hex")]
Answer = TypeVar("Answer")
_AT_ONCE = asyncio.Semaphore(4)


async def _deployment(request: Request) -> Deployment:
    try:
        return Deployment.from_file(request.app.state.settings.deployment_file)
    except (OSError, KeyError, ValueError) as error:
        raise AuditChainUnknown() from error


Place = Annotated[Deployment, Depends(_deployment)]


async def _translated(work: Awaitable[Answer], trade_id: str) -> Answer:
    try:
        async with _AT_ONCE:
            return await work
    except TradeNotRecorded as error:
        raise AuditTradeUnknown(trade_id=trade_id) from error
    except TradeNotOnChain as error:
        raise AuditTradeNotOnChain(trade_id=trade_id, reason=str(error)) from error
    except DatabaseLacksChain as error:
        raise AuditChainUnknown() from error
    except (NodeFailed, WrongChain) as error:
        raise AuditNodeUnavailable(reason=str(error)) from error


@router.get(
    "/trades/{trade_id}/verify",
    responses=refusals(AuditTradeUnknown, AuditTradeNotOnChain, AuditChainUnknown, AuditNodeUnavailable),
)
async def verify_trade(trade_id: TradeId, request: Request, place: Place) -> TradeVerdictOut:
    """Check one recorded trade against the chain, from the header's hash down to each transfer of its carbon."""
    settings: Settings = request.app.state.settings
    work = service.verify(
        rpc_urls=settings.rpc_url,
        url=settings.database_audit_url,
        deployment=place,
        trade_id=bytes.fromhex(trade_id[2:]),
    )
    made, verdict, nodes = await _translated(work, trade_id)
    number, block_hash = verdict.blocks.get("trade", (None, None))
    falsehoods = list(verdict.falsehoods)
    if not nodes:
        falsehoods.append("no node holds the blocks of this trade any more")
    return TradeVerdictOut(
        trade_id=made["trade"]["tradeId"],
        verdict="differs" if falsehoods else "verified",
        nodes=len(nodes),
        block_number=number,
        block_hash=hex_of(block_hash) if block_hash else None,
        tx_hash=made["evidence"][0]["txHash"],
        claim_grams=made["claim"]["claimGrams"],
        consented=made["claim"]["consented"],
        falsehoods=falsehoods,
        checked=verdict.checked,
    )


@router.get(
    "/trades/{trade_id}/proof",
    responses=refusals(AuditTradeUnknown, AuditTradeNotOnChain, AuditChainUnknown, AuditNodeUnavailable),
)
async def prove_trade(trade_id: TradeId, request: Request, place: Place) -> dict[str, Any]:
    """The proof bundle of one trade (format `gridx-proof-1`): it verifies offline with `gridx verify`."""
    settings: Settings = request.app.state.settings
    work = service.proof(
        rpc_url=settings.rpc_url[0],
        url=settings.database_audit_url,
        deployment=place,
        trade_id=bytes.fromhex(trade_id[2:]),
    )
    return await _translated(work, trade_id)


@router.get("/audit", responses=refusals(AuditNoneYet))
async def last_audit(db: Db) -> AuditOut:
    """The last audit report."""
    async with db.begin() as session:
        found = await service.last_report(await raw(session))
    if found is None:
        raise AuditNoneYet()
    report = found["report"]
    return AuditOut(id=found["id"], report=orjson.loads(report) if isinstance(report, str) else report)


@router.post("/audit", status_code=202, responses=refusals(Unauthenticated, Forbidden))
async def start_audit(service_db: ServiceDb, who: Auditor) -> AuditStarted:
    """Start an audit; its report will be the next one of GET. Asking again while one runs starts none."""
    await runs.request_run(service_db, by=who.user_id, now=utc_now())
    return AuditStarted()
