# SPDX-License-Identifier: Apache-2.0
"""What has happened in the carbon ledger. Payloads hold ids and grams, never names or reasons."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class CarbonRetired(Event):
    """A wallet's owner retired carbon; the certificate carries the document's id. Shown to that user."""

    topic: ClassVar[str] = "carbon"
    name: ClassVar[str] = "carbon.retired.v1"
    audience: UUID | None
    document_id: UUID
    account: bytes
    grams: int


@dataclass(frozen=True, slots=True)
class CarbonTransferred(Event):
    """A wallet's owner gave carbon to another account (a wallet, or 5 bytes: a community's reserve)."""

    topic: ClassVar[str] = "carbon"
    name: ClassVar[str] = "carbon.transferred.v1"
    audience: UUID | None
    document_id: UUID
    account: bytes
    recipient: bytes
    grams: int


@dataclass(frozen=True, slots=True)
class LeaderboardMoved(Event):
    """All boards, week and month included, count every transfer committed before `at`."""

    topic: ClassVar[str] = "leaderboard"
    name: ClassVar[str] = "carbon.leaderboard_moved.v1"
    at: datetime
    movements: int
