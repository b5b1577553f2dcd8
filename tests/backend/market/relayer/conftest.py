# SPDX-License-Identifier: Apache-2.0
"""`trading`: the people of a town whose book has matched them, and the relayer that settles their pairs on chain.

Account 5 settles and signs nothing else. Pairs are written as the book writes them: orders, receipt, match.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.clock import utc_now
from backend.core.ids import uuid7
from backend.market.orders.types import NewOrder
from backend.market.relayer.encoding import SETTLER_ROLE
from backend.market.relayer.relayer import Relayer
from backend.market.relayer.signer import KeySigner
from backend.market.relayer.types import Outcome, RelayerOptions
from tests.backend.market.conftest import FINALITY_DEPTH, Town
from tests.support.databases import DatabaseUrls
from tests.support.orders import Orders, interval_after, store_order

SETTLER = 5
OPTIONS = RelayerOptions(interval_s=0, retry_s=0, finality_depth=FINALITY_DEPTH, bump_blocks=3)
NEVER = 2**32 - 1


@dataclass
class Paired:
    """A match and its two orders."""

    id: UUID
    nonce: int
    trade_id: bytes
    offer: NewOrder
    bid: NewOrder


@dataclass
class Trading:
    """A town whose orders are matched; `relayer` is stepped by hand."""

    town: Town
    orders: Orders
    databases: DatabaseUrls
    relayer: Relayer
    others: list[Relayer] = field(default_factory=list)

    @property
    def anvil(self) -> Any:
        return self.town.stage.anvil

    def another(self, *, account: int = SETTLER, now: Callable[[], datetime] = utc_now, **options: Any) -> Relayer:
        """A further relayer, by default with the same key."""
        signer = KeySigner(self.town.stage.key(account))
        made = Relayer(self.town.db, self.town.rpc, self.town.chain, signer, replace(OPTIONS, **options), now=now)
        self.others.append(made)
        return made

    async def tomorrow(self, **options: Any) -> None:
        """A relayer whose clock is a day ahead takes over."""
        await self.relayer.release()
        self.relayer = self.another(now=lambda: utc_now() + timedelta(days=1), **options)

    def set(self, **options: Any) -> None:
        """Change options of the relayer."""
        self.relayer.desk.options = replace(self.relayer.desk.options, **options)

    async def pair(
        self,
        seller: int = 1,
        buyer: int = 2,
        *,
        energy_wh: int = 1_000,
        offer: NewOrder | None = None,
        bid: NewOrder | None = None,
        price: int = 240_000,
        matched_at: datetime | None = None,
    ) -> Paired:
        """Two orders (new ones unless given) and their match."""
        made = [] if offer else [self.orders.new(seller, energy_wh=energy_wh, expiry=NEVER)]
        made += [] if bid else [self.orders.new(buyer, is_bid=True, energy_wh=energy_wh, expiry=NEVER)]
        offer = offer or made[0]
        bid = bid or made[-1]
        now = matched_at or utc_now()
        async with self.town.db.begin() as session:
            await self.open_book(session, offer)
            for order in made:
                await store_order(session, order)
            nonce = (await session.execute(text("SELECT nextval('settlement_nonces')"))).scalar_one()
            trade_id = self.town.chain.contract_address + (nonce << 16).to_bytes(12, "big")
            values = {
                "id": uuid7(), "chain": offer.chain, "org": offer.org_id, "community": offer.community,
                "start": offer.delivery_start, "receipt": uuid7(), "offer": offer.id, "bid": bid.id,
                "seller": offer.user_id, "buyer": bid.user_id, "energy": energy_wh, "price": price,
                "nonce": nonce, "trade": trade_id, "now": now, "hash": b"\1" * 32,
            }  # fmt: skip
            await session.execute(text(_RECEIPT), values)
            await session.execute(text(_MATCH), values)
            await session.execute(text(_FILL), {"ids": [offer.id, bid.id], "energy": energy_wh, "now": now})
        return Paired(values["id"], nonce, trade_id, offer, bid)

    async def open_book(self, session: Any, order: NewOrder) -> None:
        """The book of an order's interval, made unless it is there."""
        values = {
            "chain": order.chain, "community": order.community, "start": order.delivery_start,
            "minutes": order.delivery_minutes, "factor": order.factor_id,
        }  # fmt: skip
        await session.execute(text(_BOOK), values)

    async def matches(self) -> list[tuple[str, str | None]]:
        """State and reason of each match, oldest first."""
        rows = await self.town.rows("SELECT state, reason FROM matches ORDER BY settlement_nonce")
        return [(row.state, row.reason) for row in rows]

    async def states(self) -> list[str]:
        """States of the matches, oldest first."""
        return [state for state, _ in await self.matches()]

    async def order(self, order: NewOrder) -> tuple[str, str | None, int]:
        """State, reason and matched energy of an order."""
        row = (await self.town.rows("SELECT state, reason, matched_wh FROM orders WHERE id = :id", id=order.id))[0]
        return row.state, row.reason, row.matched_wh

    async def transactions(self) -> list[Any]:
        """Rows of the stored transactions, by nonce and age."""
        return await self.town.rows("SELECT * FROM relay_transactions ORDER BY nonce, created_at, id")

    async def alerts(self) -> list[str]:
        """Alerts in the outbox, by name and cause, oldest first."""
        rows = await self.town.rows("SELECT name, payload FROM outbox WHERE topic = 'alerts' ORDER BY created_at, id")
        return [f"{row.name.split('.')[1]} {row.payload['cause']}" for row in rows]

    async def logged(self) -> list[bytes]:
        """Ids of the recorded trades that stand, as the audit would count them."""
        rows = await self.town.rows("SELECT trade_id FROM energy_trades WHERE status <> 'ORPHANED' ORDER BY trade_id")
        return [row.trade_id for row in rows]

    async def settle(self, blocks: int = FINALITY_DEPTH) -> Outcome | None:
        """Relay, mine, follow, and relay again."""
        await self.relayer.step()
        await self.town.confirm(blocks)
        return await self.relayer.step()

    def automine(self, on: bool) -> None:
        """Whether anvil mines each transaction at once."""
        self.anvil.rpc("evm_setAutomine", on)

    def balance(self, wei: int, account: int = SETTLER) -> None:
        """Set the ether of an account."""
        self.anvil.rpc("anvil_setBalance", self.anvil.accounts[account].address, hex(wei))

    def cancel(self, order: NewOrder, person: int) -> None:
        """The maker cancels an order on chain."""
        call = self.town.stage.contract.functions.cancel(
            order.slot >> 3, int(order.delivery_start.timestamp()), 1 << (order.slot & 7)
        )
        self.town.stage.send(person, call)


