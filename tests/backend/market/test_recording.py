# SPDX-License-Identifier: Apache-2.0
"""What the follower makes of logs: trades, statistics, carbon, and their reversal."""

import asyncio

from click.testing import CliRunner
from sqlalchemy import text

from scripts.cli.status import follower
from tests.backend.audit.stage import DELIVERY, FACTOR
from tests.backend.market.conftest import Town, grams


async def test_follow__filled_offer__records_trade_statistics_and_pending_carbon(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)

    await town.confirm()

    trade = await town.trade(trade_id)
    assert (trade.status, trade.consented, trade.claim_g) == ("CONFIRMED", True, grams(2000))
    assert (trade.seller_id, trade.buyer_id) == (town.people[1], town.people[2])
    assert await town.statistics(1) == (1, 2000, 480_000)
    assert await town.wallet(2) == (grams(2000), 0)
    assert await town.board(2) == grams(2000)


async def test_follow__not_deep_enough__records_nothing(town: Town) -> None:
    trade_id = town.stage.fill(1, 2)

    await town.follow()

    assert await town.trade(trade_id) is None


async def test_follow__logged_by_one_party__is_shown_and_earns_nothing(town: Town) -> None:
    trade_id = town.stage.log(1, 2)

    await town.confirm()

    trade = await town.trade(trade_id)
    assert (trade.consented, trade.claim_g, trade.ineligible_reason) == (False, 0, "no_consent")
    assert await town.statistics(1) == (0, 0, 0)
    assert await town.wallet(2) == (0, 0)


async def test_follow__confirmed_by_other_party__starts_to_count(town: Town) -> None:
    trade_id = town.stage.log(1, 2, 1500)
    town.stage.confirm(trade_id, 2, 1, 2)

    await town.confirm()

    trade = await town.trade(trade_id)
    assert (trade.consented, trade.claim_g, trade.ineligible_reason) == (True, grams(1500), None)
    assert await town.wallet(2) == (grams(1500), 0)


async def test_follow__confirmed_by_a_stranger__counts_nothing(town: Town) -> None:
    trade_id = town.stage.log(1, 2, 1500)
    town.stage.confirm(trade_id, 3, 1, 3)

    await town.confirm()

    assert not (await town.trade(trade_id)).consented


async def test_follow__sold_to_oneself__is_credited_and_taken_back_by_a_document(town: Town) -> None:
    async with town.db.begin() as session:
        await session.execute(
            text("UPDATE wallets SET user_id = :u WHERE address = :a"),
            {"u": town.people[1], "a": town.stage.address(2)},
        )
    trade_id = town.stage.fill(1, 2, 2000)

    await town.confirm()

    trade = await town.trade(trade_id)
    assert (trade.ineligible_reason, trade.claim_g) == ("same_user", grams(2000))
    assert await town.wallet(2) == (0, 0)
    assert await town.statistics(1) == (0, 0, 0)
    assert len(await town.rows("SELECT 1 FROM carbon_documents WHERE kind = 'reduction'")) == 1


async def test_follow__reorganised_away_and_mined_again__reverses_and_books_anew(town: Town) -> None:
    trade_id = town.stage.fill(1, 2, 2000)
    await town.confirm()
    tx_hash = (await town.trade(trade_id)).tx_hash.hex()
    raw = town.stage.anvil.rpc("eth_getRawTransactionByHash", "0x" + tx_hash)

    town.stage.anvil.rpc("anvil_reorg", 3, [])
    await town.confirm(3)
    orphaned = await town.trade(trade_id)
    assert (orphaned.status, await town.wallet(2), await town.board(2)) == ("ORPHANED", (0, 0), 0)
    assert await town.statistics(1) == (0, 0, 0)
    town.stage.anvil.rpc("eth_sendRawTransaction", raw)
    await town.confirm()

    trade = await town.trade(trade_id)
    assert (trade.status, trade.cycle, trade.block_hash != orphaned.block_hash) == ("CONFIRMED", 2, True)
    assert await town.wallet(2) == (grams(2000), 0)
    kinds = await town.rows("SELECT kind, cycle FROM carbon_transactions ORDER BY id")
    assert [tuple(row) for row in kinds] == [("earned", 1), ("reversed", 1), ("earned", 2)]


