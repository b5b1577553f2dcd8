# SPDX-License-Identifier: Apache-2.0
"""From consistent to proven: are the blocks that a bundle names blocks of the real chain?

Two ways to know: hashes that the reader has from elsewhere, or two independent nodes that hold these blocks. One node
alone is the word of one; it can contradict a bundle, not prove it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from backend.audit.encoding import hex_of
from backend.audit.rpc import Node, NodeFailed
from backend.audit.verify import Verdict

INDEPENDENT = 2


class Outcome(StrEnum):
    """What can be said of a bundle."""

    PROVEN = "proven"
    CONSISTENT = "consistent"
    FALSE = "false"


@dataclass(slots=True)
class Anchoring:
    """What was learned about the blocks of a bundle."""

    falsehoods: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    anchored: set[bytes] = field(default_factory=set)


async def ask_nodes(verdict: Verdict, chain: Mapping[str, Any], nodes: Sequence[Node]) -> Anchoring:
    """Ask each node for the bundle's chain and blocks. Nodes that do not answer are notes, not falsehoods."""
    learned = Anchoring()
    held: dict[bytes, set[str]] = {}
    for node in nodes:
        try:
            await _ask(node, verdict, chain, learned, held)
        except NodeFailed as error:
            learned.notes.append(str(error))
    learned.anchored |= {block for block, names in held.items() if len(names) >= INDEPENDENT}
    return learned


async def _ask(
    node: Node, verdict: Verdict, chain: Mapping[str, Any], learned: Anchoring, held: dict[bytes, set[str]]
) -> None:
    if await node.chain_id() != chain["chainId"]:
        learned.falsehoods.append(f"chain.chainId: {node.name} serves another chain")
        return
    genesis = await node.block_hash(0)
    if genesis is None or hex_of(genesis) != chain["genesisHash"]:
        learned.falsehoods.append(f"chain.genesisHash: the genesis block of {node.name} is another")
        return
    for role, (number, block_hash) in verdict.blocks.items():
        found = await node.block_hash(number)
        if found == block_hash:
            held.setdefault(block_hash, set()).add(node.name)
        else:
            theirs = "none" if found is None else hex_of(found)
            learned.falsehoods.append(f"evidence {role}: block {number} of {node.name} is {theirs}")


def trust_hashes(verdict: Verdict, hashes: Sequence[bytes]) -> Anchoring:
    """Take hashes that the reader brought: one of them must be the trade's block."""
    learned = Anchoring(anchored=set(hashes))
    block = verdict.blocks.get("trade")
    if hashes and block is not None and block[1] not in learned.anchored:
        learned.falsehoods.append(f"evidence trade: its block is {hex_of(block[1])}, not the one that is trusted")
    return learned


def outcome(verdict: Verdict, *learned: Anchoring) -> Outcome:
    """False beats all; proven needs every block on which the claim rests."""
    if not verdict.is_consistent or any(part.falsehoods for part in learned):
        return Outcome.FALSE
    anchored: set[bytes] = set().union(*(part.anchored for part in learned))
    needed = verdict.needed_blocks()
    if needed and all(block_hash in anchored for _, block_hash in needed.values()):
        return Outcome.PROVEN
    return Outcome.CONSISTENT
