# SPDX-License-Identifier: Apache-2.0
"""Forgetting on time: credentials that are over, and the audit log after its year."""

from datetime import datetime, timedelta

from sqlmodel import col, delete

from backend.accounts.models import AuditEntry, RefreshToken, SiweNonce, WalletNonce
from backend.accounts.tokens import MAX_LIFETIME
from backend.core.db import Database

AUDIT_RETENTION = timedelta(days=365)


async def expire_credentials(db: Database, now: datetime) -> dict[str, int]:
    """Delete nonces and refresh tokens that are over; returns how many of each. `db` is gridx_service.

    A refresh token is kept an hour longer: while an access token of its session may live, its revocation must be known.
    """
    async with db.begin() as session:
        siwe = await session.exec(delete(SiweNonce).where(col(SiweNonce.expires_at) <= now))
        wallet = await session.exec(delete(WalletNonce).where(col(WalletNonce.expires_at) <= now))
        over = col(RefreshToken.expires_at) <= now - MAX_LIFETIME
        refresh = await session.exec(delete(RefreshToken).where(over))
    return {"siwe_nonces": siwe.rowcount, "wallet_nonces": wallet.rowcount, "refresh_tokens": refresh.rowcount}


async def expire_audit_log(db: Database, now: datetime) -> int:
    """Delete audit entries older than a year; returns how many. `db` is gridx_service."""
    async with db.begin() as session:
        gone = await session.exec(delete(AuditEntry).where(col(AuditEntry.at) < now - AUDIT_RETENTION))
    return gone.rowcount
