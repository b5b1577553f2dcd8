# SPDX-License-Identifier: Apache-2.0
"""Makes users with wallets, trades' carbon and signed documents; reads the ledger back."""

import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.carbon import service
from backend.carbon.documents import Retirement, Transference, digest
from backend.carbon.types import TradeCycle, Transfer, earned, holder_of
from backend.core.crypto import address_of, sign
from backend.core.db import Actor, Database
from backend.core.ids import uuid7

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)  # a Wednesday
DAY = date(2026, 3, 17)
CHAIN = 1
COMMUNITY = 7


@dataclass
class Person:
    """A user with one wallet whose key we hold."""

    user_id: UUID = field(default_factory=uuid7)
    key: bytes = field(default_factory=lambda: os.urandom(32))

    @property
    def address(self) -> bytes:
        return address_of(self.key)

    @property
    def actor(self) -> Actor:
        return Actor(user_id=self.user_id)


async def make_person(service_db: Database, *, leaderboard_name: str | None = None, linked: bool = True) -> Person:
    """A stored user, with a linked wallet unless told otherwise."""
    person = Person()
    async with service_db.begin() as session:
        await session.execute(
            text("INSERT INTO users (id, name, leaderboard_name, created_at) VALUES (:id, 'Ada', :shown, :now)"),
            {"id": person.user_id, "shown": leaderboard_name, "now": NOW},
        )
        if linked:
            await link(session, person)
    return person


async def link(session: Any, person: Person) -> None:
    """Store the person's wallet as theirs."""
    await session.execute(
        text("INSERT INTO wallets (id, address, user_id, valid_from) VALUES (:id, :address, :user, :now)"),
        {"id": uuid7(), "address": person.address, "user": person.user_id, "now": NOW},
    )


async def make_community(service_db: Database, *, time_zone: str = "UTC", number: int = COMMUNITY) -> UUID:
    """A stored community."""
    org_id = uuid7()
    async with service_db.begin() as session:
        await session.execute(
            text(
                "INSERT INTO organizations (id, kind, name, slug, emission_region, time_zone, delivery_minutes, "
                "community_number, created_at, updated_at) VALUES (:id, 'community', 'Sun Street', :slug, 'CAMX', "
                ":zone, 15, :number, :now, :now)"
            ),
            {"id": org_id, "slug": f"sun-{number}", "zone": time_zone, "number": number, "now": NOW},
        )
    return org_id


async def make_chain(service_db: Database) -> int:
    """A stored chain, so that there is a domain to sign in; its key."""
    async with service_db.begin() as session:
        found = await session.scalar(
            text(
                "INSERT INTO chains (chain_id, genesis_hash, contract_address, deployment_block, "
                "deployment_block_hash, salt, network, confirmations) "
                "VALUES (31337, :hash, :address, 1, :hash, :hash, 'local', 2) RETURNING id"
            ),
            {"hash": os.urandom(32), "address": os.urandom(20)},
        )
    assert found is not None
    return int(found)


def claim_of(
    buyer: bytes,
    grams: int,
    *,
    trade_id: bytes | None = None,
    cycle: int = 0,
    holder_id: UUID | None = None,
    community: int = COMMUNITY,
    day: date = DAY,
) -> Transfer:
    """What a trade earns its buyer."""
    return earned(
        buyer=buyer,
        grams=grams,
        chain=CHAIN,
        trade_id=trade_id or os.urandom(32),
        cycle=cycle,
        holder_id=holder_id or holder_of(buyer),
        community=community,
        delivery_date=day,
        delivery_start=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        booked_at=NOW,
    )


async def earn(service_db: Database, person: Person, grams: int, *, released: bool = True, **facts: Any) -> TradeCycle:
    """Credit a person with a trade's carbon; the trade."""
    transfer = claim_of(person.address, grams, holder_id=person.user_id, **facts)
    assert transfer.trade_id is not None
    trade = TradeCycle(transfer.trade_id, transfer.cycle or 0)
    async with service_db.begin() as session:
        await service.post(session, [transfer])
        if released:
            await service.release(session, CHAIN, [trade], NOW)
    return trade


async def retirement(db: Database, person: Person, grams: int, **changed: Any) -> tuple[Retirement, bytes]:
    """The next retirement of a person with its signature; `changed` replaces values before signing."""
    domain, head = await service.prepare(db, person.address, actor=person.actor)
    values: dict[str, Any] = {
        "account": person.address, "grams": grams, "reason": "my flight", "sequence": head.sequence + 1,
        "previous_hash": head.hash, "expiry": int(NOW.timestamp()) + 60,
    }  # fmt: skip
    order = Retirement(**(values | changed))
    return order, sign(digest(domain, order), person.key)


async def transference(
    db: Database, person: Person, recipient: bytes, grams: int, **changed: Any
) -> tuple[Transference, bytes]:
    """The next transfer of a person with its signature."""
    domain, head = await service.prepare(db, person.address, actor=person.actor)
    values: dict[str, Any] = {
        "account": person.address, "recipient": recipient, "grams": grams, "sequence": head.sequence + 1,
        "previous_hash": head.hash, "expiry": int(NOW.timestamp()) + 60,
    }  # fmt: skip
    order = Transference(**(values | changed))
    return order, sign(digest(domain, order), person.key)


async def balance(service_db: Database, account: bytes) -> tuple[int, int]:
    """(pending, available) grams of an account."""
    async with service_db.begin() as session:
        row = (
            await session.execute(
                text("SELECT pending_g, available_g FROM carbon_wallet WHERE account = :account"), {"account": account}
            )
        ).first()
    return (row.pending_g, row.available_g) if row else (0, 0)


async def rows(db: Database, sql: str, **values: Any) -> list[Any]:
    """All rows of a query."""
    async with db.begin() as session:
        return list((await session.execute(text(sql), values)).all())
