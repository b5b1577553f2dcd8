# SPDX-License-Identifier: Apache-2.0
"""The process `relayer`: it settles what is matched until it is told to stop, and says clearly why it cannot start."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from backend.core.settings import Settings
from backend.worker.__main__ import relayer
from backend.worker.runtime import Process
from scripts.cli.relayer import relayer as command
from tests.backend.market.conftest import OPERATOR
from tests.backend.market.relayer.conftest import SETTLER, Trading


def _write_deployment(path: Path, trading: Trading) -> None:
    place = trading.town.stage.deployment
    record: dict[str, Any] = {"network": "local", "chainId": place.chain_id, "blockNumber": place.block_number}
    for name, value in (
        ("genesisHash", place.genesis_hash),
        ("address", place.address),
        ("blockHash", place.block_hash),
        ("parentHash", place.parent_hash),
    ):
        record[name] = "0x" + value.hex()
    path.write_text(json.dumps(record))


@pytest.fixture
def process_of(trading: Trading, settings: Settings) -> Any:
    """The parts of the process with some settings."""
    _write_deployment(settings.deployment_file, trading)

    def make(**values: Any) -> Process:
        changed = settings.model_copy(update={"poll_interval_s": 0.02, "finality_depth": 6} | values)
        return Process(changed, trading.town.db, trading.town.rpc, OPERATOR)

    return make


@asynccontextmanager
async def _running(process: Process) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(relayer(process, stop))
    yield
    stop.set()
    await task


async def test_run__a_pair_is_matched__is_settled_without_further_help(trading: Trading, process_of: Any) -> None:
    key = SecretStr(trading.town.stage.key(SETTLER).hex())
    await trading.pair(1, 2)

    async with _running(process_of(relayer_key=key, relayer_interval_s=0.0)):
        async with asyncio.timeout(20):
            while await trading.states() != ["FINAL"]:
                trading.anvil.mine(1)
                await trading.town.follow()

    assert [(row.state, row.pairs) for row in await trading.transactions()] == [("MINED", 1)]


async def test_run__without_a_key_or_role__ends_with_what_is_missing(trading: Trading, process_of: Any) -> None:
    stranger = SecretStr(trading.town.stage.key(7).hex())

    with pytest.raises(SystemExit, match="GRIDX_RELAYER_KEY"):
        await relayer(process_of(), asyncio.Event())
    with pytest.raises(SystemExit, match="0x14dc79964da2c08b23698b3d3cc7ca32193d9955"):
        await relayer(process_of(relayer_key=stranger), asyncio.Event())


async def test_status__of_the_command_line__says_balance_queue_and_last_transaction(
    trading: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", trading.databases.api)
    monkeypatch.setenv("GRIDX_DATABASE_AUDIT_URL", trading.databases.audit)
    trading.balance(3 * 10**18)
    await trading.pair(1, 2)
    await trading.relayer.step()
    trading.balance(0)
    await trading.pair(3, 4)
    await trading.relayer.step()

    told = await asyncio.to_thread(CliRunner().invoke, command, ["status"])

    assert told.exit_code == 1
    assert "0.000000 ether" in told.output
    assert "STOPPED" in told.output
    assert "1 pairs wait, 1 are sent" in told.output
    assert "with 1 pairs, MINED" in told.output
