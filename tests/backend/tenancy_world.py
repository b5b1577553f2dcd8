# SPDX-License-Identifier: Apache-2.0
"""Two communities for the tests of tenancy: North with a stranger, South with everything that must stay hidden."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from backend.accounts import service
from backend.accounts.types import MarketRole, OrgKind, OrgRole
from backend.core.clock import utc_now
from backend.core.crypto import address_of, keccak
from backend.core.db import Actor, Database
from backend.core.units import format_address

PASSWORD = "correct horse battery"
SECRETS = ("South Owner", "south-owner@example.org", "South House", "Community South", "South key")
WALLET_SECRET = keccak(b"south wallet")


@dataclass
class World:
    """The names that cases use, who may ask for them, and the words that no stranger may read."""

    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def bearer(self, who: str) -> dict[str, str]:
        """The header of a request by `stranger`, `south_owner` or `south_operator`."""
        return {"Authorization": f"Bearer {self.tokens[who]}"}


async def _person(app: FastAPI, world: World, name: str, shown: str, email: str) -> UUID:
    new = service.NewUser(shown, email, PASSWORD, MarketRole.BOTH)
    accounts = app.state.accounts
    entered = await service.register(app.state.db, accounts, new, None, call_contract=None, now=utc_now())
    world.ids[name] = str(entered.user.id)
    world.tokens[name] = entered.tokens.access_token
    return entered.user.id


async def _community(service_db: Database, slug: str, number: int) -> UUID:
    new = service.NewOrganization(
        kind=OrgKind.COMMUNITY,
        name=f"Community {slug.title()}",
        slug=slug,
        emission_region="CAMX",
        currency="USD",
        time_zone="America/Los_Angeles",
        delivery_minutes=15,
        community_number=number,
    )
    return (await service.create_organization(service_db, new, operator_id=None, by=None, now=utc_now())).id


async def make_world(app: FastAPI, client: httpx.AsyncClient) -> World:
    """Fill the database through the verbs and the API, as people would."""
    world, service_db, now = World(), app.state.service_db, utc_now()
    north, south = await _community(service_db, "north", 1), await _community(service_db, "south", 2)
    stranger = await _person(app, world, "stranger", "Stranger", "stranger@example.org")
    owner = await _person(app, world, "south_owner", "South Owner", "south-owner@example.org")
    operator = await _person(app, world, "south_operator", "South Operator", "south-operator@example.org")
    for org_id, user_id, role in (
        (north, stranger, OrgRole.OPERATOR),
        (south, owner, OrgRole.MEMBER),
        (south, operator, OrgRole.OPERATOR),
    ):
        await service.add_member(service_db, org_id, user_id, role, by=None, now=now)
    wallet = address_of(WALLET_SECRET)
    async with service_db.begin() as session:
        await service.claim_addresses(session, owner, [wallet], now=now)
    key, _ = await service.create_key(
        app.state.db,
        actor=Actor(user_id=owner, org_id=south),
        name="South key",
        scopes=["read"],
        ip_allow=[],
        expires_at=None,
        now=now,
    )
    typed = await service.challenge(app.state.db, app.state.accounts, user_id=owner, address=b"\x08" * 20, now=now)
    world.ids |= {
        "north_org": str(north),
        "south_org": str(south),
        "south_wallet": format_address(wallet),
        "south_key": str(key.id),
        "south_nonce": typed["message"]["nonce"],
        "south_replacement": str(await _replacement(service_db, owner, wallet)),
        "unknown": str(uuid4()),
    }
    world.ids["south_house"] = await _house(world, client)
    return world


async def _replacement(service_db: Database, owner: UUID, wallet: bytes) -> UUID:
    replacement, now = uuid4(), utc_now()
    async with service_db.begin() as session:
        await (await session.connection()).execute(
            text(
                "INSERT INTO wallet_replacements (id, user_id, old_address, new_address, requested_at, effective_at)"
                " VALUES (:id, :owner, :old, :new, :now, :at)"
            ),
            {
                "id": replacement,
                "owner": owner,
                "old": wallet,
                "new": b"\x08" * 20,
                "now": now,
                "at": now + timedelta(hours=24),
            },
        )
    return replacement


async def _house(world: World, client: httpx.AsyncClient) -> str:
    headers = world.bearer("south_owner")
    house = {"name": "South House", "capacityKw": "5", "latitude": 34.05, "longitude": -118.24}
    made = await client.post("/api/houses", json=house, headers=headers)
    assert made.status_code == 201, made.text
    house_id = str(made.json()["data"]["id"])
    reading = {"houseId": house_id, "start": "2026-06-01T12:00:00Z", "minutes": 15, "productionKwh": "1.234"}
    stored = await client.post("/api/energy-production", json=reading, headers=headers)
    assert stored.status_code == 201, stored.text
    return house_id
