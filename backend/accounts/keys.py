# SPDX-License-Identifier: Apache-2.0
"""API keys: made once, shown once, stored as a hash; limited by scopes, expiry and address list."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import auditlog
from backend.accounts.errors import ApiKeyInvalid, ApiKeyNotFound
from backend.accounts.models import ApiKey
from backend.accounts.tokens import API_KEY_PREFIX, hash_secret, new_api_key
from backend.core.db import Actor, Database
from backend.core.errors import Invalid

_NOTE_USE_EVERY = timedelta(minutes=1)
_PREFIX_SHOWN = len(API_KEY_PREFIX) + 6


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What a valid key stands for."""

    api_key_id: UUID
    user_id: UUID
    org_id: UUID | None
    scopes: frozenset[str]
    expires_at: datetime | None


async def authenticate(db: Database, key: str, *, client_ip: str, now: datetime) -> KeyHolder:
    """Whose `key` it is; raises ApiKeyInvalid if unknown, revoked, expired or used from outside its address list."""
    digest = hash_secret(key)
    async with db.begin(sign_in_token=digest.hex()) as session:
        found = (await session.exec(select(ApiKey).where(col(ApiKey.key_hash) == digest))).one_or_none()
    if found is None or found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
        raise ApiKeyInvalid
    if found.ip_allow and not _inside(client_ip, found.ip_allow):
        raise ApiKeyInvalid("The API key is not allowed from this address")
    if found.last_used_at is None or now - found.last_used_at >= _NOTE_USE_EVERY:
        async with db.begin(Actor(user_id=found.user_id)) as session:
            (await _mine(session, found.id, found.user_id)).last_used_at = now
    return KeyHolder(found.id, found.user_id, found.org_id, frozenset(found.scopes), found.expires_at)


async def create(
    db: Database,
    *,
    actor: Actor,
    name: str,
    scopes: list[str],
    ip_allow: list[str],
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A new key of the acting user, bound to the actor's organisation if it has one, and its text: shown only now."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("expiresAt lies in the past", field="expiresAt")
    assert actor.user_id is not None
    secret = new_api_key()
    key = ApiKey(
        user_id=actor.user_id,
        org_id=actor.org_id,
        name=name,
        prefix=secret[:_PREFIX_SHOWN],
        key_hash=hash_secret(secret),
        scopes=sorted(set(scopes)),
        ip_allow=sorted(set(ip_allow)),
        created_at=now,
        expires_at=expires_at,
    )
    async with db.begin(actor) as session:
        session.add(key)
        await session.flush()
        await auditlog.record(
            session,
            "api_key.created",
            now=now,
            user_id=actor.user_id,
            org_id=actor.org_id,
            subject=("api_key", key.id),
            scopes=key.scopes,
        )
    return key, secret


async def list_mine(db: Database, user_id: UUID, *, offset: int, limit: int) -> tuple[list[ApiKey], int]:
    """The user's keys, newest first, and how many there are."""
    async with db.begin(Actor(user_id=user_id)) as session:
        mine = col(ApiKey.user_id) == user_id
        page = select(ApiKey).where(mine).order_by(col(ApiKey.id).desc()).offset(offset).limit(limit)
        found = list((await session.exec(page)).all())
        total = (await session.exec(select(func.count()).select_from(ApiKey).where(mine))).one()
    return found, total


async def revoke(db: Database, key_id: UUID, *, user_id: UUID, now: datetime) -> ApiKey:
    """End a key of the user; again changes nothing. Raises ApiKeyNotFound."""
    async with db.begin(Actor(user_id=user_id)) as session:
        key = await _mine(session, key_id, user_id)
        if key.revoked_at is None:
            key.revoked_at = now
            await auditlog.record(session, "api_key.revoked", now=now, user_id=user_id, subject=("api_key", key.id))
    return key


async def _mine(session: AsyncSession, key_id: UUID, user_id: UUID) -> ApiKey:
    found = (
        await session.exec(select(ApiKey).where(col(ApiKey.id) == key_id, col(ApiKey.user_id) == user_id))
    ).one_or_none()
    if found is None:
        raise ApiKeyNotFound(api_key_id=key_id)
    return found


def _inside(client_ip: str, networks: list[str]) -> bool:
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network) for network in networks)
