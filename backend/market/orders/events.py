# SPDX-License-Identifier: Apache-2.0
"""What has happened to rules and direct offers. Events of the book stand with the book."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class OfferChanged(Event):
    """A direct offer was placed, reserved, taken, given back or ended; its maker sees it."""

    topic: ClassVar[str] = "orders"
    name: ClassVar[str] = "market.offer_changed.v1"
    audience: UUID
    order_id: UUID
    community: int
    delivery_start: datetime
    state: str
    reason: str | None
    energy_wh: int
    taken_wh: int
    reserved_wh: int
