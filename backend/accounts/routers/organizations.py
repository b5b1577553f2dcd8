# SPDX-License-Identifier: Apache-2.0
"""/api/organizations: tenants, the communities among them, and their members."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from backend.accounts import service
from backend.accounts.deps import SIGNED_IN, CurrentUser, Db, OrgScope, SuperAdmin, require_org_role
from backend.accounts.errors import (
    LastOperator,
    MembershipExists,
    MembershipNotFound,
    OrganizationNotFound,
    OrganizationRegistered,
    OrganizationTaken,
    RoleMissing,
    UserNotFound,
)
from backend.accounts.schemas import MemberIn, MemberOut, OrganizationIn, OrganizationOut, OrganizationUpdateIn, RoleIn
from backend.accounts.types import OrgRole
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import Forbidden, Invalid, refusals

router = APIRouter(prefix="/api/organizations", tags=["organizations"], route_class=EnvelopeRoute)
Operator = Annotated[Actor, Depends(require_org_role("operator"))]


@router.get("", responses=refusals(*SIGNED_IN))
async def list_organizations(principal: CurrentUser, page: PageQuery, db: Db) -> Paged[OrganizationOut]:
    """The organisations that the user belongs to or is invited to; all for a super admin."""
    found, total = await service.list_organizations(db, actor=principal.actor(), offset=page.offset, limit=page.limit)
    items = [OrganizationOut.model_validate(one) for one in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


@router.post("", status_code=201, responses=refusals(*SIGNED_IN, Forbidden, OrganizationTaken, UserNotFound, Invalid))
async def create_organization(body: OrganizationIn, principal: SuperAdmin, db: Db) -> OrganizationOut:
    """Register an organisation or a community (super admins)."""
    fields = body.model_dump(exclude={"operator_id"})
    made = await service.create_organization(
        db,
        service.NewOrganization(**fields),
        operator_id=body.operator_id or principal.user_id,
        by=principal.user_id,
        now=utc_now(),
    )
    return OrganizationOut.model_validate(made)


@router.get("/{org_id}", responses=refusals(*SIGNED_IN, OrganizationNotFound))
async def get_organization(org_id: UUID, principal: CurrentUser, db: Db) -> OrganizationOut:
    """An organisation that the user belongs to or is invited to."""
    return OrganizationOut.model_validate(await service.get_organization(db, org_id, actor=principal.actor()))


@router.put(
    "/{org_id}",
    responses=refusals(
        *SIGNED_IN, OrganizationNotFound, RoleMissing, OrganizationRegistered, OrganizationTaken, Invalid
    ),
)
async def update_organization(org_id: UUID, body: OrganizationUpdateIn, actor: Operator, db: Db) -> OrganizationOut:
    """Change an organisation (operators). What a community registered on chain stays."""
    changes = body.model_dump(exclude_unset=True)
    return OrganizationOut.model_validate(
        await service.update_organization(db, org_id, changes, actor=actor, now=utc_now())
    )


@router.delete("/{org_id}", status_code=204, responses=refusals(*SIGNED_IN, Forbidden, OrganizationNotFound))
async def deactivate_organization(org_id: UUID, principal: SuperAdmin, db: Db) -> Response:
    """Deactivate an organisation (super admins); its records stay."""
    await service.update_organization(db, org_id, {"active": False}, actor=principal.actor(), now=utc_now())
    return Response(status_code=204)


@router.get("/{org_id}/memberships", responses=refusals(*SIGNED_IN, OrganizationNotFound))
async def list_members(org_id: UUID, actor: OrgScope, page: PageQuery, db: Db) -> Paged[MemberOut]:
    """The members (operators and auditors), or one's own membership."""
    found, total = await service.list_members(db, org_id, actor=actor, offset=page.offset, limit=page.limit)
    people = await service.people_of(db, found, actor=actor)
    items = [MemberOut.of(one, people.get(one.user_id)) for one in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


@router.post(
    "/{org_id}/memberships",
    status_code=201,
    responses=refusals(*SIGNED_IN, OrganizationNotFound, RoleMissing, UserNotFound, MembershipExists, Invalid),
)
async def invite_member(org_id: UUID, body: MemberIn, actor: Operator, db: Db) -> MemberOut:
    """Invite a user (operators); the user becomes a member by accepting."""
    if (body.user_id is None) == (body.email is None):
        raise Invalid("Name the user either by userId or by email")
    offer = await service.invite_member(
        db, org_id, user_id=body.user_id, email=body.email, role=body.role, actor=actor, now=utc_now()
    )
    return MemberOut(org_id=org_id, user_id=offer.user_id, role=OrgRole(offer.role), created_at=offer.created_at)


@router.put(
    "/{org_id}/memberships/{user_id}",
    responses=refusals(*SIGNED_IN, OrganizationNotFound, RoleMissing, MembershipNotFound, LastOperator),
)
async def set_member_role(org_id: UUID, user_id: UUID, body: RoleIn, actor: Operator, db: Db) -> MemberOut:
    """Change a member's role (operators)."""
    return MemberOut.model_validate(
        await service.set_member_role(db, org_id, user_id, body.role, actor=actor, now=utc_now())
    )


@router.delete(
    "/{org_id}/memberships/{user_id}",
    status_code=204,
    responses=refusals(*SIGNED_IN, OrganizationNotFound, RoleMissing, MembershipNotFound, LastOperator),
)
async def remove_member(org_id: UUID, user_id: UUID, principal: CurrentUser, db: Db) -> Response:
    """End a membership or withdraw an invitation (operators), leave, or decline an invitation."""
    role = principal.role_in(org_id)
    if role is None and user_id != principal.user_id:
        raise OrganizationNotFound(org_id=org_id)
    if user_id != principal.user_id and role != OrgRole.OPERATOR:
        raise RoleMissing(needed=["operator"], role=role)
    actor = Actor(user_id=principal.user_id, org_id=org_id, org_role=role)
    await service.remove_member(db, org_id, user_id, actor=actor, now=utc_now())
    return Response(status_code=204)
