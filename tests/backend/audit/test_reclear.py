# SPDX-License-Identifier: Apache-2.0
"""The audit clears receipts by rules of its own: it agrees with the market, and names what was changed afterwards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.audit.clearing import cleared_again
from backend.audit.database import Snapshot, connect
from backend.audit.differences import Code, Difference, Findings
from backend.audit.reclear import Reclearing
from backend.core.clock import utc_now
from backend.core.db import Database
from backend.market.book import service
from backend.market.book.auctions import clear_due
from backend.market.book.types import Undone
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.receipts import receipt_of, reclear
from backend.market.clearing.types import Rule
from tests.backend.market.clearing.books import arrivals, fees_drawn, orders_of
from tests.support.databases import DatabaseUrls
from tests.support.square import COMMUNITY, CONTRACT, Square, open_square

FEES = {"community_fee": 10_001, "grid_fees": '{"north": 3000}'}
SETTLE = """
INSERT INTO energy_trades (id, chain, trade_id, kind, seller_address, buyer_address, energy_wh, price_micro_per_kwh,
    carbon_logged_g, factor_id, seller_meter, buyer_meter, community, delivery_start, delivery_minutes, delivery_date,
    consented, claim_g, block_number, block_hash, tx_hash, log_index, block_time, status, recorded_at, final_at)
SELECT m.id, m.chain, m.trade_id, 2, s.maker, b.maker, m.energy_wh, m.price_micro_per_kwh, 0, s.factor_id, s.meter,
    b.meter, m.community, m.delivery_start, 60, '2026-01-01', true, 0, 9, decode(repeat('01', 32), 'hex'),
    decode(repeat('02', 32), 'hex'), row_number() OVER (), now(), 'FINAL', now(), now()
