# SPDX-License-Identifier: Apache-2.0
"""The chain's part of a proof bundle: from one log up to a block hash, checkable offline by anyone."""

from dataclasses import dataclass
from typing import Any

from backend.chain.errors import BlockSuperseded, RpcGarbage
from backend.chain.headers import HEADER_FIELDS, read_header
from backend.chain.reader import Reader
from backend.chain.receipts import verified
from backend.chain.trie import ordered_proof
from backend.chain.types import Chain, Log


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """keccak(header_rlp) is the block hash; its receipts root is the hash of `path[0]`; the path leads, along the key
    rlp(tx_index), to `receipt`; whose log number `position` is the log. `header` holds the fields as JSON."""

    chain_id: int
    genesis_hash: bytes
    contract_address: bytes
    block_number: int
    block_hash: bytes
    header: dict[str, str]
    header_rlp: bytes
    receipts_root: bytes
    tx_hash: bytes
    tx_index: int
    receipt: bytes
    path: tuple[bytes, ...]
    log_index: int
    position: int


async def build_proof(reader: Reader, log: Log) -> InclusionProof:
    """Proof of a log that stands in a canonical block.

    BlockSuperseded: the node shows another block of that number. RpcGarbage: the node's answers do not hold.
    """
    chain: Chain = reader.chain
    raw_block = await reader.rpc.call("eth_getBlockByNumber", [hex(log.block_number), False])
    if raw_block is None:
        raise BlockSuperseded(number=log.block_number)
    header = read_header(raw_block)
    if header.hash != log.block_hash:
        raise BlockSuperseded(number=log.block_number, block_hash="0x" + log.block_hash.hex())
    (raw_receipts,) = await reader.block_receipts([header])
    ordered, encoded = verified(raw_receipts, header)
    before = sum(len(receipt["logs"]) for receipt in ordered[: log.tx_index])
    position = log.log_index - before
    if log.tx_index >= len(ordered) or not 0 <= position < len(ordered[log.tx_index]["logs"]):
        raise RpcGarbage("The log is not where it was observed", block=log.block_number, log_index=log.log_index)
    return InclusionProof(
        chain_id=chain.chain_id,
        genesis_hash=chain.genesis_hash,
        contract_address=chain.contract_address,
        block_number=header.number,
        block_hash=header.hash,
        header=_fields(raw_block),
        header_rlp=header.rlp,
        receipts_root=header.receipts_root,
        tx_hash=log.tx_hash,
        tx_index=log.tx_index,
        receipt=encoded[log.tx_index],
        path=ordered_proof(encoded, log.tx_index),
        log_index=log.log_index,
        position=position,
    )


def _fields(block: dict[str, Any]) -> dict[str, str]:
    return {name: block[name] for name in HEADER_FIELDS if block.get(name) is not None}
