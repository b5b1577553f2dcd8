# SPDX-License-Identifier: Apache-2.0
"""Whether a local chain is the one that its database knows: a chain that was lost or replaced is named at start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from scripts.embedded.process import ProcessFailed


class ChainBehind(RuntimeError):
    """The local chain is not, or no longer, the one that the database has followed; the message says how."""


class Node(Protocol):
    """What is asked of a node."""

    def rpc(self, method: str, *parameters: object) -> object:
        """Call one JSON-RPC method."""


class Sql(Protocol):
    """What is asked of a database."""

    def psql(self, *statements: str, database: str = ...) -> str:
        """Rows of the statements, columns separated by |."""


_KNOWN = """
SELECT encode(c.genesis_hash, 'hex'), coalesce(k.final_block, -1), coalesce(b.number, -1),
    coalesce(encode(b.hash, 'hex'), ''), coalesce(c.halted_reason, '')
FROM chains c LEFT JOIN chain_cursor k ON k.chain = c.id
LEFT JOIN LATERAL (
    SELECT number, hash FROM chain_blocks
    WHERE chain = c.id AND number <= k.final_block AND canonical ORDER BY number DESC LIMIT 1) b ON true
WHERE c.network = 'local'
"""


def check(server: Sql, node: Node) -> None:
    """Return when chain and database agree up to the last final block; raise ChainBehind when they do not."""
    if server.psql("SELECT to_regclass('public.chains') IS NOT NULL", database="gridx") != "t":
        return
    rows = [line.split("|") for line in server.psql(_KNOWN, database="gridx").splitlines()]
    if not rows:
        return
    genesis = str(_block(node, 0)["hash"]).removeprefix("0x")
    head = int(str(node.rpc("eth_blockNumber")), 16)
    for known_genesis, final_block, stored, stored_hash, halted in rows:
        if known_genesis != genesis:
            raise ChainBehind("the database has followed another local chain: the chain's data are gone or replaced")
        if halted:
            raise ChainBehind(f"the follower stopped for good: {halted}")
        if head < int(final_block):
            raise ChainBehind(f"the chain ends at block {head}, the database holds final blocks up to {final_block}")
        if stored_hash and str(_block(node, int(stored))["hash"]).removeprefix("0x") != stored_hash:
            raise ChainBehind(f"block {stored} of the chain is not the one that the database holds as final")


def is_deployed(record_file: Path, node: Node) -> bool:
    """Whether the contract of the deployment record stands on this chain, at its block."""
    try:
        record = json.loads(record_file.read_text())
        block = _block(node, int(record["blockNumber"]))
        code = node.rpc("eth_getCode", record["address"], "latest")
    except (FileNotFoundError, ValueError, KeyError, ProcessFailed):
        return False
    return block.get("hash") == record["blockHash"] and code not in ("0x", None)


def _block(node: Node, number: int) -> dict[str, object]:
    found = node.rpc("eth_getBlockByNumber", hex(number), False)
    return found if isinstance(found, dict) else {"hash": ""}
