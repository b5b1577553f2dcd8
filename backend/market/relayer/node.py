# SPDX-License-Identifier: Apache-2.0
"""What the relayer asks of nodes: where we stand, whether pairs would be logged, what they cost, and to take them."""

from collections.abc import Sequence
from contextlib import suppress

from backend.chain.errors import RpcGarbage, RpcRefused
from backend.chain.rpc import RpcClient
from backend.chain.types import Chain
from backend.market.relayer import encoding
from backend.market.relayer.types import Answer, Ground, Pair

_ANSWERS = (
    (Answer.TAKEN, ("already known", "already imported", "known transaction")),
    (Answer.NONCE_TOO_LOW, ("nonce too low",)),
    (Answer.NO_FUNDS, ("insufficient funds",)),
    (
        Answer.UNDERPRICED,
        ("underpriced", "block base fee", "fee too low", "fee cap", "max fee per gas", "gas price too"),
    ),
)


def read_answer(message: str) -> Answer:
    """What a node means by its error to a transaction; nodes agree on the words, never on the codes."""
    said = message.lower()
    for answer, phrases in _ANSWERS:
        if any(phrase in said for phrase in phrases):
            return answer
    return Answer.REFUSED


class Node:
    """The nodes of one chain, asked as the account `signer`. Raises RpcUnavailable when none answers usably."""

    def __init__(self, rpc: RpcClient, chain: Chain, signer: bytes) -> None:
        rpc.expect(chain.chain_id)
        self._rpc = rpc
        self._contract = "0x" + chain.contract_address.hex()
        self._signer = "0x" + signer.hex()

    async def ground(self) -> Ground:
        """Head, fees, and our own balance and next nonce there."""
        block, nonce, balance = await self._rpc.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getTransactionCount", [self._signer, "latest"]),
                ("eth_getBalance", [self._signer, "latest"]),
            ]
        )
        try:
            return Ground(
                head=int(block["number"], 16),
                time=int(block["timestamp"], 16),
                base_fee_wei=int(block.get("baseFeePerGas", "0x0"), 16),
                gas_limit=int(block["gasLimit"], 16),
                next_nonce=int(nonce, 16),
                balance_wei=int(balance, 16),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RpcGarbage("The node's head, nonce or balance cannot be read") from error

    async def tip_wei(self) -> int:
        """Priority fee that the node suggests; 0 when it suggests none."""
        with suppress(RpcRefused, TypeError, ValueError):
            return int(await self._rpc.call("eth_maxPriorityFeePerGas", []), 16)
        return 0

    async def may_settle(self) -> bool:
        """Whether the account holds SETTLER_ROLE."""
        answer = await self._rpc.call("eth_call", [self._call(encoding.role_call(bytes.fromhex(self._signer[2:])))])
        return int(answer, 16) != 0

    async def check(self, pairs: Sequence[Pair]) -> list[bytes]:
        """For each pair the contract's encoded error if it were logged now; empty: it would be logged."""
        calls = [("eth_call", [self._call(encoding.check_call(pair)), "latest"]) for pair in pairs]
        answers = await self._rpc.batch(calls)
        try:
            return [encoding.check_answer(bytes.fromhex(answer[2:])) for answer in answers]
        except (TypeError, ValueError, OverflowError) as error:
            raise RpcGarbage("An answer of checkMatch cannot be read") from error

    async def estimate_gas(self, data: bytes) -> int:
        """Gas of a settlement. RpcRefused: it would fail as a whole, or costs more than the node lets a call use."""
        return int(await self._rpc.call("eth_estimateGas", [self._call(data)]), 16)

    async def broadcast(self, raw: bytes) -> tuple[Answer, str]:
        """Hand a signed transaction over; the answer and the node's own words."""
        try:
            await self._rpc.call("eth_sendRawTransaction", ["0x" + raw.hex()])
        except RpcRefused as error:
            return read_answer(error.rpc_message), error.rpc_message
        return Answer.TAKEN, ""

    async def price_wei(self, tx_hash: bytes) -> int | None:
        """What a mined transaction paid a unit of gas; None when the node does not say."""
        receipt = await self._rpc.call("eth_getTransactionReceipt", ["0x" + tx_hash.hex()])
        with suppress(TypeError, KeyError, ValueError):
            return int(receipt["effectiveGasPrice"], 16)
        return None

    def _call(self, data: bytes) -> dict[str, str]:
        return {"from": self._signer, "to": self._contract, "data": "0x" + data.hex()}
