# SPDX-License-Identifier: Apache-2.0
"""The platform's forecasting service as a user: it belongs to every community that keeps it, and only reads."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import auditlog
from backend.accounts.models import ApiKey, Membership, Organization, User
from backend.accounts.tokens import API_KEY_PREFIX, hash_secret
from backend.accounts.types import OrgKind, OrgRole
from backend.core.db import Database
from backend.core.errors import Invalid

FORECASTER_ID = UUID("00000000-0000-7000-8000-00000000f0ca")
SCOPES = (
    "api-keys:introspect",
    "emission-factors:read",
    "energy-production:read",
    "houses:read",
    "market:read",
    "organizations:read",
)
_LEAST_LENGTH = 40


async def equip_forecaster(service_db: Database, key: str, *, now: datetime) -> None:
    """Let the forecasting service come in with `key`, and with no other. Repeating the call changes nothing.

    The first call makes its user, a member of every community there is; later ones are joined as they are made.
    Raises Invalid for a text that is no API key or too short to be a secret.
    """
    if not key.startswith(API_KEY_PREFIX) or len(key) < _LEAST_LENGTH:
        raise Invalid(f"The key of the forecasting service begins with {API_KEY_PREFIX} and has 40 characters or more")
    digest = hash_secret(key)
    async with service_db.begin() as session:
        if await session.get(User, FORECASTER_ID) is None:
            await _make_user(session, now)
        held = (await session.exec(select(ApiKey).where(col(ApiKey.user_id) == FORECASTER_ID))).all()
        for other in held:
            if other.key_hash != digest and other.revoked_at is None:
                other.revoked_at = now
        if any(mine.key_hash == digest and mine.revoked_at is None for mine in held):
            return
        made = ApiKey(
            user_id=FORECASTER_ID, name="Forecasting service", prefix=key[: len(API_KEY_PREFIX) + 6], key_hash=digest,
            scopes=list(SCOPES), created_at=now,
        )  # fmt: skip
        session.add(made)
        await session.flush()
        await auditlog.record(
            session, "api_key.created", now=now, user_id=FORECASTER_ID, subject=("api_key", made.id), scopes=made.scopes
        )


async def _make_user(session: AsyncSession, now: datetime) -> None:
    session.add(User(id=FORECASTER_ID, name="Forecasting service", created_at=now))
    await session.flush()
    communities = select(Organization.id).where(col(Organization.kind) == OrgKind.COMMUNITY.value)
    for org_id in (await session.exec(communities)).all():
        session.add(_membership(org_id, now))
    await session.flush()


async def join(session: AsyncSession, org_id: UUID, *, now: datetime) -> None:
    """Make the forecasting service, where there is one, a member of a new community."""
    if await session.get(User, FORECASTER_ID) is not None:
        session.add(_membership(org_id, now))
        await session.flush()


def _membership(org_id: UUID, now: datetime) -> Membership:
    return Membership(org_id=org_id, user_id=FORECASTER_ID, role=OrgRole.FORECASTER.value, created_at=now)
