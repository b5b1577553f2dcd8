# SPDX-License-Identifier: Apache-2.0
"""Money of a settled interval, and what readings that are late, repeated, corrected, negative or missing make of it."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from backend.accounts.types import OrgRole
from backend.core.db import Actor, Database
from backend.market.settlement import queries, settling
from backend.market.settlement.imbalance import Kind
from backend.market.settlement.money import accounts_of
from backend.market.settlement.tasks import on_readings_recorded
from backend.sites import service as sites
from backend.sites.types import Draft
from tests.backend.audit.stage import COMMUNITY
from tests.backend.market.conftest import AFTER, PRICE, START, Town, grams
from tests.backend.market.settlement.town import RETAIL, priced

__all__ = ["priced"]
COMMUNITY_ACCOUNTS = accounts_of(COMMUNITY)


async def entries(town: Town) -> list[tuple[Any, ...]]:
    """Every entry as (version, kind, payer, payee, Wh, micro-units, is a reversal)."""
    named = {key.bytes: number for number, key in town.people.items()}
    named |= {COMMUNITY_ACCOUNTS.grid: "grid", COMMUNITY_ACCOUNTS.fees: "fees"}
    rows = await town.rows(
        "SELECT * FROM money_entries ORDER BY version, reverses IS NULL, array_position(:k, kind)",
        k=[kind.value for kind in Kind],
    )
    return [
        (row.version, row.kind, named[row.debit_account], named[row.credit_account], row.energy_wh, row.amount_micro,
         row.reverses is not None)
        for row in rows
    ]  # fmt: skip


async def revisions(town: Town, trade_id: bytes) -> list[tuple[int, int, str | None]]:
    """What was delivered and supplied of a trade, before and after."""
    rows = await town.rows("SELECT * FROM trade_settlements WHERE trade_id = :id ORDER BY revision", id=trade_id)
    return [(row.delivered_wh, row.supplied_wh, row.shortfall) for row in rows]


async def settled_with(town: Town, **export: int | None) -> bytes:
    """A trade of 2,000 Wh from 1 to 2 in an interval that was settled on readings."""
    trade_id = town.stage.fill(1, 2, 2000)
    await town.read(1, production=3000, **export)
    await town.read(2, **{"import": 2000})
    await town.confirm(8)
    await town.settle()
    return trade_id


async def test_settle__seller_short__books_energy_shortfall_and_the_rest_for_their_parties_to_see(
    priced: Town, db: Database
) -> None:
    trade_id = await settled_with(priced, export=500)

    assert await entries(priced) == [
        (1, "energy", 2, 1, 500, 500 * PRICE // 1000, False),
        (1, "shortfall", 1, 2, 1500, 1500 * (RETAIL - PRICE) // 1000, False),
        (1, "retail", 2, "grid", 1500, 1500 * RETAIL // 1000, False),
    ]
    assert await revisions(priced, trade_id) == [(500, 500, "oversold")]
    assert [await seen(priced, db, person, OrgRole.MEMBER) for person in (1, 2, 3)] == [2, 3, 0]
    assert await seen(priced, db, 3, OrgRole.OPERATOR) == 3


async def seen(town: Town, db: Database, person: int, role: OrgRole) -> int:
    """How many entries somebody may read."""
    actor = Actor(user_id=town.people[person], org_id=town.org_id, org_role=role)
    async with db.begin(actor) as session:
        return len((await session.execute(text("SELECT id FROM money_entries"))).all())


async def test_settle__storage_discharged__is_paid_and_carries_no_carbon(priced: Town) -> None:
    trade_id = priced.stage.fill(1, 2, 2000)
    await priced.read(1, production=300, export=2000)
    await priced.read(2, **{"import": 2000})
    await priced.confirm(8)

    await priced.settle()

    assert await revisions(priced, trade_id) == [(300, 2000, "oversold")]
    assert [entry[1:5] for entry in await entries(priced)] == [("energy", 2, 1, 2000)]
    assert await priced.wallet(2) == (0, grams(300))


async def test_settle__fees_of_the_match__are_due_on_what_was_delivered(priced: Town, databases: Any) -> None:
    trade_id = priced.stage.fill(1, 2, 2000)
    await matched(databases.superuser, priced, trade_id, seller_fee_micro=1001, buyer_fee_micro=2003)
    await priced.read(1, production=3000, export=500)
    await priced.read(2, **{"import": 500})
    await priced.confirm(8)

    await priced.settle()

    assert [entry[1:6] for entry in await entries(priced)] == [
        ("energy", 2, 1, 500, 120_000),
        ("seller_fee", 1, "fees", 500, 250),
        ("buyer_fee", 2, "fees", 500, 500),
    ]


async def matched(superuser: str, town: Town, trade_id: bytes, **fees: int) -> None:
    """The match that a trade settled, without the orders and the receipt behind it."""
    import asyncpg

    connection = await asyncpg.connect(superuser)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            """INSERT INTO matches (id, chain, org_id, community, delivery_start, receipt_id, offer_id, bid_id,
                   seller_id, buyer_id, energy_wh, price_micro_per_kwh, seller_fee_micro, buyer_fee_micro,
                   settlement_nonce, trade_id, state, matched_at, updated_at)
               VALUES (uuidv7(), $1, $2, $3, $4, uuidv7(), uuidv7(), uuidv7(), $5, $6, 2000, $7, $8, $9, 1, $10,
                   'FINAL', now(), now())""",
            town.chain.id, town.org_id, COMMUNITY, START, town.people[1], town.people[2], PRICE,
            fees["seller_fee_micro"], fees["buyer_fee_micro"], trade_id,
        )  # fmt: skip
    await connection.close()


async def test_reading_corrected__after_settlement__links_what_it_takes_back_and_leaves_the_wallet(
    priced: Town,
) -> None:
    trade_id = await settled_with(priced, export=2000)
    balance = await priced.wallet(2)

    marked = await priced.reread(1, export=500)
    settled = await priced.settle(now=AFTER + timedelta(minutes=1))

    assert (marked, settled) == (1, 1)
    assert await revisions(priced, trade_id) == [(2000, 2000, None), (500, 500, "oversold")]
    assert (await priced.trade(trade_id)).delivered_wh == 500
    assert await entries(priced) == [
        (1, "energy", 2, 1, 2000, 480_000, False),
        (2, "energy", 1, 2, 2000, 480_000, True),
        (2, "energy", 2, 1, 500, 120_000, False),
        (2, "shortfall", 1, 2, 1500, 90_000, False),
        (2, "retail", 2, "grid", 1500, 450_000, False),
    ]
    assert await priced.wallet(2) == balance
    reserve = await priced.rows("SELECT available_g FROM carbon_wallet WHERE octet_length(account) = 5")
    assert [row.available_g for row in reserve] == [grams(500) - grams(2000)]
    credited = await priced.rows("SELECT sold_wh, sale_limit_wh FROM meter_deliveries WHERE meter = 101")
    assert [(row.sold_wh, row.sale_limit_wh) for row in credited] == [(500, 500)]


async def test_reading_corrected__there_and_back__ends_as_it_began(priced: Town) -> None:
    await settled_with(priced, export=2000)

    for export in (500, 2000):
        await priced.reread(1, export=export)
        await priced.settle()

    standing = await priced.rows("""SELECT kind, amount_micro FROM money_entries e WHERE reverses IS NULL
        AND NOT EXISTS (SELECT FROM money_entries r WHERE r.reverses = e.id)""")
    assert [(row.kind, row.amount_micro) for row in standing] == [("energy", 480_000)]
    nets = await priced.rows("""SELECT account, sum(micro)::bigint AS micro FROM (
        SELECT credit_account AS account, amount_micro AS micro FROM money_entries
        UNION ALL SELECT debit_account, -amount_micro FROM money_entries) x GROUP BY account""")
    assert {row.account: row.micro for row in nets} == {
        priced.people[1].bytes: 480_000, priced.people[2].bytes: -480_000, COMMUNITY_ACCOUNTS.grid: 0,
    }  # fmt: skip
    reserve = await priced.rows("SELECT available_g FROM carbon_wallet WHERE octet_length(account) = 5")
    assert [row.available_g for row in reserve] == [0]


async def test_reading__late__is_booked_after_the_deadline_had_passed(priced: Town) -> None:
    trade_id = priced.stage.fill(1, 2, 2000)
    await priced.read(2, **{"import": 2000})
    await priced.confirm(8)
    await priced.settle(deadline=timedelta(0))

    await priced.read(1, production=3000, export=2500)
    await priced.announce(1)
    await priced.settle()

    assert await revisions(priced, trade_id) == [(0, 0, "no_reading"), (2000, 2000, None)]
    assert await priced.wallet(2) == (0, 0)
    reserve = await priced.rows("SELECT available_g FROM carbon_wallet WHERE octet_length(account) = 5")
    assert [row.available_g for row in reserve] == [grams(2000)]


async def test_reading__announced_twice_without_a_change__books_nothing(priced: Town) -> None:
    await settled_with(priced, export=2000)
    before = await entries(priced)

    marks = [await priced.announce(1), await priced.announce(1)]
    settled = [await priced.settle(), await priced.settle()]

    assert (marks, settled) == ([1, 1], [0, 0])
    assert await entries(priced) == before
    assert [row.version for row in await priced.rows("SELECT version FROM settled_intervals")] == [1]


async def test_reading__of_the_api__corrected_negative_or_repeated__is_settled_again_once(
    priced: Town, db: Database
) -> None:
    trade_id = await settled_with(priced, export=2000)
    actor = Actor(user_id=priced.people[1], org_id=priced.org_id, org_role=OrgRole.OPERATOR)
    outcomes = []
    for export_wh in (-1, 1250, 1250):
        draft = Draft(1, priced.houses[1], None, START, 15, 2000, None, export_wh, 0, Decimal("20.5"), "test", None, 0)
        outcome = await sites.record_readings(
            db, [draft], actor=actor, as_operator=True, correct=True, now=AFTER + timedelta(minutes=5)
        )
        outcomes.append((outcome.corrected, outcome.repeated, [problem.code for problem in outcome.problems]))

    events = await priced.rows("SELECT payload FROM outbox WHERE name = 'sites.readings_recorded.v1'")
    for event in events:
        await on_readings_recorded(priced.db, orjson.dumps(event.payload).decode(), AFTER)
    settled = await priced.settle()

    assert outcomes == [(0, 0, ["reading.out_of_range"]), (1, 0, []), (0, 1, [])]
    assert (len(events), settled) == (1, 1)
    assert await revisions(priced, trade_id) == [(2000, 2000, None), (1250, 1250, "oversold")]


async def test_reading__with_a_gap__waits_and_backs_nothing(priced: Town) -> None:
    async with priced.db.begin() as session:
        await session.execute(text("UPDATE houses SET reading_minutes = 5 WHERE id = :h"), {"h": priced.houses[1]})
        for minutes in (0, 10):
            await session.execute(
                text("""INSERT INTO energy_production (house_id, start_at, end_at, minutes, production_wh, export_wh,
                            attestation, recorded_at)
                        VALUES (:house, :start, :end, 5, 900, 800, 'operator', :start)"""),
                {
                    "house": priced.houses[1],
                    "start": START + timedelta(minutes=minutes),
                    "end": START + timedelta(minutes=minutes + 5),
                },
            )
    trade_id = priced.stage.fill(1, 2, 2000)
    await priced.read(2, **{"import": 2000})
    await priced.confirm(8)

    waited, settled = await priced.settle(), await priced.settle(deadline=timedelta(0))

    assert (waited, settled) == (0, 1)
    assert await revisions(priced, trade_id) == [(0, 0, "no_reading")]


async def test_correct__dies_anywhere__is_done_once_by_the_next(priced: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await settled_with(priced, export=2000)
    await priced.reread(1, export=500)
    before = await entries(priced)

    for point in settling.FAILPOINTS:

        async def die(name: str, deadly: str = point) -> None:
            if name == deadly:
                raise KeyboardInterrupt(name)

        monkeypatch.setattr(settling, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            await priced.settle()
    monkeypatch.undo()
    after_deaths = await entries(priced)
    settled = [await priced.settle(), await priced.settle()]

    assert after_deaths == before
    assert settled == [1, 0]
    documents = await priced.rows("SELECT body FROM carbon_documents")
    assert [row.body["items"] for row in documents] == [
        [{"community": COMMUNITY, "grams": str(grams(500) - grams(2000))}]
    ]


async def test_readings_changed__while_a_settlement_is_under_way__waits_for_it(priced: Town) -> None:
    priced.stage.fill(1, 2, 2000)
    await priced.read(1, production=3000, export=2500)
    await priced.read(2, **{"import": 2000})
    await priced.confirm(8)

    async with priced.db.begin() as session:
        await queries.lock(session, priced.chain.id)
        marking = asyncio.create_task(priced.announce(1))
        done, _ = await asyncio.wait({marking}, timeout=0.2)
        assert not done
    assert await marking == 0


async def test_settle__interval_older_than_readings_are_kept__changes_nothing(priced: Town) -> None:
    trade_id = await settled_with(priced, export=2000)
    late = AFTER + settling.CORRECTABLE
    await priced.reread(1, export=0)

    marked = await priced.announce(1, now=late)
    settled = await priced.settle(now=late)

    assert (marked, settled) == (0, 0)
    assert await revisions(priced, trade_id) == [(2000, 2000, None)]
