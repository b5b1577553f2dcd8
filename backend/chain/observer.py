# SPDX-License-Identifier: Apache-2.0
"""Looks up transactions that somebody posted, many at once, and believes only what the block's header covers."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.chain.errors import RpcGarbage, RpcRefused
from backend.chain.headers import bloom_may_hold
from backend.chain.reader import Reader, Tip
from backend.chain.receipts import contract_logs, read_receipt, verified
from backend.chain.rpc import RpcClient
from backend.chain.types import BlockHeader, Chain, Log, Observation, TxState

_CACHED_TRANSACTIONS = 20_000
_RECENT = 8  # blocks that are searched for transactions
_SCAN_FROM = 4  # transactions for which reading those blocks pays
_PROBE = 8  # one in so many is asked for first: what is posted together often stands in the same blocks


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
        self._block_of: dict[str, bytes] = {}
        self._headers: dict[bytes, BlockHeader] = {}

    async def observe(self, tx_hash: bytes) -> Observation:
        """One transaction; see `observe_many`."""
        return (await self.observe_many([tx_hash]))[tx_hash]

    async def observe_many(self, tx_hashes: Iterable[bytes]) -> dict[bytes, Observation]:
        """What the node knows of each transaction. One that is mined stands in the canonical block of its number, whose
        header hash and receipts root were recomputed; a receipt of a losing block counts as pending.

        RpcUnavailable (and RpcGarbage, RpcWrongChain): no node answers usably. NodesDisagree: two nodes differ.
        """
        wanted = list(dict.fromkeys(tx_hashes))
        found: dict[bytes, Observation] = {}
        try:
            if len(wanted) >= _SCAN_FROM or self._cache:
                found = await self._scan(wanted)
            return found | await self._one_by_one([tx for tx in wanted if tx not in found])
        except RpcGarbage:
            self.reader.rpc.shun()
            raise

    async def _scan(self, wanted: Sequence[bytes]) -> dict[bytes, Observation]:
        """Look in the last blocks, whose links to the head show that they are canonical; many are found at one price.

        Blocks that were not read before are read only when enough transactions are wanted.
        """
        tip = await self.reader.tip()
        recent = await self._recent(tip)
        missing = [header for header in recent if header.hash not in self._cache]
        if len(wanted) >= _SCAN_FROM and missing:
            address = self.reader.chain.contract_address
            for group in self.reader.groups([h for h in missing if bloom_may_hold(h.logs_bloom, address)]):
                await self._blocks(group)
        found: dict[bytes, Observation] = {}
        for block in [self._cache[header.hash] for header in recent if header.hash in self._cache]:
            for tx in wanted:
                if "0x" + tx.hex() in block.positions:
                    found[tx] = await self._mined(tx, block, tip)
        return found

    async def _recent(self, tip: Tip) -> list[BlockHeader]:
        """The head and the blocks before it, newest first, each the parent of the one before."""
        recent = [tip.head]
        while len(recent) < _RECENT and (parent := self._headers.get(recent[-1].parent_hash)) is not None:
            recent.append(parent)
        last = recent[-1].number - 1
        first = max(0, tip.head.number - _RECENT + 1)
        if first <= last:
            older = await self.reader.headers(first, last)
            if older and older[-1].hash == recent[-1].parent_hash:  # otherwise the chain moved while it was read
                recent += reversed(older)
        self._headers = {header.hash: header for header in recent}
        return recent

    async def _one_by_one(self, wanted: Sequence[bytes]) -> dict[bytes, Observation]:
        """Ask for receipts; a block that was read for one transaction answers for all others that stand in it."""
        found = await self._in_read_blocks(wanted)
        left = [tx for tx in wanted if tx not in found]
        if len(left) >= _PROBE:
            found |= await self._ask(left[::_PROBE])
            left = [tx for tx in left if tx not in found]
            found |= await self._in_read_blocks(left)
            left = [tx for tx in left if tx not in found]
        return found | await self._ask(left)

    async def _in_read_blocks(self, wanted: Sequence[bytes]) -> dict[bytes, Observation]:
        """The transactions that stand in blocks which were read before and are canonical still."""
        places = {tx: self._block_of.get("0x" + tx.hex()) for tx in wanted}
        held = {tx: self._cache[block_hash] for tx, block_hash in places.items() if block_hash is not None}
        if not held:
            return {}
        tip = await self.reader.tip(sorted({block.header.number for block in held.values()}))
        canonical = {header.hash for header in tip.at.values() if header is not None}
        return {tx: await self._mined(tx, block, tip) for tx, block in held.items() if block.header.hash in canonical}

    async def _ask(self, wanted: Sequence[bytes]) -> dict[bytes, Observation]:
        """Ask for each receipt, then check it against its block."""
        if not wanted:
            return {}
        receipts = await self.reader.rpc.batch([("eth_getTransactionReceipt", ["0x" + tx.hex()]) for tx in wanted])
        placed = {tx: place for tx, raw in zip(wanted, receipts, strict=True) if (place := _place(raw)) is not None}
        tip = await self.reader.tip(sorted({number for number, _ in placed.values()}))
        named = {block_hash for _, block_hash in placed.values()}
        blocks = await self._blocks(
            [header for header in tip.at.values() if header is not None and header.hash in named]
        )
        found: dict[bytes, Observation] = {}
        for tx, (_, block_hash) in placed.items():
            block = blocks.get(block_hash)
            found[tx] = (
                Observation(tx, TxState.PENDING, tip.head.number, tip.final)
                if block is None
                else await self._mined(tx, block, tip)
            )
        return found | await self._unmined([tx for tx in wanted if tx not in placed], tip)

    async def superseded(self, unmined: Mapping[bytes, tuple[bytes, int]]) -> set[bytes]:
        """Which transactions (sender and nonce by hash), not mined a moment ago, never will be: another one of their
        nonce is final.

        They are looked at once more after that is known: they may themselves be what was mined since, or the node that
        was asked before may lag behind the one that told of the nonce.
        """
        block, used = await self._final_nonces({sender for sender, _ in unmined.values()})
        passed = [tx for tx, (sender, nonce) in unmined.items() if nonce < used.get(sender, 0)]
        seen = await self.observe_many(passed) if passed else {}
        return {tx for tx, found in seen.items() if found.receipt is None and found.head >= block}

    async def _final_nonces(self, senders: Collection[bytes]) -> tuple[int, dict[bytes, int]]:
        """The last final block and the next nonce of each sender there; of none when the node cannot say."""
        final = (await self.reader.tip()).final if senders else None
        if final is None:
            return 0, {}
        try:
            answers = await self.reader.rpc.batch(
                [("eth_getTransactionCount", ["0x" + sender.hex(), hex(final)]) for sender in senders]
            )
            return final, {sender: int(answer, 16) for sender, answer in zip(senders, answers, strict=True)}
        except (RpcRefused, TypeError, ValueError):
            return 0, {}

    async def _blocks(self, headers: Sequence[BlockHeader]) -> dict[bytes, _Verified]:
        blocks = {header.hash: self._cache[header.hash] for header in headers if header.hash in self._cache}
        missing = [header for header in headers if header.hash not in blocks]
        address = self.reader.chain.contract_address
        for header, raw in zip(missing, await self.reader.block_receipts(missing), strict=True):
            ordered, _ = verified(raw, header)
            logs: dict[int, list[Log]] = {}
            for log in contract_logs(ordered, header, address):
                logs.setdefault(log.tx_index, []).append(log)
            positions = {receipt["transactionHash"].lower(): index for index, receipt in enumerate(ordered)}
            blocks[header.hash] = self._cache[header.hash] = _Verified(header, ordered, positions, logs)
            self._block_of |= dict.fromkeys(positions, header.hash)
        for block_hash in blocks.keys() & self._cache.keys():  # others may have been forgotten while receipts were read
            self._cache.move_to_end(block_hash)
        held = sum(len(block.ordered) for block in self._cache.values())
        while held > _CACHED_TRANSACTIONS and len(self._cache) > 1:
            oldest, block = self._cache.popitem(last=False)
            held -= len(block.ordered)
            self._forget(oldest, block)
        return blocks

    def _forget(self, block_hash: bytes, block: _Verified) -> None:
        for tx in block.positions:
            if self._block_of.get(tx) == block_hash:  # mined again after a reorganisation, it belongs to the later one
                del self._block_of[tx]

    async def _mined(self, tx: bytes, block: _Verified, tip: Tip) -> Observation:
        index = block.positions.get("0x" + tx.hex())
        if index is None:
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
