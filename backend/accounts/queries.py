# SPDX-License-Identifier: Apache-2.0
"""Reads and row locks of accounts, and the switch of the acting user inside a sign-in."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.errors import UserNotFound
from backend.accounts.models import Membership, Organization, RefreshToken, User, Wallet
from backend.accounts.types import LivingSession
from backend.core.db import raw

MOST_SESSIONS = 100


async def act_as(session: AsyncSession, user_id: UUID) -> None:
    """From here on the transaction acts as `user_id`: the credential that was shown proves it."""
    await session.execute(text("SELECT set_config('gridx.user_id', :user_id, true)"), {"user_id": str(user_id)})


async def act_in(session: AsyncSession, org_id: UUID | None, role: str) -> None:
    """From here on the transaction acts in this organisation and role: the acting user's own, read before."""
    chosen = {"org_id": str(org_id or ""), "role": role}
    await session.execute(
        text("SELECT set_config('gridx.org_id', :org_id, true), set_config('gridx.org_role', :role, true)"), chosen
    )


def violated(error: IntegrityError) -> str:
    """The name of the constraint that an insert or update broke."""
    cause = getattr(error.orig, "__cause__", None)
    return str(getattr(cause, "constraint_name", None) or "")


async def get_user(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    """A living user that the actor may see; raises UserNotFound."""
    query = select(User).where(col(User.id) == user_id, col(User.deleted_at).is_(None))
    user = (await session.exec(query.with_for_update() if lock else query)).one_or_none()
    if user is None:
        raise UserNotFound(user_id=user_id)
    return user


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    """The user with this e-mail, if the actor may see it (sign-in names it in `gridx.sign_in_email`)."""
    return (await session.exec(select(User).where(col(User.email) == email))).one_or_none()


async def list_users(
    session: AsyncSession, *, org_id: UUID | None, everyone: bool, user_id: UUID, offset: int, limit: int
) -> tuple[list[User], int]:
    """Living users: everyone's, the members of `org_id`, or the user alone; by id; and how many there are."""
    wanted = select(User).where(col(User.deleted_at).is_(None))
    if not everyone:
        members = select(Membership.user_id).where(col(Membership.org_id) == org_id)
        wanted = wanted.where((col(User.id) == user_id) | col(User.id).in_(members))
    page = wanted.order_by(col(User.id)).offset(offset).limit(limit)
    total = (await session.exec(select(func.count()).select_from(wanted.subquery()))).one()
    return list((await session.exec(page)).all()), total


async def wallets_of(session: AsyncSession, user_ids: Sequence[UUID]) -> dict[UUID, list[bytes]]:
    """Open wallets per user, the newest link first."""
    owned = select(Wallet).where(col(Wallet.user_id).in_(user_ids), col(Wallet.valid_to).is_(None))
    found: dict[UUID, list[bytes]] = {user_id: [] for user_id in user_ids}
    for wallet in (await session.exec(owned.order_by(col(Wallet.id).desc()))).all():
        if wallet.user_id is not None:
            found[wallet.user_id].append(wallet.address)
    return found


async def open_wallet(session: AsyncSession, address: bytes, *, user_id: UUID | None = None) -> Wallet | None:
    """The open row of an address, or None; of `user_id` only, if given."""
    query = select(Wallet).where(col(Wallet.address) == address, col(Wallet.valid_to).is_(None))
    if user_id is not None:
        query = query.where(col(Wallet.user_id) == user_id).with_for_update()
    return (await session.exec(query)).one_or_none()


async def has_history(session: AsyncSession, address: bytes) -> bool:
    """Whether somebody owned the address before."""
    closed = select(func.count()).where(col(Wallet.address) == address, col(Wallet.valid_to).is_not(None))
    return (await session.exec(closed)).one() > 0


async def token_by_hash(session: AsyncSession, digest: bytes, *, lock: bool = False) -> RefreshToken | None:
    """The refresh token with this hash; a lock needs the acting user to be its owner."""
    query = select(RefreshToken).where(col(RefreshToken.token_hash) == digest)
    query = query.with_for_update().execution_options(populate_existing=True) if lock else query
    return (await session.exec(query)).one_or_none()


async def living_sessions(session: AsyncSession, user_id: UUID, now: datetime) -> list[LivingSession]:
    """Families of refresh tokens with one that still works."""
    started = func.min(RefreshToken.issued_at)
    refreshed = func.max(RefreshToken.issued_at)
    living = func.count().filter(
        col(RefreshToken.used_at).is_(None), col(RefreshToken.revoked_at).is_(None), col(RefreshToken.expires_at) > now
    )
    newest_first = aggregate_order_by(
        col(RefreshToken.user_agent), col(RefreshToken.issued_at).desc(), col(RefreshToken.id).desc()
    )
    agent = func.array_agg(newest_first, type_=ARRAY(Text))[1]
    query = (
        select(RefreshToken.family_id, started, refreshed, func.max(RefreshToken.expires_at))
        .add_columns(agent)
        .where(col(RefreshToken.user_id) == user_id)
        .group_by(col(RefreshToken.family_id))
        .having(living > 0)
        .order_by(refreshed.desc())
        .limit(MOST_SESSIONS)
    )
    return [LivingSession(*row) for row in (await session.execute(query)).all()]


async def newest_token(session: AsyncSession, family_id: UUID) -> RefreshToken:
    """The refresh token of a family that was issued last, locked."""
    family = select(RefreshToken).where(col(RefreshToken.family_id) == family_id)
    newest = family.order_by(col(RefreshToken.issued_at).desc(), col(RefreshToken.id).desc()).limit(1)
    return (await session.exec(newest.with_for_update())).one()


async def get_organization(session: AsyncSession, org_id: UUID, *, lock: bool = False) -> Organization | None:
    """An organisation that the actor may see."""
    query = select(Organization).where(col(Organization.id) == org_id)
    return (await session.exec(query.with_for_update() if lock else query)).one_or_none()


_OWNERS_AT = """
SELECT w.user_id
FROM unnest($1::bytea[], $2::timestamptz[]) WITH ORDINALITY AS q (address, at, n)
LEFT JOIN wallets AS w ON w.address = q.address AND w.valid_from <= q.at AND (w.valid_to IS NULL OR w.valid_to > q.at)
ORDER BY q.n
"""


async def owners_at(session: AsyncSession, addresses: Sequence[bytes], times: Sequence[datetime]) -> list[UUID | None]:
    """The owner of each address at the time beside it, in the same order."""
    rows = await (await raw(session)).fetch(_OWNERS_AT, list(addresses), list(times))
    return [row["user_id"] for row in rows]


_HISTORY = """
SELECT user_id, address, valid_from, valid_to FROM wallets WHERE user_id = ANY($1::uuid[]) ORDER BY valid_from, id
"""


async def wallet_history(
    session: AsyncSession, user_ids: Sequence[UUID]
) -> dict[UUID, tuple[tuple[bytes, datetime, datetime | None], ...]]:
    """(address, valid from, valid to or None) of every wallet that each user has or had; only users with any."""
    history: dict[UUID, tuple[tuple[bytes, datetime, datetime | None], ...]] = {}
    for row in await (await raw(session)).fetch(_HISTORY, list(user_ids)):
        held = (row["address"], row["valid_from"], row["valid_to"])
        history[row["user_id"]] = (*history.get(row["user_id"], ()), held)
    return history


async def lock_open_wallets(session: AsyncSession, user_id: UUID) -> list[Wallet]:
    """The user's open wallets, locked."""
    owned = select(Wallet).where(col(Wallet.user_id) == user_id, col(Wallet.valid_to).is_(None))
    return list((await session.exec(owned.with_for_update())).all())
