# SPDX-License-Identifier: Apache-2.0
"""A follower process for tests that kill it: follows until nothing is left. Arguments: database, node, chain key."""

from __future__ import annotations

import asyncio
import sys

from backend.chain.follower import Follower, FollowerOptions, Step
from backend.core.db import Database
from tests.backend.chain.nodes import client
from tests.backend.chain.projector import RecordingProjector


async def main(database_url: str, rpc_url: str, chain: str) -> None:
    """Step until the follower rests."""
    options = FollowerOptions(finality_depth=8, logs_per_transaction=4)
    db = Database(database_url)
    async with client(rpc_url) as rpc:
        follower = Follower(db, rpc, int(chain), RecordingProjector(), options)
        while await follower.step() in (Step.ADVANCED, Step.REWOUND):
            pass
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
