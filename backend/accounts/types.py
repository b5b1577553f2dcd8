# SPDX-License-Identifier: Apache-2.0
"""Ids, enums and small values of accounts that other domains may use."""

import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.db import Actor
from backend.core.units import printable

# (contract address, call data) -> returned bytes; b"" where there is no contract. Raises Unavailable without a node.
CallContract = Callable[[bytes, bytes], Awaitable[bytes]]
# Whether the wallet has a trade that is not final yet; the market answers.
UnfinishedTrades = Callable[[AsyncSession, bytes], Awaitable[bool]]


class MarketRole(StrEnum):
    """What a user does in the market."""

    SELLER = "seller"
    BUYER = "buyer"
    BOTH = "both"


class OrgKind(StrEnum):
    """A community trades energy and is registered on chain; a company is any other organisation."""

    COMMUNITY = "community"
    COMPANY = "company"


class OrgRole(StrEnum):
    """What a member may do in one organisation."""

    MEMBER = "member"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    CUSTOMER = "customer"
    FUNDER = "funder"
    OM = "om"
    FORECASTER = "forecaster"  # the platform's forecasting service: sees houses and readings, changes nothing


SUPER_ADMIN = "super_admin"  # the `org_role` of a super admin who acts for the platform, not in one organisation


@dataclass(frozen=True, slots=True)
class MembershipOf:
    """One membership of a principal."""

    org_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a request, read from the database for this request.

    `scopes` is None for a signed-in person and the key's scopes for an API key; `bound_org` is the one organisation
    that an API key may act in, if it is bound.
    """

    user_id: UUID
    role: str
    is_super_admin: bool = False
    memberships: tuple[MembershipOf, ...] = ()
    scopes: frozenset[str] | None = None
    session_id: UUID | None = None
    api_key_id: UUID | None = None
    bound_org: UUID | None = None

    def role_in(self, org_id: UUID) -> str | None:
        """The membership role in `org_id`; a super admin acts as operator everywhere."""
        for membership in self.memberships:
            if membership.org_id == org_id:
                return membership.role
        return OrgRole.OPERATOR.value if self.is_super_admin else None

    def actor(self) -> Actor:
        """The actor without an organisation: the user alone, or the platform's super admin."""
        return Actor(user_id=self.user_id, org_role=SUPER_ADMIN if self.is_super_admin else None)


@dataclass(frozen=True, slots=True)
class Community:
    """A community as other domains need it; `number` is its number on chain."""

    number: int
    org_id: UUID
    name: str
    emission_region: str
    time_zone: str
    currency: str
    delivery_minutes: int


@dataclass(frozen=True, slots=True)
class LivingSession:
    """A session that can be refreshed: when it began, was refreshed last (and from what) and ends if nobody does."""

    id: UUID
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in hands out; only the hash of `refresh_token` is stored."""

    access_token: str
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime
    session_id: UUID


_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_SCOPE = re.compile(r"(?:[a-z][a-z-]{1,40}:)?(?:read|write)|api-keys:introspect")


def parse_email(value: Any) -> str:
    """An e-mail address in lower case (two spellings are one account)."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if len(text) > 254 or _EMAIL.fullmatch(text) is None:
        raise PydanticCustomError("email.invalid", "not an e-mail address")
    return text


def _time_zone(value: str) -> str:
    if value not in available_timezones():
        raise PydanticCustomError("time_zone.unknown", "not an IANA time zone")
    return value


def _scope(value: str) -> str:
    if _SCOPE.fullmatch(value) is None:
        raise PydanticCustomError("scope.unknown", "a scope is read, write, <area>:read or <area>:write")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError as error:
        raise PydanticCustomError("network.invalid", "not an IP address or network (CIDR)") from error


Email = Annotated[str, BeforeValidator(parse_email)]
_ONE_LINE = StringConstraints(strip_whitespace=True, min_length=1, max_length=120)
Line = Annotated[str, _ONE_LINE, AfterValidator(printable)]
Password = Annotated[str, StringConstraints(min_length=10, max_length=200)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Scope = Annotated[str, AfterValidator(_scope)]
Network = Annotated[str, AfterValidator(_network)]
