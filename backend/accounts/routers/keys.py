# SPDX-License-Identifier: Apache-2.0
"""/api/api-keys: credentials of programs, and their introspection by other services."""

from uuid import UUID

from fastapi import APIRouter, Response

from backend.accounts import service
from backend.accounts.deps import SIGNED_IN, CurrentUser, Db
from backend.accounts.errors import ApiKeyInvalid, ApiKeyNotFound, OrganizationNotFound, ScopeMissing
from backend.accounts.schemas import ApiKeyIn, ApiKeyMadeOut, ApiKeyOut, IntrospectionIn, IntrospectionOut
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import Forbidden, Invalid, refusals

router = APIRouter(prefix="/api/api-keys", tags=["api keys"], route_class=EnvelopeRoute)


@router.get("", responses=refusals(*SIGNED_IN))
async def list_keys(principal: CurrentUser, page: PageQuery, db: Db) -> Paged[ApiKeyOut]:
    """The user's keys, newest first, without their text."""
    found, total = await service.list_keys(db, principal.user_id, offset=page.offset, limit=page.limit)
    items = [ApiKeyOut.model_validate(one) for one in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


@router.post("", status_code=201, responses=refusals(*SIGNED_IN, Forbidden, OrganizationNotFound, Invalid))
async def create_key(body: ApiKeyIn, response: Response, principal: CurrentUser, db: Db) -> ApiKeyMadeOut:
    """Make a key; its text is shown only now. It never does more than its maker may, and never changes accounts."""
    role = None if body.org_id is None else principal.role_in(body.org_id)
    if body.org_id is not None and role is None:
        raise OrganizationNotFound(org_id=body.org_id)
    key, text = await service.create_key(
        db,
        actor=Actor(user_id=principal.user_id, org_id=body.org_id, org_role=role),
        name=body.name,
        scopes=list(body.scopes),
        ip_allow=list(body.ip_allow),
        expires_at=body.expires_at,
        now=utc_now(),
    )
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyMadeOut(key=text, api_key=ApiKeyOut.model_validate(key))


@router.delete("/{api_key_id}", status_code=204, responses=refusals(*SIGNED_IN, Forbidden, ApiKeyNotFound))
async def revoke_key(api_key_id: UUID, principal: CurrentUser, db: Db) -> Response:
    """End a key at once."""
    await service.revoke_key(db, api_key_id, user_id=principal.user_id, now=utc_now())
    return Response(status_code=204)


@router.post("/introspection", responses=refusals(*SIGNED_IN, Forbidden, ScopeMissing))
async def introspect_key(body: IntrospectionIn, principal: CurrentUser, db: Db) -> IntrospectionOut:
    """Whether a key holds and what it allows: for services that were given the scope `api-keys:introspect`."""
    if principal.api_key_id is None and not principal.is_super_admin:
        raise Forbidden("Only services introspect keys")
    try:
        holder = await service.authenticate_key(db, body.key, client_ip=body.client_ip, now=utc_now())
    except ApiKeyInvalid:
        return IntrospectionOut(active=False)
    return IntrospectionOut(
        active=True,
        user_id=holder.user_id,
        org_id=holder.org_id,
        scopes=sorted(holder.scopes),
        expires_at=holder.expires_at,
    )
