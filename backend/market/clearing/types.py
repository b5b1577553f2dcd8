# SPDX-License-Identifier: Apache-2.0
"""Values of clearing: orders, matches, levels and what an auction found. Integers only; no database, no clock.

A limit is all-in: a seller never gets less per kWh than his limit after his fees, a buyer never pays more. The price of
a match is energy alone, which is what the chain says. Priority is price after fees, then time, then id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

MAX_ENERGY_WH = 2**32 - 1
MAX_PRICE_MICRO = 2**40 - 1
MAX_TIME = 2**62


class OrderInvalid(ValueError):
    """An order that no book can hold; the text says which value and which bounds."""


class Side(StrEnum):
    """Selling or buying."""

    OFFER = "offer"
    BID = "bid"


class Rule(StrEnum):
    """How a book is cleared."""

    CONTINUOUS = "continuous"
    UNIFORM = "uniform"
    PAY_AS_BID = "pay-as-bid"


@dataclass(frozen=True, slots=True)
class Order:
    """An offer or bid of `energy_wh` at an all-in limit of `price_micro` per kWh.

    `time` ranks orders of one price (the service gives the version of the book that placed it), `id` those of one time.
    Orders of one `owner` (default: the house) never meet. `min_fill_wh` is the least energy of one fill unless the fill
    completes the order; it counts in the continuous book only. Raises OrderInvalid.
    """

    id: str
    side: Side
    energy_wh: int
    price_micro: int
    time: int
    house: str
    owner: str = ""
    zone: str = ""
    min_fill_wh: int = 0

    def __post_init__(self) -> None:
        if not self.owner:
            object.__setattr__(self, "owner", self.house)
        if not 1 <= self.energy_wh <= MAX_ENERGY_WH:
            raise OrderInvalid(f"energy_wh is {self.energy_wh}; it must lie between 1 and {MAX_ENERGY_WH}")
        if not 0 <= self.price_micro <= MAX_PRICE_MICRO:
            raise OrderInvalid(f"price_micro is {self.price_micro}; it must lie between 0 and {MAX_PRICE_MICRO}")
        if not 0 <= self.min_fill_wh <= self.energy_wh:
            raise OrderInvalid(f"min_fill_wh is {self.min_fill_wh}; it must lie between 0 and the order's energy")
        if not 0 <= self.time <= MAX_TIME:
            raise OrderInvalid(f"time is {self.time}; it must lie between 0 and {MAX_TIME}")


class Match(NamedTuple):
    """A bid and an offer that trade `energy_wh` at `price_micro` per kWh, energy alone (fees come on top)."""

    bid: str
    offer: str
    energy_wh: int
    price_micro: int


class Level(NamedTuple):
    """Open energy of one side, zone and all-in limit, and how many orders make it up."""

    side: Side
    zone: str
    price_micro: int
    energy_wh: int
    orders: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Prices that would have done as well, micro-units per kWh, both ends included."""

    low_micro: int
    high_micro: int

    @property
    def middle_micro(self) -> int:
        """The middle, rounded down."""
        return (self.low_micro + self.high_micro) // 2


@dataclass(frozen=True, slots=True)
class Cleared:
    """What an auction found. Without a trade `price_micro`, `interval` and the marginal orders are None.

    `price_micro` is also None for pay-as-bid, where each match has its own. `refused_offer` and `refused_bid` are the
    best orders of each side that traded nothing; `held_owner` is who could have traded more only with himself.
    """

    rule: Rule
    matches: Sequence[Match]
    volume_wh: int
    price_micro: int | None = None
    interval: Interval | None = None
    marginal_offer: Order | None = None
    marginal_bid: Order | None = None
    refused_offer: Order | None = None
    refused_bid: Order | None = None
    held_owner: str | None = None
