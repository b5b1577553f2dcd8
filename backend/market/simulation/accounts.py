# SPDX-License-Identifier: Apache-2.0
"""Money and delivery of one interval, by the service's own rules (settlement: imbalance.py, delivery.py). Pure.

Accounts: each household's, the community's for fees, and the supplier's. What one pays another gets: the sum is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.emissions.carbon import carbon_g
from backend.market.clearing.fees import Fees, amounts_of
from backend.market.clearing.types import Match
from backend.market.settlement.delivery import Sold, deliver, limits_of
from backend.market.settlement.imbalance import (
    CommunityAccounts,
    Kind,
    Line,
    Metered,
    Prices,
    Traded,
    amount_of,
    lines_of,
)
from backend.market.simulation.trading import Deal, Member
from backend.market.simulation.types import Tariff

COMMUNITY = CommunityAccounts(grid=b"grid", fees=b"fees")
ID_BYTES = 4


def account_of(house: int) -> bytes:
    """The account of household number `house`."""
    return house.to_bytes(ID_BYTES, "big")


def supplier_amount(metered_wh: int, tariff: Tariff) -> int:
    """What a house pays its supplier for net energy that no trade covers (surplus positive); negative: is paid."""
    if metered_wh >= 0:
        return -amount_of(metered_wh, tariff.feed_in_micro_per_kwh)
    return amount_of(-metered_wh, tariff.retail_micro_per_kwh)


@dataclass(slots=True)
class Settled:
    """An interval's outcome. `balance_micro` by account: what it got less what it paid; they add up to zero."""

    balance_micro: dict[bytes, int] = field(default_factory=dict)
    by_kind_micro: dict[Kind, int] = field(default_factory=dict)
    delivered_wh: int = 0
    sold_wh: dict[int, int] = field(default_factory=dict)
    bought_wh: dict[int, int] = field(default_factory=dict)
    credited_wh: int = 0
    carbon_g: int = 0

    def pay(self, line: Line) -> None:
        """Book one line."""
        self.balance_micro[line.debit] = self.balance_micro.get(line.debit, 0) - line.amount_micro
        self.balance_micro[line.credit] = self.balance_micro.get(line.credit, 0) + line.amount_micro
        self.by_kind_micro[line.kind] = self.by_kind_micro.get(line.kind, 0) + line.amount_micro


def traded_of(deals: Sequence[Deal], members: Sequence[Member], fees: Fees, *, pair: bool) -> list[Traded]:
    """The deals as settlement takes them; a household's number is its meter."""
    found = []
    for number, deal in enumerate(deals):
        amounts = amounts_of(
            Match(deal.bid.id, deal.offer.id, deal.energy_wh, deal.price_micro),
            fees, seller_zone=members[deal.seller].zone, buyer_zone=members[deal.buyer].zone, pair=pair,
        )  # fmt: skip
        found.append(
            Traded(
                account_of(number),
                account_of(deal.seller),
                account_of(deal.buyer),
                deal.seller,
                deal.buyer,
                deal.energy_wh,
                deal.price_micro,
                amounts.seller_fee_micro,
                amounts.buyer_fee_micro,
            )
        )
    return found


def settle(
    traded: Sequence[Traded], metered_wh: Sequence[int], generation_wh: Sequence[int], tariff: Tariff, mg_per_kwh: int
) -> Settled:
    """Settle an interval in which household number n measured a net surplus of `metered_wh[n]` (need: negative)."""
    settled = Settled()
    readings = {house: Metered(max(0, net), max(0, -net)) for house, net in enumerate(metered_wh)}
    prices = Prices(tariff.retail_micro_per_kwh, tariff.feed_in_micro_per_kwh)
    for line in lines_of(traded, readings, prices, COMMUNITY):
        settled.pay(line)
        if line.kind is Kind.ENERGY:
            _count(settled, line)
    active = {trade.seller_meter for trade in traded} | {trade.buyer_meter for trade in traded}
    for house, net_wh in enumerate(metered_wh):
        if house not in active and net_wh:
            settled.pay(_supplied(house, net_wh, tariff))
    _credit(settled, traded, readings, generation_wh, mg_per_kwh)
    return settled


def _count(settled: Settled, line: Line) -> None:
    seller, buyer = int.from_bytes(line.credit, "big"), int.from_bytes(line.debit, "big")
    settled.delivered_wh += line.energy_wh
    settled.sold_wh[seller] = settled.sold_wh.get(seller, 0) + line.energy_wh
    settled.bought_wh[buyer] = settled.bought_wh.get(buyer, 0) + line.energy_wh


def _supplied(house: int, net_wh: int, tariff: Tariff) -> Line:
    amount = supplier_amount(net_wh, tariff)
    if net_wh > 0:
        return Line(Kind.FEED_IN, COMMUNITY.grid, account_of(house), -amount, net_wh, meter=house)
    return Line(Kind.RETAIL, account_of(house), COMMUNITY.grid, amount, -net_wh, meter=house)


def _credit(
    settled: Settled, traded: Sequence[Traded], readings: dict[int, Metered], generation_wh: Sequence[int], mg: int
) -> None:
    """Carbon: only generation that was exported counts, never what a battery gave back."""
    limits = {
        house: limits_of(
            production_wh=generation_wh[house],
            export_wh=readings[house].export_wh,
            import_wh=readings[house].import_wh,
        )
        for trade in traded
        for house in (trade.seller_meter, trade.buyer_meter)
    }
    sold = [Sold(trade.trade_id, trade.seller_meter, trade.buyer_meter, trade.energy_wh) for trade in traded]
    for delivered in deliver(sold, limits):
        settled.credited_wh += delivered.delivered_wh
        settled.carbon_g += carbon_g(delivered.delivered_wh, mg)
