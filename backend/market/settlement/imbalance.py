# SPDX-License-Identifier: Apache-2.0
"""Who pays whom for an interval: the published rule (backend/decisions/imbalance.md). Pure, whole micro-units and Wh.

Money follows the meters: a trade's energy is paid as far as the seller exported and the buyer imported it. Whoever
causes a difference makes the other party whole, and what trades did not cover is the community's grid account's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.market.settlement.delivery import Delivered, Limits, Sold, deliver

RULE: Final = "gridx-imbalance-1"
"""Name of this rule; another rule gets another name."""
SENTENCES: Final = (
    "Trades of an interval are served in the order in which they were settled, then logged: first in, first out.",
    "supplied = the least of the trade's energy, what its seller's metered export leaves and what its buyer's metered "
    "import leaves; a reading that is missing at the deadline counts as nothing.",
    "energy: the buyer pays the seller floor(supplied Wh x price / 1000) micro-units.",
    "seller_fee, buyer_fee: each pays the community floor(fee of the whole match x supplied / energy).",
    "shortfall: where the seller lacked more than the buyer, the seller pays the buyer floor(difference Wh x max(0, "
    "retail - price) / 1000); where the buyer lacked more, the buyer pays the seller floor(difference Wh x max(0, "
    "price - feed-in) / 1000). What both lacked costs nobody anything.",
    "retail: of a house that traded in the interval, import that no trade covered is paid to the community's grid "
    "account at the retail price.",
    "feed_in: of such a house, export that no trade took is paid by the grid account at the feed-in price.",
    "Tariffs are those in force when the interval was first settled. Every entry has one payer and one payee, so the "
    "entries of an interval add up to zero.",
    "Corrected readings settle the interval again: entries that are no longer right are taken back by linked entries.",
)
"""The rule in words, as it is published."""
MAX_PRICE_MICRO: Final = 2**40 - 1
"""Tariffs count up to the highest price that an order can have, so that every amount fits 64 bits."""


class Kind(StrEnum):
    """What a line of money is for."""

    ENERGY = "energy"
    SELLER_FEE = "seller_fee"
    BUYER_FEE = "buyer_fee"
    SHORTFALL = "shortfall"
    FEED_IN = "feed_in"
    RETAIL = "retail"


@dataclass(frozen=True, slots=True)
class Prices:
    """The community's tariffs outside the market, micro-units per kWh."""

    retail_micro_per_kwh: int
    feed_in_micro_per_kwh: int

    @property
    def retail(self) -> int:
        """Retail price as far as it counts."""
        return min(self.retail_micro_per_kwh, MAX_PRICE_MICRO)

    @property
    def feed_in(self) -> int:
        """Feed-in price as far as it counts."""
        return min(self.feed_in_micro_per_kwh, MAX_PRICE_MICRO)


@dataclass(frozen=True, slots=True)
class Metered:
    """What a meter exchanged with the grid in the interval, Wh; None: no attested reading says so."""

    export_wh: int | None
    import_wh: int | None


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade with its parties' accounts, and its fees for the whole energy."""

    trade_id: bytes
    seller: bytes
    buyer: bytes
    seller_meter: int
    buyer_meter: int
    energy_wh: int
    price_micro_per_kwh: int
    seller_fee_micro: int = 0
    buyer_fee_micro: int = 0


@dataclass(frozen=True, slots=True)
class CommunityAccounts:
    """The community's own accounts: with the grid's supplier, and for fees."""

    grid: bytes
    fees: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """`debit` pays `credit`; `energy_wh` is what is paid for. It belongs to a trade, or to a meter's rest."""

    kind: Kind
    debit: bytes
    credit: bytes
    amount_micro: int
    energy_wh: int
    trade_id: bytes | None = None
    meter: int | None = None


def amount_of(energy_wh: int, price_micro_per_kwh: int) -> int:
    """floor(Wh × micro-units per kWh / 1000), the amount of a trade everywhere."""
    return energy_wh * price_micro_per_kwh // 1000


