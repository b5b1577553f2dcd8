# SPDX-License-Identifier: Apache-2.0
"""What has happened at sites."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class ReadingsRecorded(Event):
    """Readings of `houses` (their meters in `meters`) within `[start, end)` are new, better attested or corrected.

    Deliveries in that range may be settled, or settled again. `corrected` says that an earlier value changed.
    """

    topic: ClassVar[str] = "readings"
    name: ClassVar[str] = "sites.readings_recorded.v1"

    houses: tuple[UUID, ...]
    meters: tuple[int, ...]
    start: datetime
    end: datetime
    corrected: bool
