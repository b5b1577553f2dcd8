# SPDX-License-Identifier: Apache-2.0
"""Whatever is booked, in whatever order: sums are zero, balances are sums of transfers, boards are what was earned."""

import asyncio
import os
from collections import defaultdict
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.carbon import service
from backend.carbon.boards import start_of
from backend.carbon.errors import InsufficientCarbon, TradeCarbonTooSmall
from backend.carbon.signing import OperatorKey
from backend.carbon.types import Correction, Kind, Period, Reduction, TradeCycle, Transfer, holder_of
from backend.core.db import Database
from tests.backend.carbon.helpers import CHAIN, NOW, claim_of, make_chain, rows

OPERATOR = OperatorKey(b"\x11" * 32)
BUYERS = [bytes([n]) * 20 for n in range(1, 5)]
FIRST_DAY = date(2026, 2, 26)

buyers = st.integers(0, 3)
trades = st.integers(0, 7)
grams = st.integers(1, 500)
actions = st.one_of(
    st.tuples(
        st.just("earn"), st.lists(st.tuples(trades, buyers, grams, st.integers(1, 2), st.integers(0, 8)), max_size=5)
    ),
    st.tuples(st.just("reverse"), st.lists(trades, max_size=4, unique=True)),
    st.tuples(st.just("release"), st.lists(trades, max_size=4, unique=True)),
    st.tuples(st.just("reduce"), st.tuples(trades, grams)),
    st.tuples(st.just("give"), st.tuples(buyers, buyers, grams)),
    st.tuples(st.just("retire"), st.tuples(buyers, grams)),
    st.tuples(st.just("correct"), st.tuples(st.integers(1, 2), st.integers(-900_000, 500_000))),
    st.tuples(st.just("claim"), buyers),
    st.tuples(st.just("refresh"), st.none()),
)


class Ledger:
    """Runs actions and remembers what a board must say; trades keep their id over cycles."""

    def __init__(self, db, chain: int) -> None:
        self.db, self.chain = db, chain
        self.ids = [os.urandom(32) for _ in range(8)]
        self.cycles = [0] * 8
        self.live: dict[int, tuple[int, int, int, date]] = {}
        self.released: set[int] = set()
        self.net: dict[tuple[bytes, int, date], int] = defaultdict(int)
        self.users = {}

    async def earn(self, wanted) -> None:
        fresh = {}
        for trade, buyer, amount, community, day in wanted:
            if trade not in self.live:
                fresh[trade] = (buyer, amount, community, FIRST_DAY + timedelta(days=day))
        transfers = [
            claim_of(
                BUYERS[buyer], amount, trade_id=self.ids[trade], cycle=self.cycles[trade], community=community, day=day
            )
            for trade, (buyer, amount, community, day) in fresh.items()
        ]
        async with self.db.begin() as session:
            assert await service.post(session, transfers) == len(transfers)
        for trade, (buyer, amount, community, day) in fresh.items():
            self.live[trade] = (buyer, amount, community, day)
            self.net[BUYERS[buyer], community, day] += amount

    async def reverse(self, wanted) -> None:
        keys = [TradeCycle(self.ids[trade], self.cycles[trade]) for trade in wanted]
        async with self.db.begin() as session:
            await service.reverse_trades(session, CHAIN, keys, NOW)
        for trade in wanted:
            if trade in self.live and trade not in self.released:
                buyer, amount, community, day = self.live.pop(trade)
                self.net[BUYERS[buyer], community, day] -= amount
                self.cycles[trade] += 1

    async def release(self, wanted) -> None:
        keys = [TradeCycle(self.ids[trade], self.cycles[trade]) for trade in wanted]
        async with self.db.begin() as session:
            await service.release(session, CHAIN, keys, NOW)
        self.released |= {trade for trade in wanted if trade in self.live}

    async def reduce(self, wanted) -> None:
        trade, amount = wanted
        reduction = Reduction(self.ids[trade], self.cycles[trade], amount)
        possible = trade in self.live and trade not in self.released and amount <= self.live[trade][1]
        try:
            async with self.db.begin() as session:
                await service.reduce(session, self.chain, [reduction], operator=OPERATOR, now=NOW)
        except TradeCarbonTooSmall:
            assert not possible
            return
        assert possible
        buyer, held, community, day = self.live[trade]
        self.live[trade] = (buyer, held - amount, community, day)
        self.net[BUYERS[buyer], community, day] -= amount

    async def give(self, wanted) -> None:
        giver, taker, amount = wanted
        if giver != taker:
            await self._spend(Kind.TRANSFERRED, BUYERS[giver], BUYERS[taker], amount)

    async def retire(self, wanted) -> None:
        await self._spend(Kind.RETIRED, BUYERS[wanted[0]], b"\x01", wanted[1])

    async def _spend(self, kind: Kind, source: bytes, target: bytes, amount: int) -> None:
        async with self.db.begin() as session:
            document = await service.correct(session, [Correction(9, 1)], operator=OPERATOR, chain=self.chain, now=NOW)
        spent = Transfer(kind, source, 1, target, 1, amount, NOW, document_id=document)
        held = await rows(self.db, "SELECT available_g FROM carbon_wallet WHERE account = :a", a=source)
        possible = bool(held) and held[0].available_g >= amount
        try:
            async with self.db.begin() as session:
                await service.post(session, [spent])
            assert possible
        except InsufficientCarbon:
            assert not possible

    async def correct(self, wanted) -> None:
        async with self.db.begin() as session:
            await service.correct(session, [Correction(*wanted)], operator=OPERATOR, chain=self.chain, now=NOW)

    async def claim(self, buyer) -> None:
        user = self.users.setdefault(buyer, claim_of(os.urandom(20), 1).holder_id)
        async with self.db.begin() as session:
            await service.claim(session, BUYERS[buyer], user)

    async def refresh(self, _) -> None:
        await service.refresh_boards(self.db)

    def expected_board(self) -> dict[tuple[str, date, int, object], int]:
        """Every board row that is not zero."""
        owner = {BUYERS[buyer]: user for buyer, user in self.users.items()}
        board: dict[tuple[str, date, int, object], int] = defaultdict(int)
        for (account, community, day), amount in self.net.items():
            holder = owner.get(account, holder_of(account))
            for period in Period:
                for number in (community, 0):
                    board[period.value, start_of(period, day), number, holder] += amount
        return {key: amount for key, amount in board.items() if amount}


