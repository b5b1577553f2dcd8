# SPDX-License-Identifier: Apache-2.0
"""What has happened in the carbon ledger. Payloads hold ids and grams, never names or reasons."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from backend.carbon.types import Period
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
class PlaceNow:
    """Grams of a place of a board now, 0: nobody's. Everybody hears it, so it does not say whose: most did not choose
    to be named."""

    rank: int
    net_g: int


@dataclass(frozen=True, slots=True)
class BoardMoved:
    """The places of one board that changed among its first; `community` 0 is everybody."""

    period: Period
    period_start: date
    community: int
    places: tuple[PlaceNow, ...]


@dataclass(frozen=True, slots=True)
class LeaderboardMoved(Event):
    """First places changed, as of `at`. Names are the leaderboard's to tell: people choose and change them."""

    topic: ClassVar[str] = "leaderboard"
    name: ClassVar[str] = "carbon.leaderboard_moved.v3"
    at: datetime
    boards: tuple[BoardMoved, ...]
