# SPDX-License-Identifier: Apache-2.0
"""Statements, entries, deliveries and the imbalance rule as they travel over HTTP. Amounts are text in the currency."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from backend.core.envelope import ApiModel
from backend.core.units import CarbonKg, EnergyKwh, Hash32, Money
from backend.market.settlement.imbalance import RULE, SENTENCES
from backend.market.settlement.papers import party
from backend.market.settlement.reading import Delivery, Entry, MonthFigures
from backend.market.settlement.settling import CORRECTABLE
from backend.market.settlement.statements import Figures, Statement


class SideOut(ApiModel):
    """Energy and what it cost or brought, both in the direction of the field's name."""

    energy_kwh: EnergyKwh
    amount: Money


class ImbalanceOut(ApiModel):
    """What differed between trades and meters."""

    shortfall_paid: SideOut
    shortfall_received: SideOut
    retail: SideOut = Field(description="import that no trade covered, at the retail price")
    feed_in: SideOut = Field(description="export that no trade took, at the feed-in price")
    net: Money


class FiguresOut(ApiModel):
    """Sums of a day or a month; `net` is received (above 0) or owed (below 0)."""

    bought: SideOut
    sold: SideOut
    fees: Money
    imbalance: ImbalanceOut
    net: Money
    entries: int
    corrections: int = Field(description="entries that take earlier ones back")

    @classmethod
    def of(cls, figures: Figures) -> "FiguresOut":
        """The figures as shown."""
        return cls(
            bought=SideOut(energy_kwh=figures.bought_wh, amount=figures.bought_micro),
            sold=SideOut(energy_kwh=figures.sold_wh, amount=figures.sold_micro),
            fees=figures.fees_micro,
            imbalance=ImbalanceOut(
                shortfall_paid=SideOut(energy_kwh=figures.shortfall_paid_wh, amount=figures.shortfall_paid_micro),
                shortfall_received=SideOut(
                    energy_kwh=figures.shortfall_received_wh, amount=figures.shortfall_received_micro
                ),
                retail=SideOut(energy_kwh=figures.retail_wh, amount=figures.retail_micro),
                feed_in=SideOut(energy_kwh=figures.fed_in_wh, amount=figures.fed_in_micro),
                net=figures.imbalance_micro,
            ),
            net=figures.net_micro,
            entries=figures.entries,
            corrections=figures.reversals,
        )


class DayOut(ApiModel):
    """One calendar day of the community."""

    day: date
    figures: FiguresOut


class StatementOut(ApiModel):
    """A month of a user in a community; the entries behind it are listed under `/entries`."""

    user_id: UUID
    community: str
    month: str
    time_zone: str
    since: datetime
    until: datetime
    currency: str
    rule: str
    total: FiguresOut
    savings: Money | None = Field(description="against retail and feed-in prices; null: no retail price was published")
    carbon_kg: CarbonKg = Field(description="avoided-emission estimate credited for the month's deliveries")
    days: list[DayOut]

    @classmethod
    def of(cls, statement: Statement) -> "StatementOut":
        """The statement as shown."""
        return cls(
            user_id=statement.user_id,
            community=statement.community,
            month=str(statement.month),
            time_zone=statement.time_zone,
            since=statement.since,
            until=statement.until,
            currency=statement.currency,
            rule=RULE,
            total=FiguresOut.of(statement.total),
            savings=statement.savings_micro,
            carbon_kg=statement.carbon_g,
            days=[DayOut(day=day, figures=FiguresOut.of(figures)) for day, figures in statement.days],
        )


class MonthOut(ApiModel):
    """A month that has a statement."""

    month: str
    entries: int
    net: Money

    @classmethod
    def of(cls, month: MonthFigures) -> "MonthOut":
        """The month as shown."""
        return cls(month=month.month, entries=month.entries, net=month.net_micro)


class EntryOut(ApiModel):
    """One entry, seen from the user's side: `amount` above 0 is received, below 0 paid; a correction's are negated."""

    id: UUID
    delivery_start: datetime
    delivery_minutes: int
    kind: Literal["energy", "seller_fee", "buyer_fee", "shortfall", "feed_in", "retail"]
    role: Literal["payer", "payee"]
    counterparty: str
    energy_kwh: EnergyKwh
    amount: Money
    trade_id: Hash32 | None
    meter: str | None
    corrects: UUID | None = Field(description="the entry that this one takes back")
    version: int = Field(description="settlement of the interval that booked it")
    booked_at: datetime

    @classmethod
    def of(cls, entry: Entry) -> "EntryOut":
        """The entry as shown."""
        return cls(
            id=entry.id,
            delivery_start=entry.delivery_start,
            delivery_minutes=entry.delivery_minutes,
            kind=entry.kind.value,
            role="payer" if entry.is_payer else "payee",
            counterparty=party(entry.other),
            energy_kwh=entry.energy_wh,
            amount=entry.amount_micro,
            trade_id=entry.trade_id,
            meter=None if entry.meter is None else str(entry.meter),
            corrects=entry.reverses,
            version=entry.version,
            booked_at=entry.booked_at,
        )


class RuleOut(ApiModel):
    """The rule by which deliveries are paid; `lines` are its sentences."""

    name: str
    lines: list[str]
    correctable_days: int

    @classmethod
    def published(cls) -> "RuleOut":
        """The rule in force."""
        return cls(name=RULE, lines=list(SENTENCES), correctable_days=CORRECTABLE.days)


class DeliveryOut(ApiModel):
    """What was delivered of a trade: as first settled, and after each correction."""

    revision: int
    delivered_kwh: EnergyKwh = Field(description="energy that carries carbon")
    supplied_kwh: EnergyKwh = Field(description="energy that is paid: exported by the seller, imported by the buyer")
    shortfall: str | None
    settled_at: datetime

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        """The delivery as shown."""
        return cls(
            revision=delivery.revision,
            delivered_kwh=delivery.delivered_wh,
            supplied_kwh=delivery.supplied_wh,
            shortfall=delivery.shortfall,
            settled_at=delivery.settled_at,
        )
