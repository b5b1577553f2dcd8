# SPDX-License-Identifier: Apache-2.0
"""Fixtures of domain chain: `stage`, a follower of the real contract with confirmation depth 2 and finality depth 8."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backend.chain.follower import Follower, FollowerOptions
from backend.core.db import Database
from scripts.embedded.anvil import Anvil
from tests.backend.chain.nodes import client
from tests.backend.chain.projector import RecordingProjector
from tests.backend.chain.proxy import Proxy
from tests.backend.chain.support import CREATE_RECORDS, Stage, TradeLog, register


@pytest.fixture
def log(anvil: Anvil) -> TradeLog:
    """The deployed contract."""
    return TradeLog(anvil)


@pytest.fixture
async def stage(anvil: Anvil, log: TradeLog, service_db: Database, owner_db: Database) -> AsyncIterator[Stage]:
    """Everything registered, nothing followed yet."""
    connection = await owner_db.connect_direct()
    for statement in CREATE_RECORDS.split("--;;"):
        await connection.execute(statement)
    await connection.close()
    chain = await register(anvil, log, service_db, confirmations=2)
    rpc = client(anvil.rpc_url)
    projector = RecordingProjector()
    follower = Follower(service_db, rpc, chain.id, projector, FollowerOptions(finality_depth=8, poll_interval_s=0.05))
    made = Stage(anvil, log, service_db, chain, rpc, projector, follower)
    yield made
    await made.follower.release()
    await made.rpc.close()


@pytest.fixture
async def proxy(anvil: Anvil) -> AsyncIterator[Proxy]:
    """A node that can be made to misbehave: it passes anvil's answers on, altered as the test asks."""
    running = Proxy(anvil.rpc_url)
    await running.start()
    yield running
    await running.stop()
