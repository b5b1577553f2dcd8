# SPDX-License-Identifier: Apache-2.0
"""Fees per kWh inside the limits, and the amounts of one match.

Each side bears half of the community fee (the seller the smaller half) and the grid fee of its own zone. A pair fee,
from the seller's zone to the buyer's, is the buyer's and exists in the continuous book only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.market.clearing.types import MAX_PRICE_MICRO, Match, Order, Side

WH_PER_KWH = 1000


class FeesInvalid(ValueError):
    """A fee that no book can hold; the text says which bounds."""


@dataclass(frozen=True, slots=True)
class Fees:
    """Fees of a community, micro-units of its currency per kWh; zones without an entry pay no grid fee.

    `pair_micro_per_kwh` is looked up by (zone of the seller, zone of the buyer). Raises FeesInvalid.
    """

    community_micro_per_kwh: int = 0
    grid_micro_per_kwh: Mapping[str, int] = field(default_factory=dict)
    pair_micro_per_kwh: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        every = [self.community_micro_per_kwh, *self.grid_micro_per_kwh.values(), *self.pair_micro_per_kwh.values()]
        if not 0 <= min(every) <= max(every) <= MAX_PRICE_MICRO:
            raise FeesInvalid(f"fees lie between {min(every)} and {max(every)}; 0 to {MAX_PRICE_MICRO} are possible")

    def seller_micro_per_kwh(self, zone: str) -> int:
        """What a seller of `zone` bears: the smaller half of the community fee and his grid fee."""
        return self.community_micro_per_kwh // 2 + self.grid_micro_per_kwh.get(zone, 0)

    def buyer_micro_per_kwh(self, zone: str) -> int:
        """What a buyer of `zone` bears without a pair fee."""
        return self.community_micro_per_kwh - self.community_micro_per_kwh // 2 + self.grid_micro_per_kwh.get(zone, 0)

    def borne_micro_per_kwh(self, sells: bool, zone: str) -> int:
        """What one side bears without a pair fee."""
        return self.seller_micro_per_kwh(zone) if sells else self.buyer_micro_per_kwh(zone)

    def pair_fee_micro_per_kwh(self, *, seller_zone: str, buyer_zone: str) -> int:
        """What the buyer bears besides for energy from `seller_zone`, in the continuous book."""
        return self.pair_micro_per_kwh.get((seller_zone, buyer_zone), 0)

    def energy_price_micro(self, order: Order) -> int:
        """The limit of an order as a price of energy alone: an offer asks for its fees too, a bid keeps them back."""
        sells = order.side is Side.OFFER
        borne = self.borne_micro_per_kwh(sells, order.zone)
        return order.price_micro + borne if sells else order.price_micro - borne


NO_FEES = Fees()


@dataclass(frozen=True, slots=True)
class Amounts:
    """Money of one match, micro-units; what the buyer pays is what the seller gets and the fees, to the last one."""

    energy_micro: int
    seller_fee_micro: int
    buyer_fee_micro: int

    @property
    def buyer_pays_micro(self) -> int:
        """Energy and the buyer's fee."""
        return self.energy_micro + self.buyer_fee_micro

    @property
    def seller_gets_micro(self) -> int:
        """Energy less the seller's fee."""
        return self.energy_micro - self.seller_fee_micro


def amount_micro(energy_wh: int, micro_per_kwh: int) -> int:
    """Micro-units of `energy_wh` at a price or fee per kWh, rounded down."""
    return energy_wh * micro_per_kwh // WH_PER_KWH


def amounts_of(match: Match, fees: Fees, *, seller_zone: str = "", buyer_zone: str = "", pair: bool) -> Amounts:
    """Money of a match; `pair` is true for matches of the continuous book, where pair fees exist.

    Rounding never takes anybody past his limit: the buyer pays at most the floor of his limit, the seller gets at least
    the floor of his.
    """
    buyer_fee = fees.buyer_micro_per_kwh(buyer_zone)
    if pair:
        buyer_fee += fees.pair_fee_micro_per_kwh(seller_zone=seller_zone, buyer_zone=buyer_zone)
    return Amounts(
        energy_micro=amount_micro(match.energy_wh, match.price_micro),
        seller_fee_micro=amount_micro(match.energy_wh, fees.seller_micro_per_kwh(seller_zone)),
        buyer_fee_micro=amount_micro(match.energy_wh, buyer_fee),
    )
