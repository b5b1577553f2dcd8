# SPDX-License-Identifier: Apache-2.0
"""Builds the proof bundle of a trade (`backend.audit.proof` documents its format) from one node and the database.

The database only tells where to look; everything that proves something is read from the chain and checked on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backend.audit.blocks import ChainLog, Header, header_of, receipts_under
from backend.audit.database import Row, Snapshot
from backend.audit.decode import Decoder
from backend.audit.deployment import Deployment
from backend.audit.encoding import bytes_of, hex_of
from backend.audit.fetch import logs_in
from backend.audit.ledger import Entry
from backend.audit.patricia import path_of, root_of
from backend.audit.proof import FORMAT, WITH_TRANSACTION, claim_facts, factor_facts, seal, text_of, trade_facts
from backend.audit.rpc import Node, NodeFailed
from backend.audit.trades import BY_ID as TRADE_BY_ID
from backend.audit.trades import entries_of
from backend.audit.verify import rebuild_from

_PLACES = """
SELECT (SELECT block_number FROM chain_meters WHERE chain = $1 AND meter = $2) AS seller_meter,
    (SELECT block_number FROM chain_meters WHERE chain = $1 AND meter = $3) AS buyer_meter,
    (SELECT block_number FROM emission_factors WHERE chain = $1 AND factor_id = $4) AS factor
"""
_DOCUMENTS = """
SELECT id::text AS id, body, signer, signature FROM carbon_documents WHERE id = ANY($1::uuid[]) ORDER BY id
"""


class TradeNotRecorded(LookupError):
    """The database has no such trade."""


class TradeNotOnChain(LookupError):
    """The node's canonical chain does not hold what the database says of the trade; the message says what."""


async def build(node: Node, snapshot: Snapshot, deployment: Deployment, trade_id: bytes) -> dict[str, Any]:
    """The bundle of one trade. Raises TradeNotRecorded, TradeNotOnChain, NodeFailed, DatabaseLacksChain."""
    chain = await snapshot.chain_key(deployment)
    rows = await snapshot.rows(TRADE_BY_ID, chain, [trade_id])
    if not rows:
        raise TradeNotRecorded(hex_of(trade_id))
    row = rows[0]
    witness = _Witness(node, deployment, Decoder.from_file())
    evidence = await _gather(witness, snapshot, chain, row)
    trade, factor = rebuild_from(evidence, deployment.address)
    entries = entries_of(row)
    documents = await snapshot.rows(_DOCUMENTS, sorted({entry.document for entry in entries if entry.document}))
    order = {document["id"]: place for place, document in enumerate(documents)}
    bundle: dict[str, Any] = {
        "format": FORMAT,
        "chain": {
            "network": deployment.network,
            "chainId": deployment.chain_id,
            "genesisHash": hex_of(deployment.genesis_hash),
            "contract": hex_of(deployment.address),
            "salt": hex_of(deployment.parent_hash),
        },
        "evidence": evidence,
        "trade": trade_facts(trade),
        "claim": claim_facts(trade),
        "factor": factor_facts(factor) if factor else None,
        "database": _row_facts(row),
        "transfers": [_transfer(entry, order) for entry in entries],
        "documents": [
            {"body": item["body"], "signer": hex_of(item["signer"]), "signature": hex_of(item["signature"])}
            for item in documents
        ],
        "stated": {"status": row["status"], "deliveredWh": text_of(row["delivered_wh"])},
    }
    return bundle | {"digest": seal(bundle)}


async def _gather(witness: _Witness, snapshot: Snapshot, chain: int, row: Row) -> list[dict[str, Any]]:
    trade_id = row["trade_id"]
    evidence = [await witness.of("trade", row["block_number"], "EnergyTradeLogged", 1, trade_id)]
    if not row["consented"]:
        return evidence
    places = (await snapshot.rows(_PLACES, chain, row["seller_meter"], row["buyer_meter"], row["factor_id"]))[0]
    wanted = (
        ("sellerMeter", places["seller_meter"], "MeterEnrolled", _word(row["seller_meter"])),
        ("buyerMeter", places["buyer_meter"], "MeterEnrolled", _word(row["buyer_meter"])),
        ("factor", places["factor"], "EmissionFactorRegistered", _word(row["factor_id"])),
    )
    for role, block, event, key in wanted:
        if block is not None:
            evidence.append(await witness.of(role, block, event, 1, key))
    if row["consent_block_number"] is not None:
        other = row["buyer_address"] if trade_id[:20] == row["seller_address"] else row["seller_address"]
        block = row["consent_block_number"]
        evidence.append(
            await witness.of("confirmation", block, "EnergyTradeConfirmed", 1, trade_id, 2, bytes(12) + other)
        )
    return evidence


