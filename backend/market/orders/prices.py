# SPDX-License-Identifier: Apache-2.0
"""What was paid in a market: prices per delivery interval, hour or day, and the last deals. Nobody's name is in it.

A deal is a match of the book that was not cancelled, or an offer that its buyer filled on chain.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Literal

from backend.core.db import Database
from backend.core.envelope import PageParams
from backend.core.paging import counted
from backend.market.orders.types import Venue

_DEALS = """
WITH deals AS (
    SELECT 'book' AS venue, delivery_start, energy_wh, price_micro_per_kwh, matched_at AS dealt_at, state,
        CASE WHEN state IN ('CONFIRMED', 'FINAL') THEN trade_id END AS trade_id, settlement_nonce AS place
    FROM matches WHERE chain = $1 AND community = $2 AND delivery_start >= $3 AND delivery_start < $4
        AND state <> 'CANCELLED'
    UNION ALL
    SELECT 'direct', delivery_start, energy_wh, price_micro_per_kwh, block_time, status, trade_id, log_index
    FROM energy_trades WHERE chain = $1 AND community = $2 AND delivery_start >= $3 AND delivery_start < $4
        AND kind = 1 AND consented AND status <> 'ORPHANED'
)
"""
_PRICES = f"""{_DEALS}
SELECT CASE $5 WHEN 'interval' THEN delivery_start
        ELSE date_trunc($5, delivery_start, (SELECT time_zone FROM organizations WHERE community_number = $2)) END
        AS start,
    (array_agg(price_micro_per_kwh ORDER BY dealt_at, place))[1] AS opened,
    (array_agg(price_micro_per_kwh ORDER BY dealt_at DESC, place DESC))[1] AS closed,
    min(price_micro_per_kwh) AS low, max(price_micro_per_kwh) AS high,
    div(sum(price_micro_per_kwh::numeric * energy_wh), sum(energy_wh))::bigint AS average,
    sum(energy_wh)::bigint AS energy_wh, count(*) AS deals, count(*) OVER () AS total
FROM deals GROUP BY 1 ORDER BY 1 LIMIT $6 OFFSET $7
"""  # noqa: S608  # text of this module
_LATEST = f"""{_DEALS}
SELECT venue, delivery_start, energy_wh, price_micro_per_kwh, dealt_at, state, trade_id, count(*) OVER () AS total
FROM deals ORDER BY dealt_at DESC, place DESC, venue LIMIT $5 OFFSET $6
"""  # noqa: S608  # text of this module


class Resolution(StrEnum):
    """How prices are summed up; hours and days are the community's."""

    INTERVAL = "interval"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Reach:
    """Which deals: a community's, whose delivery starts in [since, until)."""

    chain: int
    community: int
    since: datetime
    until: datetime

    def arguments(self) -> tuple[int, int, datetime, datetime]:
        """For the statements of this module."""
        return self.chain, self.community, self.since, self.until


@dataclass(frozen=True, slots=True)
class PriceSum:
    """Prices of a time of delivery, in micro-units per kWh; `average` is weighted by energy and rounded down."""

    start: datetime
    opened: int
    closed: int
    low: int
    high: int
    average: int
    energy_wh: int
    deals: int


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal without its parties; `trade_id` once it stands on chain, where its parties are public."""

    venue: Venue
    delivery_start: datetime
    energy_wh: int
    price_micro_per_kwh: int
    dealt_at: datetime
    state: Literal["MATCHED", "SENT", "CONFIRMED", "FINAL"]
    trade_id: bytes | None


async def list_prices(
    service_db: Database, reach: Reach, resolution: Resolution, page: PageParams
) -> tuple[list[PriceSum], int]:
    """A page of prices by time of delivery, in order; times without a deal are left out."""
    read = partial(service_db.read, _PRICES, *reach.arguments(), resolution.value)
    rows, total = await counted(read, limit=page.limit, offset=page.offset)
    sums = [PriceSum(*(row[name] for name in PriceSum.__dataclass_fields__)) for row in rows]
    return sums, total


async def list_deals(service_db: Database, reach: Reach, page: PageParams) -> tuple[list[Deal], int]:
    """A page of deals, the newest first."""
    read = partial(service_db.read, _LATEST, *reach.arguments())
    rows, total = await counted(read, limit=page.limit, offset=page.offset)
    deals = [
        Deal(
            Venue(row["venue"]), row["delivery_start"], row["energy_wh"], row["price_micro_per_kwh"], row["dealt_at"],
            row["state"], row["trade_id"],
        )
        for row in rows
    ]  # fmt: skip
    return deals, total
