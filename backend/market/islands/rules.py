# SPDX-License-Identifier: Apache-2.0
"""What an island changes for orders: the price cap of the deliveries it covers. Imports nothing of the order path."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.units import micro_to_price
from backend.market import sql
from backend.market.islands.errors import PriceAboveCap
from backend.market.islands.types import IslandRules

COVERS = """o.delivery_start < coalesce(i.ended_at, i.ends_at)
    AND o.delivery_start + i.delivery_minutes * interval '1 minute' > i.starts_at"""
"""Whether island `i` covers the interval of `o`: by its times alone, so that it ends by itself."""
OF_INTERVAL = f"""
SELECT i.id, i.price_cap_micro_per_kwh FROM islands i WHERE i.community = o.community AND {COVERS}
ORDER BY i.price_cap_micro_per_kwh LIMIT 1
"""  # noqa: S608 constants
"""The island whose rules hold for community and interval of `o`, if any."""
_RULES = f"""
SELECT i.id AS island_id, i.price_cap_micro_per_kwh
FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS o (community, delivery_start, n)
LEFT JOIN LATERAL ({OF_INTERVAL}) AS i ON true ORDER BY o.n
"""  # noqa: S608 constants


async def rules_of(session: AsyncSession, intervals: Sequence[tuple[int, datetime]]) -> list[IslandRules | None]:
    """The island's rules for each (community, delivery start); None where none is covered. One query for all."""
    rows = await sql.fetch(session, _RULES, [pair[0] for pair in intervals], [pair[1] for pair in intervals])
    return [read_rules(row) for row in rows]


def read_rules(row: Any) -> IslandRules | None:
    """Rules from the columns `island_id` and `price_cap_micro_per_kwh`; None where there is no island."""
    if row["island_id"] is None:
        return None
    return IslandRules(UUID(str(row["island_id"])), row["price_cap_micro_per_kwh"])


async def rules_at(session: AsyncSession, community: int, delivery_start: datetime) -> IslandRules | None:
    """The island's rules for deliveries of that interval; None: the market's own hold."""
    return (await rules_of(session, [(community, delivery_start)]))[0]


def above_cap(rules: IslandRules | None, price_micro_per_kwh: int) -> PriceAboveCap | None:
    """What refuses an order at this price; None: it may be placed."""
    if rules is None or price_micro_per_kwh <= rules.price_cap_micro_per_kwh:
        return None
    return PriceAboveCap(
        island_id=rules.island_id,
        price_cap=micro_to_price(rules.price_cap_micro_per_kwh),
        price=micro_to_price(price_micro_per_kwh),
    )
