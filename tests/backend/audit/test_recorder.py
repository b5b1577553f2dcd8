# SPDX-License-Identifier: Apache-2.0
"""The audit against the real follower, recorder and settlement: they share nothing but the ABI, and must agree."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

import backend.audit
from backend.audit.compare import Request, audit
from backend.audit.fetch import Options
from backend.carbon import adjustments, documents, orders
from backend.carbon.documents import Retirement, Transference
from backend.carbon.types import Correction
from backend.core.crypto import sign
from backend.core.db import Actor
from backend.market import decoding
from tests.backend.audit.stage import COMMUNITY
from tests.backend.market.conftest import FINALITY_DEPTH, OPERATOR, grams, town

AUDIT = Path(backend.audit.__file__).parent
__all__ = ["town"]


@pytest.fixture
def check(town, databases):
    """Audit the town's database."""

    async def run():
        request = Request(
            rpc_urls=[town.stage.anvil.rpc_url],
            database_url=databases.audit,
            deployment=town.stage.deployment,
            options=Options(finality_depth=FINALITY_DEPTH),
            wait_s=0,
        )
        return await audit(request, clock=lambda: datetime.now(UTC))

    return run


async def test_audit__a_day_of_the_real_recorder__finds_nothing(town, check):
    filled = town.stage.fill(1, 2, 2000)
    town.stage.fill(3, 4, 3000)
    alone = town.stage.log(1, 2)
    town.stage.confirm(alone, 2, 1, 2)
    town.stage.log_many(3, 4, 5)
    await town.confirm(FINALITY_DEPTH)
    await town.read(1, export=2500, production=5000)
    await town.read(2, **{"import": 5000})
    await town.read(3, export=9000, production=9000)
    await town.read(4, **{"import": 2000})
    await town.settle()
    town.stage.fill(1, 2, 100)
    await town.confirm()

    report = await check()

    assert [difference.row() for difference in report.findings] == []
    assert report.totals.trades == 8
    assert report.totals.not_yet_final == 1
    assert report.totals.documents > 0
    assert filled


async def test_audit__spending_and_corrections_of_the_real_ledger__finds_nothing(town, check):
    town.stage.fill(1, 2, 8_000_000)
    await town.confirm(FINALITY_DEPTH)
    await town.read(1, export=9_000_000, production=9_000_000)
    await town.read(2, **{"import": 8_000_000})
    await town.settle()
    for export in (4_000_000, 4_500_000):
        await town.reread(1, export=export)
        await town.settle()
    now = datetime.now(UTC)
    actor, wallet, expiry = Actor(user_id=town.people[2]), town.stage.address(2), int(now.timestamp()) + 600
    domain, head = await orders.prepare(town.db, wallet, actor=actor)
    retirement = Retirement(wallet, 500, "for the river", head.sequence + 1, head.hash, expiry)
    first = documents.digest(domain, retirement)
    gift = Transference(wallet, documents.reserve_address(COMMUNITY), 100_000, head.sequence + 2, first, expiry)
    key = town.stage.key(2)
    signed = {"actor": actor, "call_contract": None, "now": now}
    await orders.retire(town.db, retirement, sign(first, key), **signed)
    given = await orders.transfer(town.db, gift, sign(documents.digest(domain, gift), key), **signed)
    async with town.db.begin() as session:
        paid_g = await adjustments.settle_claims(session, COMMUNITY, document_id=given.document_id, now=now)

    report = await check()

    assert paid_g == 100_000
    assert [difference.row() for difference in report.findings] == []
    assert report.totals.documents == 4


async def test_audit__claim_on_a_reserve_forgiven__is_found(town, check, databases):
    town.stage.fill(1, 2, 4_000_000)
    await town.confirm(FINALITY_DEPTH)
    await town.read(1, export=4_000_000, production=4_000_000)
    await town.read(2, **{"import": 4_000_000})
    await town.settle()
    await town.reread(1, export=0)
    await town.settle()
    connection = await asyncpg.connect(databases.superuser)
    await connection.execute("UPDATE carbon_reserve_claims SET grams = grams - 1000")
    await connection.close()

    report = await check()

    (wrong,) = list(report.findings)
    owed_g = grams(4_000_000) - 1_000_000
    assert (wrong.code, wrong.expected, wrong.found) == ("balance.wrong", owed_g, owed_g - 1000)


