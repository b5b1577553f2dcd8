# SPDX-License-Identifier: Apache-2.0
"""Drafts: an order made ready for signing, with a slot of its own, so that a wallet has only to sign."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain.types import Chain
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.market.orders.checks import Submitted, check, check_form
from backend.market.orders.errors import FactorRefused, MeterNotYours
from backend.market.orders.facts import gather, interval_factor
from backend.market.orders.lanes import hand_out
from backend.market.orders.last_look import last_look
from backend.market.orders.typed_data import ANYBODY, Order, domain_of, order_hash, typed_data
from backend.market.orders.types import ORDER_LIFE, OrderKind, SignedOrder, Venue
from backend.market.sql import fetch

FAILPOINTS = ("orders.draft_before_commit",)
_METER = """
SELECT m.meter, m.owner_address, m.region, m.community, m.delivery_minutes, b.factor_id
FROM houses h JOIN chain_meters m ON m.meter = h.meter AND m.chain = $2
LEFT JOIN books b ON b.chain = $2 AND b.community = m.community AND b.delivery_start = $4
WHERE h.id = $1 AND h.owner_id = $3 AND h.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to sell or buy. `taker` is for direct offers: the one wallet that may take it."""

    user_id: UUID
    house_id: UUID
    is_bid: bool
    kind: OrderKind
    venue: Venue
    delivery_start: datetime
    energy_wh: int
    min_fill_wh: int
    price_micro_per_kwh: int
    taker: bytes | None = None
    expiry: datetime | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as it is to be signed."""

    order: Order
    kind: OrderKind
    order_hash: bytes
    typed_data: dict[str, Any]


async def prepare(db: Database, chain: Chain, wanted: Wanted, *, now: datetime) -> Draft:
    """An order that intake would accept now, in a slot that nobody else gets. `db` works as gridx_service.

    Raises what intake refuses, before a slot is spent, and LanesUsedUp.
    """
    async with db.begin() as session:
        order = await _order(session, chain, wanted, now)
        check_form(SignedOrder(order, b"", wanted.kind), chain.contract_address)
        digest = order_hash(order, domain_of(chain))
        read = partial(fetch, session)
        facts = (await gather(read, chain.id, [order], now=now))[0]
        submitted = Submitted(wanted.user_id, SignedOrder(order, b"", wanted.kind), digest)
        checked = check(submitted, facts, chain=chain.id, contract=chain.contract_address, now=now)
        for refusal in (await last_look(read, [checked]))([checked]).values():
            raise refusal
        await failpoint("orders.draft_before_commit")
    return Draft(order, wanted.kind, digest, typed_data(order, domain_of(chain)))


async def _order(session: AsyncSession, chain: Chain, wanted: Wanted, now: datetime) -> Order:
    start = wanted.delivery_start
    rows = await fetch(session, _METER, wanted.house_id, chain.id, wanted.user_id, start)
    if not rows:
        raise MeterNotYours(house_id=wanted.house_id)
    meter = rows[0]
    factor_id = meter["factor_id"] or await interval_factor(session, chain.id, meter["region"], start)
    if factor_id is None:
        raise FactorRefused("No emission factor covers this delivery", region=meter["region"], delivery_start=start)
    (slot,) = await hand_out(
        session, chain.id, meter["owner_address"], venue=wanted.venue, delivery_start=start, now=now
    )
    return Order(
        maker=meter["owner_address"],
        taker=chain.contract_address if wanted.venue is Venue.BOOK else wanted.taker or ANYBODY,
        is_bid=wanted.is_bid,
        meter=meter["meter"],
        delivery_start=int(start.timestamp()),
        expiry=int((wanted.expiry or start + ORDER_LIFE).timestamp()),
        energy_wh=wanted.energy_wh,
        min_fill_wh=wanted.min_fill_wh,
        price_micro_per_kwh=wanted.price_micro_per_kwh,
        factor_id=factor_id,
        slot=slot,
        delivery_minutes=meter["delivery_minutes"],
    )
