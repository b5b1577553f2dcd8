# SPDX-License-Identifier: Apache-2.0
"""Looks up transactions that somebody posted, many at once, and believes only what the block's header covers."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.chain.errors import RpcGarbage, RpcRefused
from backend.chain.reader import Reader, Tip
from backend.chain.receipts import contract_logs, read_receipt, verified
from backend.chain.rpc import RpcClient
from backend.chain.types import BlockHeader, Chain, Log, Observation, TxState

_CACHED_TRANSACTIONS = 20_000


@dataclass(frozen=True, slots=True)
class _Verified:
    """A block whose receipts match its header."""

    header: BlockHeader
    ordered: Sequence[Mapping[str, Any]]
    positions: Mapping[str, int]
    logs: Mapping[int, list[Log]]


class Observer:
    """Observes transactions of one chain. Keeps the last verified blocks, so that their receipts are read once.

    `second_node`: a transaction counts as confirmed only when another node shows the same block.
    """

    def __init__(
        self, rpc: RpcClient, chain: Chain, *, finality_depth: int | None = None, second_node: bool = False
    ) -> None:
        rpc.expect(chain.chain_id)
        self.chain = chain
        self.reader = Reader(rpc, chain, finality_depth=finality_depth)
        self._second_node = second_node
        self._agreed: set[bytes] = set()
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()

    async def observe(self, tx_hash: bytes) -> Observation:
        """One transaction; see `observe_many`."""
        return (await self.observe_many([tx_hash]))[tx_hash]

    async def observe_many(self, tx_hashes: Iterable[bytes]) -> dict[bytes, Observation]:
        """What the node knows of each transaction. One that is mined stands in the canonical block of its number, whose
        header hash and receipts root were recomputed; a receipt of a losing block counts as pending.

        RpcUnavailable (and RpcGarbage, RpcWrongChain): no node answers usably. NodesDisagree: two nodes differ.
        """
        wanted = list(dict.fromkeys(tx_hashes))
        rpc = self.reader.rpc
        receipts = await rpc.batch([("eth_getTransactionReceipt", ["0x" + tx.hex()]) for tx in wanted])
        placed = {tx: place for tx, raw in zip(wanted, receipts, strict=True) if (place := _place(raw)) is not None}
        tip = await self.reader.tip(sorted({number for number, _ in placed.values()}))
        try:
            blocks = await self._blocks([header for header in tip.at.values() if header is not None])
        except RpcGarbage:
            rpc.shun()
            raise
        found: dict[bytes, Observation] = {}
        for tx, (number, block_hash) in placed.items():
            header = tip.at[number]
            if header is not None and header.hash == block_hash:
                found[tx] = await self._mined(tx, blocks[block_hash], tip)
            else:
                found[tx] = Observation(tx, TxState.PENDING, tip.head.number, tip.final)
        return found | await self._unmined([tx for tx in wanted if tx not in placed], tip)

    async def final_nonces(self, senders: Iterable[bytes]) -> dict[bytes, int]:
        """Next nonce of each sender at the last final block; empty when the node cannot say."""
        wanted = list(dict.fromkeys(senders))
        if not wanted:
            return {}
        final = (await self.reader.tip()).final
        if final is None:
            return {}
        try:
            answers = await self.reader.rpc.batch(
                [("eth_getTransactionCount", ["0x" + sender.hex(), hex(final)]) for sender in wanted]
            )
            return {sender: int(answer, 16) for sender, answer in zip(wanted, answers, strict=True)}
        except (RpcRefused, TypeError, ValueError):
            return {}

    async def _blocks(self, headers: Sequence[BlockHeader]) -> dict[bytes, _Verified]:
        missing = [header for header in headers if header.hash not in self._cache]
        address = self.reader.chain.contract_address
        for header, raw in zip(missing, await self.reader.block_receipts(missing), strict=True):
            ordered, _ = verified(raw, header)
            logs: dict[int, list[Log]] = {}
            for log in contract_logs(ordered, header, address):
                logs.setdefault(log.tx_index, []).append(log)
            positions = {receipt["transactionHash"].lower(): index for index, receipt in enumerate(ordered)}
            self._cache[header.hash] = _Verified(header, ordered, positions, logs)
        blocks = {header.hash: self._cache[header.hash] for header in headers}
        for block_hash in blocks:
            self._cache.move_to_end(block_hash)
        held = sum(len(block.ordered) for block in self._cache.values())
        while held > _CACHED_TRANSACTIONS and len(self._cache) > 1:
            held -= len(self._cache.popitem(last=False)[1].ordered)
        return blocks

    async def _mined(self, tx: bytes, block: _Verified, tip: Tip) -> Observation:
        index = block.positions.get("0x" + tx.hex())
        if index is None:
            self.reader.rpc.shun()
            raise RpcGarbage("The node's receipt is not in the block that it names", tx_hash="0x" + tx.hex())
        before = block.ordered[index - 1] if index else None
        receipt = read_receipt(block.ordered[index], before, block.header, block.logs.get(index, ()))
        number, confirmations = receipt.block_number, self.reader.chain.confirmations
        depth = tip.head.number - number + 1
        is_final = tip.final is not None and number <= tip.final
        is_confirmed = is_final if confirmations is None else depth >= confirmations
        if is_confirmed and self._second_node and block.header.hash not in self._agreed:
            await self.reader.check_agreement(block.header)
            self._agreed = {*self._agreed, block.header.hash} if len(self._agreed) < 1000 else {block.header.hash}
        return Observation(
            tx_hash=tx,
            state=TxState.MINED if receipt.succeeded else TxState.REVERTED,
            head=tip.head.number,
            final=tip.final,
            receipt=receipt,
            header=block.header,
            depth=depth,
            is_confirmed=is_confirmed,
            is_final=is_final,
            sender=receipt.sender,
        )

    async def _unmined(self, tx_hashes: Sequence[bytes], tip: Tip) -> dict[bytes, Observation]:
        answers = await self.reader.rpc.batch([("eth_getTransactionByHash", ["0x" + tx.hex()]) for tx in tx_hashes])
        found: dict[bytes, Observation] = {}
        for tx, raw in zip(tx_hashes, answers, strict=True):
            unknown = Observation(tx, TxState.NOT_FOUND, tip.head.number, tip.final)
            if raw is None:
                found[tx] = unknown
                continue
            try:
                sender, nonce = bytes.fromhex(raw["from"][2:]), int(raw["nonce"], 16)
            except (KeyError, TypeError, ValueError) as error:
                raise RpcGarbage("A transaction of the node cannot be read") from error
            found[tx] = replace(unknown, state=TxState.PENDING, sender=sender, nonce=nonce)
        return found


def _place(raw: Any) -> tuple[int, bytes] | None:
    """Number and hash of the block that a JSON receipt names; None: there is no receipt."""
    if raw is None:
        return None
    try:
        return int(raw["blockNumber"], 16), bytes.fromhex(raw["blockHash"][2:])
    except (KeyError, TypeError, ValueError) as error:
        raise RpcGarbage("A receipt of the node cannot be read") from error