def supply(trades: Sequence[Traded], metered: Mapping[int, Metered]) -> list[Delivered]:
    """How much of each trade was exported by its seller and imported by its buyer, first come, first served.

    Unlike carbon this counts what storage fed in, and the import of a house in net export.
    """
    limits = {meter: Limits(reading.export_wh, reading.import_wh) for meter, reading in metered.items()}
    sold = [Sold(trade.trade_id, trade.seller_meter, trade.buyer_meter, trade.energy_wh) for trade in trades]
    return deliver(sold, limits)


def lines_of(
    trades: Sequence[Traded], metered: Mapping[int, Metered], prices: Prices, community: CommunityAccounts
) -> list[Line]:
    """Every line of an interval; `trades` in the order in which they are served, `metered` has all their meters.

    The same input gives the same lines in the same order.
    """
    supplied = supply(trades, metered)
    lines: list[Line] = []
    for trade, delivered in zip(trades, supplied, strict=True):
        lines += _of_trade(trade, delivered, prices, community)
    return lines + _of_meters(trades, supplied, metered, prices, community)


def _of_trade(trade: Traded, delivered: Delivered, prices: Prices, community: CommunityAccounts) -> list[Line]:
    lines = []
    wh, price = delivered.delivered_wh, trade.price_micro_per_kwh
    if wh > 0:
        lines.append(Line(Kind.ENERGY, trade.buyer, trade.seller, amount_of(wh, price), wh, trade.trade_id))
    for kind, payer, whole in (
        (Kind.SELLER_FEE, trade.seller, trade.seller_fee_micro),
        (Kind.BUYER_FEE, trade.buyer, trade.buyer_fee_micro),
    ):
        fee = whole * wh // trade.energy_wh
        if fee > 0:
            lines.append(Line(kind, payer, community.fees, fee, wh, trade.trade_id))
    # What both lacked did nobody harm; for the rest the one who lacked it makes the other whole.
    short = delivered.seller_lacked_wh - delivered.buyer_lacked_wh
    if short > 0:
        amount = amount_of(short, max(0, prices.retail - price))
        lines.append(Line(Kind.SHORTFALL, trade.seller, trade.buyer, amount, short, trade.trade_id))
    elif short < 0:
        amount = amount_of(-short, max(0, price - prices.feed_in))
        lines.append(Line(Kind.SHORTFALL, trade.buyer, trade.seller, amount, -short, trade.trade_id))
    return lines


def _of_meters(
    trades: Sequence[Traded],
    supplied: Sequence[Delivered],
    metered: Mapping[int, Metered],
    prices: Prices,
    community: CommunityAccounts,
) -> list[Line]:
    """The rest of each meter that traded: unsold export earns the feed-in price, other import costs the retail one."""
    holders: dict[int, bytes] = {}
    sold: dict[int, int] = {}
    bought: dict[int, int] = {}
    for trade, delivered in zip(trades, supplied, strict=True):
        holders.setdefault(trade.seller_meter, trade.seller)
        holders.setdefault(trade.buyer_meter, trade.buyer)
        sold[trade.seller_meter] = sold.get(trade.seller_meter, 0) + delivered.delivered_wh
        bought[trade.buyer_meter] = bought.get(trade.buyer_meter, 0) + delivered.delivered_wh
    lines = []
    for meter, holder in sorted(holders.items()):
        unsold = (metered[meter].export_wh or 0) - sold.get(meter, 0)
        if unsold > 0:
            amount = amount_of(unsold, prices.feed_in)
            lines.append(Line(Kind.FEED_IN, community.grid, holder, amount, unsold, meter=meter))
        other = (metered[meter].import_wh or 0) - bought.get(meter, 0)
        if other > 0:
            amount = amount_of(other, prices.retail)
            lines.append(Line(Kind.RETAIL, holder, community.grid, amount, other, meter=meter))
    return lines
