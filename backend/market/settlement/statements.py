# SPDX-License-Identifier: Apache-2.0
"""A user's statement of a calendar month in one community: sums of the ledger's entries, nothing else. Pure.

Amounts are whole micro-units, positive in the direction of their name; `net_micro` is what the user gets (above 0) or
owes (below 0). A correction takes its entries back in the month of delivery, whenever it was booked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.market.settlement.imbalance import Kind


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of a community."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """From `YYYY-MM`. Raises ValueError."""
        year, dash, number = text.partition("-")
        if not (dash and len(year) == 4 and len(number) == 2 and (year + number).isascii()):
            raise ValueError("a month is YYYY-MM")
        month = cls(int(year), int(number))
        if not (2000 <= month.year <= 9998 and 1 <= month.number <= 12):
            raise ValueError("a month is YYYY-MM, from 2000 on")
        return month

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    def bounds(self, time_zone: str) -> tuple[datetime, datetime]:
        """Its first moment and the next month's, in UTC; a month may be an hour longer or shorter than its days."""
        following = Month(self.year + self.number // 12, self.number % 12 + 1)
        return self._begin(time_zone), following._begin(time_zone)

    def _begin(self, time_zone: str) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Sum:
    """Entries of one day, kind and side, added up; `is_payer`: the user is whom the entry charges.

    `tariff_micro` is what the same energy is worth outside the market: at the retail price for what was bought, at the
    feed-in price for what was sold. `priced` says that the community had published a retail price.
    """

    day: date
    kind: Kind
    is_payer: bool
    energy_wh: int
    amount_micro: int
    tariff_micro: int
    entries: int
    reversals: int
    priced: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of a day or a month, Wh and micro-units."""

    bought_wh: int = 0
    bought_micro: int = 0
    sold_wh: int = 0
    sold_micro: int = 0
    fees_micro: int = 0
    shortfall_paid_wh: int = 0
    shortfall_paid_micro: int = 0
    shortfall_received_wh: int = 0
    shortfall_received_micro: int = 0
    fed_in_wh: int = 0
    fed_in_micro: int = 0
    retail_wh: int = 0
    retail_micro: int = 0
    entries: int = 0
    reversals: int = 0

    @property
    def net_micro(self) -> int:
        """What the user gets (above 0) or owes (below 0)."""
        received = self.sold_micro + self.shortfall_received_micro + self.fed_in_micro
        return received - self.bought_micro - self.fees_micro - self.shortfall_paid_micro - self.retail_micro

    @property
    def imbalance_micro(self) -> int:
        """The part of `net_micro` that is imbalance."""
        received = self.shortfall_received_micro + self.fed_in_micro
        return received - self.shortfall_paid_micro - self.retail_micro

    def plus(self, other: "Figures") -> "Figures":
        """Both together."""
        return Figures(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(Figures)))


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of a user. `savings_micro` compares with the retail tariff; None where no retail price was published."""

    user_id: UUID
    user_name: str
    community: str
    community_number: int
    currency: str
    time_zone: str
    month: Month
    since: datetime
    until: datetime
    total: Figures
    days: tuple[tuple[date, Figures], ...]
    savings_micro: int | None
    carbon_g: int


_PLACES = {
    (Kind.ENERGY, True): "bought",
    (Kind.ENERGY, False): "sold",
    (Kind.SHORTFALL, True): "shortfall_paid",
    (Kind.SHORTFALL, False): "shortfall_received",
    (Kind.FEED_IN, False): "fed_in",
    (Kind.RETAIL, True): "retail",
}


def figures_of(item: Sum) -> Figures:
    """One sum in its place."""
    counted = {"entries": item.entries, "reversals": item.reversals}
    place = _PLACES.get((item.kind, item.is_payer))
    if place is None:
        return Figures(fees_micro=item.amount_micro, **counted)
    return Figures(**{f"{place}_wh": item.energy_wh, f"{place}_micro": item.amount_micro}, **counted)


def totals_of(sums: Iterable[Sum]) -> tuple[Figures, tuple[tuple[date, Figures], ...]]:
    """The month's figures, and those of each day that has any, by day."""
    days: dict[date, Figures] = {}
    for item in sums:
        days[item.day] = days.get(item.day, Figures()).plus(figures_of(item))
    total = Figures()
    for figures in days.values():
        total = total.plus(figures)
    return total, tuple(sorted(days.items()))


def savings_of(sums: Sequence[Sum]) -> int | None:
    """What trading brought compared with retail purchases and fed-in sales; None without a retail price.

    Bought: retail value − price paid. Sold: price − feed-in value. Less fees, with what shortfalls cost or brought.
    """
    savings = 0
    for item in sums:
        if item.kind is Kind.ENERGY:
            if not item.priced:
                return None
            gained = item.tariff_micro - item.amount_micro
            savings += gained if item.is_payer else -gained
        elif item.kind in (Kind.SELLER_FEE, Kind.BUYER_FEE, Kind.SHORTFALL):
            savings += -item.amount_micro if item.is_payer else item.amount_micro
    return savings