FROM matches AS m JOIN orders AS s ON s.id = m.offer_id JOIN orders AS b ON b.id = m.bid_id
"""
A_RECEIPT = "(SELECT id FROM match_receipts ORDER BY version LIMIT 1)"
A_MATCH = "(SELECT id FROM matches ORDER BY settlement_nonce LIMIT 1)"


class Audited:
    """A market whose database can be changed, looked at by the audit, and put back."""

    def __init__(self, square: Square, connection: asyncpg.Connection) -> None:
        self.square = square
        self.connection = connection

    async def differences(self, *tampering: str) -> list[Difference]:
        """What the audit finds after some statements, which are undone afterwards."""
        change = self.connection.transaction()
        await change.start()
        try:
            await self.connection.execute("SET LOCAL session_replication_role = replica")
            for statement in tampering:
                done = await self.connection.execute(statement)
                assert not done.endswith(" 0"), f"nothing was tampered with by {statement}"
            findings = Findings()
            await Reclearing(Snapshot(self.connection), self.square.chain.id, CONTRACT, findings).run()
        finally:
            await change.rollback()
        return findings.listed

    async def codes(self, *tampering: str) -> set[Code]:
        return {difference.code for difference in await self.differences(*tampering)}


@pytest.fixture
async def audited(service_db: Database, databases: DatabaseUrls) -> AsyncIterator[Audited]:
    square = await open_square(service_db)
    connection = await connect(databases.superuser)
    try:
        yield Audited(square, connection)
    finally:
        await connection.close()


async def trade_a_while(square: Square, rule: str) -> None:
    """Thirty random orders in a book of the rule, cleared at its gate when it is an auction."""
    await square.set_rules(rule, **FEES)
    engine, chance = square.engine(), Random(rule)
    for number in range(30):
        values: dict[str, Any] = {"zone": chance.choice(("", "north")), "is_bid": number % 2 == 1}
        price = chance.randrange(200, 260) * 1_000
        order = square.new(
            chance.randint(1, 4), energy_wh=chance.randint(1, 3_000), price_micro_per_kwh=price, **values
        )
        await engine.place(order)
    await square.pass_gate()
    await clear_due(square.db, square.chain.id, now=utc_now())


@pytest.mark.parametrize("rule", ["continuous", "uniform", "pay-as-bid"])
async def test_audit__receipts_as_the_market_wrote_them__clears_all_to_the_same(audited, rule):
    await trade_a_while(audited.square, rule)
    receipts = await audited.connection.fetchval("SELECT count(*) FROM match_receipts")

    assert await audited.differences() == []
    assert await audited.differences(SETTLE) == []
    assert receipts >= 1


async def test_audit__orders_cancelled_and_matches_undone_in_between__clears_all_to_the_same(audited):
    square, chance = audited.square, Random(11)
    await square.set_rules(**FEES)
    engine = square.engine()
    for number in range(120):
        placed = await engine.place(square.random(chance))
        if number % 5 == 0 and placed.rest_wh:
            owner = (await square.order(placed.order_id)).user_id
            await service.cancel_order(square.db, engine, placed.order_id, user_id=owner)
        if number % 7 == 0 and placed.matches:
            await undo(square, placed.matches[0].match_id)

    assert await audited.connection.fetchval("SELECT count(*) FROM matches WHERE state = 'CANCELLED'") > 2
    assert await audited.differences() == []


async def undo(square: Square, match_id: UUID) -> None:
    """What the relayer does when a match cannot be settled."""
    async with square.db.begin() as session:
        statement = text("UPDATE matches SET state = 'CANCELLED', reason = 'skipped' WHERE id = :id")
        await session.execute(statement, {"id": match_id})
        await service.undo_matches(session, [Undone(match_id, {})], now=utc_now())


@pytest.mark.parametrize("rule", ["continuous", "uniform"])
async def test_audit__anything_changed_afterwards__is_named(audited, rule):
    await trade_a_while(audited.square, rule)
    receipt = f"UPDATE match_receipts SET receipt = jsonb_set(receipt, '%s', %s) WHERE id = {A_RECEIPT}"
    match = f"UPDATE matches SET %s WHERE id = {A_MATCH}"
    order = f"UPDATE orders SET %s WHERE id = (SELECT offer_id FROM matches WHERE id = {A_MATCH})"
    changes = {
        receipt % ("{orders,0,priceMicro}", "'7'"): Code.RECEIPT_TAMPERED,
        receipt % ("{orders,0,owner}", "'\"99\"'"): Code.RECEIPT_TAMPERED,
        receipt % ("{matches,0,priceMicro}", "'7'"): Code.RECEIPT_TAMPERED,
        receipt % ("{matches,0,energyWh}", "'7'"): Code.MATCH_TAMPERED,
        receipt % ("{matches}", "'[]'"): Code.MATCH_UNEXPLAINED,
        receipt % ("{fees,communityFeeMicroPerKwh}", "'10002'"): Code.RECEIPT_TAMPERED,
        receipt % ("{orders}", "'5'"): Code.RECEIPT_TAMPERED,
        receipt % ("{bookHash}", "'\"0x00\"'"): Code.RECEIPT_TAMPERED,
        receipt % ("{priceMicro}", "'5'"): Code.RECEIPT_TAMPERED,
        f"UPDATE match_receipts SET book_hash = decode(repeat('01', 32), 'hex') WHERE id = {A_RECEIPT}": (
            Code.RECEIPT_TAMPERED
        ),
        f"UPDATE match_receipts SET rule = 'pay-as-bid' WHERE id = {A_RECEIPT}": Code.RECEIPT_TAMPERED,
        f"UPDATE match_receipts SET receipt = '[]' WHERE id = {A_RECEIPT}": Code.RECEIPT_TAMPERED,
        "UPDATE books SET community_fee_micro_per_kwh = 1": Code.RECEIPT_TAMPERED,
        f"DELETE FROM match_receipts WHERE id = {A_RECEIPT}": Code.MATCH_UNEXPLAINED,
        match % "price_micro_per_kwh = price_micro_per_kwh + 1": Code.MATCH_TAMPERED,
        match % "energy_wh = energy_wh + 1": Code.MATCH_TAMPERED,
        match % "buyer_fee_micro = buyer_fee_micro + 1": Code.MATCH_TAMPERED,
        match % "seller_fee_micro = 0": Code.MATCH_TAMPERED,
        match % "buyer_id = gen_random_uuid()": Code.MATCH_TAMPERED,
        match % "settlement_nonce = 999999": Code.MATCH_TAMPERED,
        match % "offer_id = bid_id": Code.MATCH_UNEXPLAINED,
        f"DELETE FROM matches WHERE id = {A_MATCH}": Code.MATCH_MISSING,
        match % "state = 'FINAL'": Code.MATCH_MISSING,
        order % "price_micro_per_kwh = price_micro_per_kwh + 1": Code.RECEIPT_TAMPERED,
        order % "user_id = gen_random_uuid()": Code.RECEIPT_TAMPERED,
        order % "energy_wh = 1, matched_wh = 0, min_fill_wh = 0": Code.ORDER_OVERMATCHED,
    }

    for statement, code in changes.items():
        assert code in await audited.codes(statement), statement


async def test_audit__settled_pair_is_not_its_match__is_named(audited):
    await trade_a_while(audited.square, "uniform")
    trade = f"UPDATE energy_trades SET %s WHERE id = {A_MATCH}"
    fields = {
        "energy_wh": "energy_wh + 1",
        "price_micro_per_kwh": "price_micro_per_kwh - 1",
        "seller_address": "decode(repeat('08', 20), 'hex')",
        "buyer_meter": "buyer_meter + 1",
        "delivery_start": "delivery_start + interval '1 hour'",
    }

    for field, value in fields.items():
        [found] = await audited.differences(SETTLE, trade % f"{field} = {value}")
        assert (found.code, found.field) == (Code.MATCH_SETTLED_OTHERWISE, field)
    unknown = await audited.codes(SETTLE, trade % "trade_id = decode(repeat('07', 32), 'hex')")
    cancelled = await audited.codes(
        SETTLE, f"UPDATE matches SET state = 'CANCELLED', reason = 'undone' WHERE id = {A_MATCH}"
    )
    assert unknown == {Code.MATCH_UNKNOWN}
    assert cancelled == {Code.MATCH_SETTLED_OTHERWISE}


async def test_audit__an_open_order_left_out_of_an_auction__is_named(audited):
    await trade_a_while(audited.square, "uniform")
    copied = """INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(),
        'slot', 64, 'order_hash', '\\x' || repeat('09', 32)))).* FROM orders AS o ORDER BY placed_version LIMIT 1"""

    assert await audited.codes(copied) == {Code.RECEIPT_INCOMPLETE}


async def test_audit__a_resting_order_with_a_better_claim_was_passed_by__is_named(audited):
    square, engine = audited.square, audited.square.engine()
    for price in (240_000, 250_000):
        await square.sell(engine, 2, price_micro_per_kwh=price)
    hidden = await square.sell(engine, 1, price_micro_per_kwh=255_000)
    await square.buy(engine, 3, price_micro_per_kwh=260_000)

    same = f"UPDATE orders SET price_micro_per_kwh = 230000 WHERE id = '{hidden.order_id}'"
    worse = f"UPDATE orders SET placed_version = 9 WHERE id = '{hidden.order_id}'"
    [found] = await audited.differences(same)

    assert (found.code, found.expected) == (Code.RECEIPT_INCOMPLETE, str(hidden.order_id))
    assert await audited.differences() == []
    assert Code.RECEIPT_INCOMPLETE not in await audited.codes(same, worse)


async def test_audit__whole_run__clears_receipts_too(books, run_audit):
    values = {"id": uuid4(), "receipt": uuid4()}
    await books.tamper(
        """INSERT INTO matches (id, chain, org_id, community, delivery_start, receipt_id, offer_id, bid_id, seller_id,
            buyer_id, energy_wh, price_micro_per_kwh, seller_fee_micro, buyer_fee_micro, settlement_nonce, trade_id,
            state, matched_at, updated_at) VALUES ($1, $2, $3, $4, now(), $5, $3, $3, $3, $1, 1, 1, 0, 0, 1,
            decode(repeat('05', 32), 'hex'), 'MATCHED', now(), now())""",
        values["id"], books.chain, uuid4(), COMMUNITY, values["receipt"],
    )  # fmt: skip

    report = await run_audit()

    subjects = {(item.code, item.subject) for item in report.findings}
    assert (Code.MATCH_UNEXPLAINED, str(values["id"])) in subjects
    assert report.to_json()["receiptsCleared"] == 0


@settings(max_examples=100, deadline=None)
@given(orders=orders_of(8), fees=fees_drawn(), rule=st.sampled_from([Rule.UNIFORM, Rule.PAY_AS_BID]))
def test_cleared_again__any_auction__agrees_with_the_market(orders, fees, rule):
    receipt = json.loads(json.dumps(receipt_of(rule, orders, fees)))

    assert [tuple(pair) for pair in cleared_again(receipt)] == [tuple(match) for match in reclear(receipt)]


@settings(max_examples=100, deadline=None)
@given(orders=arrivals(), fees=fees_drawn())
def test_cleared_again__any_placement__agrees_with_the_market(orders, fees):
    book = ContinuousBook(fees)
    for order in orders:
        around = book.around(order)
        matches = book.place(order)
        receipt = json.loads(json.dumps(receipt_of(Rule.CONTINUOUS, around, fees, incoming=order)))

        assert [tuple(pair) for pair in cleared_again(receipt)] == [tuple(match) for match in matches]