async def test_follow__consent_reorganised_away__takes_back_what_it_had_earned(town: Town) -> None:
    trade_id = town.stage.log(1, 2, 1500)
    town.stage.anvil.mine(1)
    town.stage.confirm(trade_id, 2, 1, 2)
    await town.confirm(1)

    town.stage.anvil.rpc("anvil_reorg", 2, [])
    await town.confirm(1)

    trade = await town.trade(trade_id)
    assert (trade.status, trade.consented, trade.claim_g) == ("CONFIRMED", False, 0)
    assert await town.wallet(2) == (0, 0)
    assert await town.statistics(1) == (0, 0, 0)


async def test_follow__consent_with_another_factor_reorganised_away__names_the_logged_factor_again(town: Town) -> None:
    stage, calls = town.stage, town.stage.contract.functions
    stage.send(0, calls.registerFactor(9, b"CAMX", 2, 500_000, 0, 2**40, "EPA eGRID", "2024", b"\x22" * 32))
    stage.anvil.rpc("evm_increaseTime", 90_000)
    trade_id = stage.log(1, 2, 1500)
    stage.anvil.mine(1)
    stage.send(2, calls.confirmTrade(trade_id, 101, 102, DELIVERY, 9))
    await town.confirm(1)
    confirmed = await town.trade(trade_id)

    town.stage.anvil.rpc("anvil_reorg", 2, [])
    await town.confirm(1)

    assert (confirmed.factor_id, confirmed.claim_g) == (9, 750)
    assert (await town.trade(trade_id)).factor_id == FACTOR


async def test_follow__final__says_so(town: Town) -> None:
    trade_id = town.stage.fill(1, 2)

    await town.confirm(8)

    assert (await town.trade(trade_id)).status == "FINAL"


async def test_follower_retry__cause_is_mended__records_what_was_rejected(town: Town, databases, monkeypatch) -> None:
    def refuse(log):
        raise ValueError("a bug")

    _let_commands_ask(town, databases, monkeypatch)
    trade_id = town.stage.fill(1, 2, 2000)
    with monkeypatch.context() as bug:
        bug.setattr("backend.market.projection.decode_logged", refuse)
        await town.confirm()
    status = await asyncio.to_thread(CliRunner().invoke, follower, ["status"])
    rejected = await town.trade(trade_id)

    retried = await asyncio.to_thread(CliRunner().invoke, follower, ["retry"])

    assert rejected is None
    assert "could not be recorded: 1 " in status.output
    assert (retried.exit_code, retried.output) == (0, "recorded now: 1\n")
    assert (await town.trade(trade_id)).status == "CONFIRMED"
    assert await town.wallet(2) == (grams(2000), 0)


async def test_follower_reread__logs_were_never_read__records_them_and_ends_the_halt(
    town: Town, databases, monkeypatch
) -> None:
    _let_commands_ask(town, databases, monkeypatch)
    trade_id = town.stage.fill(1, 2, 2000)
    with monkeypatch.context() as bug:
        bug.setattr("backend.chain.reader.contract_logs", lambda receipts, header, address: ())
        await town.confirm(8)
    before = await asyncio.to_thread(CliRunner().invoke, follower, ["status"])
    left_out = await town.trade(trade_id)

    read = await asyncio.to_thread(CliRunner().invoke, follower, ["reread", "--from", "0"])
    resumed = await asyncio.to_thread(CliRunner().invoke, follower, ["resume"])
    await town.confirm(2)
    after = await asyncio.to_thread(CliRunner().invoke, follower, ["status"])

    assert (left_out, before.exit_code, "HALTED" in before.output) == (None, 1, True)
    assert (read.exit_code, resumed.output) == (0, "the follower goes on\n"), read.output
    assert "1 of them were missing" in read.output
    assert (after.exit_code, (await town.trade(trade_id)).status) == (0, "FINAL")
    assert await town.wallet(2) == (grams(2000), 0)


def _let_commands_ask(town: Town, databases, monkeypatch) -> None:
    for name, value in (
        ("DATABASE_URL", databases.api), ("GRIDX_DATABASE_SERVICE_URL", databases.service),
        ("GRIDX_DATABASE_AUDIT_URL", databases.audit), ("GRIDX_OPERATOR_KEY", "07" * 32),
        ("RPC_URL", town.stage.anvil.rpc_url),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("scripts.runfile.read", lambda folder=None: None)
