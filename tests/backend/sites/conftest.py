# SPDX-License-Identifier: Apache-2.0
"""Builders of the sites tests: people, communities, houses, drafts, all real rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.crypto import address_of
from backend.core.db import Actor
from backend.core.ids import uuid7
from backend.sites import service
from backend.sites.types import Draft, MeterRow

if TYPE_CHECKING:
    from backend.core.db import Database

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=1)
METER_KEY = b"\x11" * 32
CHAIN = 1


@dataclass(frozen=True)
class Home:
    """A house with its people, as the tests need it."""

    id: UUID
    owner_id: UUID
    org_id: UUID
    meter: int | None

    @property
    def owner(self) -> Actor:
        return Actor(user_id=self.owner_id, org_id=self.org_id, org_role="member")

    @property
    def operator(self) -> Actor:
        return Actor(user_id=self.owner_id, org_id=self.org_id, org_role="operator")


def draft(home: Home | None = None, *, line: int = 1, start: datetime = NOON, **values: Any) -> Draft:
    """A draft that is right unless `values` say otherwise: 0.5 kWh produced in 15 minutes."""
    known: dict[str, Any] = {
        "house_id": home.id if home else None, "meter": None, "minutes": None, "production_wh": 500,
        "consumption_wh": None, "export_wh": None, "import_wh": None, "temperature_c": None, "source": None,
        "signature": None, "revision": 0,
    }  # fmt: skip
    return Draft(line=line, start=start, **(known | values))


@pytest.fixture
def make_user(service_db: Database) -> Callable[..., Awaitable[UUID]]:
    async def make() -> UUID:
        user_id = uuid7()
        async with service_db.begin() as session:
            await session.execute(
                text("INSERT INTO users (id, name, created_at) VALUES (:id, 'Asha', :now)"),
                {"id": user_id, "now": NOON},
            )
        return user_id

    return make


@pytest.fixture
def make_community(service_db: Database) -> Callable[..., Awaitable[UUID]]:
    async def make(*, number: int | None = None, time_zone: str = "UTC", delivery_minutes: int = 15) -> UUID:
        org_id = uuid7()
        async with service_db.begin() as session:
            await session.execute(
                text("""INSERT INTO organizations (id, kind, name, slug, emission_region, time_zone, delivery_minutes,
                            community_number, created_at, updated_at)
                        VALUES (:id, 'community', 'Surya Nagar', :slug, 'CAMX', :zone, :minutes,
                            :number, :now, :now)"""),
                {"id": org_id, "slug": f"c{org_id.hex}", "zone": time_zone, "minutes": delivery_minutes,
                 "number": number, "now": NOON},
            )  # fmt: skip
        return org_id

    return make


@pytest.fixture
def make_house(
    service_db: Database, make_user: Callable[..., Awaitable[UUID]], make_community: Callable[..., Awaitable[UUID]]
) -> Callable[..., Awaitable[Home]]:
    async def make(
        *, owner_id: UUID | None = None, org_id: UUID | None = None, meter: int | None = None, signed: bool = False,
        capacity_w: int = 5_000, reading_minutes: int = 15, time_zone: str = "UTC",
    ) -> Home:  # fmt: skip
        owner = owner_id or await make_user()
        org = org_id or await make_community(time_zone=time_zone)
        home = Home(uuid7(), owner, org, meter)
        async with service_db.begin() as session:
            await session.execute(
                text("""INSERT INTO memberships (org_id, user_id, role, created_at)
                        VALUES (:org, :user, 'member', :now) ON CONFLICT DO NOTHING"""),
                {"org": org, "user": owner, "now": NOON},
            )
            await session.execute(
                text("""INSERT INTO houses (id, owner_id, org_id, name, capacity_w, latitude, longitude,
                            reading_minutes, meter, created_at, updated_at)
                        VALUES (:id, :owner, :org, 'Blue door', :capacity, 37.5, -122.1,
                            :minutes, :meter, :now, :now)"""),
                {"id": home.id, "owner": owner, "org": org, "capacity": capacity_w, "minutes": reading_minutes,
                 "meter": meter, "now": NOON},
            )  # fmt: skip
            if signed:
                assert meter is not None
                row = MeterRow(meter, b"\xaa" * 20, 7, "CAMX", 15, address_of(METER_KEY), 10, 0)
                await service.record_meters(session, CHAIN, [row])
        return home

    return make


@pytest.fixture
def stored(databases: Any) -> Callable[..., Awaitable[list[Any]]]:
    """Rows of a query as the superuser sees them."""

    async def fetch(query: str, *values: object) -> list[Any]:
        import asyncpg

        connection = await asyncpg.connect(databases.superuser)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()

    return fetch
