# SPDX-License-Identifier: Apache-2.0
"""Reservations: energy of a direct offer is held for one buyer, who only then is shown the maker's signature.

A reservation lapses after ten minutes. Its buyer can still send what he was shown: the chain decides, and a fill that
arrives late is counted like any other (`fills`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.core.crypto import keccak
from backend.core.db import Database
from backend.core.failpoints import failpoint
from backend.core.ids import uuid7
from backend.core.units import format_address, wh_to_kwh
from backend.market.orders.errors import (
    BuyerRefused,
    FillTooSmall,
    GateClosed,
    OfferNotFound,
    OfferTaken,
    OwnOffer,
    TooManyReservations,
)
from backend.market.orders.offers import Offer, lock, save
from backend.market.orders.typed_data import ANYBODY
from backend.market.sql import execute, fetch

HELD_FOR = timedelta(minutes=10)
MAX_HELD = 20  # reservations of one buyer at a time
LAPSED_AT_ONCE = 500
FAILPOINTS = ("offers.reserve_before_commit", "offers.reserve_after_commit", "offers.lapse_before_commit")
_LOCK_BUYER = "SELECT pg_advisory_xact_lock(hashtextextended('offer_reservations ' || $1::text, 0))"
_HELD = "SELECT count(*) AS held FROM offer_reservations WHERE buyer_id = $1 AND ended_at IS NULL AND expires_at > $2"
_BUYERS = """
SELECT w.address, m.meter FROM wallets w JOIN chain_meters m ON m.owner_address = w.address
WHERE w.user_id = $1 AND w.valid_to IS NULL AND w.valid_from <= $4 AND m.chain = $2 AND m.community = $3
ORDER BY w.address, m.meter
"""
_COUNT = "SELECT count(*) AS made FROM offer_reservations WHERE buyer_address = $1"
_INSERT = """
INSERT INTO offer_reservations (id, order_id, buyer_id, buyer_address, energy_wh, nonce, reserved_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8)
"""
_MINE = """
SELECT r.id, r.order_id, r.buyer_address, r.energy_wh, r.nonce, r.expires_at,
    (SELECT min(m.meter) FROM chain_meters m
     WHERE m.owner_address = r.buyer_address AND m.chain = o.chain AND m.community = o.community) AS meter
FROM offer_reservations r JOIN orders o ON o.id = r.order_id
WHERE r.buyer_id = $1 AND r.ended_at IS NULL AND r.expires_at > $2 ORDER BY r.reserved_at DESC, r.id
"""
_LAPSE = """
UPDATE offer_reservations SET ended_at = $2
WHERE order_id = ANY($1::uuid[]) AND ended_at IS NULL AND expires_at <= $2 RETURNING order_id, energy_wh
"""
_DUE = "SELECT DISTINCT order_id FROM offer_reservations WHERE ended_at IS NULL AND expires_at <= $1 LIMIT $2"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer asks for; without `buyer` his first wallet with a meter in the community takes it."""

    offer_id: UUID
    user_id: UUID
    energy_wh: int
    buyer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """All that a buyer's wallet needs to call `fillOffer`."""

    id: UUID
    offer: Offer
    buyer: bytes
    buyer_meter: int
    energy_wh: int
    nonce: int
    expires_at: datetime


async def reserve(db: Database, wish: Wish, *, now: datetime) -> Reservation:
    """Hold energy of an offer for the buyer. Of two who ask at the same instant one gets the rest. As gridx_service.

    Raises OfferNotFound, OwnOffer, BuyerRefused, GateClosed, FillTooSmall, OfferTaken, TooManyReservations.
    """
    async with db.begin() as session:
        await fetch(session, _LOCK_BUYER, str(wish.user_id))
        held = await fetch(session, _HELD, wish.user_id, now)
        if held[0]["held"] >= MAX_HELD:
            raise TooManyReservations(most=MAX_HELD)
        found = await lock(session, "o.id = $1", wish.offer_id)
        if not found:
            raise OfferNotFound(offer_id=wish.offer_id)
        offer = found[0]
        buyer, meter = await _buyer(session, offer, wish, now)
        await _lapse(session, [offer], now)
        _check(offer, wish, now)
        offer.reserved_wh += wish.energy_wh
        nonce = await _next_nonce(session, buyer)
        reservation = Reservation(uuid7(), offer, buyer, meter, wish.energy_wh, nonce, now + HELD_FOR)
        await execute(
            session, _INSERT, reservation.id, offer.id, wish.user_id, buyer, wish.energy_wh, str(nonce), now,
            reservation.expires_at,
        )  # fmt: skip
        await save(session, [offer], now=now)
        await failpoint("offers.reserve_before_commit")
    await failpoint("offers.reserve_after_commit")
    return reservation


