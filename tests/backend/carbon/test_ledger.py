# SPDX-License-Identifier: Apache-2.0
"""The ledger itself: what is booked, what is refused, and that nobody deadlocks."""

import asyncio
import os

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.carbon import service
from backend.carbon.errors import InsufficientCarbon, TradeCarbonTooSmall, TransferContradicts
from backend.carbon.signing import OperatorKey
from backend.carbon.types import (
    ISSUANCE,
    RESERVE_LIMIT_G,
    Correction,
    Kind,
    Reduction,
    TradeCycle,
    Transfer,
    reserve_of,
)
from backend.core.db import Database
from tests.backend.carbon.helpers import (
    CHAIN,
    COMMUNITY,
    NOW,
    balance,
    claim_of,
    earn,
    make_chain,
    make_person,
    rows,
)

OPERATOR = OperatorKey(b"\x11" * 32)


async def test_post__the_same_trade_twice__books_once(service_db):
    transfer = claim_of(os.urandom(20), 500)

    async with service_db.begin() as session:
        booked = [await service.post(session, [transfer]), await service.post(session, [transfer])]

    assert booked == [1, 0]
    assert await balance(service_db, transfer.credit_account) == (500, 0)


async def test_post__the_same_trade_with_other_grams__is_refused(service_db):
    trade_id = os.urandom(32)
    buyer = os.urandom(20)
    async with service_db.begin() as session:
        await service.post(session, [claim_of(buyer, 500, trade_id=trade_id)])

    with pytest.raises(TransferContradicts):
        async with service_db.begin() as session:
            await service.post(session, [claim_of(buyer, 501, trade_id=trade_id)])

    assert await balance(service_db, buyer) == (500, 0)


async def test_reverse_trades__orphaned_twice__takes_each_cycle_once_and_links_it(service_db):
    person = await make_person(service_db)
    trade = await earn(service_db, person, 300, released=False)
    async with service_db.begin() as session:
        first = await service.reverse_trades(session, CHAIN, [trade], NOW)
        again = await service.reverse_trades(session, CHAIN, [trade], NOW)
        await service.post(session, [claim_of(person.address, 310, trade_id=trade.trade_id, cycle=1)])
        second = await service.reverse_trades(session, CHAIN, [TradeCycle(trade.trade_id, 1)], NOW)

    links = await rows(
        service_db,
        "SELECT r.cycle, e.kind::text, e.grams = r.grams AS same FROM carbon_transactions r "
        "JOIN carbon_transactions e ON e.id = r.reverses ORDER BY r.cycle",
    )
    assert (first, again, second) == (1, 0, 1)
    assert [tuple(link) for link in links] == [(0, "earned", True), (1, "earned", True)]
    assert await balance(service_db, person.address) == (0, 0)


async def test_reverse_trades__after_the_release__takes_nothing(service_db):
    person = await make_person(service_db)
    trade = await earn(service_db, person, 300)

    async with service_db.begin() as session:
        taken = await service.reverse_trades(session, CHAIN, [trade], NOW)

    assert taken == 0
    assert await balance(service_db, person.address) == (0, 300)


async def test_release__part_of_it_reduced__releases_what_is_left(service_db, chain):
    person = await make_person(service_db)
    trade = await earn(service_db, person, 300, released=False)
    async with service_db.begin() as session:
        await service.reduce(session, chain, [Reduction(*trade, 120)], operator=OPERATOR, now=NOW)
        released = [await service.release(session, chain, [trade], NOW) for _ in range(2)]

    assert released == [1, 0]
    assert await balance(service_db, person.address) == (0, 180)


async def test_reduce__more_than_the_trade_has_pending__is_refused_and_leaves_no_document(service_db, chain):
    person = await make_person(service_db)
    small = await earn(service_db, person, 100, released=False)
    await earn(service_db, person, 900, released=False)

    with pytest.raises(TradeCarbonTooSmall):
        async with service_db.begin() as session:
            await service.reduce(session, chain, [Reduction(*small, 101)], operator=OPERATOR, now=NOW)

    assert await balance(service_db, person.address) == (1000, 0)
    assert await rows(service_db, "SELECT id FROM carbon_documents") == []


async def test_reduce__several_documents__chains_them_by_hash(service_db, chain):
    person = await make_person(service_db)
    trade = await earn(service_db, person, 300, released=False)
    for _ in range(3):
        async with service_db.begin() as session:
            await service.reduce(session, chain, [Reduction(*trade, 10)], operator=OPERATOR, now=NOW)

    found = await rows(
        service_db, "SELECT sequence, previous_hash, body_hash, signer FROM carbon_documents ORDER BY sequence"
    )
    assert [row.sequence for row in found] == [1, 2, 3]
    assert [row.previous_hash for row in found] == [bytes(32), found[0].body_hash, found[1].body_hash]
    assert {row.signer for row in found} == {OPERATOR.address}


async def test_correct__beyond_the_reserve__stops_at_the_limit_and_opens_a_claim(service_db, chain):
    reserve = reserve_of(COMMUNITY)
    async with service_db.begin() as session:
        await service.correct(
            session, [Correction(COMMUNITY, -RESERVE_LIMIT_G - 700)], operator=OPERATOR, chain=chain, now=NOW
        )

    claims = await rows(service_db, "SELECT grams, settled_g FROM carbon_reserve_claims")
    assert await balance(service_db, reserve) == (0, -RESERVE_LIMIT_G)
    assert [tuple(claim) for claim in claims] == [(700, 0)]


