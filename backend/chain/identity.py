# SPDX-License-Identifier: Apache-2.0
"""Is this still the chain that we follow? A local chain that was reset has the same chain id and another genesis."""

from dataclasses import dataclass
from enum import StrEnum

from backend.chain.errors import RpcRefused, RpcUnavailable, RpcWrongChain
from backend.chain.headers import read_header
from backend.chain.rpc import Node, RpcClient
from backend.chain.types import Chain


class Likeness(StrEnum):
    """What a node's chain is to ours."""

    SAME = "same"
    BEHIND = "behind"  # the node has not reached our deployment block
    CHANGED = "changed"
    UNKNOWN = "unknown"  # the node did not answer


@dataclass(frozen=True, slots=True)
class Identity:
    """The verdict and a sentence for people."""

    likeness: Likeness
    explanation: str = ""


async def identify(rpc: RpcClient, chain: Chain, *, node: Node | None = None) -> Identity:
    """Compare chain id, genesis hash and deployment block of `node` (None: whichever answers) with the chain's."""
    try:
        genesis, deployment = await rpc.batch(
            [
                ("eth_getBlockByNumber", ["0x0", False]),
                ("eth_getBlockByNumber", [hex(chain.deployment_block), False]),
            ],
            node=node,
        )
        if genesis is not None and read_header(genesis).hash != chain.genesis_hash:
            return Identity(Likeness.CHANGED, _changed(chain, "its genesis block is another"))
        if genesis is None or deployment is None:
            return Identity(
                Likeness.BEHIND, f"The node has not reached block {chain.deployment_block}, where the contract stands"
            )
        if read_header(deployment).hash != chain.deployment_block_hash:
            return Identity(Likeness.CHANGED, _changed(chain, "the block of the deployment is another"))
    except RpcWrongChain as error:
        return Identity(Likeness.CHANGED, _changed(chain, f"its chain id is {error.details.get('found')}"))
    except (RpcUnavailable, RpcRefused) as error:
        return Identity(Likeness.UNKNOWN, str(error))
    return Identity(Likeness.SAME)


async def identify_any(rpc: RpcClient, chain: Chain) -> Identity:
    """The best verdict among the nodes: nodes that serve another chain are shunned when one serves ours."""
    verdicts: list[tuple[Node, Identity]] = []
    for node in [rpc.preferred(), *rpc.others()]:
        verdict = await identify(rpc, chain, node=node)
        verdicts.append((node, verdict))
        if verdict.likeness is Likeness.SAME:
            for other, judged in verdicts:
                if judged.likeness is not Likeness.SAME:
                    rpc.shun(other, seconds=30)
            return verdict
    by_rank = {Likeness.BEHIND: 0, Likeness.UNKNOWN: 1, Likeness.CHANGED: 2}
    return min((verdict for _, verdict in verdicts), key=lambda verdict: by_rank[verdict.likeness])


def _changed(chain: Chain, why: str) -> str:
    return (
        f"The node serves another chain than the one that was followed ({chain.network}, chain id {chain.chain_id}): "
        f"{why}. Nothing recorded was touched. Point RPC_URL at the old chain, or run `gridx reset` to start anew."
    )
