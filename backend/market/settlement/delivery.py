# SPDX-License-Identifier: Apache-2.0
"""How much of what was traded was delivered: first come, first served, never more than the meters measured. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Shortfall(StrEnum):
    """Why less was delivered than traded."""

    OVERSOLD = "oversold"
    NOT_IMPORTED = "not_imported"
    NO_READING = "no_reading"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a meter can be credited in one interval, Wh; None: no attested reading says so."""

    sale_wh: int | None
    purchase_wh: int | None


@dataclass(frozen=True, slots=True)
class Sold:
    """A trade to be settled; the caller hands them in order of trade time."""

    trade_id: bytes
    seller_meter: int
    buyer_meter: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a trade delivered, and why not more: what its seller lacked, and what its buyer had no use for, Wh."""

    trade_id: bytes
    delivered_wh: int
    shortfall: Shortfall | None
    seller_lacked_wh: int = 0
    buyer_lacked_wh: int = 0


def limits_of(*, production_wh: int | None, export_wh: int | None, import_wh: int | None) -> Limits:
    """Limits from one interval's attested sums; None is unknown and backs nothing.

    Sales ≤ min(production, export), so that discharged storage carries no carbon; purchases ≤ import, and a house in
    net export buys nothing.
    """
    sale = None if production_wh is None or export_wh is None else min(production_wh, export_wh)
    if import_wh is not None and export_wh is not None and export_wh > import_wh:
        return Limits(sale, 0)
    return Limits(sale, import_wh)


def deliver(
    trades: Sequence[Sold],
    limits: Mapping[int, Limits],
    *,
    sold_wh: Mapping[int, int] | None = None,
    bought_wh: Mapping[int, int] | None = None,
) -> list[Delivered]:
    """Deliver trades of one interval in the order given; `sold_wh` and `bought_wh` were credited earlier, by meter.

    Each trade gets the least of its own energy, what its seller has left and what its buyer has left.
    """
    sale_left = {meter: (limit.sale_wh or 0) - (sold_wh or {}).get(meter, 0) for meter, limit in limits.items()}
    purchase_left = {
        meter: (limit.purchase_wh or 0) - (bought_wh or {}).get(meter, 0) for meter, limit in limits.items()
    }
    settled = []
    for trade in trades:
        sale, purchase = max(0, sale_left[trade.seller_meter]), max(0, purchase_left[trade.buyer_meter])
        delivered = min(trade.energy_wh, sale, purchase)
        sale_left[trade.seller_meter] -= delivered
        purchase_left[trade.buyer_meter] -= delivered
        settled.append(
            Delivered(
                trade.trade_id,
                delivered,
                _shortfall(trade, delivered, sale, limits),
                seller_lacked_wh=max(0, trade.energy_wh - sale),
                buyer_lacked_wh=max(0, trade.energy_wh - purchase),
            )
        )
    return settled


def _shortfall(trade: Sold, delivered: int, sale_left: int, limits: Mapping[int, Limits]) -> Shortfall | None:
    if delivered == trade.energy_wh:
        return None
    if limits[trade.seller_meter].sale_wh is None or limits[trade.buyer_meter].purchase_wh is None:
        return Shortfall.NO_READING
    return Shortfall.OVERSOLD if delivered == sale_left else Shortfall.NOT_IMPORTED
