# SPDX-License-Identifier: Apache-2.0
"""The audit's edges: command, forms of the report, kept reports, routes, task."""

from __future__ import annotations

import csv
import io
from asyncio import to_thread
from dataclasses import replace
from types import SimpleNamespace

import asyncpg
import orjson
import pytest
from click.testing import CliRunner

from backend.audit import report as reports
from backend.audit import service
from backend.audit.cli import main
from backend.audit.differences import Code, Difference, Findings
from backend.audit.verify import check


@pytest.fixture
def command(books, traded, databases, deployment_file):
    """Run `gridx audit`."""

    async def run(*options: str, rpc: str = ""):
        arguments = ["audit", "--rpc", rpc or traded.anvil.rpc_url, "--database-url", databases.audit, "--wait", "0",
                     "--deployment", str(deployment_file), "--finality-depth", "1", *options]  # fmt: skip
        return await to_thread(CliRunner().invoke, main, arguments)

    return run


async def test_audit_command__right_database__ends_with_no_differences(command, traded):
    done = await command()

    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "audit: 0 differences"
    assert "0x" + traded.deployment.genesis_hash.hex() in done.output
    assert "verdict: agrees with this node" in done.output
    assert "s old" in done.output


async def test_audit_command__tampered__exits_one_and_names_it(command, books, traded):
    await books.tamper("UPDATE energy_trades SET claim_g = 1 WHERE trade_id = $1", traded.ids["filled"])

    done = await command()

    assert done.exit_code == 1
    assert f"trade.tampered: 0x{traded.ids['filled'].hex()} claim_g: expected 875, found 1" in done.output
    assert done.output.splitlines()[-1] == "audit: 1 differences"


async def test_audit_command__node_away__cannot_be_done(command):
    done = await command(rpc="http://127.0.0.1:9")

    assert done.exit_code == 2
    assert "audit: 0 differences" not in done.output


async def test_audit_command__another_contract__cannot_be_done(command):
    done = await command("--contract", "0x" + "07" * 20)

    assert done.exit_code == 2


async def test_audit_command__database_of_another_chain__cannot_be_done(command, books):
    await books.tamper("UPDATE chains SET genesis_hash = sha256(genesis_hash)")

    done = await command()

    assert done.exit_code == 2
    assert "another chain" in done.output


async def test_audit_command__forms__hold_the_same_report(command, books, traded, tmp_path):
    await books.tamper("UPDATE energy_trades SET claim_g = 1 WHERE trade_id = $1", traded.ids["filled"])
    files = {form: tmp_path / "out" / f"report.{form}" for form in ("json", "csv", "html")}

    await command(*(part for form, path in files.items() for part in (f"--{form}", str(path))))

    made = orjson.loads(files["json"].read_bytes())
    (row,) = csv.DictReader(io.StringIO(files["csv"].read_text()))
    page = files["html"].read_text()
    assert made["differencesByCode"] == {"trade.tampered": 1}
    assert made["listedDifferences"][0]["subject"] == row["subject"] == "0x" + traded.ids["filled"].hex()
    assert row["subject"] in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


async def test_audit_command__twice__second_reproduces_the_first(command):
    await command()

    second = await command()

    assert "earlier reports held against this one: 1" in second.output
    assert second.exit_code == 0


async def test_audit_command__previous_report_from_a_file__is_held_against_it(command, tmp_path):
    path = tmp_path / "previous.json"
    await command("--json", str(path), "--no-store")
    made = orjson.loads(path.read_bytes())
    made["checkpoint"]["head"] = "0x" + "07" * 32
    path.write_bytes(orjson.dumps(made))

    done = await command("--previous", str(path))

    assert done.exit_code == 1
    assert "checkpoint.contradicted" in done.output


async def test_report__text_from_the_database__is_harmless(run_audit, books):
    report = await run_audit()
    report.findings.add(Difference(Code.TRADE_EXTRA, "=cmd()", note="<script>alert(1)</script>"))

    assert "\n'=cmd()" not in reports.as_csv(report).split(",")[0]
    assert "'=cmd()" in reports.as_csv(report)
    assert "<script>" not in reports.as_html(report)