async def test_correct__upwards_with_open_claims__pays_the_oldest_first(service_db, chain):
    for grams in (-RESERVE_LIMIT_G - 700, -500):
        async with service_db.begin() as session:
            await service.correct(session, [Correction(COMMUNITY, grams)], operator=OPERATOR, chain=chain, now=NOW)
    both = [Correction(COMMUNITY, 900), Correction(COMMUNITY + 1, 50)]

    async with service_db.begin() as session:
        await service.correct(session, both, operator=OPERATOR, chain=chain, now=NOW)

    claims = await rows(service_db, "SELECT grams, settled_g FROM carbon_reserve_claims ORDER BY id")
    assert [tuple(claim) for claim in claims] == [(700, 700), (500, 200)]
    assert await balance(service_db, reserve_of(COMMUNITY)) == (0, -RESERVE_LIMIT_G)
    assert await balance(service_db, reserve_of(COMMUNITY + 1)) == (0, 50)
    assert await balance(service_db, ISSUANCE) == (0, RESERVE_LIMIT_G - 50)


@pytest.mark.parametrize("table", ["carbon_transactions", "carbon_documents"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET id = id", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
async def test_change__a_booked_row_as_the_owner_of_the_table__is_refused(service_db, owner_db, table, change):
    await earn(service_db, await make_person(service_db), 100)

    with pytest.raises(IntegrityError, match="append-only"):
        await rows(owner_db, change.format(table))

    assert len(await rows(service_db, "SELECT id FROM carbon_transactions")) == 2


@pytest.mark.parametrize("role", ["api", "service", "audit"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE carbon_wallet SET available_g = available_g + 1",
        "INSERT INTO carbon_wallet (account) VALUES ('\\x05')",
        "DELETE FROM carbon_wallet",
        "UPDATE leaderboard SET net_g = 0",
        "UPDATE carbon_transactions SET grams = 1",
    ],
)
async def test_write__balances_or_boards_directly_as_any_role__is_refused(role, change, db, service_db, audit_db):
    await earn(service_db, await make_person(service_db), 100)
    database = {"api": db, "service": service_db, "audit": audit_db}[role]

    with pytest.raises(DBAPIError, match=r"permission denied|read-only"):
        await rows(database, change)

    assert [row.net_g for row in await rows(service_db, "SELECT DISTINCT net_g FROM leaderboard")] == [100]


async def test_insert__earned_carbon_as_the_api_role__is_refused(db, service_db):
    person = await make_person(service_db)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.begin(person.actor) as session:
            await service.post(session, [claim_of(person.address, 100)])

    assert await balance(service_db, person.address) == (0, 0)


async def test_read__the_ledger_as_another_user__shows_nothing(db, service_db, ada):
    await earn(service_db, ada, 100)
    other = await make_person(service_db)

    async with db.begin(other.actor) as session:
        seen = [
            (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar()
            for table in ("carbon_wallet", "carbon_transactions", "carbon_documents")
        ]

    assert seen == [0, 0, 0]


async def test_post__two_writers_of_several_statements_in_opposite_order__both_commit(service_db):
    one, two = os.urandom(20), os.urandom(20)

    async def write(first: bytes, second: bytes) -> None:
        for _ in range(15):
            async with service_db.begin() as session:
                for buyer in (first, second):
                    claim = claim_of(buyer, 10)
                    assert claim.trade_id is not None
                    await service.post(session, [claim])
                    await service.reverse_trades(session, CHAIN, [TradeCycle(claim.trade_id, 0)], NOW)
                    await service.post(session, [claim_of(buyer, 5)])

    await asyncio.wait_for(asyncio.gather(write(one, two), write(two, one), write(one, two)), timeout=60)

    assert [await balance(service_db, buyer) for buyer in (one, two)] == [(225, 0), (225, 0)]


async def test_post__a_balance_below_zero__is_refused_whatever_asks(service_db, chain):
    person = await make_person(service_db)
    await earn(service_db, person, 100)
    document = await _any_document(service_db, chain)
    taken = Transfer(Kind.RETIRED, person.address, 1, b"\x01", 1, 101, NOW, document_id=document)

    with pytest.raises(InsufficientCarbon):
        async with service_db.begin() as session:
            await service.post(session, [taken])

    assert await balance(service_db, person.address) == (0, 100)


async def _any_document(service_db: Database, chain: int):
    async with service_db.begin() as session:
        return await service.correct(session, [Correction(COMMUNITY, 1)], operator=OPERATOR, chain=chain, now=NOW)


async def test_downgrade__and_up_again__leaves_a_working_ledger(empty_databases):
    from concurrent.futures import ThreadPoolExecutor

    from backend.migrations import downgrade, upgrade

    with ThreadPoolExecutor(1) as outside:
        for step in (upgrade, lambda url: downgrade(url, "0005"), upgrade):
            outside.submit(step, empty_databases.owner).result()
    database = Database(empty_databases.service)
    await make_chain(database)

    await earn(database, await make_person(database), 100)

    assert len(await rows(database, "SELECT * FROM leaderboard")) == 4
    await database.close()
