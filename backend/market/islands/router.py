# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of disaster mode: islands, their allocations, queue and report. Equipment is in `equipment_router`."""

import asyncio
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response

from backend.accounts.deps import SIGNED_IN, Db, NodeCall, OrgScope, ServiceDb, require_org_role
from backend.accounts.errors import OrganizationNeeded, OrganizationNotFound, RoleMissing
from backend.chain.errors import ChainUnknown
from backend.chain.types import Chain
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import Unavailable, refusals
from backend.core.units import Address
from backend.market.islands import service
from backend.market.islands.declaring import EXPIRES_AFTER
from backend.market.islands.documents import Declaration, Document, Ending, digest, seconds, typed_data
from backend.market.islands.equipment_router import router as equipment
from backend.market.islands.errors import (
    DeclarationReplayed,
    DocumentExpired,
    ForeignSigner,
    IslandNotFound,
    IslandOver,
    IslandStands,
    NotACommunity,
    OperatorOnly,
    PeriodRefused,
    SignatureWrong,
)
from backend.market.islands.schemas import (
    AllocationOut,
    Cap,
    DeclarationIn,
    EndingIn,
    IntentOut,
    IslandOut,
    PreparedOut,
    Reason,
    allocation_out,
    intent_out,
    island_out,
)

islands = APIRouter(prefix="/api/market/islands", tags=["islands"], route_class=EnvelopeRoute)
Operator = Annotated[Actor, Depends(require_org_role("operator"))]
_MEMBER = (*SIGNED_IN, OrganizationNotFound, OrganizationNeeded)
_OPERATOR = (*_MEMBER, RoleMissing, OperatorOnly, NotACommunity)
_SIGNED = (*_OPERATOR, ChainUnknown, ForeignSigner, DocumentExpired, SignatureWrong, Unavailable)
HoursQuery = Annotated[int, Query(ge=1, le=72, description="how long it lasts")]
OperatorQuery = Annotated[Address, Query(description="the operator's wallet that will sign")]
CapQuery = Annotated[Cap, Query(alias="priceCap", description="highest price of an order, per kWh")]


@islands.get("/prepared", responses=refusals(*_OPERATOR, ChainUnknown))
async def prepare_declaration(
    operator: OperatorQuery,
    reason: Annotated[Reason, Query()],
    hours: HoursQuery,
    price_cap: CapQuery,
    actor: Operator,
    service_db: ServiceDb,
) -> PreparedOut:
    """A declaration of the operator's community that begins now, ready to be signed within the hour."""
    chain, community = await service.prepare(service_db, actor)
    now = utc_now()
    starts_at = seconds(now)
    declaration = Declaration(
        operator, community.number, reason, starts_at, starts_at + hours * 3600, price_cap,
        seconds(now + EXPIRES_AFTER),
    )  # fmt: skip
    return _prepared(chain, declaration, community.number)


@islands.post("", status_code=201, responses=refusals(*_SIGNED, PeriodRefused, DeclarationReplayed, IslandStands))
async def declare_island(body: DeclarationIn, actor: Operator, service_db: ServiceDb, call: NodeCall) -> IslandOut:
    """Make the community an island by a declaration that the operator's wallet signed; it ends by itself."""
    declaration = Declaration(
        body.operator, body.community, body.reason, body.starts_at, body.ends_at, body.price_cap, body.expiry
    )
    now = utc_now()
    island = await service.declare(
        service_db, declaration, bytes.fromhex(body.signature[2:]), actor=actor, call_contract=call, now=now
    )
    return island_out(island, now)


@islands.get("", responses=refusals(*_MEMBER))
async def list_islands(page: PageQuery, actor: OrgScope, db: Db) -> Paged[IslandOut]:
    """Islands of the member's community, the newest first."""
    found, total = await service.list_islands(db, actor, page)
    now = utc_now()
    return Paged(items=[island_out(one, now) for one in found], page=page.page, limit=page.limit, total=total)


