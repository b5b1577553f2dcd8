# SPDX-License-Identifier: Apache-2.0
"""Statements as files: every entry as CSV, the figures as PDF. Pure."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from backend.core.cells import csv_text
from backend.core.paper import Paper
from backend.core.units import format_address, format_hex, format_scaled, grams_to_kg
from backend.market.settlement.imbalance import RULE
from backend.market.settlement.reading import Entry
from backend.market.settlement.statements import Figures, Statement

_HEADER = (
    "entry", "deliveryStart", "day", "minutes", "kind", "role", "counterparty", "energyKwh", "amount", "currency",
    "tradeId", "meter", "corrects", "version", "bookedAt", "user", "community",
)  # fmt: skip
_SYSTEM = {3: "grid account", 4: "fees"}
_DAYS_HEADING = ("Day", "Bought kWh", "Paid", "Sold kWh", "Received", "Fees", "Imbalance", "Net")
_DAYS_WIDTHS = (20, 21, 22, 19, 22, 20, 23, 23)


class Number:
    """A decimal number in a CSV file: it stands as it is, where a text that begins with a minus would be quoted."""

    def __init__(self, whole: int, *, decimals: int) -> None:
        self._text = format_scaled(whole, decimals=decimals)

    def __str__(self) -> str:
        return self._text


def party(account: bytes) -> str:
    """An account as people read it: a user's id, a wallet's address, or an account of a community."""
    if len(account) == 20:
        return format_address(account)
    if len(account) == 5:
        return f"community {int.from_bytes(account[1:], 'big')} {_SYSTEM.get(account[0], 'account')}"
    text = account.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def csv_of(statement: Statement, entries: Iterable[Entry]) -> str:
    """One line an entry. The column `amount` adds up to the statement's net amount, to the last micro-unit."""
    zone = ZoneInfo(statement.time_zone)
    return csv_text(_HEADER, (_row(statement, entry, zone) for entry in entries))


def _row(statement: Statement, entry: Entry, zone: ZoneInfo) -> list[object]:
    return [
        str(entry.id), _utc(entry.delivery_start), str(entry.delivery_start.astimezone(zone).date()),
        entry.delivery_minutes, entry.kind.value, "payer" if entry.is_payer else "payee", party(entry.other),
        Number(entry.energy_wh, decimals=3), Number(entry.amount_micro, decimals=6), statement.currency,
        format_hex(entry.trade_id) if entry.trade_id else "", "" if entry.meter is None else entry.meter,
        str(entry.reverses) if entry.reverses else "", entry.version, _utc(entry.booked_at), statement.user_name,
        statement.community,
    ]  # fmt: skip


def pdf_of(statement: Statement, *, made_at: datetime) -> bytes:
    """The month's figures and a table of its days on A4."""
    title = f"Energy statement {statement.month}"
    paper = Paper(title, made_at=made_at)
    paper.write(title, 18)
    paper.gap(3)
    for line in (
        f"{statement.user_name}, {statement.community}",
        f"Deliveries from {_utc(statement.since)} until {_utc(statement.until)} ({statement.time_zone})",
        f"Amounts in {statement.currency}; imbalance by rule {RULE}; made {_utc(made_at)}",
    ):
        paper.write(line, 10)
    paper.gap(4)
    paper.table(_summary(statement), widths=(90, 35, 45), size=10)
    paper.gap(6)
    days = [_DAYS_HEADING, *(_day(str(day), figures) for day, figures in statement.days)]
    paper.table([*days, _day("Month", statement.total)], widths=_DAYS_WIDTHS)
    return paper.content()


def _summary(statement: Statement) -> list[tuple[str, str, str]]:
    total = statement.total
    savings = "not known" if statement.savings_micro is None else _amount(statement.savings_micro)
    return [
        ("", "kWh", statement.currency),
        ("Bought from neighbours", _kwh(total.bought_wh), _amount(-total.bought_micro)),
        ("Sold to neighbours", _kwh(total.sold_wh), _amount(total.sold_micro)),
        ("Fees", "", _amount(-total.fees_micro)),
        ("Shortfalls paid", _kwh(total.shortfall_paid_wh), _amount(-total.shortfall_paid_micro)),
        ("Shortfalls received", _kwh(total.shortfall_received_wh), _amount(total.shortfall_received_micro)),
        ("Other import at the retail price", _kwh(total.retail_wh), _amount(-total.retail_micro)),
        ("Unsold export at the feed-in price", _kwh(total.fed_in_wh), _amount(total.fed_in_micro)),
        ("Net: received above zero, owed below", "", _amount(total.net_micro)),
        ("Savings against the retail tariff", "", savings),
        (f"Avoided-emission estimate: {grams_to_kg(statement.carbon_g)} kg CO2e", "", ""),
    ]


def _day(name: str, figures: Figures) -> tuple[str, ...]:
    return (
        name, _kwh(figures.bought_wh), _amount(-figures.bought_micro), _kwh(figures.sold_wh),
        _amount(figures.sold_micro), _amount(-figures.fees_micro), _amount(figures.imbalance_micro),
        _amount(figures.net_micro),
    )  # fmt: skip


def _amount(micro: int) -> str:
    return _fixed(micro, decimals=6)


def _kwh(energy_wh: int) -> str:
    return _fixed(energy_wh, decimals=3)


def _fixed(whole: int, *, decimals: int) -> str:
    """Exactly `decimals` decimals, so that a column lines up."""
    return f"{Decimal(whole).scaleb(-decimals):.{decimals}f}"


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
