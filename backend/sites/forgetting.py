# SPDX-License-Identifier: Apache-2.0
"""What houses forget of an owner whose account was deleted: their names, and where exactly they stand."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.core.db import Database

NAMELESS = "House of a deleted user"
# A whole degree (about 100 km) still says under which sun a house lies.
_FORGET = text("""
UPDATE houses SET name = :name, latitude = round(latitude), longitude = round(longitude), updated_at = :now
WHERE owner_id = :owner AND (name, latitude, longitude) <> (:name, round(latitude), round(longitude))
""")


async def forget_owner(db: Database, owner_id: UUID, *, now: datetime) -> int:
    """Make the houses of a deleted user anonymous; returns how many were not yet. `db` is gridx_service.

    The houses stay, and so do their readings, meters and capacities: deliveries and credited energy rest on them.
    """
    async with db.begin() as session:
        changed: Any = await session.execute(_FORGET, {"name": NAMELESS, "owner": owner_id, "now": now})
    return int(changed.rowcount)
