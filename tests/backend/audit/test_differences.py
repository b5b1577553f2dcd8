# SPDX-License-Identifier: Apache-2.0
"""Each kind of difference is made in an otherwise right database, and found by its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.audit.balances import BUCKETS
from backend.audit.differences import Code
from tests.backend.audit.books import ISSUANCE

TAMPERED = {
    "energy_wh": "energy_wh + 1",
    "price_micro_per_kwh": "price_micro_per_kwh - 1",
    "carbon_logged_g": "carbon_logged_g + 1",
    "kind": "2",
    "seller_address": "decode(repeat('08', 20), 'hex')",
    "buyer_address": "decode(repeat('07', 20), 'hex')",
    "seller_meter": "seller_meter + 1",
    "buyer_meter": "buyer_meter + 1",
    "community": "community + 1",
    "factor_id": "8",
    "delivery_start": "delivery_start + interval '15 minutes'",
    "delivery_minutes": "30",
    "delivery_date": "delivery_date + 3",
    "ineligible_reason": "'same_user'",
    "claim_g": "claim_g + 1",
    "block_number": "block_number - 1",
    "block_hash": "decode(repeat('07', 32), 'hex')",
    "tx_hash": "decode(repeat('07', 32), 'hex')",
    "log_index": "log_index + 50",
    "block_time": "block_time + interval '1 second'",
    "seller_id": "gen_random_uuid()",
}


def found(report: Any, code: Code) -> list[Any]:
    return [difference for difference in report.findings if difference.code is code]


async def test_audit__tampered_trade_row__names_trade_and_column(books, traded, run_audit):
    subject = "0x" + traded.ids["filled"].hex()
    await books.super.execute("CREATE TABLE kept AS SELECT * FROM energy_trades")

    for column, value in TAMPERED.items():
        await books.tamper(f"UPDATE energy_trades SET {column} = {value} WHERE trade_id = $1", traded.ids["filled"])
        report = await run_audit()
        tampered = {(item.subject, item.field) for item in found(report, Code.TRADE_TAMPERED)}
        await books.tamper("DELETE FROM energy_trades")
        await books.tamper("INSERT INTO energy_trades SELECT * FROM kept")
        assert (subject, column) in tampered, column


async def test_audit__consent_invented__is_found(books, traded, run_audit):
    await books.tamper(
        """UPDATE energy_trades SET consented = true, seller_meter = 103, buyer_meter = 104, ineligible_reason = NULL,
            delivery_start = now(), claim_g = 300 WHERE trade_id = $1""",
        traded.ids["alone"],
    )

    report = await run_audit()

    fields = {item.field for item in found(report, Code.TRADE_TAMPERED)}
    assert {"consented", "claim_g", "ineligible_reason", "seller_meter"} <= fields


async def test_audit__trade_marked_orphaned_though_canonical__is_tampered(books, traded, run_audit):
    await books.tamper(
        "UPDATE energy_trades SET status = 'ORPHANED', orphaned_at = now() WHERE trade_id = $1", traded.ids["alone"]
    )

    report = await run_audit()

    (tampered,) = found(report, Code.TRADE_TAMPERED)
    assert (tampered.field, tampered.found) == ("status", "ORPHANED")


async def test_audit__missing_row__is_named(books, traded, run_audit):
    await books.tamper("DELETE FROM energy_trades WHERE trade_id = $1", traded.ids["alone"])

    report = await run_audit()

    assert [item.subject for item in report.findings] == ["0x" + traded.ids["alone"].hex()]
    assert report.findings.listed[0].code is Code.TRADE_MISSING


async def test_audit__all_rows_after_a_point_missing__says_truncated(books, traded, run_audit, codes):
    await books.tamper("DELETE FROM energy_trades WHERE block_number >= (SELECT max(block_number) FROM energy_trades)")

    report = await run_audit()

    assert codes(report) == {"trade.missing", "history.truncated"}
    assert found(report, Code.HISTORY_TRUNCATED)[0].subject == "database"


async def test_audit__extra_row__is_named(books, traded, run_audit):
    invented = b"\x09" * 32
    await books.tamper(
        """INSERT INTO energy_trades (id, chain, trade_id, kind, seller_address, buyer_address, energy_wh,
            price_micro_per_kwh, carbon_logged_g, factor_id, consented, ineligible_reason, claim_g, block_number,
            block_hash, tx_hash, log_index, block_time, status, recorded_at)
        SELECT gen_random_uuid(), chain, $2, 0, seller_address, buyer_address, energy_wh, price_micro_per_kwh,
            carbon_logged_g, factor_id, false, 'no_consent', 0, block_number, block_hash, tx_hash, 77, block_time,
            'FINAL', recorded_at FROM energy_trades WHERE trade_id = $1""",
        traded.ids["alone"], invented,
    )  # fmt: skip

    report = await run_audit()

    (extra,) = list(report.findings)
    assert (extra.code, extra.subject) == (Code.TRADE_EXTRA, "0x" + invented.hex())


async def test_audit__extra_row_beyond_the_head__is_not_taken_for_new(books, traded, run_audit):
    await books.tamper("UPDATE energy_trades SET block_number = 1000000 WHERE trade_id = $1", traded.ids["alone"])

    report = await run_audit()

    assert [(item.code, item.field) for item in report.findings if item.field == "block_number"] == [
        (Code.TRADE_TAMPERED, "block_number"),
        (Code.TRADE_EXTRA, "block_number"),
    ]


@pytest.mark.parametrize("columns", [("pending_g", "earned_g"), ("available_g", "received_g"), ("spent_g", "earned_g")])
async def test_audit__wrong_balance__is_named(books, traded, run_audit, columns):
    wallet = traded.address(2)
    changes = ", ".join(f"{column} = {column} + 1" for column in columns)
    await books.tamper(f"UPDATE carbon_wallet SET {changes} WHERE account = $1", wallet)

    report = await run_audit()

    assert [(item.code, item.subject, item.field) for item in report.findings] == [
        (Code.BALANCE_WRONG, "0x" + wallet.hex(), column) for column in BUCKETS if column in columns
    ]
    assert all(item.found == item.expected + 1 for item in report.findings)


async def test_audit__grams_of_a_transfer_changed__names_trade_and_balance(books, traded, run_audit, codes):
    await books.tamper(
        "UPDATE carbon_transactions SET grams = grams + 5 WHERE trade_id = $1 AND kind = 'earned'", traded.ids["filled"]
    )

    report = await run_audit()

    assert {"ledger.wrong_transfer", "balance.wrong"} <= codes(report)
    assert "0x" + traded.ids["filled"].hex() in {item.subject for item in found(report, Code.TRANSFER_WRONG)}


async def test_audit__carbon_earned_by_a_trade_without_consent__is_found(books, traded, run_audit, codes):
    await books.transfer("earned", ISSUANCE, 1, traded.address(4), 0, 900, trade_id=traded.ids["alone"])

    report = await run_audit()

    assert {"ledger.wrong_transfer", "balance.wrong"} <= codes(report)


async def test_audit__released_before_the_interval_closed__is_found(books, traded, run_audit):
    buyer = traded.address(2)
    await books.transfer("released", buyer, 0, buyer, 1, 10, trade_id=traded.ids["confirmed"])

    report = await run_audit()

    assert [(item.code, item.field) for item in report.findings] == [(Code.TRANSFER_WRONG, "released")]


async def test_audit__transfer_of_a_trade_that_is_not_recorded__is_unfounded(books, traded, run_audit, codes):
    await books.transfer("earned", ISSUANCE, 1, traded.address(4), 0, 50, trade_id=b"\x0a" * 32)

    report = await run_audit()

    assert "ledger.unfounded_transfer" in codes(report)
    assert "balance.wrong" in codes(report)


FORGED = [
    ("body", "jsonb_set(body, '{message,grams}', '\"99\"')"),
    ("body", "jsonb_set(body, '{message,reason}', '\"for nothing\"')"),
    ("body", "jsonb_set(body, '{domain,chainId}', '1')"),
    ("body", "jsonb_set(body, '{primaryType}', '\"CarbonTransfer\"')"),
    ("body_hash", "decode(repeat('07', 32), 'hex')"),
    ("signature", "set_byte(signature, 3, get_byte(signature, 3) # 1)"),
    ("signature", "'\\x00'"),
    ("signer", "decode(repeat('07', 20), 'hex')"),
    ("kind", "'transfer'"),
]


async def test_audit__forged_document__is_named(books, traded, run_audit):
    wallet = traded.address(2)
    await books.super.execute("CREATE TABLE kept AS SELECT * FROM carbon_documents")

    for column, value in FORGED:
        await books.tamper(
            f"UPDATE carbon_documents SET {column} = {value} WHERE account = $1 AND sequence = 1", wallet
        )
        report = await run_audit()
        await books.tamper("DELETE FROM carbon_documents")
        await books.tamper("INSERT INTO carbon_documents SELECT * FROM kept")
        forged = {item.subject for item in found(report, Code.DOCUMENT_FORGED)}
        assert forged == {"0x" + wallet.hex() + " document 1"}, (column, value)


async def test_audit__document_signed_by_another_key__is_forged_and_moves_nothing(books, traded, run_audit):
    await books.retire(2, 20, signer=3)

    report = await run_audit()

    assert [item.note for item in found(report, Code.DOCUMENT_FORGED)] == ["signer: not the account"]
    (wrong,) = found(report, Code.BALANCE_WRONG)
    assert wrong.expected == wrong.found + 20


async def test_audit__reduction_signed_by_another_than_the_operator__is_forged(books, traded, run_audit):
    await books.settle(traded.ids["confirmed"], 100, operator=3)

    report = await run_audit(operator=traded.address(0))

    (forged,) = found(report, Code.DOCUMENT_FORGED)
    assert "operator" in forged.note


async def test_audit__document_removed__breaks_its_chain(books, traded, run_audit, codes):
    wallet = traded.address(2)
    await books.tamper("DELETE FROM carbon_documents WHERE account = $1 AND sequence = 2", wallet)

    report = await run_audit()

    (broken,) = found(report, Code.DOCUMENT_CHAIN_BROKEN)
    assert (broken.subject, broken.expected, broken.found) == ("0x" + wallet.hex() + " document 3", 2, 3)
    assert "balance.wrong" in codes(report)


async def test_audit__document_links_to_another_predecessor__breaks_the_chain(books, traded, run_audit, codes):
    await books.tamper(
        "UPDATE carbon_documents SET previous_hash = sha256(previous_hash) WHERE account = $1 AND sequence = 3",
        traded.address(2),
    )

    report = await run_audit()

    assert "document.chain_broken" in codes(report)


async def test_audit__retirement_booked_with_other_grams__is_named(books, traded, run_audit):
    await books.tamper("UPDATE carbon_transactions SET grams = 90 WHERE kind = 'retired' AND grams = 100")

    report = await run_audit()

    assert [item.field for item in found(report, Code.TRANSFER_WRONG)] == ["retired"]
    assert [item.field for item in found(report, Code.TRANSFER_UNFOUNDED)] == ["retired"]


async def test_audit__leaderboard_row_changed__is_named(books, run_audit):
    await books.tamper("UPDATE leaderboard SET net_g = net_g + 1 WHERE period = 'day' AND community = 0")

    report = await run_audit()

    assert {item.code for item in report.findings} == {Code.LEADERBOARD_WRONG}
    assert all(item.subject.startswith("day 2026-01-01 community 0") for item in report.findings)


async def test_audit__week_waits_in_the_queue__is_no_difference(books, traded, run_audit):
    await books.super.execute("DELETE FROM leaderboard_queue")
    await books.transfer("earned", ISSUANCE, 1, traded.address(4), 0, 50, trade_id=traded.ids["alone"])

    report = await run_audit()

    assert await books.super.fetchval("SELECT count(*) FROM leaderboard_queue") == 1
    assert found(report, Code.LEADERBOARD_WRONG) == []


async def test_audit__orphan_still_shown_as_confirmed__is_named(books, traded, run_audit):
    orphan = b"\x0b" * 32
    topics = b"".join((books.stage.web3.keccak(text="EnergyTradeLogged"), orphan, bytes(32), bytes(32)))
    await books.tamper(
        """INSERT INTO chain_events (chain, block_hash, log_index, block_number, block_time, tx_hash, tx_index, topics,
            data, orphaned_at) SELECT chain, $2, 0, block_number, block_time, $2, 0, $3, '', now()
        FROM energy_trades WHERE trade_id = $1""",
        traded.ids["alone"], b"\x0c" * 32, topics,
    )  # fmt: skip
    await books.tamper(
        """INSERT INTO energy_trades (id, chain, trade_id, kind, seller_address, buyer_address, energy_wh,
            price_micro_per_kwh, carbon_logged_g, factor_id, consented, ineligible_reason, claim_g, block_number,
            block_hash, tx_hash, log_index, block_time, status, recorded_at)
        SELECT gen_random_uuid(), chain, $2, 0, seller_address, buyer_address, energy_wh, price_micro_per_kwh,
            carbon_logged_g, factor_id, false, 'no_consent', 0, block_number, $3, $3, 0, block_time,
            'CONFIRMED', recorded_at FROM energy_trades WHERE trade_id = $1""",
        traded.ids["alone"], orphan, b"\x0c" * 32,
    )  # fmt: skip

    report = await run_audit()

    (hidden,) = list(report.findings)
    assert (hidden.code, hidden.subject) == (Code.TRADE_ORPHAN_NOT_SHOWN, "0x" + orphan.hex())


async def test_audit__orphan_that_kept_carbon__is_found(books, traded, run_audit, codes):
    await books.tamper(
        "UPDATE energy_trades SET status = 'ORPHANED', orphaned_at = now() WHERE trade_id = $1", traded.ids["filled"]
    )

    report = await run_audit()

    assert "left of an orphaned trade" in {item.field for item in found(report, Code.TRANSFER_WRONG)}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE chain_events SET data = data || '\\x00' WHERE topics = (SELECT max(topics) FROM chain_events)",
         Code.OBSERVATION_TAMPERED),
        ("DELETE FROM chain_events WHERE topics = (SELECT max(topics) FROM chain_events)", Code.OBSERVATION_MISSING),
        ("UPDATE chain_events SET block_number = 1 WHERE topics = (SELECT max(topics) FROM chain_events)",
         Code.OBSERVATION_EXTRA),
        ("UPDATE emission_factors SET mg_per_kwh = 900000 WHERE factor_id = 7", Code.REGISTER_TAMPERED),
        ("UPDATE emission_factors SET source = 'nowhere' WHERE factor_id = 7", Code.REGISTER_TAMPERED),
        ("DELETE FROM chain_meters WHERE meter = 104", Code.REGISTER_MISSING),
        ("UPDATE chain_meters SET owner_address = decode(repeat('07', 20), 'hex') WHERE meter = 104",
         Code.REGISTER_TAMPERED),
        ("UPDATE chain_communities SET community = 9", Code.REGISTER_EXTRA),
        ("UPDATE seller_statistics SET energy_wh = energy_wh + 1", Code.STATISTICS_WRONG),
    ],
)  # fmt: skip
async def test_audit__mirror_or_observation_changed__is_named(books, run_audit, codes, statement, code):
    await books.tamper(statement)

    report = await run_audit()

    assert code in {item.code for item in report.findings}


async def test_audit__earlier_cycle_not_reversed__is_found(books, traded, run_audit, codes):
    await books.tamper("UPDATE energy_trades SET cycle = 2 WHERE trade_id = $1", traded.ids["confirmed"])

    report = await run_audit()

    fields = {item.field for item in found(report, Code.TRANSFER_WRONG)}
    assert fields == {"reversed in cycle 1", "earned"}


async def test_audit__checkpoint_with_another_past__is_contradicted(books, run_audit):
    first = await run_audit()
    forged = [
        replace(first.checkpoint, head=b"\x01" * 32),
        replace(first.checkpoint, count=first.checkpoint.count + 1),
        replace(first.checkpoint, final_hash=b"\x01" * 32),
        replace(first.checkpoint, documents_digest=b"\x01" * 32),
    ]

    for checkpoint in forged:
        report = await run_audit(checkpoints=[checkpoint])
        assert set(report.findings.counts) == {"checkpoint.contradicted"}


async def test_audit__document_tail_cut_off_since_the_last_report__contradicts_it(books, traded, run_audit, codes):
    first = await run_audit()
    await books.tamper("DELETE FROM carbon_transactions WHERE kind = 'retired' AND grams = 7")
    await books.tamper("DELETE FROM carbon_documents WHERE account = $1 AND sequence = 3", traded.address(2))
    await books.tamper(
        "UPDATE carbon_wallet SET available_g = available_g + 7, spent_g = spent_g - 7 WHERE account = $1",
        traded.address(2),
    )
    await books.tamper("UPDATE carbon_wallet SET available_g = available_g - 7 WHERE account = '\\x01'")

    alone, after = await run_audit(), await run_audit(checkpoints=[first.checkpoint])

    assert alone.differences == 0
    assert codes(after) == {"checkpoint.contradicted"}


async def test_audit__checkpoint_of_this_history__is_reproduced(books, run_audit):
    first = await run_audit()

    second = await run_audit(checkpoints=[first.checkpoint])

    assert second.differences == 0
    assert second.earlier_checkpoints == 1


async def test_audit__checkpoint_beyond_the_chain__says_truncated(books, run_audit, codes):
    first = await run_audit()

    report = await run_audit(checkpoints=[replace(first.checkpoint, final_block=first.checkpoint.final_block + 5)])

    assert codes(report) == {"history.truncated"}


async def test_audit__many_differences__lists_some_and_counts_all(books, run_audit):
    await books.tamper("UPDATE energy_trades SET tx_hash = decode(repeat('07', 32), 'hex')")

    report = await run_audit(listed=3)

    assert len(report.findings.listed) == 3
    assert report.differences == 7
