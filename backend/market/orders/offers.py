# SPDX-License-Identifier: Apache-2.0
"""Direct offers: rows and their changes under the row's lock. Placing them, and what everybody may do with them.

Remaining energy = energy - taken - reserved. Each change happens under the lock of the offer's row and is announced to
its maker in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core import outbox
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.market.book import service as book
from backend.market.book.types import BookKey, Placed
from backend.market.orders.errors import GateClosed
from backend.market.orders.events import OfferChanged
from backend.market.orders.last_look import last_look
from backend.market.orders.typed_data import Order
from backend.market.orders.types import NewOrder, OrderState
from backend.market.sql import execute, fetch

FAILPOINTS = ("offers.place_before_commit", "offers.place_after_commit")
STORED = tuple(item.name for item in fields(NewOrder) if item.name != "capacity_wh")
_INSERT = f"""
INSERT INTO orders (state, placed_version, changed_version, {", ".join(STORED)})
VALUES ('OPEN', $1, $1, {", ".join(f"${number}" for number in range(2, len(STORED) + 2))})
"""  # noqa: S608  # names of the dataclass
_OFFER = """
SELECT o.id, o.chain, o.community, o.delivery_start, o.delivery_minutes, o.user_id, o.maker, o.taker, o.meter,
    o.energy_wh, o.min_fill_wh, o.price_micro_per_kwh, o.factor_id, o.slot, o.expiry, o.signature, o.state, o.reason,
    o.taken_wh, o.reserved_wh, b.closes_at
FROM orders o JOIN books b USING (chain, community, delivery_start)
WHERE o.venue = 'direct' AND {} ORDER BY o.id FOR UPDATE OF o
"""
_SET = """
UPDATE orders SET state = $2, reason = $3, taken_wh = $4, reserved_wh = $5,
    ended_at = CASE WHEN $2 = 'OPEN' THEN NULL ELSE coalesce(ended_at, $6) END
WHERE id = $1
"""


@dataclass(slots=True)
class Offer:
    """A direct offer whose row is locked. Change it, then `save` it."""

    id: UUID
    chain: int
    community: int
    delivery_start: datetime
    delivery_minutes: int
    user_id: UUID
    maker: bytes
    taker: bytes
    meter: int
    energy_wh: int
    min_fill_wh: int
    price_micro_per_kwh: int
    factor_id: int
    slot: int
    expiry: datetime
    signature: bytes
    state: OrderState
    reason: str | None
    taken_wh: int
    reserved_wh: int
    closes_at: datetime

    @property
    def rest_wh(self) -> int:
        """Energy that is neither taken nor reserved."""
        return self.energy_wh - self.taken_wh - self.reserved_wh

    def is_open(self, now: datetime) -> bool:
        """Whether it can be reserved at `now`."""
        return self.state is OrderState.OPEN and now < min(self.closes_at, self.expiry)

    def end(self, state: OrderState, reason: str | None) -> None:
        """Nothing of it can be reserved any more."""
        self.state, self.reason = state, reason

    def signed(self) -> Order:
        """The struct that its maker signed."""
        return Order(
            maker=self.maker, taker=self.taker, is_bid=False, meter=self.meter,
            delivery_start=int(self.delivery_start.timestamp()), expiry=int(self.expiry.timestamp()),
            energy_wh=self.energy_wh, min_fill_wh=self.min_fill_wh, price_micro_per_kwh=self.price_micro_per_kwh,
            factor_id=self.factor_id, slot=self.slot, delivery_minutes=self.delivery_minutes,
        )  # fmt: skip


async def place(db: Database, order: NewOrder, *, now: datetime) -> Placed:
    """Store a checked direct offer under the lock of its interval's book. `db` works as gridx_service.

    Raises GateClosed, OrderReplayed, SlotUsed, CancelledOnChain, OverCapacity.
    """
    async with db.begin() as session:
        row = await book.lock_book(session, BookKey(order.chain, order.community, order.delivery_start))
        if not row.is_open(now):
            raise GateClosed(server_time=now, gate_closes=row.closes_at, delivery_start=order.delivery_start)
        refused = (await last_look(partial(fetch, session), [order]))([order])
        if refused:
            raise refused[order.id]
        values = [getattr(order, name) for name in STORED]
        await execute(session, _INSERT, row.version, *values)
        await outbox.add(session, _changed(order.user_id, order, OrderState.OPEN, None, 0, 0))
        await failpoint("offers.place_before_commit")
    await failpoint("offers.place_after_commit")
    return Placed(order.id, OrderState.OPEN, None, row.version, order.energy_wh)


async def lock(session: AsyncSession, condition: str, *arguments: Any) -> list[Offer]:
    """Direct offers that fulfil a condition of this package's own SQL, locked, in the order of their ids."""
    return [_offer(row) for row in await fetch(session, _OFFER.format(condition), *arguments)]


async def save(session: AsyncSession, offers: Sequence[Offer], *, now: datetime) -> None:
    """Store what has changed of locked offers and tell their makers."""
    for offer in offers:
        await execute(session, _SET, offer.id, offer.state.value, offer.reason, offer.taken_wh, offer.reserved_wh, now)
    await outbox.add(
        session,
        *(_changed(o.user_id, o, o.state, o.reason, o.taken_wh, o.reserved_wh) for o in offers),
    )


def _offer(row: Any) -> Offer:
    values = dict(row)
    values["state"] = OrderState(values["state"])
    return Offer(**values)


def _changed(
    user_id: UUID, order: NewOrder | Offer, state: OrderState, reason: str | None, taken_wh: int, reserved_wh: int
) -> OfferChanged:
    return OfferChanged(
        audience=user_id,
        order_id=order.id,
        community=order.community,
        delivery_start=order.delivery_start,
        state=state.value,
        reason=reason,
        energy_wh=order.energy_wh,
        taken_wh=taken_wh,
        reserved_wh=reserved_wh,
    )
