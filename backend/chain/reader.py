# SPDX-License-Identifier: Apache-2.0
"""Reads verified blocks from a node: every header's hash and parent link, every receipts root of a block that may hold
a log of the contract. A node can refuse or delay; it cannot leave a log out of a block that others agree on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.chain.errors import NodesDisagree, RpcGarbage, RpcRefused, RpcUnavailable
from backend.chain.headers import bloom_may_hold, check_links, read_header
from backend.chain.receipts import contract_logs, verified
from backend.chain.rpc import Call, Node, RpcClient
from backend.chain.types import Block, BlockHeader, Chain
from backend.core.failpoints import failpoint

_METHOD_MISSING = -32601
_GAS_AT_ONCE = 8_000_000  # a log costs at least 375 gas and 8 a byte: an answer stays within some megabytes


@dataclass(frozen=True, slots=True)
class Tip:
    """What a node says of its chain now. `at` holds the canonical header of each number asked for, None: no such."""

    head: BlockHeader
    final: int | None
    at: Mapping[int, BlockHeader | None]
    node: Node


class Reader:
    """Reads one chain through `rpc`. `finality_depth` None: the `finalized` tag says what is final."""

    def __init__(self, rpc: RpcClient, chain: Chain, *, finality_depth: int | None = None) -> None:
        self.rpc = rpc
        self.chain = chain
        self._finality_depth = finality_depth
        self._has_block_receipts = True

    async def tip(self, numbers: Sequence[int] = (), *, node: Node | None = None) -> Tip:
        """Head, last final number, and the headers at `numbers`, in one exchange with one node."""
        calls: list[Call] = [("eth_getBlockByNumber", ["latest", False])]
        calls += [("eth_getBlockByNumber", [hex(number), False]) for number in numbers]
        if self._finality_depth is None:
            calls.append(("eth_getBlockByNumber", ["finalized", False]))
        used = node or self.rpc.preferred()
        answers = await self.rpc.batch(calls, node=node)
        if answers[0] is None:
            raise RpcGarbage("The node has no newest block")
        head = read_header(answers[0])
        at = {
            number: None if answer is None else read_header(answer)
            for number, answer in zip(numbers, answers[1:], strict=False)
        }
        for number, header in at.items():
            if header is not None and header.number != number:
                raise RpcGarbage("The node answered with another block", asked=number, got=header.number)
        if self._finality_depth is not None:
            final: int | None = head.number - self._finality_depth + 1
        else:
            final = None if answers[-1] is None else read_header(answers[-1]).number
        return Tip(head, None if final is None or final < 0 else final, at, used)

    async def headers(self, first: int, last: int, *, parent: bytes | None = None) -> list[BlockHeader]:
        """Headers of `first` to `last`, linked to each other and to `parent`. RpcGarbage when a link does not hold.

        Ends early at the node's head.
        """
        calls: list[Call] = [("eth_getBlockByNumber", [hex(number), False]) for number in range(first, last + 1)]
        answers = await self.rpc.batch(calls)
        headers: list[BlockHeader] = []
        for answer in answers:
            if answer is None:
                break
            headers.append(read_header(answer))
        check_links(parent, headers, first_number=first)
        return headers

    async def with_logs(self, headers: Sequence[BlockHeader]) -> list[Block]:
        """The blocks of `headers` with every log of the contract, each against its header's bloom and receipts root."""
        address = self.chain.contract_address
        hits = [header for header in headers if bloom_may_hold(header.logs_bloom, address)]
        found = {
            header.hash: contract_logs(verified(raw, header)[0], header, address)
            for header, raw in zip(hits, await self.block_receipts(hits), strict=True)
        }
        await failpoint("reader.after_receipts")
        return [Block(header, found.get(header.hash, ())) for header in headers]

    def groups(self, headers: Sequence[BlockHeader]) -> Iterator[list[BlockHeader]]:
        """`headers` in runs whose receipts fit one answer, so that memory stays bounded."""
        group: list[BlockHeader] = []
        gas = 0
        for header in headers:
            group.append(header)
            if bloom_may_hold(header.logs_bloom, self.chain.contract_address):
                gas += header.gas_used
            if gas >= _GAS_AT_ONCE:
                yield group
                group, gas = [], 0
        if group:
            yield group

    async def block_receipts(self, headers: Sequence[BlockHeader], *, node: Node | None = None) -> list[Any]:
        """JSON receipts of each block, unverified; one by one when the node has no `eth_getBlockReceipts`."""
        if not headers:
            return []
        if self._has_block_receipts:
            try:
                return await self.rpc.batch(
                    [("eth_getBlockReceipts", [hex(header.number)]) for header in headers], node=node
                )
            except RpcRefused as error:
                if error.rpc_code != _METHOD_MISSING:
                    raise RpcUnavailable("The node has no receipts now", why=error.rpc_message) from error
                self._has_block_receipts = False
        receipts = []
        for header in headers:
            calls: list[Call] = [("eth_getTransactionReceipt", ["0x" + tx.hex()]) for tx in header.tx_hashes]
            receipts.append(await self.rpc.batch(calls, node=node))
        return receipts

    async def check_agreement(self, header: BlockHeader) -> None:
        """NodesDisagree unless one more node shows `header` as canonical; RpcUnavailable: no other node answers."""
        failure: RpcUnavailable | None = None
        for node in self.rpc.others():
            try:
                answer = await self.rpc.call("eth_getBlockByNumber", [hex(header.number), False], node=node)
                if answer is None:
                    raise RpcUnavailable("The second node lags behind", number=header.number)
                other = read_header(answer)
            except RpcUnavailable as error:
                failure = failure or error
                continue
            if other.hash != header.hash:
                raise NodesDisagree(number=header.number, hashes=["0x" + header.hash.hex(), "0x" + other.hash.hex()])
            return
        raise failure or RpcUnavailable("A second node is needed and none is configured")
