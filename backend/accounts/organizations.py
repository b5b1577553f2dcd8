# SPDX-License-Identifier: Apache-2.0
"""Organisations, the communities among them, and who belongs to them in which role."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import auditlog, forecaster, queries
from backend.accounts.errors import (
    OrganizationNotFound,
    OrganizationRegistered,
    OrganizationTaken,
    UserNotFound,
)
from backend.accounts.models import Membership, Organization
from backend.accounts.types import SUPER_ADMIN, Community, OrgKind, OrgRole
from backend.core.db import Actor, Database
from backend.core.errors import Invalid

_FIXED_ON_CHAIN = frozenset({"emission_region", "currency", "time_zone", "delivery_minutes"})
_CHANGEABLE = _FIXED_ON_CHAIN | {"name", "domain", "settings", "active"}


@dataclass(frozen=True, slots=True)
class NewOrganization:
    """What an organisation is made of. A community needs region and interval; its number is the one on chain."""

    kind: OrgKind
    name: str
    slug: str
    domain: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    emission_region: str | None = None
    currency: str = "INR"
    time_zone: str = "UTC"
    delivery_minutes: int | None = None
    community_number: int | None = None

    def check(self) -> None:
        """Raises Invalid when the fields do not fit the kind."""
        if self.kind is OrgKind.COMMUNITY:
            if self.emission_region is None or self.delivery_minutes is None:
                raise Invalid("A community needs emissionRegion and deliveryMinutes")
        elif self.community_number is not None or self.emission_region is not None:
            raise Invalid("Only a community has communityNumber and emissionRegion")


async def create_organization(
    db: Database, new: NewOrganization, *, operator_id: UUID | None, by: UUID | None, now: datetime
) -> Organization:
    """A new organisation with its first operator. `by` is the super admin; None with the service role.

    Raises Invalid, OrganizationTaken, UserNotFound.
    """
    new.check()
    organization = Organization(
        kind=new.kind.value,
        name=new.name,
        slug=new.slug,
        domain=new.domain,
        settings=dict(new.settings),
        emission_region=new.emission_region,
        currency=new.currency,
        time_zone=new.time_zone,
        delivery_minutes=new.delivery_minutes,
        community_number=new.community_number,
        created_at=now,
        updated_at=now,
    )
    async with db.begin(Actor(user_id=by, org_role=SUPER_ADMIN)) as session:
        session.add(organization)
        await _flush(session)
        if new.kind is OrgKind.COMMUNITY:
            await forecaster.join(session, organization.id, now=now)
        if operator_id is not None:
            await _appoint(session, organization.id, operator_id, now=now)
        await auditlog.record(
            session,
            "organization.created",
            now=now,
            user_id=by,
            org_id=organization.id,
            subject=("organization", organization.id),
            kind=organization.kind,
        )
    return organization


async def _appoint(session: AsyncSession, org_id: UUID, operator_id: UUID, *, now: datetime) -> None:
    session.add(Membership(org_id=org_id, user_id=operator_id, role=OrgRole.OPERATOR.value, created_at=now))
    try:
        await session.flush()
    except IntegrityError as error:
        raise UserNotFound(user_id=operator_id) from error


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        broken = queries.violated(error)
        if broken.endswith("_key"):
            raise OrganizationTaken(field=broken.removeprefix("organizations_").removesuffix("_key")) from error
        raise


async def get_organization(db: Database, org_id: UUID, *, actor: Actor) -> Organization:
    """An organisation that the actor belongs to, was invited to, or administers; raises OrganizationNotFound."""
    async with db.begin(actor) as session:
        found = await queries.get_organization(session, org_id)
    if found is None:
        raise OrganizationNotFound(org_id=org_id)
    return found


async def list_organizations(db: Database, *, actor: Actor, offset: int, limit: int) -> tuple[list[Organization], int]:
    """The organisations that the actor may see, by name, and how many there are."""
    async with db.begin(actor) as session:
        page = select(Organization).order_by(col(Organization.name), col(Organization.id)).offset(offset).limit(limit)
        found = list((await session.exec(page)).all())
        total = (await session.exec(select(func.count()).select_from(Organization))).one()
    return found, total


async def update_organization(
    db: Database, org_id: UUID, changes: Mapping[str, Any], *, actor: Actor, now: datetime
) -> Organization:
    """Set what may change; the calendar of a community with a number on chain may not.

    Raises OrganizationNotFound, OrganizationRegistered, OrganizationTaken, Invalid.
    """
    async with db.begin(actor) as session:
        found = await queries.get_organization(session, org_id, lock=True)
        if found is None:
            raise OrganizationNotFound(org_id=org_id)
        touched = {name for name in _CHANGEABLE & changes.keys() if getattr(found, name) != changes[name]}
        if found.community_number is not None and touched & _FIXED_ON_CHAIN:
            raise OrganizationRegistered(fields=sorted(touched & _FIXED_ON_CHAIN))
        for name in touched:
            setattr(found, name, changes[name])
        if found.kind == OrgKind.COMMUNITY and (found.emission_region is None or found.delivery_minutes is None):
            raise Invalid("A community needs emissionRegion and deliveryMinutes")
        found.updated_at = now
        await _flush(session)
        await auditlog.record(
            session,
            "organization.updated",
            now=now,
            user_id=actor.user_id,
            org_id=org_id,
            subject=("organization", org_id),
            fields=sorted(touched),
        )
    return found


async def communities(session: AsyncSession) -> dict[int, Community]:
    """Every active community that has a number on chain, by that number; for gridx_service."""
    registered = select(Organization).where(
        col(Organization.kind) == OrgKind.COMMUNITY.value,
        col(Organization.community_number).is_not(None),
        col(Organization.active),
    )
    found: dict[int, Community] = {}
    for row in (await session.exec(registered)).all():
        assert row.community_number is not None
        assert row.emission_region is not None
        assert row.delivery_minutes is not None
        found[row.community_number] = Community(
            number=row.community_number,
            org_id=row.id,
            name=row.name,
            emission_region=row.emission_region,
            time_zone=row.time_zone,
            currency=row.currency,
            delivery_minutes=row.delivery_minutes,
        )
    return found
