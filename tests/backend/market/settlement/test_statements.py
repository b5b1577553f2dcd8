# SPDX-License-Identifier: Apache-2.0
"""Statements add up to the ledger, in the community's calendar."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from backend.accounts import service as accounts
from backend.accounts.errors import UserNotFound
from backend.accounts.types import OrgRole
from backend.core.db import Actor, Database
from backend.core.envelope import PageParams
from backend.core.ids import uuid7
from backend.market.settlement import papers, reading
from backend.market.settlement.imbalance import Kind
from backend.market.settlement.schemas import EntryOut, StatementOut
from backend.market.settlement.statements import Figures, Month, Statement, Sum, savings_of, totals_of
from tests.backend.market.conftest import AFTER, Town, grams
from tests.backend.market.settlement.town import RETAIL, priced

__all__ = ["priced"]
ALL = PageParams(page=1, limit=1000)
DECEMBER = Month(2025, 12)  # deliveries start at 2026-01-01 00:00 UTC, which is New Year's Eve in the community
ZONES = st.sampled_from(["America/Los_Angeles", "Asia/Kolkata", "Europe/Lisbon", "Pacific/Apia", "UTC"])
MONTHS = st.builds(Month, st.integers(2000, 2100), st.integers(1, 12))
SIDES = [(Kind.ENERGY, True), (Kind.ENERGY, False), (Kind.SELLER_FEE, True), (Kind.BUYER_FEE, True),
         (Kind.SHORTFALL, True), (Kind.SHORTFALL, False), (Kind.FEED_IN, False), (Kind.RETAIL, True)]  # fmt: skip
SUMS = st.lists(
    st.builds(
        lambda day, side, energy, amount, tariff: Sum(day, *side, energy, amount, tariff, 1, 0, True),
        st.dates(date(2026, 1, 1), date(2026, 1, 4)),
        st.sampled_from(SIDES),
        st.integers(0, 10**6),
        st.integers(-(10**12), 10**15),
        st.integers(0, 10**15),
    ),
    max_size=30,
)


@given(MONTHS, ZONES)
def test_bounds__any_month_and_zone__meet_at_local_midnight(month: Month, zone: str) -> None:
    since, until = month.bounds(zone)

    following = Month(month.year + month.number // 12, month.number % 12 + 1)
    assert following.bounds(zone)[0] == until
    assert Month.parse(str(month)) == month
    local = since.astimezone(ZoneInfo(zone))
    assert (local.year, local.month, local.day, local.hour, local.minute) == (month.year, month.number, 1, 0, 0)


def test_bounds__clocks_change__month_is_an_hour_shorter_or_longer() -> None:
    march = Month(2026, 3).bounds("America/Los_Angeles")
    november = Month(2026, 11).bounds("America/Los_Angeles")

    assert march[1] - march[0] == timedelta(days=31) - timedelta(hours=1)
    assert november[1] - november[0] == timedelta(days=30) + timedelta(hours=1)


@pytest.mark.parametrize("text_", ["2026-13", "2026-1", "26-01", "2026-00", "2026/01", "", "٢٠٢٦-٠١", "9999-12"])
def test_parse__no_month__is_refused(text_: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        Month.parse(text_)


@given(SUMS)
def test_totals_of__anything__equal_what_the_entries_add_up_to(sums: list[Sum]) -> None:
    total, days = totals_of(sums)

    assert total.net_micro == sum(-item.amount_micro if item.is_payer else item.amount_micro for item in sums)
    assert total.net_micro == sum(figures.net_micro for _, figures in days)
    assert total.entries == len(sums)
    assert [day for day, _ in days] == sorted({item.day for item in sums})


def test_savings_of__bought_sold_and_fees__compare_with_retail_and_feed_in() -> None:
    day = date(2026, 1, 1)
    bought = Sum(day, Kind.ENERGY, True, 1000, 200_000, 300_000, 1, 0, True)
    sold = Sum(day, Kind.ENERGY, False, 1000, 150_000, 80_000, 1, 0, True)
    fee = Sum(day, Kind.BUYER_FEE, True, 1000, 7_000, 0, 1, 0, True)

    assert savings_of([bought, sold, fee]) == 100_000 + 70_000 - 7_000
    assert savings_of([Sum(day, Kind.ENERGY, True, 1, 1, 0, 1, 0, False)]) is None


async def traded(town: Town) -> None:
    """A day with everything: shortfalls, a rest, a correction, a wallet that nobody owned when it traded."""
    async with town.db.begin() as session:
        await session.execute(text("DELETE FROM wallets WHERE user_id = :u"), {"u": town.people[4]})
        await session.execute(text("UPDATE users SET name = '=cmd|calc' WHERE id = :u"), {"u": town.people[1]})
    for person, role in ((1, OrgRole.MEMBER), (2, OrgRole.MEMBER), (3, OrgRole.OPERATOR), (4, OrgRole.MEMBER)):
        await accounts.add_member(town.db, town.org_id, town.people[person], role, by=None, now=AFTER)
    for seller, buyer, energy_wh in ((1, 2, 2001), (1, 3, 999), (4, 2, 777), (3, 4, 1)):
        town.stage.fill(seller, buyer, energy_wh)
    await town.read(1, production=3000, export=2600, **{"import": 13})
    await town.read(2, production=0, export=0, **{"import": 2800})
    await town.read(3, production=50, export=31, **{"import": 999})
    await town.read(4, production=900, export=900, **{"import": 7})
    await town.confirm(8)
    await town.settle()
    await town.reread(1, export=1501)
    await town.settle()
    async with town.db.begin() as session:
        await session.execute(
            text("INSERT INTO wallets (id, address, user_id, valid_from) VALUES (:i, :a, :u, '1970-01-01T00:00:00Z')"),
            {"i": uuid7(), "a": town.stage.address(4), "u": town.people[4]},
        )


async def test_statement__of_everybody__adds_up_to_the_ledger_to_the_last_micro_unit(
    priced: Town, db: Database
) -> None:
    await traded(priced)
    nets: list[int] = []
    for person in range(1, 5):
        actor = Actor(user_id=priced.people[person], org_id=priced.org_id, org_role=OrgRole.MEMBER)

        statement = await reading.statement(db, actor, DECEMBER)
        entries, total = await reading.entries(db, actor, DECEMBER, page=ALL)
        months, _ = await reading.months(db, actor, page=ALL)
        assert await reading.months(db, actor, page=PageParams(9, 20)) == ([], len(months))

        assert statement.total.net_micro == await ledger_net(priced, person)
        assert statement.total.net_micro == sum(entry.amount_micro for entry in entries)
        assert statement.total.entries == total == len(entries)
        assert [(month.month, month.net_micro) for month in months] == [("2025-12", statement.total.net_micro)]
        assert in_file(statement, entries) == statement.total.net_micro
        assert statement.carbon_g == sum(await priced.wallet(person))
        nets.append(statement.total.net_micro)
    community = await priced.rows("""SELECT coalesce(sum(CASE WHEN octet_length(credit_account) = 5 THEN amount_micro
        ELSE -amount_micro END), 0)::bigint AS micro FROM money_entries
        WHERE octet_length(credit_account) = 5 OR octet_length(debit_account) = 5""")
    assert sum(nets) + community[0].micro == 0
    assert any(nets)


async def ledger_net(town: Town, person: int) -> int:
    """What the raw entries say of a person, who may have traded before the wallet was known."""
    mine = [town.people[person].bytes, town.stage.address(person)]
    rows = await town.rows(
        """SELECT coalesce(sum(amount_micro) FILTER (WHERE credit_account = ANY(:mine)), 0)
            - coalesce(sum(amount_micro) FILTER (WHERE debit_account = ANY(:mine)), 0) AS micro FROM money_entries""",
        mine=mine,
    )
    return int(rows[0].micro)


def in_file(statement: Statement, entries: list[reading.Entry]) -> int:
    """The sum of a file's column `amount`."""
    rows = list(csv.DictReader(io.StringIO(papers.csv_of(statement, entries))))
    assert {row["user"][:1] for row in rows} <= {"'", "p"}
    assert {row["day"] for row in rows} == {"2025-12-31"}
    return int(sum(Decimal(row["amount"]) for row in rows) * 10**6)


