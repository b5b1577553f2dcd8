# SPDX-License-Identifier: Apache-2.0
"""The tables of accounts. Secrets are stored as SHA-256 hashes; e-mail addresses in lower case."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from backend.accounts.types import MarketRole, OrgKind
from backend.core.db import UtcDateTime
from backend.core.ids import uuid7

SINCE_EVER = datetime(1970, 1, 1, tzinfo=UTC)  # valid_from of a wallet that nobody owned before
DELETED_NAME = "deleted user"


class User(SQLModel, table=True):
    """A person or program with an account. A deleted user keeps the id and nothing that names a person."""

    __tablename__ = "users"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    name: str
    email: str | None = None
    role: str = MarketRole.BOTH.value
    password_hash: str | None = None
    is_super_admin: bool = False
    leaderboard_name: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    def pseudonymise(self, now: datetime) -> None:
        """Forget the person: name, e-mail, password and leaderboard name go, the id stays."""
        self.name = DELETED_NAME
        self.email = None
        self.password_hash = None
        self.leaderboard_name = None
        self.deleted_at = now


class Wallet(SQLModel, table=True):
    """Who owned an address in [valid_from, valid_to); an address has at most one open row."""

    __tablename__ = "wallets"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    address: bytes = Field(sa_type=LargeBinary)
    user_id: UUID | None = None
    valid_from: datetime = Field(sa_type=UtcDateTime)
    valid_to: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WalletNonce(SQLModel, table=True):
    """A one-time nonce for linking one named wallet to one user."""

    __tablename__ = "wallet_nonces"

    user_id: UUID = Field(primary_key=True)
    nonce: bytes = Field(sa_type=LargeBinary, primary_key=True)
    address: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class WalletReplacement(SQLModel, table=True):
    """A replacement that waits for its hold because the old wallet did not sign."""

    __tablename__ = "wallet_replacements"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    old_address: bytes = Field(sa_type=LargeBinary)
    new_address: bytes = Field(sa_type=LargeBinary)
    requested_at: datetime = Field(sa_type=UtcDateTime)
    effective_at: datetime = Field(sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    completed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Organization(SQLModel, table=True):
    """A tenant. The five community columns are set for kind `community` only."""

    __tablename__ = "organizations"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    kind: str = OrgKind.COMPANY.value
    name: str
    slug: str
    domain: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    active: bool = True
    emission_region: str | None = None
    currency: str = "INR"
    time_zone: str = "UTC"
    delivery_minutes: int | None = Field(default=None, sa_type=SmallInteger)
    community_number: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Membership(SQLModel, table=True):
    """A user's role in one organisation."""

    __tablename__ = "memberships"

    org_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(primary_key=True)
    role: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Invitation(SQLModel, table=True):
    """An operator's offer of a membership; only the invited user can turn it into one."""

    __tablename__ = "invitations"

    org_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(primary_key=True)
    role: str
    invited_by: UUID
    created_at: datetime = Field(sa_type=UtcDateTime)


class RefreshToken(SQLModel, table=True):
    """One refresh token; `family_id` is the session it belongs to, `used_at` its rotation, `user_agent` who got it."""

    __tablename__ = "refresh_tokens"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    family_id: UUID
    token_hash: bytes = Field(sa_type=LargeBinary)
    issued_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    user_agent: str | None = None


class SiweNonce(SQLModel, table=True):
    """A one-time nonce for Sign-In with Ethereum; any attempt with its cookie uses it up."""

    __tablename__ = "siwe_nonces"

    cookie_hash: bytes = Field(sa_type=LargeBinary, primary_key=True)
    nonce_hash: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class ApiKey(SQLModel, table=True):
    """A program's credential; only its hash and a prefix to recognise it by are stored."""

    __tablename__ = "api_keys"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    org_id: UUID | None = None
    name: str
    prefix: str
    key_hash: bytes = Field(sa_type=LargeBinary)
    scopes: list[str] = Field(sa_type=ARRAY(Text))
    ip_allow: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """Who changed what, when. Append-only; holds ids and facts, never names, addresses of people or secrets."""

    __tablename__ = "audit_log"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    user_id: UUID | None = None
    org_id: UUID | None = None
    action: str
    subject_type: str
    subject_id: str | None = None
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    request_id: str | None = None