SIDES = """
SELECT account, sum(pending)::bigint AS pending, sum(available)::bigint AS available FROM (
    SELECT debit_account AS account, CASE debit_bucket WHEN 0 THEN -grams ELSE 0 END AS pending,
        CASE debit_bucket WHEN 1 THEN -grams ELSE 0 END AS available FROM carbon_transactions
    UNION ALL SELECT credit_account, CASE credit_bucket WHEN 0 THEN grams ELSE 0 END,
        CASE credit_bucket WHEN 1 THEN grams ELSE 0 END FROM carbon_transactions) AS s GROUP BY account
"""


async def _empty(owner_db: Database) -> None:
    async with owner_db.begin() as session:
        for table in ("carbon_transactions", "carbon_documents"):
            await session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only"))
        await session.execute(
            text(
                "TRUNCATE carbon_reserve_claims, carbon_transactions, carbon_documents, leaderboard, "
                "leaderboard_histogram, leaderboard_queue, leaderboard_holders"
            )
        )
        await session.execute(text("DELETE FROM carbon_wallet WHERE account <> '\\x00'"))
        await session.execute(text("UPDATE carbon_wallet SET pending_g = 0, available_g = 0"))
        for table in ("carbon_transactions", "carbon_documents"):
            await session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only"))


async def _run(service_db: Database, owner_db: Database, chain: int, script) -> None:
    await _empty(owner_db)
    ledger = Ledger(service_db, chain)
    for name, wanted in script:
        await getattr(ledger, name)(wanted)
    await ledger.refresh(None)
    await check(service_db, ledger)


async def check(service_db, ledger: Ledger) -> None:
    """The invariants."""
    wallets = {row.account: row for row in await rows(service_db, "SELECT * FROM carbon_wallet")}
    summed = {row.account: (row.pending, row.available) for row in await rows(service_db, SIDES)}
    held = {
        account: (row.pending_g, row.available_g)
        for account, row in wallets.items()
        if row.pending_g or row.available_g
    }
    assert held == {account: sums for account, sums in summed.items() if any(sums)}
    assert sum(sum(sums) for sums in held.values()) == 0
    assert all(min(sums) >= 0 for account, sums in held.items() if len(account) == 20 or account == b"\x01")
    assert all(sums[1] >= -1_000_000 for account, sums in held.items() if len(account) == 5)
    board = await rows(service_db, "SELECT period::text, period_start, community, holder_id, net_g FROM leaderboard")
    assert {tuple(row)[:4]: row.net_g for row in board if row.net_g} == ledger.expected_board()
    counted = await rows(
        service_db,
        "SELECT h.*, (SELECT count(*) FROM leaderboard b WHERE b.period = h.period AND b.period_start = h.period_start "
        "AND b.community = h.community AND b.net_g > 0 AND board_bucket(b.net_g) = h.bucket) AS ranked "
        "FROM leaderboard_histogram h",
    )
    assert [row.holders for row in counted] == [row.ranked for row in counted]
    assert sum(row.holders for row in counted) == sum(1 for row in board if row.net_g > 0)


def test_book__any_sequence_of_actions__keeps_sums_balances_and_boards(databases):
    with asyncio.Runner() as runner:
        service_db, owner_db = Database(databases.service, pool_size=2), Database(databases.owner, pool_size=2)
        chain = runner.run(make_chain(service_db))

        @settings(max_examples=60, deadline=None)
        @given(script=st.lists(actions, min_size=1, max_size=14))
        def holds(script) -> None:
            runner.run(_run(service_db, owner_db, chain, script))

        try:
            holds()
        finally:
            runner.run(service_db.close())
            runner.run(owner_db.close())
