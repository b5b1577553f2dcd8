# SPDX-License-Identifier: Apache-2.0
"""What has happened to islands; everybody who reads alerts sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class IslandDeclared(Event):
    """A community became an island, or will at `starts_at`."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "islands.declared.v1"
    island_id: UUID
    community: int
    reason: str
    starts_at: datetime
    ends_at: datetime
    price_cap_micro_per_kwh: int
    orders_closed: int


@dataclass(frozen=True, slots=True)
class IslandEnded(Event):
    """The community's market is as before. `early`: an operator ended it."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "islands.ended.v1"
    island_id: UUID
    community: int
    ended_at: datetime
    early: bool


@dataclass(frozen=True, slots=True)
class IslandAllocated(Event):
    """An interval's energy was shared out: what each house may use is told to its owner."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "islands.allocated.v1"
    island_id: UUID
    community: int
    delivery_start: datetime
    generation_wh: int
    demand_wh: int
    share_wh: int


@dataclass(frozen=True, slots=True)
class IntentsQueued(Event):
    """The queue of intents grew to `intents`; `head` is the hash of the last one and fixes all before it."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "islands.intents_queued.v1"
    island_id: UUID
    community: int
    intents: int
    head: bytes


@dataclass(frozen=True, slots=True)
class IntentConflict(Event):
    """A queued match will not be logged; the other side of it trades on."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "islands.intent_conflict.v1"
    island_id: UUID
    community: int
    sequence: int
    trade_id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class ChainLost(Event):
    """The chain cannot be reached: trading goes on, matches wait."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "islands.chain_lost.v1"
    island_id: UUID
    community: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ChainReturned(Event):
    """The chain can be reached again: what waits is being logged, in order."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "islands.chain_returned.v1"
    island_id: UUID
    community: int
    at: datetime
