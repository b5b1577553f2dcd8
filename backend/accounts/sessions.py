# SPDX-License-Identifier: Apache-2.0
"""Sessions: a family of refresh tokens that rotate; presenting a used one ends the whole family."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import auditlog, queries
from backend.accounts.config import Accounts
from backend.accounts.errors import RefreshInvalid, RefreshReused, SessionNotFound
from backend.accounts.events import SessionEnded
from backend.accounts.models import RefreshToken, User
from backend.accounts.tokens import hash_secret, new_secret
from backend.accounts.types import LivingSession, Tokens
from backend.core import outbox
from backend.core.db import Actor, Database
from backend.core.ids import uuid7

REPEAT_WITHIN = timedelta(seconds=10)


async def open_session(
    session: AsyncSession, accounts: Accounts, user_id: UUID, *, now: datetime, user_agent: str | None = None
) -> Tokens:
    """A new family for the acting user."""
    tokens = _issue(session, accounts, user_id, family_id=uuid7(), now=now, user_agent=user_agent)
    await session.flush()
    await auditlog.record(session, "session.opened", now=now, user_id=user_id, subject=("session", tokens.session_id))
    return tokens


async def refresh(
    db: Database,
    accounts: Accounts,
    token: str,
    *,
    now: datetime,
    may_repeat: bool = False,
    user_agent: str | None = None,
) -> tuple[User, Tokens, list[bytes]]:
    """The user, the next tokens and the open wallets; the given refresh token never works again.

    Raises RefreshInvalid if it is unknown, expired or revoked, RefreshReused (and ends the session) if it was used.
    `may_repeat` is for browsers, where a page that is left loses the answer: a token that was used within the last
    seconds works once more while nobody used what came of it, which then never works.
    """
    digest = hash_secret(token)
    async with db.begin(sign_in_token=digest.hex()) as session:
        known = await queries.token_by_hash(session, digest)
        if known is None:
            raise RefreshInvalid
        await queries.act_as(session, known.user_id)
        current = await queries.token_by_hash(session, digest, lock=True)
        if current is None or current.revoked_at is not None:
            raise RefreshInvalid
        if may_repeat and current.used_at is not None and now - current.used_at <= REPEAT_WITHIN:
            newest = await queries.newest_token(session, current.family_id)
            if newest.used_at is None and newest.issued_at == current.used_at:
                newest.used_at, current.used_at = now, None
        if current.used_at is None:
            if current.expires_at <= now:
                raise RefreshInvalid("The refresh token has expired; sign in again")
            current.used_at = now
            user = await queries.get_user(session, current.user_id)
            tokens = _issue(session, accounts, user.id, family_id=current.family_id, now=now, user_agent=user_agent)
            return user, tokens, (await queries.wallets_of(session, [user.id]))[user.id]
        await _end(session, current.user_id, current.family_id, reason="refresh token reused", now=now)
    raise RefreshReused


async def list_sessions(db: Database, *, user_id: UUID, now: datetime) -> list[LivingSession]:
    """The user's sessions that can still be refreshed, the one used last first."""
    async with db.begin(Actor(user_id=user_id)) as session:
        return await queries.living_sessions(session, user_id, now)


async def end_one_of(db: Database, *, user_id: UUID, session_id: UUID, now: datetime) -> None:
    """End a session that the user sees in the list; raises SessionNotFound."""
    async with db.begin(Actor(user_id=user_id)) as session:
        if session_id not in {one.id for one in await queries.living_sessions(session, user_id, now)}:
            raise SessionNotFound(session_id=session_id)
        await _end(session, user_id, session_id, reason="ended by its user", now=now)


async def end_session(db: Database, *, user_id: UUID, session_id: UUID, now: datetime) -> None:
    """Log out: the family's tokens are revoked and its access tokens and WebSockets end. Again changes nothing."""
    async with db.begin(Actor(user_id=user_id)) as session:
        await _end(session, user_id, session_id, reason="logged out", now=now)


async def end_session_by_token(db: Database, token: str, *, now: datetime) -> None:
    """Log out by the refresh token itself; raises RefreshInvalid if it is unknown."""
    digest = hash_secret(token)
    async with db.begin(sign_in_token=digest.hex()) as session:
        known = await queries.token_by_hash(session, digest)
        if known is None:
            raise RefreshInvalid
        await queries.act_as(session, known.user_id)
        await _end(session, known.user_id, known.family_id, reason="logged out", now=now)


async def end_all(
    session: AsyncSession, user_id: UUID, *, reason: str, now: datetime, keep: UUID | None = None
) -> None:
    """End every session of a user, except `keep`."""
    living = update(RefreshToken).where(col(RefreshToken.user_id) == user_id, col(RefreshToken.revoked_at).is_(None))
    if keep is not None:
        living = living.where(col(RefreshToken.family_id) != keep)
    await session.exec(living.values(revoked_at=now))
    await outbox.add(session, SessionEnded(audience=user_id, session_id=None, reason=reason))


def _issue(
    session: AsyncSession,
    accounts: Accounts,
    user_id: UUID,
    *,
    family_id: UUID,
    now: datetime,
    user_agent: str | None,
) -> Tokens:
    access, access_expires_at = accounts.signer.issue(user_id=user_id, session_id=family_id, now=now)
    secret = new_secret()
    stored = RefreshToken(
        user_id=user_id,
        family_id=family_id,
        token_hash=hash_secret(secret),
        issued_at=now,
        expires_at=now + accounts.refresh_lifetime,
        user_agent=user_agent,
    )
    session.add(stored)
    return Tokens(access, access_expires_at, secret, stored.expires_at, family_id)


async def _end(session: AsyncSession, user_id: UUID, family_id: UUID, *, reason: str, now: datetime) -> None:
    living = update(RefreshToken).where(
        col(RefreshToken.family_id) == family_id,
        col(RefreshToken.user_id) == user_id,
        col(RefreshToken.revoked_at).is_(None),
    )
    ended = await session.exec(living.values(revoked_at=now))
    if ended.rowcount == 0:
        return
    await auditlog.record(
        session, "session.ended", now=now, user_id=user_id, subject=("session", family_id), reason=reason
    )
    await outbox.add(session, SessionEnded(audience=user_id, session_id=family_id, reason=reason))
