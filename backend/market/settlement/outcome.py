# SPDX-License-Identifier: Apache-2.0
"""What an interval comes to: deliveries, money, carbon, of trades settled before and of those that wait. Pure.

Everything is computed anew from all trades of the interval, those that were settled first served first. What differs
from what was booked is a correction; without new readings nothing differs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.emissions.carbon import carbon_g
from backend.market.settlement.delivery import Delivered, Limits, Shortfall, Sold, deliver, limits_of
from backend.market.settlement.imbalance import CommunityAccounts, Line, Metered, Prices, Traded, lines_of, supply
from backend.market.settlement.money import account_of
from backend.market.settlement.queries import Revision
from backend.market.types import Ineligible
from backend.sites.types import IntervalReading

PAID_REASONS = frozenset({None, Ineligible.UNKNOWN_FACTOR, Ineligible.AVERAGE_FACTOR})
"""A trade that earns no carbon for its factor alone is still a trade; others book no money."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trade of the interval; `last` is what was booked of it, None while it waits."""

    traded: Traded
    cycle: int
    claim_g: int
    mg_per_kwh: int | None
    ineligible_reason: str | None
    last: Revision | None

    @property
    def trade_id(self) -> bytes:
        """Its id on chain."""
        return self.traded.trade_id

    @property
    def is_eligible(self) -> bool:
        """Whether it may deliver energy that carries carbon."""
        return self.ineligible_reason is None

    @property
    def is_paid(self) -> bool:
        """Whether money is booked for it: two parties, each with a meter of the community."""
        return self.ineligible_reason in PAID_REASONS and self.traded.seller != self.traded.buyer

    def carbon_g(self, delivered_wh: int) -> int:
        """Grams that `delivered_wh` of it carries; 0 when it has no claim."""
        return carbon_g(delivered_wh, self.mg_per_kwh or 0) if self.is_eligible and self.claim_g else 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is right for an interval. `delivered` and `revisions` are in the order of the trades that were given."""

    delivered: tuple[Delivered, ...]
    revisions: tuple[Revision, ...]
    lines: tuple[Line, ...]
    limits: Mapping[int, Limits]
    sold_wh: Mapping[int, int]
    bought_wh: Mapping[int, int]


def candidate_of(row: Any) -> Candidate:
    """A trade as `queries` reads it; rows of settled trades also have their last revision."""
    traded = Traded(
        trade_id=row["trade_id"],
        seller=account_of(row["seller_id"], row["seller_address"]),
        buyer=account_of(row["buyer_id"], row["buyer_address"]),
        seller_meter=row["seller_meter"],
        buyer_meter=row["buyer_meter"],
        energy_wh=row["energy_wh"],
        price_micro_per_kwh=row["price_micro_per_kwh"],
        seller_fee_micro=row["seller_fee_micro"],
        buyer_fee_micro=row["buyer_fee_micro"],
    )
    last = None
    if "revision" in row.keys():  # noqa: SIM118 a database row is no mapping: `in` would look at its values
        last = Revision(row["trade_id"], row["revision"], row["delivered_wh"], row["supplied_wh"], row["shortfall"])
    return Candidate(traded, row["cycle"], row["claim_g"], row["mg_per_kwh"], row["ineligible_reason"], last)


def meters_of(trades: Sequence[Candidate]) -> list[int]:
    """Meters of either side."""
    return sorted({meter for item in trades for meter in (item.traded.seller_meter, item.traded.buyer_meter)})


def is_closed(waiting: Sequence[Candidate], readings: Mapping[int, IntervalReading]) -> bool:
    """Whether every meter that trades has said what its side needs."""
    return all(
        _limits(readings[item.traded.seller_meter]).sale_wh is not None
        and _limits(readings[item.traded.buyer_meter]).purchase_wh is not None
        for item in waiting
    )


def outcome_of(
    trades: Sequence[Candidate],
    readings: Mapping[int, IntervalReading],
    prices: Prices,
    community: CommunityAccounts,
) -> Outcome:
    """What is right, given every trade of the interval in the order in which they are served and their readings."""
    limits = {meter: _limits(reading) for meter, reading in readings.items()}
    eligible = [item for item in trades if item.is_eligible]
    served = deliver([_sold(item.traded) for item in eligible], limits)
    sold: dict[int, int] = {}
    bought: dict[int, int] = {}
    for item, delivery in zip(eligible, served, strict=True):
        seller, buyer = item.traded.seller_meter, item.traded.buyer_meter
        sold[seller] = sold.get(seller, 0) + delivery.delivered_wh
        bought[buyer] = bought.get(buyer, 0) + delivery.delivered_wh
    paid = [item.traded for item in trades if item.is_paid]
    metered = {meter: Metered(reading.export_wh, reading.import_wh) for meter, reading in readings.items()}
    supplied = {each.trade_id: each.delivered_wh for each in supply(paid, metered)}
    by_id = {delivery.trade_id: delivery for delivery in served}
    delivered = tuple(by_id.get(item.trade_id) or Delivered(item.trade_id, 0, None) for item in trades)
    revisions = tuple(
        revision
        for item, delivery in zip(trades, delivered, strict=True)
        if (revision := _revised(item, delivery, supplied.get(item.trade_id, 0))) is not None
    )
    lines = tuple(lines_of(paid, metered, prices, community))
    return Outcome(delivered, revisions, lines, limits, sold, bought)


def undeliverable(trades: Sequence[Candidate]) -> tuple[Delivered, ...]:
    """Trades that came to an interval which cannot be changed any more: nothing of them is delivered."""
    return tuple(Delivered(item.trade_id, 0, Shortfall.NO_READING if item.is_eligible else None) for item in trades)


def _revised(item: Candidate, delivery: Delivered, supplied_wh: int) -> Revision | None:
    if not (item.is_eligible or item.is_paid):
        return None
    known = (delivery.delivered_wh, supplied_wh, delivery.shortfall)
    last = item.last
    if last is None:
        return Revision(item.trade_id, 0, *known)
    if known == (last.delivered_wh, last.supplied_wh, last.shortfall):
        return None
    return Revision(item.trade_id, last.number + 1, *known)


def _limits(reading: IntervalReading) -> Limits:
    return limits_of(production_wh=reading.production_wh, export_wh=reading.export_wh, import_wh=reading.import_wh)


def _sold(traded: Traded) -> Sold:
    return Sold(traded.trade_id, traded.seller_meter, traded.buyer_meter, traded.energy_wh)
