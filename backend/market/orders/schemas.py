# SPDX-License-Identifier: Apache-2.0
"""What orders, markets and offers look like over HTTP. Orders to be signed keep the names of the contract's struct."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field

from backend.core.envelope import ApiModel
from backend.core.units import (
    Address,
    EnergyKwh,
    EnergyKwhIn,
    Hash32,
    Moment,
    Money,
    PricePerKwh,
    format_hex,
    wh_to_kwh,
)
from backend.market.book.types import Ended, Placed
from backend.market.clearing.types import Side
from backend.market.orders.capacities import Hindrance, HouseCapacity
from backend.market.orders.drafts import Draft, Wanted
from backend.market.orders.market_schemas import Limit
from backend.market.orders.reservations import Reservation
from backend.market.orders.typed_data import Order, message_of
from backend.market.orders.types import (
    MatchView,
    NewOrder,
    OfferView,
    OrderKind,
    OrderState,
    OrderView,
    SignedOrder,
    Venue,
)

MAX_SIGNATURE_TEXT = 2 + 2 * 4096


def _whole(value: datetime) -> datetime:
    if value.microsecond:
        raise ValueError("orders know whole seconds only")
    return value


Energy = Annotated[EnergyKwhIn, Field(gt=0, le=2**32 - 1)]
WholeSeconds = Annotated[Moment, AfterValidator(_whole)]
Word32 = Annotated[int, Field(ge=0, lt=2**32)]


class DraftIn(ApiModel):
    """What is to be sold (`offer`) or bought (`bid`). `taker` names the one wallet that may take a direct offer."""

    house_id: UUID
    side: Side
    delivery_start: WholeSeconds
    energy_kwh: Energy
    min_fill_kwh: Annotated[EnergyKwhIn, Field(ge=0, le=2**32 - 1)] = 0
    price_per_kwh: Limit
    kind: OrderKind = OrderKind.LIMIT
    venue: Venue = Venue.BOOK
    taker: Address | None = None
    expiry: WholeSeconds | None = None

    def wanted(self, user_id: UUID) -> Wanted:
        """What the verb takes."""
        return Wanted(
            user_id=user_id,
            house_id=self.house_id,
            is_bid=self.side is Side.BID,
            kind=self.kind,
            venue=self.venue,
            delivery_start=self.delivery_start,
            energy_wh=self.energy_kwh,
            min_fill_wh=self.min_fill_kwh,
            price_micro_per_kwh=self.price_per_kwh,
            taker=self.taker,
            expiry=self.expiry,
        )


class DraftOut(ApiModel):
    """An order for `eth_signTypedData_v4`; its message, signed, is what `POST /api/market/orders` takes."""

    typed_data: dict[str, Any]
    order_hash: Hash32
    kind: OrderKind
    server_time: datetime

    @classmethod
    def of(cls, draft: Draft, now: datetime) -> Self:
        """As it is shown."""
        return cls(typed_data=draft.typed_data, order_hash=draft.order_hash, kind=draft.kind, server_time=now)


class OrderMessage(ApiModel):
    """The message that was signed: names, units and numbers of the contract's `Order`."""

    maker: Address
    taker: Address
    is_bid: bool
    meter: Annotated[int, Field(ge=0, lt=2**64)]
    delivery_start: Word32
    expiry: Word32
    energy_wh: Word32
    min_fill_wh: Word32
    price_per_kwh: Annotated[int, Field(ge=0, lt=2**40)]
    factor_id: Word32
    slot: Annotated[int, Field(ge=0, lt=2**16)]
    delivery_minutes: Annotated[int, Field(ge=0, lt=2**16)]

    def order(self) -> Order:
        """The struct."""
        return Order(
            self.maker, self.taker, self.is_bid, self.meter, self.delivery_start, self.expiry, self.energy_wh,
            self.min_fill_wh, self.price_per_kwh, self.factor_id, self.slot, self.delivery_minutes,
        )  # fmt: skip


