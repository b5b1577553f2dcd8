# SPDX-License-Identifier: Apache-2.0
"""Memberships: operators invite, the invited person accepts; nobody is made a member without agreeing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import auditlog, queries
from backend.accounts.errors import LastOperator, MembershipExists, MembershipNotFound, UserNotFound
from backend.accounts.events import MembershipChanged
from backend.accounts.forecaster import FORECASTER_ID
from backend.accounts.models import Invitation, Membership, User
from backend.accounts.types import OrgRole
from backend.core import outbox
from backend.core.db import Actor, Database


async def list_members(
    db: Database, org_id: UUID, *, actor: Actor, offset: int, limit: int
) -> tuple[list[Membership], int]:
    """The memberships that the actor may see (operators and auditors: all; others: their own)."""
    async with db.begin(actor) as session:
        here = col(Membership.org_id) == org_id
        page = select(Membership).where(here).order_by(col(Membership.user_id)).offset(offset).limit(limit)
        found = list((await session.exec(page)).all())
        total = (await session.exec(select(func.count()).select_from(Membership).where(here))).one()
    return found, total


async def people_of(
    db: Database, members: Sequence[Membership], *, actor: Actor
) -> dict[UUID, tuple[User, list[bytes]]]:
    """Each member's user and open wallets, of those that the actor may see."""
    ids = [member.user_id for member in members]
    async with db.begin(actor) as session:
        users = (await session.exec(select(User).where(col(User.id).in_(ids), col(User.deleted_at).is_(None)))).all()
        wallets = await queries.wallets_of(session, ids)
    return {user.id: (user, wallets.get(user.id, [])) for user in users}


async def list_mine(db: Database, user_id: UUID) -> tuple[list[Membership], list[Invitation]]:
    """The user's memberships and open invitations."""
    async with db.begin(Actor(user_id=user_id)) as session:
        held = (await session.exec(select(Membership).where(col(Membership.user_id) == user_id))).all()
        open_ones = (await session.exec(select(Invitation).where(col(Invitation.user_id) == user_id))).all()
    return list(held), list(open_ones)


async def invite(
    db: Database, org_id: UUID, *, user_id: UUID | None, email: str | None, role: OrgRole, actor: Actor, now: datetime
) -> Invitation:
    """Offer a membership to a user named by id or e-mail; raises UserNotFound, MembershipExists."""
    assert actor.user_id is not None
    invited = user_id
    if invited is None and email is not None:
        async with db.begin(sign_in_email=email) as session:
            found = await queries.find_by_email(session, email)
        invited = found.id if found is not None else None
    if invited is None:
        raise UserNotFound
    offer = Invitation(org_id=org_id, user_id=invited, role=role.value, invited_by=actor.user_id, created_at=now)
    async with db.begin(actor) as session:
        if await session.get(Membership, (org_id, invited)) is not None:
            raise MembershipExists(user_id=invited)
        session.add(offer)
        try:
            await session.flush()
        except IntegrityError as error:
            if queries.violated(error) == "invitations_pkey":
                raise MembershipExists(user_id=invited) from error
            raise UserNotFound(user_id=invited) from error
        await _note(session, "membership.invited", org_id, invited, role.value, by=actor.user_id, now=now)
    if invited == FORECASTER_ID:  # a program does not answer invitations
        await accept(db, org_id, user_id=invited, now=now)
    return offer


async def accept(db: Database, org_id: UUID, *, user_id: UUID, now: datetime) -> Membership:
    """Turn the user's invitation into a membership; raises MembershipNotFound."""
    async with db.begin(Actor(user_id=user_id)) as session:
        offer = await session.get(Invitation, (org_id, user_id))
        if offer is None:
            raise MembershipNotFound(org_id=org_id)
        membership = Membership(org_id=org_id, user_id=user_id, role=offer.role, created_at=now)
        session.add(membership)
        try:
            await session.flush()
        except IntegrityError as error:  # accepted twice at once
            raise MembershipExists(user_id=user_id) from error
        await session.delete(offer)
        await _changed(session, "membership.accepted", org_id, user_id, offer.role, by=user_id, now=now)
    return membership


