# SPDX-License-Identifier: Apache-2.0
"""What a community's market looks like over HTTP: rules, intervals, books, auctions. All of it is public."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from backend.core.envelope import ApiModel
from backend.core.units import EnergyKwh, Hash32, PriceIn, PricePerKwh
from backend.market.book.types import BookView
from backend.market.clearing.types import Rule, Side
from backend.market.orders.intervals import Interval
from backend.market.orders.prices import Deal, PriceSum
from backend.market.orders.types import AuctionResult, IntervalState, LastTrade, MarketRules, Venue
from backend.market.settlement.imbalance import RULE

MAX_PRICE = 2**40 - 1
Limit = Annotated[PriceIn, Field(ge=1, le=MAX_PRICE)]
Tariff = Annotated[PriceIn, Field(ge=0, le=MAX_PRICE)]
Zone = Annotated[str, Field(max_length=32)]


class RulesIn(ApiModel):
    """Changes of a community's rules; what is not named stays. Prices are per kWh in the community's currency."""

    rule: Rule | None = None
    gate_opening_s: Annotated[int, Field(ge=3600, le=2_678_400)] | None = None
    gate_closure_s: Annotated[int, Field(ge=-3600, le=86_400)] | None = None
    min_price_per_kwh: Limit | None = None
    max_price_per_kwh: Limit | None = None
    community_fee_per_kwh: Tariff | None = None
    grid_fees_per_kwh: Annotated[dict[Zone, Tariff], Field(max_length=100)] | None = None
    retail_price_per_kwh: Tariff | None = None
    feed_in_price_per_kwh: Tariff | None = None

    def changes(self) -> dict[str, Any]:
        """The named rules under their stored names."""
        stored = {"grid_fees_per_kwh": "grid_fee_micro_per_kwh"}
        named = ((name, value) for name, value in self if value is not None)
        return {stored.get(name, name.replace("_per_kwh", "_micro_per_kwh")): value for name, value in named}


class RulesOut(ApiModel):
    """Rules of a community's market."""

    community: int
    delivery_minutes: int
    rule: Rule
    gate_opening_s: int
    gate_closure_s: int
    min_price_per_kwh: PricePerKwh
    max_price_per_kwh: PricePerKwh
    community_fee_per_kwh: PricePerKwh
    grid_fees_per_kwh: dict[str, PricePerKwh]
    retail_price_per_kwh: PricePerKwh
    feed_in_price_per_kwh: PricePerKwh
    imbalance_rule: str = Field(default=RULE, description="what differences cost: /api/market/imbalance")
    updated_at: datetime | None

    @classmethod
    def of(cls, rules: MarketRules) -> Self:
        """As it is shown."""
        return cls(
            community=rules.community,
            delivery_minutes=rules.delivery_minutes,
            rule=rules.rule,
            gate_opening_s=rules.gate_opening_s,
            gate_closure_s=rules.gate_closure_s,
            min_price_per_kwh=rules.min_price_micro_per_kwh,
            max_price_per_kwh=rules.max_price_micro_per_kwh,
            community_fee_per_kwh=rules.community_fee_micro_per_kwh,
            grid_fees_per_kwh=dict(rules.grid_fee_micro_per_kwh),
            retail_price_per_kwh=rules.retail_price_micro_per_kwh,
            feed_in_price_per_kwh=rules.feed_in_price_micro_per_kwh,
            updated_at=rules.updated_at,
        )


class IntervalOut(ApiModel):
    """A delivery interval; orders are taken from `gateOpens` until before `gateCloses`."""

    start: datetime
    end: datetime
    gate_opens: datetime
    gate_closes: datetime
    state: IntervalState
    last_price_per_kwh: PricePerKwh | None
    book_version: int

    @classmethod
    def of(cls, interval: Interval) -> Self:
        """As it is shown."""
        return cls(
            start=interval.start,
            end=interval.end,
            gate_opens=interval.gate_opens,
            gate_closes=interval.gate_closes,
            state=interval.state,
            last_price_per_kwh=interval.last_price_micro_per_kwh,
            book_version=interval.book_version,
        )


class LevelOut(ApiModel):
    """Open energy at one limit, in one grid zone."""

    side: Side
    zone: str
    price_per_kwh: PricePerKwh
    energy_kwh: EnergyKwh
    orders: int


class LastTradeOut(ApiModel):
    """A match without its parties."""

    energy_kwh: EnergyKwh
    price_per_kwh: PricePerKwh
    matched_at: datetime

    @classmethod
    def of(cls, trade: LastTrade) -> Self:
        """As it is shown."""
        return cls(energy_kwh=trade.energy_wh, price_per_kwh=trade.price_micro_per_kwh, matched_at=trade.matched_at)


