# SPDX-License-Identifier: Apache-2.0
"""Orders that rest above an island's price cap end: their makers are asked to sign again at or below it."""

from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.market import sql
from backend.market.book import service as book
from backend.market.islands.rules import COVERS
from backend.market.islands.types import Island
from backend.market.orders.fills import end_offers
from backend.market.orders.types import Venue

REASON = "island.price_above_cap"
AT_ONCE = 5_000
_ABOVE = f"""
SELECT o.id, o.venue FROM orders o JOIN islands i ON i.id = $1 AND o.chain = i.chain AND o.community = i.community
WHERE o.state = 'OPEN' AND o.price_micro_per_kwh > i.price_cap_micro_per_kwh AND {COVERS}
ORDER BY o.id LIMIT $2
"""  # noqa: S608 constants


async def close_above_cap(session: AsyncSession, island: Island, now: datetime) -> int:
    """End the open orders above the cap for deliveries that the island covers, at most `AT_ONCE`; returns how many.

    Repeatable: an order that slipped in while the island was declared is found by the next call.
    """
    rows = await sql.fetch(session, _ABOVE, island.id, AT_ONCE)
    resting = [UUID(str(row["id"])) for row in rows if row["venue"] == Venue.BOOK]
    offers = [UUID(str(row["id"])) for row in rows if row["venue"] == Venue.DIRECT]
    ended = await book.end_orders(session, island.chain, resting, reason=REASON, now=now) if resting else 0
    return ended + (await end_offers(session, island.chain, offers, reason=REASON, now=now) if offers else 0)
