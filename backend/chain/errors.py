# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between us and a chain."""

from backend.core.errors import Conflict, Invalid, NotFound, Unavailable


class RpcUnavailable(Unavailable):
    """No node answered in time."""

    code = "chain.rpc_unavailable"
    title = "The chain's node does not answer; try again"


class RpcGarbage(RpcUnavailable):
    """A node's answer cannot be read, or contradicts itself: a hash, a parent link or a root does not hold."""

    code = "chain.rpc_garbage"
    title = "The chain's node gave an answer that does not hold"


class RpcWrongChain(RpcUnavailable):
    """Every node that answers serves another chain id."""

    code = "chain.rpc_wrong_chain"
    title = "The node serves another chain"


class RpcRefused(Unavailable):
    """The node answered with a JSON-RPC error; `rpc_code` and `rpc_message` are the node's own."""

    code = "chain.rpc_refused"
    title = "The chain's node refused the request"

    def __init__(
        self, message: str | None = None, *, rpc_code: int = 0, rpc_message: str = "", **details: object
    ) -> None:
        super().__init__(message, retry_after_s=2, rpc_code=rpc_code, rpc_message=rpc_message, **details)
        self.rpc_code = rpc_code
        self.rpc_message = rpc_message


class ChainConnecting(Unavailable):
    """The process has just started, or its database is away: the chain is not known yet."""

    code = "chain.connecting"
    title = "The chain is being connected; try again"


class NodesDisagree(Unavailable):
    """Two nodes show different blocks of one number; nothing is recorded until they agree."""

    code = "chain.nodes_disagree"
    title = "Two nodes show different blocks"


class BlockSuperseded(Unavailable):
    """The block is not (or not any more) the one that the follower holds canonical; ask again."""

    code = "chain.block_superseded"
    title = "The block lost its place in the chain; try again"


class ChainIsHalted(Unavailable):
    """The follower stopped because the chain contradicts what is final; an operator has to decide."""

    code = "chain.halted"
    title = "Following this chain was stopped for safety"


class ChainUnknown(NotFound):
    """No chain is registered yet."""

    code = "chain.unknown"
    title = "No chain is registered"


class TransactionUnknown(NotFound):
    """Neither the database nor the node knows this transaction."""

    code = "chain.transaction_unknown"
    title = "No such transaction is known"


class BlocksNotFinal(Conflict):
    """Only final blocks are read again; the follower gets to the others by itself."""

    code = "chain.blocks_not_final"
    title = "Only blocks between deployment and the last final one can be read again"


class FinalBlockDiffers(Conflict):
    """The node shows another block than the one that is final here."""

    code = "chain.final_block_differs"
    title = "The node contradicts what is final: ask another node, or find out with `gridx audit`"


class ChainMismatch(Conflict):
    """The deployment contradicts the chain that is registered."""

    code = "chain.mismatch"
    title = "This is another chain than the one registered; `gridx reset` starts anew"


class DeploymentUnreadable(Invalid):
    """The deployment record is damaged."""

    code = "chain.deployment_unreadable"
    title = "The deployment record cannot be read; `gridx deploy` writes it"


class LogUndecodable(Invalid):
    """A log's bytes do not hold what its topic promises."""

    code = "chain.log_undecodable"
    title = "The log cannot be decoded"


class DeploymentMissing(Unavailable):
    """There is no deployment record yet."""

    code = "chain.not_deployed"
    title = "The contract is not deployed yet: there is no deployment record"
