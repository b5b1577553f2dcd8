# SPDX-License-Identifier: Apache-2.0
"""What somebody's houses may still sell and buy in an interval, and what keeps a house from trading."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from backend.core.db import Database
from backend.market.orders.checks import limit_wh
from backend.market.orders.last_look import COMMITTED
from backend.market.sql import fetch

_HOUSES = """
SELECT h.id, h.name, h.meter, h.capacity_w, h.connection_w, g.delivery_minutes, g.community_number,
    m.owner_address, m.community, w.user_id IS NOT NULL AS is_linked
FROM houses h JOIN organizations g ON g.id = h.org_id
LEFT JOIN chain_meters m ON m.chain = $1 AND m.meter = h.meter
LEFT JOIN wallets w ON w.address = m.owner_address AND w.user_id = $2 AND w.valid_to IS NULL
WHERE h.org_id = $3 AND h.owner_id = $2 AND h.deleted_at IS NULL AND g.delivery_minutes IS NOT NULL
ORDER BY h.created_at, h.id LIMIT $4
"""
MOST_HOUSES = 100


class Hindrance(StrEnum):
    """Why a house cannot trade: it names no meter; its meter is not enrolled on chain, or in another community; the
    meter's owner is no wallet that is linked to the house's owner."""

    NO_METER = "no_meter"
    NOT_ENROLLED = "not_enrolled"
    OTHER_COMMUNITY = "other_community"
    OTHER_WALLET = "other_wallet"


@dataclass(frozen=True, slots=True)
class Side:
    """Most energy of one side in the interval, and what no order of that side holds yet, in Wh."""

    limit_wh: int
    rest_wh: int


@dataclass(frozen=True, slots=True)
class HouseCapacity:
    """One house in one interval; `wallet` signs for it."""

    house_id: UUID
    name: str
    meter: int | None
    wallet: bytes | None
    hindrance: Hindrance | None
    offers: Side
    bids: Side


async def list_capacities(
    service_db: Database, chain: int, *, user_id: UUID, org_id: UUID, delivery_start: datetime
) -> list[HouseCapacity]:
    """The user's own houses in a community, at most MOST_HOUSES, the oldest first."""
    async with service_db.begin() as session:
        houses = await fetch(session, _HOUSES, chain, user_id, org_id, MOST_HOUSES)
        ids = [house["id"] for house in houses]
        rows = await fetch(session, COMMITTED, ids, [delivery_start] * len(ids))
    committed = {(row["house_id"], row["is_bid"]): row["energy_wh"] for row in rows}
    return [_capacity(house, committed) for house in houses]


def _capacity(house: Any, committed: Mapping[tuple[UUID, bool], int]) -> HouseCapacity:
    def side(is_bid: bool) -> Side:
        limit = limit_wh(house["capacity_w"], house["connection_w"], is_bid=is_bid, minutes=house["delivery_minutes"])
        return Side(limit, max(0, limit - committed.get((house["id"], is_bid), 0)))

    return HouseCapacity(
        house["id"], house["name"], house["meter"], house["owner_address"], _hindrance(house), side(False), side(True)
    )


def _hindrance(house: Any) -> Hindrance | None:
    if house["meter"] is None:
        return Hindrance.NO_METER
    if house["owner_address"] is None:
        return Hindrance.NOT_ENROLLED
    if house["community"] != house["community_number"]:
        return Hindrance.OTHER_COMMUNITY
    return None if house["is_linked"] else Hindrance.OTHER_WALLET