async def held_by(db: Database, user_id: UUID, *, now: datetime) -> list[Reservation]:
    """The reservations that a buyer holds at `now`, the newest first: nothing is lost with an answer that got lost."""
    async with db.begin() as session:
        rows = await fetch(session, _MINE, user_id, now)
        found = await lock(session, "o.id = ANY($1::uuid[])", [row["order_id"] for row in rows])
    offers = {offer.id: offer for offer in found}
    return [
        Reservation(
            row["id"], offers[row["order_id"]], row["buyer_address"], row["meter"], row["energy_wh"],
            int(row["nonce"]), row["expires_at"],
        )
        for row in rows
    ]  # fmt: skip


async def release_lapsed(db: Database, *, now: datetime) -> int:
    """End the reservations whose ten minutes are over; their energy can be reserved again. Returns how many offers."""
    async with db.begin() as session:
        due = [row["order_id"] for row in await fetch(session, _DUE, now, LAPSED_AT_ONCE)]
        offers = await lock(session, "o.id = ANY($1::uuid[])", due)
        await _lapse(session, offers, now)
        await save(session, offers, now=now)
        await failpoint("offers.lapse_before_commit")
    return len(offers)


async def _lapse(session: AsyncSession, offers: Sequence[Offer], now: datetime) -> None:
    by_id = {offer.id: offer for offer in offers}
    for row in await fetch(session, _LAPSE, list(by_id), now):
        by_id[row["order_id"]].reserved_wh -= row["energy_wh"]


async def _buyer(session: AsyncSession, offer: Offer, wish: Wish, now: datetime) -> tuple[bytes, int]:
    """The wallet that takes the offer, and its meter."""
    mine = await fetch(session, _BUYERS, wish.user_id, offer.chain, offer.community, now)
    wallets: dict[bytes, int] = {}
    for row in mine:
        wallets.setdefault(row["address"], row["meter"])
    if offer.taker != ANYBODY and offer.taker not in wallets:
        raise OfferNotFound(offer_id=offer.id)
    if offer.user_id == wish.user_id:
        raise OwnOffer(offer_id=offer.id)
    named = offer.taker if offer.taker != ANYBODY else wish.buyer
    buyer = named if named is not None else next(iter(wallets), None)
    if buyer is None or buyer not in wallets or (wish.buyer is not None and wish.buyer != buyer):
        raise BuyerRefused(buyer=format_address(wish.buyer) if wish.buyer else None, community=offer.community)
    return buyer, wallets[buyer]


def _check(offer: Offer, wish: Wish, now: datetime) -> None:
    if not offer.is_open(now):
        raise GateClosed(server_time=now, gate_closes=offer.closes_at, expiry=offer.expiry, state=offer.state.value)
    if wish.energy_wh > offer.rest_wh:
        raise OfferTaken(asked_kwh=wh_to_kwh(wish.energy_wh), rest_kwh=wh_to_kwh(offer.rest_wh))
    is_rest = wish.energy_wh == offer.energy_wh - offer.taken_wh
    if wish.energy_wh < offer.min_fill_wh and not is_rest:
        raise FillTooSmall(least_kwh=wh_to_kwh(offer.min_fill_wh), asked_kwh=wh_to_kwh(wish.energy_wh))


async def _next_nonce(session: AsyncSession, buyer: bytes) -> int:
    """A nonce below 2^79 that was suggested to nobody before: a start of the buyer's own, counted up.

    Neighbours share a word on chain, which makes the next fill cheaper.
    """
    made: Any = (await fetch(session, _COUNT, buyer))[0]["made"]
    start = int.from_bytes(keccak(b"GridX fill nonces" + buyer)[:8], "big") >> 1
    return ((start << 16) + int(made)) % (1 << 79)
