# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of a community's equipment for the worst day: critical loads, storages, forecasts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from backend.accounts.deps import SIGNED_IN, Db, OrgScope, ServiceDb, require_org_role
from backend.accounts.errors import OrganizationNeeded, OrganizationNotFound, RoleMissing
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import refusals
from backend.market.islands import equipment
from backend.market.islands.errors import (
    CriticalLoadNotFound,
    CriticalLoadTaken,
    ForecastRefused,
    HouseUnknown,
    NotACommunity,
    OperatorOnly,
    StorageImpossible,
    StorageNotFound,
)
from backend.market.islands.schemas import (
    CriticalLoadIn,
    CriticalLoadOut,
    ForecastsIn,
    ForecastsOut,
    StorageIn,
    StorageOut,
    storage_out,
)

router = APIRouter(prefix="/api/market/islands", tags=["islands"], route_class=EnvelopeRoute)
Operator = Annotated[Actor, Depends(require_org_role("operator"))]
_MEMBER = (*SIGNED_IN, OrganizationNotFound, OrganizationNeeded)
_OPERATOR = (*_MEMBER, RoleMissing, OperatorOnly, NotACommunity)


@router.get("/critical-loads", responses=refusals(*_MEMBER))
async def list_critical_loads(page: PageQuery, actor: OrgScope, db: Db) -> Paged[CriticalLoadOut]:
    """Critical loads: the member's own, or all of the community for its operators."""
    rows, total = await equipment.critical_loads(db, actor, page)
    return Paged(items=[CriticalLoadOut(**row) for row in rows], page=page.page, limit=page.limit, total=total)


@router.post("/critical-loads", status_code=201, responses=refusals(*_OPERATOR, HouseUnknown, CriticalLoadTaken))
async def add_critical_load(body: CriticalLoadIn, actor: Operator, service_db: ServiceDb) -> CriticalLoadOut:
    """Register a load that islands serve first."""
    return CriticalLoadOut(**await equipment.add_critical_load(service_db, body.fields(), actor=actor, now=utc_now()))


@router.put("/critical-loads/{load_id}", responses=refusals(*_OPERATOR, CriticalLoadNotFound, CriticalLoadTaken))
async def change_critical_load(
    load_id: UUID, body: CriticalLoadIn, actor: Operator, service_db: ServiceDb
) -> CriticalLoadOut:
    """Set tier, power and note of a critical load; its house stays."""
    changed = await equipment.change_critical_load(service_db, load_id, body.fields(), actor=actor, now=utc_now())
    return CriticalLoadOut(**changed)


@router.delete("/critical-loads/{load_id}", status_code=204, responses=refusals(*_OPERATOR, CriticalLoadNotFound))
async def remove_critical_load(load_id: UUID, actor: Operator, service_db: ServiceDb) -> None:
    """Serve a load with the others again."""
    await equipment.remove_critical_load(service_db, load_id, actor=actor, now=utc_now())


@router.get("/storages", responses=refusals(*_MEMBER))
async def list_storages(page: PageQuery, actor: OrgScope, db: Db) -> Paged[StorageOut]:
    """Storages: the community's and the member's own, or all for its operators."""
    rows, total = await equipment.storages(db, actor, page)
    return Paged(items=[storage_out(row) for row in rows], page=page.page, limit=page.limit, total=total)


@router.post("/storages", status_code=201, responses=refusals(*_OPERATOR, HouseUnknown, StorageImpossible))
async def add_storage(body: StorageIn, actor: Operator, service_db: ServiceDb) -> StorageOut:
    """Register a battery that serves islands."""
    return storage_out(await equipment.add_storage(service_db, body.fields(), actor=actor, now=utc_now()))


@router.put("/storages/{storage_id}", responses=refusals(*_OPERATOR, StorageNotFound, StorageImpossible))
async def change_storage(storage_id: UUID, body: StorageIn, actor: Operator, service_db: ServiceDb) -> StorageOut:
    """Set the limits of a battery and, if it was measured, its state of charge; its house stays."""
    return storage_out(
        await equipment.change_storage(service_db, storage_id, body.fields(), actor=actor, now=utc_now())
    )


@router.delete("/storages/{storage_id}", status_code=204, responses=refusals(*_OPERATOR, StorageNotFound))
async def remove_storage(storage_id: UUID, actor: Operator, service_db: ServiceDb) -> None:
    """Leave a battery out from now on."""
    await equipment.remove_storage(service_db, storage_id, actor=actor, now=utc_now())


@router.post("/forecasts", responses=refusals(*_MEMBER, HouseUnknown, ForecastRefused))
async def put_forecasts(body: ForecastsIn, actor: OrgScope, service_db: ServiceDb) -> ForecastsOut:
    """Say what a house expects to generate and use in coming intervals; its owner or an operator may."""
    said = await equipment.put_forecasts(
        service_db, body.house_id, [one.fields() for one in body.intervals], actor=actor, now=utc_now()
    )
    return ForecastsOut(house_id=body.house_id, intervals=said)
