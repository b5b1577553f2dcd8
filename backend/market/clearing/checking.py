# SPDX-License-Identifier: Apache-2.0
"""Clearing a whole book at once, with a summary: what `gridx market clear` says of a file of orders."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from backend.market.clearing.auctions import clear_pay_as_bid, clear_uniform
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.fees import WH_PER_KWH, Fees, amounts_of
from backend.market.clearing.receipts import hash_of_book
from backend.market.clearing.types import Match, Order, Rule


@dataclass(frozen=True, slots=True)
class Summary:
    """A clearing in figures.

    `price_micro` is the one price of a uniform auction; `fees_micro` what buyers and sellers pay in fees together;
    `welfare_micro` what they gain together against their limits, after fees, rounded down; `min_fills_ignored` counts
    orders whose minimum fill an auction does not know.
    """

    rule: str
    orders: int
    matches: int
    volume_wh: int
    price_micro: int | None
    fees_micro: int
    welfare_micro: int
    min_fills_ignored: int
    book_hash: str

    def row(self) -> dict[str, object]:
        """The summary as a JSON object of a line."""
        return {"summary": asdict(self)}


def clear_book(rule: Rule, orders: Sequence[Order], fees: Fees) -> tuple[list[Match], Summary]:
    """Clear a book by one of the three rules; the sequence of `orders` does not matter.

    Continuous: the orders are placed one after the other by time, then id, and rest until they are filled.
    """
    price = None
    if rule is Rule.CONTINUOUS:
        book = ContinuousBook(fees)
        by_time = sorted(orders, key=lambda order: (order.time, order.id))
        matches = [match for order in by_time for match in book.place(order)]
    else:
        cleared = (clear_uniform if rule is Rule.UNIFORM else clear_pay_as_bid)(orders, fees)
        matches, price = list(cleared.matches), cleared.price_micro
    return matches, _summary(rule, orders, fees, matches, price)


def _summary(rule: Rule, orders: Sequence[Order], fees: Fees, matches: list[Match], price: int | None) -> Summary:
    by_id = {order.id: order for order in orders}
    pairs = rule is Rule.CONTINUOUS
    fees_micro = gain = 0
    for match in matches:
        bid, offer = by_id[match.bid], by_id[match.offer]
        amounts = amounts_of(match, fees, seller_zone=offer.zone, buyer_zone=bid.zone, pair=pairs)
        fees_micro += amounts.seller_fee_micro + amounts.buyer_fee_micro
        spread = fees.energy_price_micro(bid) - fees.energy_price_micro(offer)
        if pairs:
            spread -= fees.pair_fee_micro_per_kwh(seller_zone=offer.zone, buyer_zone=bid.zone)
        gain += match.energy_wh * spread
    return Summary(
        rule=rule.value,
        orders=len(orders),
        matches=len(matches),
        volume_wh=sum(match.energy_wh for match in matches),
        price_micro=price,
        fees_micro=fees_micro,
        welfare_micro=gain // WH_PER_KWH,
        min_fills_ignored=0 if pairs else sum(1 for order in orders if order.min_fill_wh),
        book_hash=hash_of_book(rule, orders, fees),
    )