class OrderIn(ApiModel):
    """A signed order. `clientTime` is the client's clock as it sends: an order signed by a wrong clock is refused."""

    order: OrderMessage
    signature: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})+$", max_length=MAX_SIGNATURE_TEXT)]
    kind: OrderKind = OrderKind.LIMIT
    client_time: Moment | None = None

    def signed(self) -> SignedOrder:
        """The order with its signature."""
        return SignedOrder(self.order.order(), bytes.fromhex(self.signature[2:]), self.kind)


class PlacedMatchOut(ApiModel):
    """A match of the order that was placed; `fee` is the owner's own share."""

    match_id: UUID
    energy_kwh: EnergyKwh
    price_per_kwh: PricePerKwh
    fee: Money


class PlacedOut(ApiModel):
    """What an order led to; durable."""

    id: UUID
    order_hash: Hash32
    venue: Venue
    state: OrderState
    reason: str | None
    book_version: int
    rest_kwh: EnergyKwh
    matches: list[PlacedMatchOut]

    @classmethod
    def of(cls, order: NewOrder, placed: Placed) -> Self:
        """As it is shown."""
        return cls(
            id=placed.order_id,
            order_hash=order.order_hash,
            venue=order.venue,
            state=placed.state,
            reason=placed.reason,
            book_version=placed.version,
            rest_kwh=placed.rest_wh,
            matches=[
                PlacedMatchOut(
                    match_id=match.match_id,
                    energy_kwh=match.energy_wh,
                    price_per_kwh=match.price_micro_per_kwh,
                    fee=match.fee_micro,
                )
                for match in placed.matches
            ],
        )


class OrderOut(ApiModel):
    """An order. `restKwh` may still trade; `matchedKwh` stands matched, `takenKwh` was filled on chain."""

    id: UUID
    user_id: UUID
    community: int
    house_id: UUID
    delivery_start: datetime
    delivery_minutes: int
    side: Side
    kind: OrderKind
    venue: Venue
    maker: Address
    taker: Address
    meter: str
    energy_kwh: EnergyKwh
    min_fill_kwh: EnergyKwh
    price_per_kwh: PricePerKwh
    factor_id: int
    slot: int
    expiry: datetime
    order_hash: Hash32
    state: OrderState
    reason: str | None
    matched_kwh: EnergyKwh
    taken_kwh: EnergyKwh
    reserved_kwh: EnergyKwh
    rest_kwh: EnergyKwh
    placed_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, order: OrderView) -> Self:
        """As it is shown."""
        return cls(
            id=order.id, user_id=order.user_id, community=order.community, house_id=order.house_id,
            delivery_start=order.delivery_start, delivery_minutes=order.delivery_minutes,
            side=Side.BID if order.is_bid else Side.OFFER, kind=order.kind, venue=order.venue, maker=order.maker,
            taker=order.taker, meter=str(order.meter), energy_kwh=order.energy_wh, min_fill_kwh=order.min_fill_wh,
            price_per_kwh=order.price_micro_per_kwh, factor_id=order.factor_id, slot=order.slot, expiry=order.expiry,
            order_hash=order.order_hash, state=order.state, reason=order.reason, matched_kwh=order.matched_wh,
            taken_kwh=order.taken_wh, reserved_kwh=order.reserved_wh, rest_kwh=order.rest_wh,
            placed_at=order.placed_at, ended_at=order.ended_at,
        )  # fmt: skip


class CancelledOut(ApiModel):
    """An order that was taken out of the book; its matches stand."""

    id: UUID
    state: OrderState
    cancelled_kwh: EnergyKwh
    matched_kwh: EnergyKwh

    @classmethod
    def of(cls, ended: Ended) -> Self:
        """As it is shown."""
        return cls(id=ended.order_id, state=ended.state, cancelled_kwh=ended.rest_wh, matched_kwh=ended.matched_wh)