class _Witness:
    """Reads the blocks in which events lie, each once, and the ways from header to event."""

    def __init__(self, node: Node, deployment: Deployment, decoder: Decoder) -> None:
        self._node = node
        self._deployment = deployment
        self._decoder = decoder
        self._blocks: dict[int, tuple[Header, list[ChainLog], list[bytes], list[bytes]]] = {}

    async def of(self, role: str, block: int, event: str, *keys: Any) -> dict[str, Any]:
        """The evidence of the first `event` in `block` whose topics are `keys` (place, word, place, word, …)."""
        header, logs, receipts, transactions = await self._block(block)
        wanted = {0: self._decoder.topics[event]} | dict(zip(keys[::2], keys[1::2], strict=True))
        match: Callable[[ChainLog], bool] = lambda log: all(  # noqa: E731
            len(log.topics) > place and log.topics[place] == word for place, word in wanted.items()
        )
        log = next(filter(match, logs), None)
        if log is None:
            raise TradeNotOnChain(f"block {block} holds no {event} that fits ({role})")
        shown = role in WITH_TRANSACTION
        return {
            "role": role,
            "blockNumber": header.number,
            "blockHash": hex_of(header.hash),
            "header": hex_of(header.rlp),
            "txHash": hex_of(log.tx_hash) if shown else None,
            "txIndex": log.tx_index,
            "transaction": hex_of(transactions[log.tx_index]) if shown else None,
            "transactionPath": [hex_of(node) for node in path_of(transactions, log.tx_index)] if shown else None,
            "receipt": hex_of(receipts[log.tx_index]),
            "receiptPath": [hex_of(node) for node in path_of(receipts, log.tx_index)],
            "place": log.place,
            "topics": [hex_of(topic) for topic in log.topics],
            "data": hex_of(log.data),
        }

    async def _block(self, number: int) -> tuple[Header, list[ChainLog], list[bytes], list[bytes]]:
        if number not in self._blocks:
            block = await self._node.block(number)
            if block is None:
                raise TradeNotOnChain(f"the node knows no block {number}")
            try:
                header = header_of(block)
                ordered, encoded = receipts_under(header.receipts_root, await self._node.receipts(number))
                logs = logs_in(ordered, encoded, header, self._deployment.address)
                transactions = await self._transactions(number, len(encoded))
            except (ValueError, KeyError, TypeError) as error:
                raise NodeFailed(f"{self._node.name}, block {number}: {error}") from error
            if root_of(transactions) != header.transactions_root:
                raise NodeFailed(f"{self._node.name}: the transactions of block {number} do not make up its root")
            self._blocks[number] = (header, logs, encoded, transactions)
        return self._blocks[number]

    async def _transactions(self, number: int, count: int) -> list[bytes]:
        calls = [("eth_getRawTransactionByBlockNumberAndIndex", [hex(number), hex(index)]) for index in range(count)]
        return [bytes_of(raw) for raw in await self._node.batch(calls)]


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _row_facts(row: Row) -> dict[str, Any]:
    """`database` of a bundle."""
    return {
        "tradeId": hex_of(row["trade_id"]),
        "kind": row["kind"],
        "seller": hex_of(row["seller_address"]),
        "buyer": hex_of(row["buyer_address"]),
        "energyWh": str(row["energy_wh"]),
        "pricePerKwh": str(row["price_micro_per_kwh"]),
        "carbonSavedGrams": str(row["carbon_logged_g"]),
        "timestamp": row["block_time"],
        "consented": row["consented"],
        "reason": row["ineligible_reason"],
        "community": row["community"],
        "sellerMeter": text_of(row["seller_meter"]),
        "buyerMeter": text_of(row["buyer_meter"]),
        "deliveryStart": row["delivery_start"],
        "deliveryMinutes": row["delivery_minutes"],
        "factorId": row["factor_id"],
        "claimGrams": str(row["claim_g"]),
        "blockNumber": row["block_number"],
        "blockHash": hex_of(row["block_hash"]),
        "txHash": hex_of(row["tx_hash"]),
        "cycle": row["cycle"],
    }


def _transfer(entry: Entry, documents: dict[str, int]) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "debit": hex_of(entry.debit),
        "debitBucket": entry.debit_bucket,
        "credit": hex_of(entry.credit),
        "creditBucket": entry.credit_bucket,
        "grams": str(entry.grams),
        "cycle": entry.cycle,
        "community": entry.community,
        "deliveryStart": entry.delivery_start,
        "document": documents[entry.document] if entry.document else None,
    }