async def add_member(
    service_db: Database, org_id: UUID, user_id: UUID, role: OrgRole, *, by: UUID | None, now: datetime
) -> None:
    """Make a user a member without an invitation, or change the role: for the platform itself. Repeatable."""
    async with service_db.begin() as session:
        membership = await session.get(Membership, (org_id, user_id))
        if membership is not None and membership.role == role.value:
            return
        if membership is None:
            session.add(Membership(org_id=org_id, user_id=user_id, role=role.value, created_at=now))
        else:
            membership.role = role.value
        await session.flush()
        await _changed(session, "membership.set", org_id, user_id, role.value, by=by, now=now)


async def set_role(
    db: Database, org_id: UUID, user_id: UUID, role: OrgRole, *, actor: Actor, now: datetime
) -> Membership:
    """Change a member's role; raises MembershipNotFound, LastOperator."""
    async with db.begin(actor) as session:
        membership = await _find(session, org_id, user_id)
        if membership.role == OrgRole.OPERATOR and role is not OrgRole.OPERATOR:
            await _keep_an_operator(session, org_id, user_id)
        membership.role = role.value
        await session.flush()
        await _changed(session, "membership.set", org_id, user_id, role.value, by=actor.user_id, now=now)
    return membership


async def remove(db: Database, org_id: UUID, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    """End a membership or withdraw an invitation; raises MembershipNotFound, LastOperator."""
    async with db.begin(actor) as session:
        offer = await session.get(Invitation, (org_id, user_id))
        if offer is not None:
            await session.delete(offer)
            await _note(session, "membership.withdrawn", org_id, user_id, offer.role, by=actor.user_id, now=now)
            return
        membership = await _find(session, org_id, user_id)
        if membership.role == OrgRole.OPERATOR:
            await _keep_an_operator(session, org_id, user_id)
        await session.delete(membership)
        await _changed(session, "membership.removed", org_id, user_id, None, by=actor.user_id, now=now)


async def _find(session: AsyncSession, org_id: UUID, user_id: UUID) -> Membership:
    wanted = select(Membership).where(col(Membership.org_id) == org_id, col(Membership.user_id) == user_id)
    found = (await session.exec(wanted)).one_or_none()
    if found is None:
        raise MembershipNotFound(org_id=org_id, user_id=user_id)
    return found


async def leave_all(session: AsyncSession, user_id: UUID) -> None:
    """End every membership and invitation of a user who is deleted; raises LastOperator naming the organisations."""
    mine = select(Membership.org_id).where(col(Membership.user_id) == user_id).order_by(col(Membership.org_id))
    alone = []
    for org_id in (await session.exec(mine)).all():
        await queries.act_in(session, org_id, OrgRole.OPERATOR.value)  # only an operator may lock its operators
        if await _is_last_operator(session, org_id, user_id):
            alone.append(org_id)
    await queries.act_in(session, None, "")
    if alone:
        raise LastOperator("Make somebody else an operator of these organisations first", org_ids=alone)
    await session.exec(delete(Membership).where(col(Membership.user_id) == user_id))
    await session.exec(delete(Invitation).where(col(Invitation.user_id) == user_id))


async def _keep_an_operator(session: AsyncSession, org_id: UUID, user_id: UUID) -> None:
    if await _is_last_operator(session, org_id, user_id):
        raise LastOperator("Make somebody else an operator first", org_id=org_id)


async def _is_last_operator(session: AsyncSession, org_id: UUID, user_id: UUID) -> bool:
    """Whether the organisation has no operator beside this one; its operators are locked until the end."""
    is_operator, is_user = col(Membership.role) == OrgRole.OPERATOR.value, col(Membership.user_id) == user_id
    found = select(Membership.user_id, Membership.role).where(col(Membership.org_id) == org_id, is_operator | is_user)
    rows = (await session.exec(found.order_by(col(Membership.user_id)).with_for_update())).all()
    return [one for one, role in rows if role == OrgRole.OPERATOR.value] == [user_id]


async def _changed(
    session: AsyncSession, action: str, org_id: UUID, user_id: UUID, role: str | None, *, by: UUID | None, now: datetime
) -> None:
    await _note(session, action, org_id, user_id, role, by=by, now=now)
    await outbox.add(session, MembershipChanged(audience=user_id, org_id=org_id, role=role))


async def _note(
    session: AsyncSession, action: str, org_id: UUID, user_id: UUID, role: str | None, *, by: UUID | None, now: datetime
) -> None:
    await auditlog.record(
        session, action, now=now, user_id=by, org_id=org_id, subject=("membership", user_id), role=role
    )
