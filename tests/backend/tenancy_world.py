# SPDX-License-Identifier: Apache-2.0
"""Two communities for the tests of tenancy: North with a stranger, South with everything that must stay hidden."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from backend.accounts import service
from backend.accounts.types import MarketRole, OrgKind, OrgRole
from backend.chain import service as chains
from backend.core.clock import utc_now
from backend.core.crypto import address_of, keccak
from backend.core.db import Actor, Database
from backend.core.units import format_address
from tests.backend.tenancy_island import make_island

PASSWORD = "correct horse battery"
SECRETS = (
    "South Owner", "south-owner@example.org", "South House", "Community South", "South key", "South order",
    "South island",
    b"South signature".hex(),
)  # fmt: skip
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
    neighbour = await _person(app, world, "north_operator", "North Operator", "north-operator@example.org")
    for org_id, user_id, role in (
        (north, stranger, OrgRole.OPERATOR),
        (north, neighbour, OrgRole.OPERATOR),
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
    sessions = await service.list_sessions(app.state.db, user_id=owner, now=now)
    world.ids |= {
        "south_session": str(sessions[0].id),
        "north_org": str(north),
        "south_org": str(south),
        "south_wallet": format_address(wallet),
        "south_key": str(key.id),
        "south_nonce": typed["message"]["nonce"],
        "south_replacement": str(await _replacement(service_db, owner, wallet)),
        "unknown": str(uuid4()),
        "month": "2026-06",
    }
    world.ids["south_house"] = await _house(world, client)
    world.ids |= await _market(service_db, world)
    world.ids |= await make_island(service_db, world.ids)
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


async def _market(service_db: Database, world: World) -> dict[str, str]:
    """Orders of South's owner and operator, their match with its receipt, and a direct offer that is reserved."""
    names = ("south_bid", "south_order", "south_offer", "south_receipt", "south_match", "south_reservation")
    ids = {name: str(uuid4()) for name in names}
    async with service_db.begin() as session:
        registered = await chains.register_chain(
            session, chain_id=31337, genesis_hash=b"\1" * 32, contract_address=b"\2" * 20, deployment_block=1,
            deployment_block_hash=b"\3" * 32, parent_hash=b"\4" * 32, network="elsewhere", confirmations=2,
        )  # fmt: skip
        chain = registered.id
        known = {**world.ids, **ids, "chain": chain, "wallet": address_of(WALLET_SECRET)}
        sides = (("south_order", "south_owner", "book"), ("south_bid", "south_operator", "book"))
        for slot, (order, user, venue) in enumerate((*sides, ("south_offer", "south_owner", "direct"))):
            facts = {"id": ids[order], "user": known[user], "is_bid": order == "south_bid", "venue": venue}
            named = {"org": known["south_org"], "house": known["south_house"], "chain": chain, "slot": slot}
            await session.execute(_ORDER, facts | named | {"maker": known["wallet"], "hash": bytes([slot]) * 32})
        for statement in _MATCH:
            await session.execute(
                text(statement), {name: known[name] for name in re.findall(r"(?<!:):([a-z]\w*)", statement)}
            )
    return ids


_ORDER = text("""
INSERT INTO orders (id, chain, org_id, community, delivery_start, delivery_minutes, user_id, house_id, zone, maker,
    taker, is_bid, kind, venue, meter, energy_wh, min_fill_wh, price_micro_per_kwh, factor_id, slot, expiry, order_hash,
    signature, state, reserved_wh, placed_version, changed_version, placed_at)
VALUES (:id, :chain, :org, 2, '2030-01-01T00:00:00Z', 15, :user, :house, '', :maker, decode(repeat('00', 20), 'hex'),
    :is_bid, 'limit', :venue, 9, 1000, 0, 5, 1, :slot, '2030-01-02T00:00:00Z', :hash, 'South signature', 'OPEN',
    CASE :venue WHEN 'direct' THEN 10 ELSE 0 END, 1, 1, now())
""")
_MATCH = (
    """INSERT INTO match_receipts (id, chain, org_id, community, delivery_start, version, rule, book_hash, receipt,
        made_at)
    VALUES (:south_receipt, :chain, :south_org, 2, '2030-01-01T00:00:00Z', 1, 'continuous',
        decode(repeat('05', 32), 'hex'), '{"orders": ["South order"]}', now())""",
    """INSERT INTO matches (id, chain, org_id, community, delivery_start, receipt_id, offer_id, bid_id, seller_id,
        buyer_id, energy_wh, price_micro_per_kwh, seller_fee_micro, buyer_fee_micro, settlement_nonce, trade_id, state,
        matched_at, updated_at)
    VALUES (:south_match, :chain, :south_org, 2, '2030-01-01T00:00:00Z', :south_receipt, :south_order, :south_bid,
        :south_owner, :south_operator, 10, 5, 0, 0, 1, decode(repeat('06', 32), 'hex'), 'MATCHED', now(), now())""",
    """INSERT INTO offer_reservations (id, order_id, buyer_id, buyer_address, energy_wh, nonce, reserved_at, expires_at)
    VALUES (:south_reservation, :south_offer, :south_operator, decode(repeat('07', 20), 'hex'), 10, 1, now(),
        now() + interval '10 minutes')""",
)
