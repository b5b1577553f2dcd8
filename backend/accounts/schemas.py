# SPDX-License-Identifier: Apache-2.0
"""What travels over HTTP for accounts."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from backend.accounts.models import Membership, User
from backend.accounts.types import (
    Currency,
    Email,
    Line,
    MarketRole,
    Network,
    OrgKind,
    OrgRole,
    Password,
    Scope,
    Slug,
    TimeZone,
)
from backend.core.envelope import ApiModel
from backend.core.units import Address, Hash32, Moment, format_hex

_MAX_SETTINGS_BYTES = 16_384
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2}){1,4096}")


def _left_out() -> Any:
    """The default of a field that may be left out but not set to null."""
    return Field(default=None)


def _parse_signature(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise PydanticCustomError("signature.invalid", "a signature is 0x and an even number of hex digits")
    return bytes.fromhex(value[2:])


Signature = Annotated[
    bytes,
    BeforeValidator(_parse_signature),
    PlainSerializer(format_hex, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^0x([0-9a-fA-F]{2})+$"}),
]


def _storable(settings: dict[str, Any]) -> dict[str, Any]:
    try:
        written = orjson.dumps(settings)
        is_whole = orjson.loads(written) == settings  # NaN and infinities do not come back
    except TypeError:  # lone surrogates, numbers beyond 64 bits
        is_whole = False
    if not is_whole:
        raise PydanticCustomError("settings.not_storable", "settings hold something that JSON cannot carry")
    if len(written) > _MAX_SETTINGS_BYTES:
        most = {"most": _MAX_SETTINGS_BYTES}
        raise PydanticCustomError("settings.too_large", "settings have at most {most} bytes as JSON", most)
    return settings


OrganizationSettings = Annotated[dict[str, Any], AfterValidator(_storable)]
LeaderboardName = Annotated[Line, Field(max_length=60)]


class RegisterIn(ApiModel):
    """A new account; a wallet comes with the message that it signed (EIP-4361) and the signature."""

    name: Line
    email: Email
    password: Password
    role: MarketRole = MarketRole.BOTH
    wallet_address: Address | None = None
    siwe_message: str | None = None
    siwe_signature: Signature | None = None


class LoginIn(ApiModel):
    """E-mail and password."""

    email: Email
    password: Annotated[str, Field(min_length=1, max_length=200)]


class RefreshIn(ApiModel):
    """A program's refresh token; a browser leaves it out and sends cookie and X-CSRF-Token."""

    refresh_token: Annotated[str, Field(max_length=200)] | None = None


class SiweVerifyIn(ApiModel):
    """A signed sign-in message; the cookie of the nonce must come along."""

    message: str
    signature: Signature


class NonceOut(ApiModel):
    """A one-time nonce, good for five minutes together with its cookie."""

    nonce: str
    expires_in_s: int


class UserOut(ApiModel):
    """A user as the user and the operators of the user's communities see it."""

    id: UUID
    name: str
    email: str | None
    role: MarketRole
    wallet_address: Address | None = Field(description="the wallet linked last")
    wallets: list[Address]
    leaderboard_name: str | None
    is_super_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User, wallets: list[bytes]) -> "UserOut":
        """From the row and its open wallets, the newest first."""
        return cls(
            id=user.id,
            name=user.name,
            email=user.email,
            role=MarketRole(user.role),
            wallet_address=wallets[0] if wallets else None,
            wallets=wallets,
            leaderboard_name=user.leaderboard_name,
            is_super_admin=user.is_super_admin,
            created_at=user.created_at,
        )


class TokensOut(ApiModel):
    """Tokens of a session. A browser's refresh token is in its cookie, not here."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_at: datetime
    refresh_token: str | None
    csrf_token: str | None = Field(description="browsers send it as X-CSRF-Token beside the cookie")
    user: UserOut


class UserIn(ApiModel):
    """Changes of a user; what is left out stays. A null leaderboardName makes the board show an anonymous name."""

    name: Line = _left_out()
    role: MarketRole = _left_out()
    leaderboard_name: LeaderboardName | None = None


class PasswordIn(ApiModel):
    """A change of password."""

    current_password: Annotated[str, Field(min_length=1, max_length=200)]
    new_password: Password


class SessionOut(ApiModel):
    """A session of the user; `isCurrent` is the one that asks."""

    id: UUID
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    user_agent: str | None = Field(description="User-Agent header of the last sign-in or refresh; null: none was sent")
    is_current: bool


class EmailIn(ApiModel):
    """The account's e-mail, with its password; an account that signs in by wallet alone gets both."""

    email: Email
    password: Password


