# SPDX-License-Identifier: Apache-2.0
"""Values of disaster mode: tiers, islands, what rules they set, where an intent stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

LONGEST = timedelta(hours=72)
"""No island lasts longer; who needs more declares anew."""


class Tier(IntEnum):
    """In which order loads are served."""

    HOSPITAL = 1
    SHELTER = 2
    HOME_MEDICAL = 3
    ORDINARY = 4


TIERS = tuple(Tier)
CRITICAL = (Tier.HOSPITAL, Tier.SHELTER, Tier.HOME_MEDICAL)


class IntentState(StrEnum):
    """Where a queued match stands: not yet on chain, logged there, or not settled for a reason that is told."""

    WAITING = "waiting"
    LOGGED = "logged"
    CONFLICT = "conflict"


class Source(StrEnum):
    """Where an interval's figures of a house come from: said beforehand, measured in it, measured in the same
    interval of a day before, or unknown (then nothing is assumed beyond its critical loads)."""

    DECLARED = "declared"
    READING = "reading"
    DAY_BEFORE = "day_before"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class IslandRules:
    """What an island changes for orders of the deliveries that it covers."""

    island_id: UUID
    price_cap_micro_per_kwh: int


@dataclass(frozen=True, slots=True)
class Island:
    """A declared island. It is in force in [starts_at, ends_at), or until it was ended."""

    id: UUID
    chain: int
    org_id: UUID
    community: int
    delivery_minutes: int
    reason: str
    starts_at: datetime
    ends_at: datetime
    price_cap_micro_per_kwh: int
    declared_by: UUID
    signer: bytes
    body_hash: bytes
    ended_at: datetime | None
    ended_by: UUID | None
    closed_at: datetime | None
    intents: int
    head: bytes
    chain_lost_at: datetime | None
    chain_back_at: datetime | None

    @property
    def until(self) -> datetime:
        """When it stops being in force."""
        return self.ends_at if self.ended_at is None else self.ended_at

    def in_force(self, at: datetime) -> bool:
        """Whether its rules hold at `at`."""
        return self.starts_at <= at < self.until
