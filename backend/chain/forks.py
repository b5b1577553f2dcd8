# SPDX-License-Identifier: Apache-2.0
"""Where two forks part, and whether a fork may be followed at all."""

from contextlib import suppress

from backend.chain import queries
from backend.chain.reader import Reader
from backend.chain.types import Cursor
from backend.core.db import Database
from backend.core.errors import Unavailable


async def find_ancestor(db: Database, reader: Reader, cursor: Cursor, *, at_once: int) -> tuple[int, bytes] | None:
    """Number and hash of the newest block that the node and we share, not below the last final one; None: none is.

    Headers are read backwards, `at_once` a request. Unavailable: the node lost blocks meanwhile.
    """
    chain = reader.chain
    floor = max(cursor.final_block, chain.deployment_block - 1)
    last = cursor.next_block - 2
    while last >= floor:
        first = max(floor, last - at_once + 1)
        async with db.begin() as session:
            held = await queries.canonical_hashes(session, chain.id, range(first, last + 1))
        held.setdefault(chain.deployment_block - 1, chain.salt)
        headers = await reader.headers(first, last)
        if len(headers) < last - first + 1:
            raise Unavailable("The node lost blocks while it was read")
        for header in reversed(headers):
            if held.get(header.number) == header.hash:
                return header.number, header.hash
        last = first - 1
    return None


async def another_node_agrees(reader: Reader, cursor: Cursor) -> bool:
    """True: some other node still has the block that we recorded last."""
    number = cursor.next_block - 1
    for node in reader.rpc.others():
        with suppress(Unavailable):
            held = (await reader.tip([number], node=node)).at[number]
            if held is not None and held.hash == cursor.last_hash:
                return True
    return False


def contradiction(cursor: Cursor) -> str:
    """Why the follower stops when a node's chain parts from ours below the last final block."""
    return (
        f"The node's chain contradicts block {cursor.final_block}, which was final. Nothing is rolled back past "
        "finality. Ask another node; if the chain really changed, run `gridx reset`, otherwise `gridx follower resume`."
    )