async def test_store__report__is_kept_and_nobody_changes_it(run_audit, books, databases):
    report = await run_audit()

    await service.store(databases.audit, report)

    connection = await asyncpg.connect(databases.owner)
    try:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await connection.execute("UPDATE audit_reports SET differences = 5")
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="append-only"):
            await connection.execute("DELETE FROM audit_reports")
    finally:
        await connection.close()


async def test_checkpoints__report_that_doubted_its_node__leaves_none(run_audit, books, databases, traded):
    report = await run_audit()
    report.findings.add(Difference(Code.NODES_DISAGREE, "block 1"))

    await service.store(databases.audit, report)

    assert await service.checkpoints(databases.audit, traded.deployment) == []


async def test_role__of_the_auditor__writes_nothing_but_reports(books, databases):
    connection = await asyncpg.connect(databases.audit)
    try:
        for table in ("energy_trades", "carbon_transactions", "carbon_wallet", "carbon_documents", "chain_events"):
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)):
                await connection.execute(f"DELETE FROM {table}")
    finally:
        await connection.close()


async def test_get_audit__none_yet__is_not_found(api):
    answer = await api.get("/api/blockchain/audit")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "audit.none_yet"


async def test_get_audit__after_a_report__gives_it(api, run_audit, databases):
    await service.store(databases.audit, await run_audit())

    answer = await api.get("/api/blockchain/audit")

    assert answer.status_code == 200
    assert answer.json()["data"]["report"]["verdict"] == "agrees with this node"


async def test_proof_route__recorded_trade__gives_a_bundle_that_holds(api, traded):
    answer = await api.get(f"/api/blockchain/trades/0x{traded.ids['confirmed'].hex()}/proof")

    assert answer.status_code == 200
    assert check(answer.json()["data"]).falsehoods == []


async def test_proof_route__unknown_trade__is_not_found(api):
    answer = await api.get(f"/api/blockchain/trades/0x{'07' * 32}/proof")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "audit.trade_unknown"


async def test_proof_route__no_id__is_invalid(api):
    assert (await api.get("/api/blockchain/trades/xyz/proof")).status_code == 422


async def test_proof_route__row_of_a_lost_block__is_a_conflict(api, books, traded):
    await books.tamper("UPDATE energy_trades SET block_number = 2 WHERE trade_id = $1", traded.ids["filled"])

    answer = await api.get(f"/api/blockchain/trades/0x{traded.ids['filled'].hex()}/proof")

    assert answer.status_code == 409


async def test_verify_route__right_trade__is_verified(api, traded):
    answer = await api.get(f"/api/blockchain/trades/0x{traded.ids['second'].hex()}/verify")

    data = answer.json()["data"]
    assert (data["verdict"], data["nodes"], data["falsehoods"]) == ("verified", 1, [])


async def test_verify_route__tampered_trade__differs_and_says_in_what(api, books, traded):
    await books.tamper("UPDATE energy_trades SET energy_wh = 9999 WHERE trade_id = $1", traded.ids["second"])

    data = (await api.get(f"/api/blockchain/trades/0x{traded.ids['second'].hex()}/verify")).json()["data"]

    assert data["verdict"] == "differs"
    assert any("database.energyWh" in text for text in data["falsehoods"])


async def test_run__another_audit_runs__does_nothing(books, databases, traded):
    guard = await asyncpg.connect(databases.audit)
    await guard.execute("SELECT pg_advisory_lock(4711, 1)")
    try:
        kept = await service.run(
            rpc_urls=[traded.anvil.rpc_url], url=databases.audit, deployment=traded.deployment, finality_depth=1,
            clock=lambda: None,
        )  # fmt: skip
    finally:
        await guard.close()

    assert kept is None


def test_verdict__differences__never_says_agrees(traded):
    anchor = SimpleNamespace(nodes=("a", "b"))
    findings = Findings()
    made = reports.Report(traded.deployment, anchor, None, None, True, None, reports.Totals(), None, 0, findings)
    agreeing = made.verdict
    findings.add(Difference(Code.TRADE_EXTRA, "x"))

    assert agreeing == "agrees with 3 independent nodes"
    assert replace(made).verdict == "differs from the chain"
