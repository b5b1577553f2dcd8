# SPDX-License-Identifier: Apache-2.0
"""Communities with houses and hourly readings up to now, in a real database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy import text

from backend.accounts import service as accounts
from backend.accounts.types import OrgRole
from backend.core.clock import utc_now
from backend.core.db import Actor, Database
from backend.sites import service as sites
from backend.sites.houses import HouseFields
from tests.backend.accounts.helpers import make_community

HOUR = timedelta(hours=1)
_INSERT = text("""
INSERT INTO energy_production (house_id, start_at, end_at, minutes, consumption_wh, production_wh, import_wh, export_wh,
    attestation, recorded_at)
SELECT :house, t, t + interval '1 hour', 60, c, p, greatest(c - p, 0), greatest(p - c, 0), 'operator', now()
FROM unnest(CAST(:times AS timestamptz[]), CAST(:used AS bigint[]), CAST(:made AS bigint[])) AS r (t, c, p)
""")


@dataclass
class Town:
    """A community; `person` is its operator and owns the houses."""

    org_id: UUID
    person: UUID
    service_db: Database
    houses: list[UUID]

    async def house(
        self, *, days: float = 60, level_wh: int = 500, until: datetime | None = None, flat: bool = False
    ) -> UUID:
        """One more house with `days` of hourly readings up to `until` (now): days, weeks and some noise."""
        actor = Actor(user_id=self.person, org_id=self.org_id, org_role="operator")
        fields = HouseFields("House", 5000, 38.5, -121.5, reading_minutes=60)  # type: ignore[arg-type]
        made = await sites.create_house(self.service_db, fields, actor=actor, now=utc_now())
        self.houses.append(made.id)
        end = (until or utc_now()).replace(minute=0, second=0, microsecond=0)
        count = round(days * 24)
        if count:
            used, made_wh = shapes(end, count, level_wh, seed=len(self.houses), flat=flat)
            times = [end - HOUR * back for back in range(count, 0, -1)]
            async with self.service_db.begin() as session:
                await session.execute(_INSERT, {"house": made.id, "times": times, "used": used, "made": made_wh})
        return made.id


def shapes(end: datetime, count: int, level_wh: int, *, seed: int, flat: bool) -> tuple[list[int], list[int]]:
    """Consumption and production in Wh of `count` hours up to `end`."""
    hours = np.arange(count) - count + int(end.timestamp()) // 3600
    if flat:
        return [level_wh] * count, [0] * count
    turn = 2 * np.pi * (hours % 24) / 24
    noise = np.random.default_rng(seed).normal(1, 0.1, count)
    weekend = np.where((hours // 24) % 7 >= 5, 1.3, 1.0)
    used = level_wh * (1.2 + 0.6 * np.sin(turn)) * weekend * np.abs(noise)
    made = np.maximum(0, 4 * level_wh * np.sin(turn - np.pi / 2 + 0.5)) * np.abs(noise)
    return [int(value) for value in used], [int(value) for value in made]


async def make_town(service_db: Database, person: UUID, *, slug: str = "north", number: int = 1) -> Town:
    """A community on chain number `number`, operated by `person`, without houses."""
    made = await make_community(service_db, slug, number=number, minutes=60)
    await accounts.add_member(service_db, made.id, person, OrgRole.OPERATOR, by=None, now=utc_now())
    return Town(made.id, person, service_db, [])


def hour_of(now: datetime) -> datetime:
    """The hour in which a moment lies."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
