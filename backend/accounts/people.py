# SPDX-License-Identifier: Apache-2.0
"""Users after they are in: reading, changing, passwords, super admins, and forgetting."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, delete, update

from backend.accounts import auditlog, passwords, queries
from backend.accounts.errors import EmailTaken, WrongCredentials
from backend.accounts.events import UserDeleted, UserRegistered
from backend.accounts.memberships import leave_all
from backend.accounts.models import (
    ApiKey,
    RefreshToken,
    User,
    WalletNonce,
    WalletReplacement,
)
from backend.accounts.sessions import end_all
from backend.accounts.types import SUPER_ADMIN
from backend.accounts.wallets import close_wallet
from backend.core import outbox
from backend.core.db import Actor, Database

CHANGEABLE = frozenset({"name", "role", "leaderboard_name"})


async def get_user(db: Database, user_id: UUID, *, actor: Actor) -> tuple[User, list[bytes]]:
    """A user that the actor may see, with open wallets; raises UserNotFound."""
    async with db.begin(actor) as session:
        user = await queries.get_user(session, user_id)
        return user, (await queries.wallets_of(session, [user.id]))[user.id]


async def list_users(
    db: Database, *, actor: Actor, offset: int, limit: int
) -> tuple[list[tuple[User, list[bytes]]], int]:
    """The users that the actor may see: everyone (super admin), the organisation's members (operator), oneself."""
    assert actor.user_id is not None
    async with db.begin(actor) as session:
        users, total = await queries.list_users(
            session,
            org_id=actor.org_id if actor.org_role == "operator" else None,
            everyone=actor.org_role == SUPER_ADMIN,
            user_id=actor.user_id,
            offset=offset,
            limit=limit,
        )
        wallets = await queries.wallets_of(session, [user.id for user in users])
    return [(user, wallets[user.id]) for user in users], total


async def update_user(
    db: Database, user_id: UUID, changes: Mapping[str, Any], *, by: UUID, now: datetime
) -> tuple[User, list[bytes]]:
    """Set name, role or leaderboard_name; raises UserNotFound. `db` decides whose row may be written."""
    async with db.begin(Actor(user_id=by)) as session:
        user = await queries.get_user(session, user_id, lock=True)
        for field in CHANGEABLE & changes.keys():
            setattr(user, field, changes[field])
        await auditlog.record(
            session, "user.updated", now=now, user_id=by, subject=("user", user.id), fields=sorted(changes)
        )
        return user, (await queries.wallets_of(session, [user.id]))[user.id]


async def change_password(
    db: Database, user_id: UUID, *, current: str, new: str, keep_session: UUID | None, now: datetime
) -> None:
    """Set a new password and end every other session; raises WrongCredentials, PasswordWeak."""
    async with db.begin(Actor(user_id=user_id)) as session:
        known = await queries.get_user(session, user_id)
    if not await passwords.verify_password(known.password_hash, current):
        raise WrongCredentials("The current password is wrong")
    passwords.check_strength(new, email=known.email or "")
    fresh = await passwords.hash_password(new)
    async with db.begin(Actor(user_id=user_id)) as session:
        user = await queries.get_user(session, user_id, lock=True)
        if user.password_hash != known.password_hash:
            raise WrongCredentials("The password was changed a moment ago")
        user.password_hash = fresh
        await end_all(session, user_id, reason="password changed", now=now, keep=keep_session)
        await auditlog.record(session, "user.password_changed", now=now, user_id=user_id, subject=("user", user_id))


async def set_email(
    db: Database, user_id: UUID, *, email: str, password: str, keep_session: UUID | None, now: datetime
) -> tuple[User, list[bytes]]:
    """Give the account this e-mail. `password` is its password; an account that has none gets it with the e-mail.

    Other sessions end. Raises WrongCredentials, PasswordWeak, EmailTaken.
    """
    async with db.begin(Actor(user_id=user_id)) as session:
        known = (await queries.get_user(session, user_id)).password_hash
    if known is None:
        passwords.check_strength(password, email=email)
        hashed = await passwords.hash_password(password)
    elif await passwords.verify_password(known, password):
        hashed = known
    else:
        raise WrongCredentials("The password is wrong; the e-mail stays as it was")
    async with db.begin(Actor(user_id=user_id)) as session:
        user = await queries.get_user(session, user_id, lock=True)
        if user.password_hash != known:
            raise WrongCredentials("The password was changed a moment ago")
        user.email, user.password_hash = email, hashed
        try:
            await session.flush()
        except IntegrityError as error:
            if queries.violated(error) == "users_email_key":
                raise EmailTaken from error
            raise
        await end_all(session, user_id, reason="e-mail changed", now=now, keep=keep_session)
        await auditlog.record(session, "user.email_changed", now=now, user_id=user_id, subject=("user", user_id))
        return user, (await queries.wallets_of(session, [user_id]))[user_id]


async def delete_user(db: Database, user_id: UUID, *, by: UUID, now: datetime) -> None:
    """Pseudonymise: nothing names the person any more, wallets close, sessions and keys end, memberships go.

    What the user traded stays, under the id. Raises UserNotFound, LastOperator.
    """
    async with db.begin(Actor(user_id=by)) as session:
        user = await queries.get_user(session, user_id, lock=True)
        for wallet in await queries.lock_open_wallets(session, user_id):
            await close_wallet(session, wallet, user_id=by, now=now)
        mine = col(WalletReplacement.user_id) == user_id
        waiting = (mine, col(WalletReplacement.completed_at).is_(None), col(WalletReplacement.cancelled_at).is_(None))
        await session.exec(update(WalletReplacement).where(*waiting).values(cancelled_at=now))
        await session.exec(delete(WalletNonce).where(col(WalletNonce.user_id) == user_id))
        keys = update(ApiKey).where(col(ApiKey.user_id) == user_id, col(ApiKey.revoked_at).is_(None))
        await session.exec(keys.values(revoked_at=now))
        await leave_all(session, user_id)
        await end_all(session, user_id, reason="user deleted", now=now)
        tokens = update(RefreshToken).where(col(RefreshToken.user_id) == user_id)
        await session.exec(tokens.values(user_agent=None))
        user.is_super_admin = False
        user.pseudonymise(now)
        await session.flush()
        await auditlog.record(session, "user.deleted", now=now, user_id=by, subject=("user", user_id))
        await outbox.add(session, UserDeleted(audience=user_id))


async def create_super_admin(service_db: Database, *, name: str, email: str, password: str, now: datetime) -> UUID:
    """The platform's administrator; an account with this e-mail must not exist. Raises EmailTaken, PasswordWeak."""
    passwords.check_strength(password, email=email)
    hashed = await passwords.hash_password(password)
    async with service_db.begin() as session:
        if await queries.find_by_email(session, email) is not None:
            raise EmailTaken
        user = User(name=name, email=email, password_hash=hashed, is_super_admin=True, created_at=now)
        session.add(user)
        await session.flush()
        await auditlog.record(session, "user.super_admin_created", now=now, user_id=None, subject=("user", user.id))
        await outbox.add(session, UserRegistered(audience=user.id))
    return user.id
