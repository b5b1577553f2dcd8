# SPDX-License-Identifier: Apache-2.0
"""Audits that people start and watch, their reports as files, and the trades whose block lost."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest

from backend.audit import runs, tasks
from backend.audit.decode import Decoder
from backend.core.db import Actor
from backend.core.envelope import PageParams
from tests.backend.audit.conftest import AUDITOR, STRANGER

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PAGE = PageParams(1, 20)


@pytest.fixture
async def member(books):
    """Make the auditor a member, as row-level security wants to see it."""
    await books.super.execute(
        """INSERT INTO users (id, name, role, created_at) VALUES ($1, 'Auditor', 'both', now())""", AUDITOR.user_id
    )
    await books.super.execute(
        """INSERT INTO organizations (id, kind, name, slug, created_at, updated_at)
        VALUES ($1, 'company', 'Checkers', 'checkers', now(), now())""",
        AUDITOR.memberships[0].org_id,
    )
    await books.super.execute(
        "INSERT INTO memberships (org_id, user_id, role, created_at) VALUES ($1, $2, 'auditor', now())",
        AUDITOR.memberships[0].org_id, AUDITOR.user_id,
    )  # fmt: skip


@pytest.fixture
def make(settings, service_db, traded, deployment_file):
    """Make the run that was asked for, as the worker does."""
    place = {"rpc_url": (traded.anvil.rpc_url,), "deployment_file": deployment_file, "finality_depth": 1}

    async def run(run_id: str, **other) -> None:
        await tasks.make_run(
            service_db, settings.model_copy(update=place | other), run_id=UUID(run_id), requested_by=AUDITOR.user_id
        )

    return run


async def test_start_run__auditor__is_queued_and_announced(api, member, books):
    answer = await api.post("/api/audit/runs")

    run = answer.json()["data"]
    assert (answer.status_code, run["state"], run["requestedBy"]) == (202, "queued", str(AUDITOR.user_id))
    rows = await books.super.fetch("SELECT name, payload FROM outbox")
    assert [(row["name"], row["payload"]) for row in rows] == [
        ("audit.requested.v1", {"requested_by": str(AUDITOR.user_id), "run_id": run["id"]})
    ]


async def test_start_run__another_is_unfinished__answers_with_that_one(api, member, books):
    first = (await api.post("/api/audit/runs")).json()["data"]

    again = (await api.post("/api/audit/runs")).json()["data"]
    await api.post("/api/blockchain/audit")

    assert again["id"] == first["id"]
    assert await books.super.fetchval("SELECT count(*) FROM outbox") == 1


@pytest.mark.parametrize("path", ["/api/audit/runs", "/api/blockchain/audit"])
async def test_start_run__operator__is_refused(api, books, path):
    api.asking["principal"] = STRANGER

    answer = await api.post(path)

    assert answer.status_code == 403
    assert await books.super.fetchval("SELECT count(*) FROM outbox") == 0


async def test_request_run__last_one_fell_silent__is_given_up(service_db, books):
    lost = await runs.request_run(service_db, by=AUDITOR.user_id, now=NOON)
    await runs.begin(service_db, lost.id, now=NOON)

    soon = await runs.request_run(service_db, by=AUDITOR.user_id, now=NOON + timedelta(minutes=9))
    later = await runs.request_run(service_db, by=AUDITOR.user_id, now=NOON + timedelta(minutes=11))

    assert soon.id == lost.id
    assert later.id != lost.id
    row = await books.super.fetchrow("SELECT state, failure FROM audit_runs WHERE id = $1", lost.id)
    assert tuple(row) == ("FAILED", "no sign of life; start another one")


async def test_run__right_database__is_done_without_differences(api, member, make):
    run_id = (await api.post("/api/audit/runs")).json()["data"]["id"]

    await make(run_id)

    found = (await api.get(f"/api/audit/runs/{run_id}")).json()["data"]
    assert (found["run"]["state"], found["run"]["differences"]) == ("done", 0)
    assert found["run"]["verdict"] == found["report"]["verdict"] == "agrees with this node"
    assert found["run"]["step"] == found["run"]["steps"][-1]


async def test_run__while_it_reads__tells_every_step(books, traded, run_audit):
    told = []

    async def watch(step, done, total):
        told.append((step, done, total))

    await run_audit(watch=watch)

    read = int(traded.anvil.rpc("eth_blockNumber"), 16) - traded.deployment.block_number
    assert (told[0][0], told[-1][0]) == ("chain", "transfers")
    assert ("chain", read, read) in told
    assert list(dict.fromkeys(step for step, _, _ in told)) == list(runs.STEPS)


async def test_run__tampered_row__is_named_in_the_report_and_its_files(api, member, make, books, traded):
    await books.tamper("UPDATE energy_trades SET energy_wh = 9999 WHERE trade_id = $1", traded.ids["filled"])
    run_id = (await api.post("/api/audit/runs")).json()["data"]["id"]

    await make(run_id)

    trade = "0x" + traded.ids["filled"].hex()
    as_json = await api.get(f"/api/audit/runs/{run_id}/report")
    as_csv = await api.get(f"/api/audit/runs/{run_id}/report", params={"format": "csv"})
    listed = orjson.loads(as_json.content)["listedDifferences"]
    assert ("trade.tampered", trade, "energy_wh") in [(row["code"], row["subject"], row["field"]) for row in listed]
    assert [row["subject"] for row in csv.DictReader(io.StringIO(as_csv.text))] == [row["subject"] for row in listed]
    assert f"gridx-audit-{run_id}.csv" in as_csv.headers["content-disposition"]


async def test_run__node_is_away__fails_with_the_reason(api, member, make, traded):
    run_id = (await api.post("/api/audit/runs")).json()["data"]["id"]

    await make(run_id, rpc_url=("http://127.0.0.1:9",))

    run = (await api.get(f"/api/audit/runs/{run_id}")).json()["data"]["run"]
    assert run["state"] == "failed"
    assert "does not answer eth_chainId" in run["failure"]
    refused = await api.get(f"/api/audit/runs/{run_id}/report")
    assert refused.json()["error"]["code"] == "audit.unfinished"


async def test_run__made_twice__keeps_one_report(api, member, make, books):
    run_id = (await api.post("/api/audit/runs")).json()["data"]["id"]
    await make(run_id)

    await make(run_id)

    assert await books.super.fetchval("SELECT count(*) FROM audit_reports") == 1


async def test_list_runs__auditor__sees_them_and_others_none(api, member, db):
    run_id = (await api.post("/api/audit/runs")).json()["data"]["id"]

    mine = (await api.get("/api/audit/runs")).json()
    others, _ = await runs.list_runs(db, Actor(user_id=STRANGER.user_id, org_role="operator"), PAGE)

    assert [run["id"] for run in mine["data"]] == [run_id]
    assert mine["meta"]["pagination"]["total"] == 1
    assert others == []


async def test_get_run__unknown__is_not_found(api, member):
    answer = await api.get(f"/api/audit/runs/{UUID(int=3)}")

    assert answer.json()["error"]["code"] == "audit.run_not_found"


async def test_list_orphans__block_lost__both_hashes_and_the_present_place(api, books, traded):
    logged = Decoder.from_file().topics["EnergyTradeLogged"]
    topics = b"".join((logged, traded.ids["alone"], bytes(32), bytes(32)))
    await books.tamper(
        """INSERT INTO chain_events (chain, block_hash, log_index, block_number, block_time, tx_hash, tx_index, topics,
            data, orphaned_at) SELECT chain, $2, 0, block_number - 1, block_time, $2, 0, $3, '', now()
        FROM energy_trades WHERE trade_id = $1""",
        traded.ids["alone"], b"\x0c" * 32, topics,
    )  # fmt: skip
    row = await books.super.fetchrow("SELECT * FROM energy_trades WHERE trade_id = $1", traded.ids["alone"])

    answer = (await api.get("/api/audit/orphans")).json()

    (orphan,) = answer["data"]
    assert orphan["tradeId"] == "0x" + traded.ids["alone"].hex()
    assert (orphan["blockNumber"], orphan["blockHash"]) == (row["block_number"] - 1, "0x" + "0c" * 32)
    assert (orphan["presentNumber"], orphan["presentHash"]) == (row["block_number"], "0x" + row["block_hash"].hex())
