# SPDX-License-Identifier: Apache-2.0
"""A relayer for tests that kill it: forked from a server that has imported everything, it works until nothing waits."""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os

from backend.chain import service as chains
from backend.chain.rpc import RpcClient
from backend.core import failpoints
from backend.core.db import Database
from backend.market.relayer.relayer import Relayer
from backend.market.relayer.signer import KeySigner
from backend.market.relayer.types import RelayerOptions

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


async def _relay(database_url: str, rpc_url: str, key: bytes, options: RelayerOptions) -> None:
    db = Database(database_url)
    async with RpcClient([rpc_url]) as rpc:
        async with db.begin() as session:
            chain = await chains.get_chain(session)
        relayer = Relayer(db, rpc, chain, KeySigner(key), options)
        await relayer.step()
        await relayer.release()
    await db.close()


def _run(failpoint: str, database_url: str, rpc_url: str, key: bytes, options: RelayerOptions) -> None:
    os.environ["GRIDX_FAILPOINTS"] = failpoint
    importlib.reload(failpoints)  # it read the environment when imported
    from backend.market.relayer import desk, sending

    desk.failpoint = sending.failpoint = failpoints.failpoint
    asyncio.run(_relay(database_url, rpc_url, key, options))


async def killed_at(failpoint: str, *arguments: object) -> int | None:
    """Exit code of a relayer that is armed with `failpoint` and takes one step."""
    process = _context.Process(target=_run, args=(failpoint, *arguments))
    process.start()
    await asyncio.to_thread(process.join, 20)
    return process.exitcode
