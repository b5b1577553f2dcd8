# SPDX-License-Identifier: Apache-2.0
"""What live updates send over HTTP."""

from datetime import datetime
from typing import Any, Self

import orjson

from backend.core.envelope import ApiModel
from backend.live.messages import shown
from backend.live.types import LiveEvent


class TicketOut(ApiModel):
    """Opens one WebSocket at /api/events within its lifetime."""

    ticket: str
    expires_in_s: int


class AlertOut(ApiModel):
    """An alert as it was sent live: `name` says what it is, `data` holds its facts."""

    sequence: int
    name: str
    at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: LiveEvent) -> Self:
        """As it is shown."""
        return cls(sequence=event.sequence, name=event.name, at=event.at, data=shown(orjson.loads(event.payload)))
