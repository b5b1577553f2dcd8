# SPDX-License-Identifier: Apache-2.0
"""What has happened to people, wallets and organisations. Payloads hold ids, never names or secrets."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class AccountEvent(Event):
    """Something about one user, shown live to that user only (`audience`)."""

    topic: ClassVar[str] = "accounts"
    audience: UUID


@dataclass(frozen=True, slots=True)
class UserRegistered(AccountEvent):
    """A user exists from now on."""

    name: ClassVar[str] = "accounts.user_registered.v1"


@dataclass(frozen=True, slots=True)
class UserDeleted(AccountEvent):
    """A user was pseudonymised; whoever keeps something personal of theirs forgets it now."""

    name: ClassVar[str] = "accounts.user_deleted.v1"


@dataclass(frozen=True, slots=True)
class WalletLinked(AccountEvent):
    """`address` belongs to the user from `valid_from` on (1970 if nobody owned it before)."""

    name: ClassVar[str] = "accounts.wallet_linked.v1"
    address: bytes
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class WalletUnlinked(AccountEvent):
    """`address` belonged to the user until `valid_to`."""

    name: ClassVar[str] = "accounts.wallet_unlinked.v1"
    address: bytes
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class WalletReplacementRequested(AccountEvent):
    """Notice: unless cancelled, `new_address` replaces `old_address` at `effective_at`."""

    name: ClassVar[str] = "accounts.wallet_replacement_requested.v1"
    replacement_id: UUID
    old_address: bytes
    new_address: bytes
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class SessionEnded(AccountEvent):
    """A session ended (log-out, reuse of its refresh token); its WebSockets close. None: all of the user's."""

    name: ClassVar[str] = "accounts.session_ended.v1"
    session_id: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class MembershipChanged(AccountEvent):
    """The user's role in the organisation is `role` now; None: no member any more."""

    name: ClassVar[str] = "accounts.membership_changed.v1"
    org_id: UUID
    role: str | None
