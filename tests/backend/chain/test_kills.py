# SPDX-License-Identifier: Apache-2.0
"""The follower is killed with SIGKILL at each of its failpoints; the next one ends with the same records."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from backend.chain.follower import FAILPOINTS
from tests.backend.chain.support import Stage
from tests.support.databases import DatabaseUrls

ROOT = Path(__file__).parents[3]
AT_FORKS = (
    "follower.before_orphan",
    "follower.after_orphan",
    "follower.after_ancestor",
    "follower.after_rewind",
    "follower.before_rewind_commit",
    "follower.after_rewind_commit",
)
UNREACHED = ("follower.after_agreement",)  # only with two nodes


async def _killed_at(failpoint: str, stage: Stage, databases: DatabaseUrls) -> int | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.backend.chain.follow_once", databases.service, stage.anvil.rpc_url, str(stage.chain.id)),
        cwd=ROOT,
        env={**os.environ, "GRIDX_FAILPOINTS": failpoint},
    )
    return await process.wait()


@pytest.mark.parametrize("failpoint", [name for name in FAILPOINTS if name not in (*AT_FORKS, *UNREACHED)])
async def test_follow__killed_while_advancing__the_next_one_ends_the_same(
    stage: Stage, databases: DatabaseUrls, failpoint: str
) -> None:
    stage.log.trades(3)
    stage.anvil.mine(5)
    stage.log.trades(2)
    stage.anvil.mine(9)

    code = await _killed_at(failpoint, stage, databases)
    await stage.follow()

    assert code == -signal.SIGKILL
    assert await stage.records() == stage.log.truth()
    assert await stage.rows("SELECT DISTINCT applied FROM test_records") == [(1,)]
    assert (await stage.now_chain()).halted_reason is None
    assert (await stage.cursor()).history_count == 5


@pytest.mark.parametrize("failpoint", AT_FORKS)
async def test_follow__killed_while_rewinding__the_next_one_ends_the_same(
    stage: Stage, databases: DatabaseUrls, failpoint: str
) -> None:
    for _ in range(4):
        stage.log.trades(2)
    stage.anvil.mine(1)
    await stage.follow()
    stage.anvil.rpc("anvil_reorg", 4, [])
    stage.log.trades(3)
    stage.anvil.mine(2)

    code = await _killed_at(failpoint, stage, databases)
    await stage.follow()

    assert code == -signal.SIGKILL
    assert await stage.records() == stage.log.truth()
    assert (await stage.now_chain()).epoch == 1