class MatchOut(ApiModel):
    """A match on its way to the chain. Of the other party only what the chain will show is told.

    `side`, `orderId` and `fee` are the reader's own; for an operator who is no party they are null.
    """

    id: UUID
    community: int
    delivery_start: datetime
    side: Side | None
    order_id: UUID | None
    energy_kwh: EnergyKwh
    price_per_kwh: PricePerKwh
    fee: Money | None
    state: Literal["MATCHED", "SENT", "CONFIRMED", "FINAL", "CANCELLED"]
    reason: str | None
    trade_id: Hash32
    matched_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, match: MatchView, reader: UUID | None) -> Self:
        """As `reader` sees it."""
        side = {match.seller_id: Side.OFFER, match.buyer_id: Side.BID}.get(reader) if reader else None
        own = {
            Side.OFFER: (match.offer_id, match.seller_fee_micro),
            Side.BID: (match.bid_id, match.buyer_fee_micro),
        }
        order_id, fee = own[side] if side else (None, None)
        return cls(
            id=match.id, community=match.community, delivery_start=match.delivery_start, side=side, order_id=order_id,
            energy_kwh=match.energy_wh, price_per_kwh=match.price_micro_per_kwh,
            fee=fee, state=match.state, reason=match.reason,
            trade_id=match.trade_id, matched_at=match.matched_at, updated_at=match.updated_at,
        )  # fmt: skip


class ReceiptOut(ApiModel):
    """Why this price: the book as it stood, from which `gridx market` clears again. Whole numbers: Wh, micro-units."""

    match: MatchOut
    receipt: dict[str, Any]


class OfferOut(ApiModel):
    """A direct offer that can be taken. Its signature is shown with a reservation only."""

    id: UUID
    community: int
    delivery_start: datetime
    delivery_minutes: int
    rest_kwh: EnergyKwh
    min_fill_kwh: EnergyKwh
    price_per_kwh: PricePerKwh
    gate_closes: datetime

    @classmethod
    def of(cls, offer: OfferView) -> Self:
        """As it is shown."""
        return cls(
            id=offer.id, community=offer.community, delivery_start=offer.delivery_start,
            delivery_minutes=offer.delivery_minutes, rest_kwh=offer.rest_wh, min_fill_kwh=offer.min_fill_wh,
            price_per_kwh=offer.price_micro_per_kwh, gate_closes=offer.gate_closes,
        )  # fmt: skip


class ReservationIn(ApiModel):
    """How much of an offer is wanted; `buyer` picks one of several wallets."""

    energy_kwh: Energy
    buyer: Address | None = None


class ReservationOut(ApiModel):
    """The arguments of `fillOffer`, to be sent by `buyer` before `expiresAt`; another nonce may be chosen.

    `sellerId` is what `POST /api/energy-trades` asks for besides.
    """

    id: UUID
    offer_id: UUID
    seller_id: UUID
    contract: Address
    buyer: Address
    order: dict[str, Any]
    signature: str
    nonce: str
    energy_wh: str
    energy_kwh: str
    buyer_meter: str
    expires_at: datetime

    @classmethod
    def of(cls, reservation: Reservation, contract: bytes) -> Self:
        """As its buyer sees it."""
        offer = reservation.offer
        return cls(
            id=reservation.id, offer_id=offer.id, seller_id=offer.user_id, contract=contract, buyer=reservation.buyer,
            order=message_of(offer.signed()), signature=format_hex(offer.signature), nonce=str(reservation.nonce),
            energy_wh=str(reservation.energy_wh), energy_kwh=wh_to_kwh(reservation.energy_wh),
            buyer_meter=str(reservation.buyer_meter), expires_at=reservation.expires_at,
        )  # fmt: skip


class SideCapacityOut(ApiModel):
    """Most energy of one side in the interval, and what of it no order holds yet."""

    limit_kwh: EnergyKwh
    rest_kwh: EnergyKwh


class CapacityOut(ApiModel):
    """What a house may still offer and bid for in an interval; `hindrance` says why it cannot trade at all."""

    house_id: UUID
    name: str
    meter: str | None
    wallet: Address | None
    hindrance: Hindrance | None
    offers: SideCapacityOut
    bids: SideCapacityOut

    @classmethod
    def of(cls, house: HouseCapacity) -> Self:
        """As its owner sees it."""
        return cls(
            house_id=house.house_id, name=house.name, meter=None if house.meter is None else str(house.meter),
            wallet=house.wallet, hindrance=house.hindrance,
            offers=SideCapacityOut(limit_kwh=house.offers.limit_wh, rest_kwh=house.offers.rest_wh),
            bids=SideCapacityOut(limit_kwh=house.bids.limit_wh, rest_kwh=house.bids.rest_wh),
        )  # fmt: skip
