# SPDX-License-Identifier: Apache-2.0
"""The stack survives power cuts, leaves no process behind, and names a chain that was lost."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import stat
from pathlib import Path

import pytest

from scripts import keys, runfile, settler
from scripts.cli.reset import wipe
from scripts.embedded.chain_check import ChainBehind
from scripts.stack import Stack, StackRunning
from tests.e2e.conftest import wait_until_gone

REGISTER_CHAIN = (
    "INSERT INTO chains"
    " (chain_id, genesis_hash, contract_address, deployment_block, deployment_block_hash, salt, network)"
    " VALUES (31337, '\\x{genesis}', '\\x{address}', 1, '\\x{block}', '\\x{block}', 'local')"
)


def register(stack: Stack) -> None:
    """Let the database know the stack's chain, as the follower does."""
    assert stack.postgres is not None
    record = json.loads(stack.deployment_file.read_text())
    values = {"genesis": record["genesisHash"], "address": record["address"], "block": record["blockHash"]}
    statement = REGISTER_CHAIN.format(**{name: value[2:] for name, value in values.items()})
    stack.postgres.psql(statement, database="gridx")


async def test_open__after_kill_9_of_parent__keeps_database_and_chain(folder, run_stack):
    parent, run = run_stack()
    record = json.loads((folder / "deployments" / "local.json").read_text())
    await asyncio.sleep(2.5)  # until the chain's state has been written

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    assert wait_until_gone([child["pid"] for child in run["children"]]) == []
    async with Stack(folder, ()) as stack:
        assert stack.postgres is not None
        assert stack.anvil is not None
        block = stack.anvil.rpc("eth_getBlockByNumber", hex(record["blockNumber"]), False)
        assert block["hash"] == record["blockHash"]
        assert json.loads(stack.deployment_file.read_text()) == record
        assert stack.postgres.psql("SELECT count(*) > 0 FROM alembic_version", database="gridx") == "t"


async def test_close__told_to_stop__leaves_no_process_and_no_run_file(folder, run_stack):
    parent, run = run_stack("relay")

    parent.send_signal(signal.SIGTERM)

    assert parent.wait(timeout=30) == 0
    assert {child["name"] for child in run["children"]} == {"postgres", "redis", "anvil", "relay"}
    assert wait_until_gone([child["pid"] for child in run["children"]], timeout_s=0) == []
    assert not (folder / "run.json").exists()


async def test_open__second_stack_in_same_folder__is_refused_and_the_first_is_found_still(folder, run_stack):
    _, run = run_stack()

    with pytest.raises(StackRunning):
        async with Stack(folder, ()):
            pass

    assert runfile.read(folder) == run


async def test_open__chain_lost__is_named_and_reset_mends_it(folder):
    async with Stack(folder, ()) as stack:
        register(stack)
    shutil.rmtree(folder / "chain")

    with pytest.raises(ChainBehind, match="another local chain"):
        async with Stack(folder, ()):
            pass

    wipe(folder)
    async with Stack(folder, ()) as stack:
        assert stack.rpc_url.startswith("http://127.0.0.1:")


async def test_kill__each_server__comes_back_with_its_data(folder):
    async with Stack(folder, ()) as stack:
        assert stack.postgres is not None
        stack.postgres.psql("CREATE TABLE kept (n integer)", "INSERT INTO kept VALUES (7)", database="gridx")
        await asyncio.sleep(2.5)
        for name in ("postgres", "redis", "anvil"):
            stack.kill(name)
            await stack.start(name)

        assert stack.postgres.psql("SELECT n FROM kept", database="gridx") == "7"
        record = json.loads(stack.deployment_file.read_text())
        assert stack.anvil is not None
        assert stack.anvil.rpc("eth_getCode", record["address"], "latest") != "0x"


async def test_open__the_relayer_has_a_new_key__is_given_its_role_and_ether_and_starts(folder):
    secrets = keys.read_or_make(folder / "secrets")
    before = secrets["GRIDX_RELAYER_KEY"]
    (folder / "secrets").write_text((folder / "secrets").read_text().replace(before, "00" + "ab" * 31))

    async with Stack(folder, ("relayer",)) as stack:
        assert stack.postgres is not None
        standing = "SELECT encode(signer, 'hex'), balance_wei > 0 FROM relayers WHERE stopped_at IS NULL"
        async with asyncio.timeout(20):
            while not (told := stack.postgres.psql(standing, database="gridx")):
                assert stack.child("relayer").running, stack.child("relayer").tail()
                await asyncio.sleep(0.1)

    assert told == f"{settler.account_of('00' + 'ab' * 31)[2:].lower()}|t"


def test_read_or_make__twice__keeps_secrets_that_only_the_owner_reads(tmp_path: Path):
    first = keys.read_or_make(tmp_path / "secrets")

    again = keys.read_or_make(tmp_path / "secrets")

    assert again == first
    assert set(keys.APPLICATION) <= first.keys()
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o600


async def test_open__external_servers_without_secrets__is_refused_by_name(folder, monkeypatch):
    for name in keys.APPLICATION:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    with pytest.raises(keys.SecretsMissing, match="GRIDX_SIGNING_KEY"):
        async with Stack(folder, (), external=True):
            pass

    assert not (folder / "run.json").exists()