async def test_statement__in_figures__says_what_was_bought_short_and_saved(priced: Town, db: Database) -> None:
    priced.stage.fill(1, 2, 2000)
    await priced.read(1, production=3000, export=500)
    await priced.read(2, **{"import": 2100})
    await priced.confirm(8)
    await priced.settle()
    await accounts.add_member(priced.db, priced.org_id, priced.people[2], OrgRole.MEMBER, by=None, now=AFTER)
    actor = Actor(user_id=priced.people[2], org_id=priced.org_id, org_role=OrgRole.MEMBER)

    statement = await reading.statement(db, actor, DECEMBER)
    january = await reading.statement(db, actor, Month(2026, 1))

    figures = Figures(
        bought_wh=500, bought_micro=120_000, shortfall_received_wh=1500, shortfall_received_micro=90_000,
        retail_wh=1600, retail_micro=1600 * RETAIL // 1000, entries=3,
    )  # fmt: skip
    assert statement.total == figures
    assert statement.days == ((date(2025, 12, 31), figures),)
    assert statement.savings_micro == 500 * RETAIL // 1000 - 120_000 + 90_000
    assert statement.carbon_g == grams(500)
    assert (january.total, january.savings_micro, january.carbon_g) == (Figures(), 0, 0)
    shown = StatementOut.of(statement).model_dump(mode="json", by_alias=True)
    assert shown["total"]["bought"] == {"energyKwh": "0.5", "amount": "0.12"}
    assert shown["total"]["net"] == "-0.51"
    made = papers.pdf_of(statement, made_at=AFTER)
    assert made.startswith(b"%PDF")
    assert made == papers.pdf_of(statement, made_at=AFTER)


async def test_statement__of_another__is_for_operators_only(priced: Town, db: Database) -> None:
    await traded(priced)
    stranger = Actor(user_id=priced.people[2], org_id=priced.org_id, org_role=OrgRole.MEMBER)
    operator = Actor(user_id=priced.people[3], org_id=priced.org_id, org_role=OrgRole.OPERATOR)

    with pytest.raises(UserNotFound):
        await reading.statement(db, stranger, DECEMBER, user_id=priced.people[1])
    seen = await reading.statement(db, operator, DECEMBER, user_id=priced.people[1])
    entries, _ = await reading.entries(db, operator, DECEMBER, user_id=priced.people[1], page=ALL)

    assert seen.total.net_micro == await ledger_net(priced, 1)
    assert seen.total.reversals > 0
    shown = [EntryOut.of(entry).model_dump(mode="json", by_alias=True) for entry in entries]
    taken_back = {row["corrects"] for row in shown if row["corrects"]}
    assert taken_back <= {row["id"] for row in shown}
    assert len(taken_back) == seen.total.reversals