class BookOut(ApiModel):
    """A book: its levels, best first, and its last trades. Without any order its `version` is 0."""

    community: int
    delivery_start: datetime
    rule: Rule
    version: int
    factor_id: int | None
    gate_closes: datetime
    closed_at: datetime | None
    last_price_per_kwh: PricePerKwh | None
    offers: list[LevelOut]
    bids: list[LevelOut]
    last_trades: list[LastTradeOut]

    @classmethod
    def of(cls, view: BookView, trades: list[LastTrade]) -> Self:
        """As it is shown."""
        levels = [
            LevelOut(
                side=level.side, zone=level.zone, price_per_kwh=level.price_micro, energy_kwh=level.energy_wh,
                orders=level.orders,
            )
            for level in view.levels
        ]  # fmt: skip
        row = view.row
        return cls(
            community=row.key.community, delivery_start=row.key.delivery_start, rule=row.rule, version=row.version,
            factor_id=row.factor_id, gate_closes=row.closes_at, closed_at=row.closed_at,
            last_price_per_kwh=row.last_price_micro_per_kwh,
            offers=[level for level in levels if level.side is Side.OFFER],
            bids=[level for level in levels if level.side is Side.BID],
            last_trades=[LastTradeOut.of(trade) for trade in trades],
        )  # fmt: skip

    @classmethod
    def empty(cls, rules: MarketRules, delivery_start: datetime) -> Self:
        """The book of an interval for which nothing was ordered yet, as its first order will find it."""
        return cls(
            community=rules.community, delivery_start=delivery_start, rule=rules.rule, version=0, factor_id=None,
            gate_closes=rules.gate(delivery_start)[1], closed_at=None, last_price_per_kwh=None, offers=[], bids=[],
            last_trades=[],
        )  # fmt: skip


class AuctionOut(ApiModel):
    """An auction's outcome; `pricePerKwh` is null under pay-as-bid. `bookHash` commits to the whole book."""

    delivery_start: datetime
    rule: Rule
    price_per_kwh: PricePerKwh | None
    volume_kwh: EnergyKwh
    book_hash: Hash32
    levels: list[LevelOut]
    cleared_at: datetime

    @classmethod
    def of(cls, result: AuctionResult) -> Self:
        """As it is shown."""
        return cls(
            delivery_start=result.delivery_start,
            rule=Rule(result.rule),
            price_per_kwh=result.price_micro_per_kwh,
            volume_kwh=result.volume_wh,
            book_hash=result.book_hash,
            levels=[
                LevelOut(
                    side=level["side"], zone=level["zone"], price_per_kwh=level["priceMicro"],
                    energy_kwh=level["energyWh"], orders=level["orders"],
                )
                for level in result.levels
            ],
            cleared_at=result.cleared_at,
        )  # fmt: skip


class PriceOut(ApiModel):
    """Prices of the deals of an interval, hour or day of delivery; the average is weighted by energy."""

    start: datetime
    open_per_kwh: PricePerKwh
    close_per_kwh: PricePerKwh
    low_per_kwh: PricePerKwh
    high_per_kwh: PricePerKwh
    average_per_kwh: PricePerKwh
    energy_kwh: EnergyKwh
    deals: int

    @classmethod
    def of(cls, price: PriceSum) -> Self:
        """As it is shown."""
        return cls(
            start=price.start, open_per_kwh=price.opened, close_per_kwh=price.closed, low_per_kwh=price.low,
            high_per_kwh=price.high, average_per_kwh=price.average, energy_kwh=price.energy_wh, deals=price.deals,
        )  # fmt: skip


class DealOut(ApiModel):
    """A match of the book, or an offer that its buyer filled. `tradeId` once it stands on chain."""

    venue: Venue
    delivery_start: datetime
    energy_kwh: EnergyKwh
    price_per_kwh: PricePerKwh
    dealt_at: datetime
    state: Literal["MATCHED", "SENT", "CONFIRMED", "FINAL"]
    trade_id: Hash32 | None

    @classmethod
    def of(cls, deal: Deal) -> Self:
        """As it is shown."""
        return cls(
            venue=deal.venue, delivery_start=deal.delivery_start, energy_kwh=deal.energy_wh,
            price_per_kwh=deal.price_micro_per_kwh, dealt_at=deal.dealt_at, state=deal.state, trade_id=deal.trade_id,
        )  # fmt: skip