_RECEIPT = """
INSERT INTO match_receipts (id, chain, org_id, community, delivery_start, version, rule, book_hash, receipt, made_at)
VALUES (:receipt, :chain, :org, :community, :start, :nonce, 'continuous', :hash, '{}', :now)
"""
_MATCH = """
INSERT INTO matches (id, chain, org_id, community, delivery_start, receipt_id, offer_id, bid_id, seller_id, buyer_id,
    energy_wh, price_micro_per_kwh, seller_fee_micro, buyer_fee_micro, settlement_nonce, trade_id, state, matched_at,
    updated_at)
VALUES (:id, :chain, :org, :community, :start, :receipt, :offer, :bid, :seller, :buyer, :energy, :price, 0, 0, :nonce,
    :trade, 'MATCHED', :now, :now)
"""
_BOOK = """
INSERT INTO books (chain, community, delivery_start, delivery_minutes, rule, community_fee_micro_per_kwh,
    grid_fee_micro_per_kwh, closes_at, factor_id, version)
VALUES (:chain, :community, :start, :minutes, 'continuous', 0, '{}', :start, :factor, 1) ON CONFLICT DO NOTHING
"""
_FILL = """
UPDATE orders SET matched_wh = matched_wh + :energy,
    state = CASE WHEN matched_wh + :energy = energy_wh THEN 'FILLED' ELSE state END,
    ended_at = CASE WHEN matched_wh + :energy = energy_wh THEN CAST(:now AS timestamptz) ELSE ended_at END
WHERE id = ANY(:ids)
"""


@pytest.fixture
async def trading(town: Town, databases: DatabaseUrls) -> AsyncIterator[Trading]:
    """Nothing matched yet; the settler holds its role and ether."""
    stage = town.stage
    settler = stage.anvil.accounts[SETTLER].address
    stage.send(0, stage.contract.functions.grantRole(SETTLER_ROLE, settler))
    orders = Orders.of(town, interval_after(utc_now(), intervals=8))
    relayer = Relayer(town.db, town.rpc, town.chain, KeySigner(stage.key(SETTLER)), OPTIONS)
    made = Trading(town, orders, databases, relayer)
    yield made
    for one in (relayer, *made.others):
        await one.release()
