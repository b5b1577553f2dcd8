# SPDX-License-Identifier: Apache-2.0
"""All that intake must know of many orders, in one query: wallets, meters, houses, rules, lanes, factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.emissions.types import Basis
from backend.market.orders.rules import COLUMNS, read_row
from backend.market.orders.typed_data import Order
from backend.market.orders.types import MarketRules, Venue, at
from backend.market.sql import Read, fetch

# The factor of an interval: of those that cover it, the latest that was in effect 31 days before; else the first.
_INTERVAL_FACTOR = """
SELECT f.factor_id FROM emission_factors f
WHERE f.chain = {chain} AND f.region = {region} AND f.basis = 2
    AND f.valid_from <= {start} AND {start} < f.valid_to
ORDER BY (f.effective_at <= {start} - interval '31 days') DESC,
    extract(epoch FROM f.effective_at)
        * CASE WHEN f.effective_at <= {start} - interval '31 days' THEN 1 ELSE -1 END DESC,
    f.factor_id DESC
LIMIT 1
"""
_FACTOR = _INTERVAL_FACTOR.format(chain="$1", region="$2", start="$3::timestamptz")
_FACTS = f"""
SELECT w.user_id, m.owner_address, m.community, m.region, m.delivery_minutes AS minutes_on_chain,
    h.id AS house_id, h.owner_id, h.zone, h.capacity_w, h.connection_w,
    g.id AS org_id, g.delivery_minutes, {", ".join("r." + name for name in COLUMNS)},
    l.venue AS lane_venue, l.delivery_start AS lane_start, l.next_position,
    f.region AS factor_region, f.basis, f.valid_from, f.valid_to, f.effective_at, b.closes_at,
    coalesce(b.factor_id,
        ({_INTERVAL_FACTOR.format(chain="$1", region="m.region", start="o.delivery_start")})) AS interval_factor
FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::integer[], $6::timestamptz[]) WITH ORDINALITY
    AS o (maker, meter, factor_id, lane, delivery_start, n)
LEFT JOIN wallets w ON w.address = o.maker AND w.valid_to IS NULL AND w.valid_from <= $7
LEFT JOIN chain_meters m ON m.chain = $1 AND m.meter = o.meter
LEFT JOIN houses h ON h.meter = o.meter AND h.deleted_at IS NULL
LEFT JOIN organizations g ON g.id = h.org_id AND g.community_number = m.community AND g.active
LEFT JOIN community_markets r ON r.org_id = g.id
LEFT JOIN order_lanes l ON l.chain = $1 AND l.maker = o.maker AND l.lane = o.lane
LEFT JOIN emission_factors f ON f.chain = $1 AND f.factor_id = o.factor_id
LEFT JOIN books b ON b.chain = $1 AND b.community = m.community AND b.delivery_start = o.delivery_start
ORDER BY o.n
"""  # noqa: S608  # constants of this package


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """For what a lane was handed out last, and how many of its positions."""

    venue: Venue
    delivery_start: datetime
    next_position: int


@dataclass(frozen=True, slots=True)
class FactorFacts:
    """An emission factor that an order names."""

    region: str
    basis: Basis
    valid_from: datetime
    valid_to: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class HouseFacts:
    """The house behind an order's meter, and its market. `closes_at` is the book's own, once it is made."""

    house_id: UUID
    owner_id: UUID
    zone: str
    capacity_w: int
    connection_w: int | None
    rules: MarketRules
    closes_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What is known about one order; None: there is nothing of that kind."""

    user_id: UUID | None
    meter_owner: bytes | None
    region: str | None
    minutes_on_chain: int | None
    house: HouseFacts | None
    lane: LaneFacts | None
    factor: FactorFacts | None
    interval_factor: int | None


async def gather(read: Read, chain: int, orders: Sequence[Order], *, now: datetime) -> list[OrderFacts]:
    """Facts of each of `orders`, in their sequence; `read` works as gridx_service. Values must fit their types."""
    rows = await read(
        _FACTS,
        chain,
        [order.maker for order in orders],
        [order.meter for order in orders],
        [order.factor_id for order in orders],
        [order.lane for order in orders],
        [at(order.delivery_start) for order in orders],
        now,
    )
    return [_facts(row) for row in rows]


async def interval_factor(session: AsyncSession, chain: int, region: str, delivery_start: datetime) -> int | None:
    """The emission factor that all orders of a book in this region and interval name; None: there is none."""
    rows = await fetch(session, _FACTOR, chain, region, delivery_start)
    return int(rows[0]["factor_id"]) if rows else None


def _facts(row: Any) -> OrderFacts:
    return OrderFacts(
        user_id=row["user_id"],
        meter_owner=row["owner_address"],
        region=row["region"],
        minutes_on_chain=row["minutes_on_chain"],
        house=_house(row) if row["org_id"] is not None else None,
        lane=LaneFacts(Venue(row["lane_venue"]), row["lane_start"], row["next_position"])
        if row["lane_venue"] is not None
        else None,
        factor=FactorFacts(
            row["factor_region"], Basis(row["basis"]), row["valid_from"], row["valid_to"], row["effective_at"]
        )
        if row["basis"] is not None
        else None,
        interval_factor=row["interval_factor"],
    )


def _house(row: Any) -> HouseFacts:
    return HouseFacts(
        row["house_id"], row["owner_id"], row["zone"], row["capacity_w"], row["connection_w"], read_row(row),
        row["closes_at"],
    )  # fmt: skip