class AuditEntryOut(ApiModel):
    """One mutation: who did what to what, when, and the request that asked for it."""

    id: UUID
    at: datetime
    user_id: UUID | None
    org_id: UUID | None
    action: str
    subject_type: str
    subject_id: str | None
    details: dict[str, Any]
    request_id: str | None


class WalletOut(ApiModel):
    """A wallet and when it belonged to the user."""

    address: Address
    valid_from: datetime
    valid_to: datetime | None


class ReplacementOut(ApiModel):
    """A replacement that takes effect at `effectiveAt` unless it is cancelled."""

    id: UUID
    old_address: Address
    new_address: Address
    requested_at: datetime
    effective_at: datetime


class WalletsOut(ApiModel):
    """The user's wallets and the replacements that wait."""

    wallets: list[WalletOut]
    replacements: list[ReplacementOut]


class ChallengeIn(ApiModel):
    """The wallet to link."""

    address: Address


class LinkIn(ApiModel):
    """A signed challenge. `replaces` names the wallet that gives way; with its signature too, at once."""

    nonce: Hash32
    signature: Signature
    replaces: Address | None = None
    old_signature: Signature | None = None


class OrganizationIn(ApiModel):
    """A new organisation; the fields of a community are taken for kind `community` only."""

    kind: OrgKind
    name: Line
    slug: Slug
    domain: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)] | None = None
    settings: OrganizationSettings = Field(default_factory=dict)
    emission_region: Line | None = None
    currency: Currency = "INR"
    time_zone: TimeZone = "UTC"
    delivery_minutes: Literal[15, 30, 60] | None = None
    community_number: Annotated[int, Field(ge=1, le=2**32 - 1)] | None = None
    operator_id: UUID | None = Field(default=None, description="the first operator; left out: whoever creates it")


class OrganizationUpdateIn(ApiModel):
    """Changes of an organisation; what is left out stays."""

    name: Line = _left_out()
    domain: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)] | None = None
    settings: OrganizationSettings = _left_out()
    emission_region: Line = _left_out()
    currency: Currency = _left_out()
    time_zone: TimeZone = _left_out()
    delivery_minutes: Literal[15, 30, 60] = _left_out()


class OrganizationOut(ApiModel):
    """An organisation."""

    id: UUID
    kind: OrgKind
    name: str
    slug: str
    domain: str | None
    settings: dict[str, Any]
    active: bool
    emission_region: str | None
    currency: str
    time_zone: str
    delivery_minutes: int | None
    community_number: int | None
    created_at: datetime
    updated_at: datetime


class MemberIn(ApiModel):
    """Whom to invite, by id or by e-mail, and as what."""

    user_id: UUID | None = None
    email: Email | None = None
    role: OrgRole = OrgRole.MEMBER


class RoleIn(ApiModel):
    """A member's new role."""

    role: OrgRole


class MemberOut(ApiModel):
    """A membership, or an invitation to one. Name, e-mail and wallet stand in an organisation's list of members."""

    org_id: UUID
    user_id: UUID
    role: OrgRole
    created_at: datetime
    name: str | None = None
    email: str | None = None
    wallet_address: Address | None = None

    @classmethod
    def of(cls, member: Membership, person: tuple[User, list[bytes]] | None) -> "MemberOut":
        """A member with who that is, as far as the reader may know it."""
        shown = cls.model_validate(member)
        if person is None:
            return shown
        user, wallets = person
        known = {"name": user.name, "email": user.email, "wallet_address": wallets[0] if wallets else None}
        return shown.model_copy(update=known)


class MembershipsOut(ApiModel):
    """Where the user belongs and is invited."""

    memberships: list[MemberOut]
    invitations: list[MemberOut]


class ApiKeyIn(ApiModel):
    """A new key. Scopes: `read`, `write`, or of one area, such as `energy-production:write`."""

    name: Line
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=40)]
    ip_allow: Annotated[list[Network], Field(max_length=100)] = Field(default_factory=list)
    expires_at: Moment | None = None
    org_id: UUID | None = Field(default=None, description="bind the key to one organisation of yours")


class ApiKeyOut(ApiModel):
    """A key as it may be shown again."""

    id: UUID
    name: str
    prefix: str
    org_id: UUID | None
    scopes: list[str]
    ip_allow: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeyMadeOut(ApiModel):
    """A new key with its text, which is shown only this once."""

    key: str
    api_key: ApiKeyOut


class IntrospectionIn(ApiModel):
    """A key that another service was given, and the address that it came from."""

    key: Annotated[str, Field(max_length=200)]
    client_ip: Annotated[str, Field(max_length=45)]


class IntrospectionOut(ApiModel):
    """What the key allows; an inactive one says nothing more."""

    active: bool
    user_id: UUID | None = None
    org_id: UUID | None = None
    scopes: list[str] = Field(default_factory=list)
    expires_at: datetime | None = None
