# SPDX-License-Identifier: Apache-2.0
"""Proof bundle of one trade: everything that is needed to check it offline, as one JSON object. Its format.

Format `gridx-proof-1`. Byte strings are 0x-hex in lower case; `energyWh`, `pricePerKwh` and all grams are decimal text,
so that no reader rounds them; other numbers are JSON integers. Null stands for what nobody agreed on. Keys:

- `format`: "gridx-proof-1".
- `chain`: {network, chainId, genesisHash, contract, salt}: where it happened. The contract emitted each event;
  `chainId` is what the transactions were signed for; network and genesis are checked against a node or a record.
- `evidence`: list of events, each with the way from a block's header to it. First the trade (`role` "trade"), then,
  where both parties agreed, "sellerMeter", "buyerMeter", "factor", and for a trade of one party "confirmation":
  - `role`, `blockNumber`, `blockHash`;
  - `header`: RLP of the block's header; keccak256(header) = blockHash;
  - `txHash`, `txIndex`, `transaction` (as signed and broadcast; keccak256 = txHash), `transactionPath` (trie nodes from
    the header's transactions root to it, under the key rlp(txIndex)): for roles "trade" and "confirmation", else null;
  - `receipt` (as it stands in the trie), `receiptPath` (trie nodes from the header's receipts root to it);
  - `place`: which log of the receipt it is, from 0; `topics`, `data`: that log; its address is `chain.contract`.
- `trade`: the decoded event {tradeId, kind, seller, buyer, energyWh, pricePerKwh, carbonSavedGrams, timestamp}.
- `claim`: what follows from the evidence {consented, reason, community, sellerMeter, buyerMeter, deliveryStart,
  deliveryMinutes, factorId, claimGrams}.
- `factor`: provenance of the claim's factor {factorId, region, basis, mgPerKwh, validFrom, validTo, effectiveAt,
  source, vintage, documentHash}, or null.
- `database`: the row as recorded, in the same words as `trade` and `claim`, with {blockNumber, blockHash, txHash,
  cycle}. A row may say `reason` "same_user" against the claim: both wallets are one person's, and a document of the
  operator takes the whole claim back.
- `transfers`: the ledger's rows of the trade {kind, debit, debitBucket, credit, creditBucket, grams, cycle, community,
  deliveryStart, document}; `document` is an index into `documents`, or null.
- `documents`: signed orders that the transfers name {body, signer, signature}: EIP-712 typed messages.
- `stated`: what only the database says and nothing can prove {status, deliveredWh}.
- `digest`: keccak256 of the canonical JSON (sorted keys, no spaces, UTF-8) of all other keys: a seal against accidents.

A bundle proves the trade in the block named `blockHash`; that this block is of the real chain must be learned
elsewhere (`gridx verify --block-hash`, or two independent nodes), because anyone can make up a header.
"""

from __future__ import annotations

from typing import Any

import orjson

from backend.audit.encoding import hex_of, keccak
from backend.audit.rebuild import Factor, Trade
from backend.audit.registers import region_name

FORMAT = "gridx-proof-1"
SAME_USER = "same_user"
WITH_TRANSACTION = ("trade", "confirmation")


def seal(bundle: dict[str, Any]) -> str:
    """The digest of a bundle: keccak256 of its canonical JSON without `digest`."""
    rest = {name: value for name, value in bundle.items() if name != "digest"}
    return hex_of(keccak(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)))


def text_of(number: int | None) -> str | None:
    return None if number is None else str(number)


def trade_facts(trade: Trade) -> dict[str, Any]:
    """`trade` of a bundle."""
    return {
        "tradeId": hex_of(trade.trade_id),
        "kind": trade.kind,
        "seller": hex_of(trade.seller),
        "buyer": hex_of(trade.buyer),
        "energyWh": str(trade.energy_wh),
        "pricePerKwh": str(trade.price_micro_per_kwh),
        "carbonSavedGrams": str(trade.carbon_logged_g),
        "timestamp": trade.log.block_time,
    }


def claim_facts(trade: Trade) -> dict[str, Any]:
    """`claim` of a bundle."""
    return {
        "consented": trade.consented,
        "reason": trade.reason,
        "community": trade.community,
        "sellerMeter": text_of(trade.seller_meter),
        "buyerMeter": text_of(trade.buyer_meter),
        "deliveryStart": trade.delivery_start,
        "deliveryMinutes": trade.delivery_minutes,
        "factorId": trade.factor_id,
        "claimGrams": str(trade.claim_g),
    }


def factor_facts(factor: Factor) -> dict[str, Any]:
    """`factor` of a bundle."""
    return {
        "factorId": factor.factor_id,
        "region": region_name(factor.region),
        "basis": factor.basis,
        "mgPerKwh": factor.mg_per_kwh,
        "validFrom": factor.valid_from,
        "validTo": factor.valid_to,
        "effectiveAt": factor.effective_at,
        "source": factor.source,
        "vintage": factor.vintage,
        "documentHash": hex_of(factor.document_hash),
    }