@islands.get("/{island_id}", responses=refusals(*_MEMBER, IslandNotFound))
async def get_island(island_id: UUID, actor: OrgScope, db: Db) -> IslandOut:
    """One island: its rules, how long it lasts, and the head of its queue."""
    return island_out(await service.get_island(db, island_id, actor), utc_now())


@islands.get("/{island_id}/end/prepared", responses=refusals(*_OPERATOR, IslandNotFound, ChainUnknown))
async def prepare_end(
    island_id: UUID, operator: OperatorQuery, actor: Operator, db: Db, service_db: ServiceDb
) -> PreparedOut:
    """The island's early end, ready to be signed within the hour."""
    island = await service.get_island(db, island_id, actor)
    chain, community = await service.prepare(service_db, actor)
    ending = Ending(operator, island.body_hash, seconds(utc_now() + EXPIRES_AFTER))
    return _prepared(chain, ending, community.number)


@islands.post("/{island_id}/end", responses=refusals(*_SIGNED, IslandNotFound, IslandOver))
async def end_island(
    island_id: UUID, body: EndingIn, actor: Operator, db: Db, service_db: ServiceDb, call: NodeCall
) -> IslandOut:
    """End an island before its time, by a document that the operator's wallet signed."""
    island = await service.get_island(db, island_id, actor)
    ending = Ending(body.operator, island.body_hash, body.expiry)
    now = utc_now()
    ended = await service.end(
        service_db, island_id, ending, bytes.fromhex(body.signature[2:]), actor=actor, call_contract=call, now=now
    )
    return island_out(ended, now)


@islands.get("/{island_id}/allocations", responses=refusals(*_MEMBER, IslandNotFound))
async def list_allocations(island_id: UUID, page: PageQuery, actor: OrgScope, db: Db) -> Paged[AllocationOut]:
    """What the member's houses may use in each interval, the latest first; operators see every house."""
    found, total = await service.allocations(db, island_id, actor, page)
    return Paged(items=[allocation_out(row) for row in found], page=page.page, limit=page.limit, total=total)


@islands.get("/{island_id}/intents", responses=refusals(*_MEMBER, IslandNotFound))
async def list_intents(
    island_id: UUID, page: PageQuery, actor: OrgScope, db: Db, service_db: ServiceDb
) -> Paged[IntentOut]:
    """Matches made on the island, in the order in which they are logged on chain; a hash chain."""
    island, found = await service.intents(db, service_db, island_id, actor, page)
    return Paged(items=[intent_out(row) for row in found], page=page.page, limit=page.limit, total=island.intents)


@islands.get(
    "/{island_id}/report",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}, **refusals(*_OPERATOR, IslandNotFound)},
)
async def get_report(island_id: UUID, actor: Operator, service_db: ServiceDb) -> Response:
    """Who got what and why, with all inputs: `gridx market island-report FILE` computes it again from this file."""
    made = await service.report(service_db, island_id, actor=actor)
    return _file(orjson.dumps(made), "application/json; charset=utf-8", f"island-{island_id}.json")


@islands.get(
    "/{island_id}/report.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **refusals(*_OPERATOR, IslandNotFound)},
)
async def get_report_csv(island_id: UUID, actor: Operator, service_db: ServiceDb) -> Response:
    """Who got what and why: a line for each house and interval."""
    made = await service.report(service_db, island_id, actor=actor)
    content = await asyncio.to_thread(service.as_csv, made)
    return _file(content.encode(), "text/csv; charset=utf-8", f"island-{island_id}.csv")


def _prepared(chain: Chain, document: Document, community: int) -> PreparedOut:
    return PreparedOut(
        operator=document.operator,
        community=community,
        starts_at=document.starts_at if isinstance(document, Declaration) else None,
        ends_at=document.ends_at if isinstance(document, Declaration) else None,
        expiry=document.expiry,
        document_hash=digest(chain, document),
        typed_data=typed_data(chain, document),
    )


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


router = APIRouter()
router.include_router(equipment)  # before `/{island_id}`
router.include_router(islands)