async def test_audit__correction_that_no_delivery_stands_behind__is_found(town, check, databases):
    async with town.db.begin() as session:
        await adjustments.correct(
            session, [Correction(COMMUNITY, 70_000)], operator=OPERATOR, chain=town.chain.id, now=datetime.now(UTC)
        )

    report = await check()

    (wrong,) = list(report.findings)
    assert (wrong.code, wrong.subject) == ("ledger.wrong_transfer", f"corrections of community {COMMUNITY}")
    assert (wrong.expected, wrong.found) == (0, 70_000)


async def test_audit__delivery_of_a_trade_changed_behind_the_corrections__is_found(town, check, databases):
    trade_id = town.stage.fill(1, 2, 2_000)
    await town.confirm(FINALITY_DEPTH)
    await town.read(1, export=1_500, production=2_000)
    await town.read(2, **{"import": 2_000})
    await town.settle()
    async with town.db.begin() as session:
        await session.execute(text("UPDATE energy_trades SET delivered_wh = 2000"))

    report = await check()

    assert ("trade.tampered", "0x" + trade_id.hex(), "delivered_wh") in {
        (found.code.value, found.subject, found.field) for found in report.findings
    }


async def test_audit__trades_orphaned_and_mined_again__finds_nothing(town, check):
    trade_id = town.stage.fill(1, 2, 2000)
    await town.confirm(2)
    town.stage.anvil.rpc("anvil_reorg", 3, [])
    await town.confirm(3)
    assert (await town.trade(trade_id)).status == "ORPHANED"
    town.stage.fill(3, 4, 700)
    await town.confirm(FINALITY_DEPTH)

    report = await check()

    assert [difference.row() for difference in report.findings] == []
    assert report.totals.trades == 1


async def test_audit__two_wallets_of_one_person__finds_nothing(town, check):
    async with town.db.begin() as session:
        await session.execute(
            text("UPDATE wallets SET user_id = :u WHERE user_id = :v"), {"u": town.people[1], "v": town.people[2]}
        )
    trade_id = town.stage.fill(1, 2, 2000)
    await town.confirm(FINALITY_DEPTH)
    assert (await town.trade(trade_id)).ineligible_reason == "same_user"

    report = await check()

    assert [difference.row() for difference in report.findings] == []


async def test_audit__recorder_decodes_wrongly__is_found(town, check, monkeypatch):
    """The recorder's decoder is broken; the audit, which has its own, names each trade that suffers."""
    true = decoding.decode_logged

    def wrong(log):
        return replace(true(log), energy_wh=true(log).energy_wh + 1)

    for module in ("backend.market.projection", "backend.market.decoding"):
        monkeypatch.setattr(f"{module}.decode_logged", wrong)
    trade_id = town.stage.log(1, 2)
    await town.confirm(FINALITY_DEPTH)

    report = await check()

    assert [(item.code, item.subject, item.field) for item in report.findings] == [
        ("trade.tampered", "0x" + trade_id.hex(), "energy_wh")
    ]


def test_imports__of_the_audit__name_nothing_of_the_recorder():
    forbidden = ("backend.chain", "backend.market", "backend.carbon", "backend.sites", "backend.emissions")

    for path in AUDIT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
            assert not [name for name in names if name.startswith(forbidden)], path


def test_imports__of_what_decides__use_nothing_of_the_core():
    """Only the edges (routes, tasks, storing and listing of reports) touch the ground that the recorder stands on, and
    nothing that decides leans on an edge."""
    edges = {"router", "runs_router", "tasks", "schemas", "errors", "events", "service", "cli", "runs", "orphans"}

    for path in AUDIT.glob("*.py"):
        if path.stem not in edges:
            text = path.read_text()
            assert "backend.core" not in text, path
            assert not [edge for edge in edges if f"backend.audit.{edge} import" in text], path
