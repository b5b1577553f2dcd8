# SPDX-License-Identifier: Apache-2.0
"""What settlement has done, beside `market.interval_settled.v1`."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class IntervalCorrected(Event):
    """Readings changed after an interval was settled; `trades` of it delivered something else than was booked."""

    topic: ClassVar[str] = "trades"
    name: ClassVar[str] = "market.interval_corrected.v1"
    community: int
    delivery_start: datetime
    version: int
    trades: int
    before_wh: int
    after_wh: int
