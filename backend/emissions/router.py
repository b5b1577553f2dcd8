# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of emission factors: a public list."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from backend.core.db import Database
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.emissions import service
from backend.emissions.schemas import BASES, BasisName, FactorOut

router = APIRouter(prefix="/api/emission-factors", tags=["emissions"], route_class=EnvelopeRoute)


def _database(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


@router.get("")
async def list_factors(
    db: Annotated[Database, Depends(_database)],
    page: PageQuery,
    region: Annotated[str | None, Query(max_length=10, examples=["CAMX"])] = None,
    basis: BasisName | None = None,
) -> Paged[FactorOut]:
    """Emission factors that the chain has registered, with source, vintage and document hash. Public."""
    wanted = None if basis is None else BASES[basis]
    async with db.begin() as session:
        found, total = await service.page_of_factors(
            session, region=region, basis=wanted, offset=page.offset, limit=page.limit
        )
    return Paged(items=[FactorOut.of(factor) for factor in found], page=page.page, limit=page.limit, total=total)
