# SPDX-License-Identifier: Apache-2.0
"""What has happened in the market, for live views and for handlers that run later."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class TradeSeen:
    """One trade of a batch, as everybody may see it."""

    trade_id: bytes
    seller: bytes
    buyer: bytes
    energy_wh: int
    price_micro_per_kwh: int
    claim_g: int
    consented: bool
    block_number: int


@dataclass(frozen=True, slots=True)
class TradesRecorded(Event):
    """Trades reached CONFIRMED and were booked."""

    topic: ClassVar[str] = "trades"
    name: ClassVar[str] = "market.trades_recorded.v1"
    trades: tuple[TradeSeen, ...]


@dataclass(frozen=True, slots=True)
class TradesOrphaned(Event):
    """The blocks of these trades lost; their effects were reversed."""

    topic: ClassVar[str] = "trades"
    name: ClassVar[str] = "market.trades_orphaned.v1"
    trade_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TradesFinal(Event):
    """Trades up to this block will not be rolled back any more."""

    topic: ClassVar[str] = "trades"
    name: ClassVar[str] = "market.trades_final.v1"
    up_to_block: int
    trades: int


@dataclass(frozen=True, slots=True)
class IntervalSettled(Event):
    """Deliveries of an interval were settled on readings; carbon of delivered energy is available."""

    topic: ClassVar[str] = "trades"
    name: ClassVar[str] = "market.interval_settled.v1"
    community: int
    delivery_start: datetime
    traded_wh: int
    delivered_wh: int
