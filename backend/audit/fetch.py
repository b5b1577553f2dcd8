# SPDX-License-Identifier: Apache-2.0
"""Reads the contract's whole history from one or more nodes and believes none of it unchecked.

Up to the finalised block every header is hashed and linked to its parent; where a header's bloom admits a log of the
contract, all receipts of the block are read and their root recomputed, so that the logs are those of the block itself,
whatever `eth_getLogs` says. On a chain too long for that (`full_headers`), the headers and receipts of blocks with
logs are checked, and the on-chain count and head show whether one was withheld.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.audit.blocks import (
    ChainLog,
    Header,
    bloom_bits,
    decode_receipt,
    header_of,
    log_of,
    may_contain,
    receipts_under,
)
from backend.audit.decode import Decoder
from backend.audit.deployment import Deployment
from backend.audit.differences import Code, Difference, Findings
from backend.audit.encoding import BadEncoding, bytes_of, keccak, number_of
from backend.audit.rpc import Node, NodeFailed, NodeRefused

HISTORY_SELECTOR = keccak(b"history()")[:4]
IS_VALID_SIGNATURE = keccak(b"isValidSignature(bytes32,bytes)")[:4]
RECEIPT_BLOCKS = 16
FIRST_PAGE = 16
PAGE_LOGS = 2_000


class WrongChain(Exception):
    """The node serves another chain than the deployment record names; nothing was compared."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to read. `finality_depth` counts blocks down from the head, None asks the node's `finalized` tag;
    `full_headers` is the longest chain whose headers are all read."""

    finality_depth: int | None = None
    full_headers: int = 500_000
    page_blocks: int = 500


@dataclass(frozen=True, slots=True)
class Anchor:
    """The block as of which everything is compared, and what the contract said there."""

    number: int
    hash: bytes
    time: int
    head_number: int
    count: int
    head: bytes
    genesis_hash: bytes
    nodes: tuple[str, ...]


@dataclass(slots=True)
class _Page:
    first: int
    last: int
    headers: dict[int, Header]
    logs: dict[int, list[ChainLog]]
    problems: list[Difference] = field(default_factory=list)


class ChainReader:
    """Reads one deployment through `nodes`: the first is asked for everything, all for block hashes and history."""

    def __init__(
        self, nodes: Sequence[Node], deployment: Deployment, decoder: Decoder, findings: Findings, options: Options
    ) -> None:
        self.node = nodes[0]
        self.nodes = tuple(nodes)
        self.deployment = deployment
        self.findings = findings
        self.options = options
        self.linked = False
        self.reached = deployment.block_number
        self.agreeing: list[str] = []
        self._address_bits = bloom_bits(deployment.address)
        self._topic_bits = [bloom_bits(topic) for topic in decoder.topics.values()]
        self._last: Header | None = None

    # --- where we stand -----------------------------------------------------------------------------------------------

    async def anchor(self) -> Anchor:
        """Check that every node serves the deployment's chain and agree on the finalised block.

        Raises WrongChain, NodeFailed. Nodes that disagree on the block or on the history become differences.
        """
        await asyncio.gather(*(self._check_chain(node) for node in self.nodes))
        heads, finals = zip(*[await self._final_of(node) for node in self.nodes], strict=True)
        number = max(min(finals), self.deployment.block_number)
        block = await self.node.block(number)
        if block is None:
            raise NodeFailed(f"{self.node.name} does not know its own finalised block {number}")
        header = self._read_header(block, number)
        count, head = await self._history(self.node, number)
        for node in self.nodes[1:]:
            await self._check_agreement(node, number, header.hash, (count, head))
        self.linked = number - self.deployment.block_number < self.options.full_headers
        return Anchor(
            number, header.hash, header.time, heads[0], count, head, self.deployment.genesis_hash, tuple(self.agreeing)
        )

    async def _check_chain(self, node: Node) -> None:
        place = self.deployment
        chain_id = await node.chain_id()
        if chain_id != place.chain_id:
            raise WrongChain(f"{node.name} serves chain {chain_id}, the contract was deployed on {place.chain_id}")
        if await node.block_hash(0) != place.genesis_hash:
            raise WrongChain(f"{node.name} serves another chain with the id {chain_id}: its genesis block differs")
        if await node.block_hash(place.block_number) != place.block_hash:
            raise WrongChain(f"{node.name} has another block {place.block_number}: the contract was not deployed there")

    async def _final_of(self, node: Node) -> tuple[int, int]:
        head = number_of(await node.call("eth_blockNumber"))
        if self.options.finality_depth is not None:
            return head, head - self.options.finality_depth + 1
        block = await node.block("finalized")
        if block is None:
            raise NodeFailed(f"{node.name} names no finalised block; give --finality-depth")
        return head, number_of(block["number"])

    async def history_at(self, number: int) -> tuple[int, bytes]:
        """Count and head at a block, as the first node answers. Raises NodeFailed where it keeps no old state."""
        return await self._history(self.node, number)

    async def accepts(self, wallet: bytes, digest: bytes, signature: bytes, block: int) -> bool:
        """Whether a contract wallet accepts a signature (EIP-1271) at a block."""
        padded = signature + bytes(-len(signature) % 32)
        words = (64).to_bytes(32, "big") + len(signature).to_bytes(32, "big")
        data = IS_VALID_SIGNATURE + digest + words + padded
        try:
            return await self.node.view(wallet, data, block) == IS_VALID_SIGNATURE.ljust(32, b"\0")
        except NodeRefused:
            return False

    async def head_number(self) -> int:
        """The newest block that any node knows now."""
        answers = await asyncio.gather(*(node.call("eth_blockNumber") for node in self.nodes))
        return max(number_of(answer) for answer in answers)

    async def _history(self, node: Node, number: int) -> tuple[int, bytes]:
        answer = await node.view(self.deployment.address, HISTORY_SELECTOR, number)
        if len(answer) != 64:
            raise WrongChain(f"no trade log answers at 0x{self.deployment.address.hex()}")
        return int.from_bytes(answer[:32], "big"), answer[32:]

    async def _check_agreement(self, node: Node, number: int, block_hash: bytes, history: tuple[int, bytes]) -> None:
        theirs = await node.block_hash(number)
        if theirs != block_hash:
            self._find(Code.NODES_DISAGREE, f"block {number}", "blockHash", block_hash, theirs, node.name)
            return
        other = await self._history(node, number)
        if other != history:
            self._find(Code.NODES_DISAGREE, f"block {number}", "history", history[0], other[0], node.name)
            return
        self.agreeing.append(node.name)

    # --- the logs -----------------------------------------------------------------------------------------------------

    async def pages(self, anchor: Anchor) -> AsyncIterator[list[ChainLog]]:
        """Verified logs of the contract from its deployment to the anchor, in chain order, page by page."""
        upcoming: asyncio.Task[_Page] | None = None
        size, following = FIRST_PAGE, self.deployment.block_number
        try:
            while following <= anchor.number:
                page = await (upcoming or asyncio.create_task(self._load(following, size, anchor)))
                following = page.last + 1
                size = self._next_size(size, page)
                upcoming = None
                if following <= anchor.number:
                    upcoming = asyncio.create_task(self._load(following, size, anchor))
                self._link(page, anchor)
                self.reached = page.last
                yield await self._verified(page)
        finally:
            if upcoming is not None:
                upcoming.cancel()

    def _next_size(self, size: int, page: _Page) -> int:
        """Pages hold few logs however full the blocks are, so that memory stays bounded."""
        held = sum(map(len, page.logs.values()))
        if held > PAGE_LOGS:
            return max(1, size * PAGE_LOGS // (2 * held))
        return min(size * 2, self.options.page_blocks) if held < PAGE_LOGS // 4 else size

    async def tail(self, anchor: Anchor) -> list[ChainLog]:
        """Logs after the anchor up to the head as the first node tells them: not final, so not checked."""
        logs: list[ChainLog] = []
        if anchor.head_number > anchor.number:
            for entry in await self._get_logs(anchor.number + 1, anchor.head_number):
                logs.append(log_of(entry, time=0))
        return logs

    async def _load(self, first: int, size: int, anchor: Anchor) -> _Page:
        last = min(first + size - 1, anchor.number)
        entries = await self._get_logs(first, last)
        found = {number_of(entry["blockNumber"]) for entry in entries}
        numbers = list(range(first, last + 1)) if self.linked else sorted(found)
        blocks = await self.node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        page = _Page(first, last, {}, {})
        for number, block in zip(numbers, blocks, strict=True):
            page.headers[number] = self._read_header(block, number, page)
        for entry in entries:
            number = number_of(entry["blockNumber"])
            header = page.headers.get(number)
            log = log_of(entry, time=header.time if header else 0)
            if header is None or log.block_hash != header.hash:
                lost = Difference(Code.LOG_FALSE, f"block {number}", "blockHash", None, log.block_hash, "not canonical")
                page.problems.append(lost)
                continue
            page.logs.setdefault(number, []).append(log)
        return page

    def _read_header(self, block: Any, number: int, page: _Page | None = None) -> Header:
        """The header; one that is not what it claims is a difference when reading a page, else an error."""
        if not isinstance(block, dict):
            raise NodeFailed(f"{self.node.name} does not know block {number}")
        try:
            header = header_of(block)
            if header.number != number:
                raise BadEncoding(f"asked for block {number}, got {header.number}")
            return header
        except BadEncoding as error:
            if page is None:
                raise NodeFailed(f"{self.node.name}: {error}") from error
            page.problems.append(Difference(Code.HEADER_FALSE, f"block {number}", note=str(error)))
            bloom = block.get("logsBloom", "0x" + "ff" * 256)
            claimed = bytes_of(block.get("hash"), 32)
            return Header(
                number, claimed, bytes_of(block["parentHash"], 32), bytes_of(block["transactionsRoot"], 32),
                bytes_of(block["receiptsRoot"], 32), bytes_of(bloom, 256), number_of(block["timestamp"]), b"",
            )  # fmt: skip

    def _link(self, page: _Page, anchor: Anchor) -> None:
        self.findings.extend(page.problems)
        if not self.linked:
            return
        for number in range(page.first, page.last + 1):
            header = page.headers[number]
            previous = self._last
            if previous is None and header.hash != self.deployment.block_hash:
                self._find(Code.HEADER_FALSE, f"block {number}", "hash", self.deployment.block_hash, header.hash)
            elif previous is not None and header.parent_hash != previous.hash:
                self._find(Code.HEADER_FALSE, f"block {number}", "parentHash", previous.hash, header.parent_hash)
            self._last = header
        if page.last == anchor.number and self._last is not None and self._last.hash != anchor.hash:
            self._find(Code.HEADER_FALSE, f"block {anchor.number}", "hash", anchor.hash, self._last.hash)

    async def _verified(self, page: _Page) -> list[ChainLog]:
        suspects = [
            header
            for number, header in sorted(page.headers.items())
            if number in page.logs or may_contain(header.logs_bloom, self._address_bits, self._topic_bits)
        ]
        verified: list[ChainLog] = []
        while suspects:
            part = suspects[:1]
            logs = len(page.logs.get(part[0].number, ()))
            while len(part) < min(RECEIPT_BLOCKS, len(suspects)) and logs < PAGE_LOGS // 4:
                part.append(suspects[len(part)])
                logs += len(page.logs.get(part[-1].number, ()))
            suspects = suspects[len(part) :]
            answers = await self.node.batch([("eth_getBlockReceipts", [hex(header.number)]) for header in part])
            for header, receipts in zip(part, answers, strict=True):
                verified += self._logs_of_block(header, receipts, page.logs.get(header.number, []))
        if not self.linked and len(self.nodes) > 1:
            await self._compare_hashes(page)
        return verified

    def _logs_of_block(self, header: Header, receipts: Any, told: list[ChainLog]) -> list[ChainLog]:
        """The contract's logs of a block from its receipts; what `eth_getLogs` said otherwise is a difference."""
        subject = f"block {header.number}"
        try:
            ordered, encoded = receipts_under(header.receipts_root, receipts)
            true = logs_in(ordered, encoded, header, self.deployment.address)
        except (BadEncoding, KeyError, TypeError, ValueError) as error:
            self._find(Code.RECEIPTS_FALSE, subject, note=str(error) or type(error).__name__)
            return told
        by_index = {log.log_index: log for log in told}
        for log in true:
            other = by_index.pop(log.log_index, None)
            if other is None:
                self._find(Code.LOG_WITHHELD, f"{subject} log {log.log_index}", "data", log.data, None)
            elif (other.topics, other.data, other.tx_hash) != (log.topics, log.data, log.tx_hash):
                self._find(Code.LOG_FALSE, f"{subject} log {log.log_index}", "data", log.data, other.data)
        for index, other in by_index.items():
            self._find(Code.LOG_FALSE, f"{subject} log {index}", "", None, other.data, "the block holds no such log")
        return true

    async def _compare_hashes(self, page: _Page) -> None:
        calls = [("eth_getBlockByNumber", [hex(number), False]) for number in page.headers]
        for node in self.nodes[1:]:
            for header, block in zip(page.headers.values(), await node.batch(calls), strict=True):
                theirs = bytes_of(block["hash"], 32) if block else None
                if theirs != header.hash:
                    subject = f"block {header.number}"
                    self._find(Code.NODES_DISAGREE, subject, "blockHash", header.hash, theirs, node.name)

    async def _get_logs(self, first: int, last: int) -> list[dict[str, Any]]:
        """Log entries of the contract in a range, which is halved where the node finds it too large."""
        query = {"address": "0x" + self.deployment.address.hex(), "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            found = await self.node.call("eth_getLogs", query)
        except NodeRefused:
            if first == last:
                raise
            middle = (first + last) // 2
            return await self._get_logs(first, middle) + await self._get_logs(middle + 1, last)
        if not isinstance(found, list):
            raise NodeFailed(f"{self.node.name} answers eth_getLogs with something else")
        return found

    def _find(
        self, code: Code, subject: str, name: str = "", expected: Any = None, found: Any = None, note: str = ""
    ) -> None:
        self.findings.add(Difference(code, subject, name, expected, found, note))


def logs_in(
    receipts: Sequence[dict[str, Any]], encoded: Sequence[bytes], header: Header, address: bytes
) -> list[ChainLog]:
    """Logs of `address` in a block whose receipts root was checked. Raises BadEncoding, KeyError."""
    logs: list[ChainLog] = []
    index = 0
    for tx_index, (receipt, raw) in enumerate(zip(receipts, encoded, strict=True)):
        held = receipt["logs"]
        if not any(bytes_of(log["address"]) == address for log in held):
            index += len(held)
            continue
        tx_hash = bytes_of(receipt["transactionHash"], 32)
        for place, (emitter, topics, data) in enumerate(decode_receipt(raw).logs):
            if emitter == address:
                logs.append(
                    ChainLog(
                        header.number, header.hash, header.time, tx_hash, tx_index, index + place, topics, data, place
                    )
                )
        index += len(held)
    return logs
