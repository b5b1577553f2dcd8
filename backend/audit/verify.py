# SPDX-License-Identifier: Apache-2.0
"""Checks a proof bundle (`backend.audit.proof` documents its format) with nothing but the bundle and the ABI. Pure.

`check` says what is false. A bundle without falsehood is consistent with the blocks that it names; whether these are
blocks of the real chain is for the caller to learn elsewhere (`needed_blocks` names them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from backend.audit.blocks import ChainLog, decode_header, decode_receipt
from backend.audit.decode import Decoder, Undecodable
from backend.audit.deployment import Deployment
from backend.audit.documents import OPERATOR_SIGNS, ORDERS, Document, DocumentCheck, Forged
from backend.audit.encoding import BadEncoding, as_bytes, as_list, bytes_of, hex_of, keccak, rlp_decode
from backend.audit.ledger import Booked, Entry
from backend.audit.ledger import check as check_ledger
from backend.audit.patricia import value_at
from backend.audit.proof import FORMAT, SAME_USER, WITH_TRANSACTION, claim_facts, factor_facts, seal, trade_facts
from backend.audit.rebuild import Factor, History, Trade

KEYS = (
    "format", "chain", "evidence", "trade", "claim", "factor", "database", "transfers", "documents", "stated", "digest",
)  # fmt: skip
ROLES = {
    "trade": "EnergyTradeLogged",
    "sellerMeter": "MeterEnrolled",
    "buyerMeter": "MeterEnrolled",
    "factor": "EmissionFactorRegistered",
    "confirmation": "EnergyTradeConfirmed",
}
EMPTY = "0x" + "00" * 32
_BROKEN = (BadEncoding, Undecodable, KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


@dataclass(slots=True)
class Verdict:
    """What a bundle holds up to. `falsehoods` name what is false; `blocks` map role to (number, hash)."""

    falsehoods: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    blocks: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    trade: Trade | None = None

    @property
    def is_consistent(self) -> bool:
        """Nothing in the bundle contradicts the rest of it."""
        return not self.falsehoods

    def needed_blocks(self) -> dict[str, tuple[int, bytes]]:
        """The blocks that must be of the real chain for the claim to be proven: the trade's, and where one party
        logged it and the other agreed later, those of the confirmation and of the factor."""
        names = ["trade"]
        if self.trade is not None and self.trade.consent is not None:
            names += ["confirmation", "factor"]
        return {name: self.blocks[name] for name in names if name in self.blocks}


@cache
def _decoder() -> Decoder:
    return Decoder.from_file()


def check(bundle: Any) -> Verdict:
    """Check everything that can be checked offline."""
    verdict = Verdict()
    if not isinstance(bundle, dict) or bundle.get("format") != FORMAT:
        verdict.falsehoods.append(f"format: not {FORMAT}")
        return verdict
    if sorted(bundle) != sorted(KEYS):
        verdict.falsehoods.append("format: keys are missing or unknown")
        return verdict
    _try(verdict, "digest", lambda: _same("digest", seal(bundle), bundle["digest"]))
    evidence_holds = _try(verdict, "evidence", lambda: _check_evidence(bundle, verdict))
    if evidence_holds:
        _try(verdict, "trade", lambda: _check_content(bundle, verdict))
    return verdict


def _try(verdict: Verdict, name: str, work: Callable[[], Iterator[str]]) -> bool:
    """Collect what `work` finds false; a part that cannot be read at all is false as a whole."""
    before = len(verdict.falsehoods)
    try:
        for falsehood in work():
            verdict.falsehoods.append(falsehood)
    except _BROKEN as error:
        verdict.falsehoods.append(f"{name}: {error or type(error).__name__}")
    holds = len(verdict.falsehoods) == before
    if holds:
        verdict.checked.append(name)
    return holds


def _same(name: str, expected: Any, found: Any) -> Iterator[str]:
    if expected != found or type(expected) is not type(found):
        yield f"{name}: says {found!r}, the evidence says {expected!r}"


def _check_evidence(bundle: Mapping[str, Any], verdict: Verdict) -> Iterator[str]:
    contract = bytes_of(bundle["chain"]["contract"], 20)
    roles = [item["role"] for item in bundle["evidence"]]
    if roles[:1] != ["trade"] or len(set(roles)) != len(roles) or not set(roles) <= ROLES.keys():
        yield "evidence: roles are missing, repeated or unknown"
        return
    for item in bundle["evidence"]:
        name = f"evidence {item['role']}"
        before = len(verdict.falsehoods)
        yield from _check_item(item, contract, bundle["chain"]["chainId"], name)
        if len(verdict.falsehoods) == before:
            verdict.blocks[item["role"]] = (item["blockNumber"], bytes_of(item["blockHash"], 32))


def _check_item(item: Mapping[str, Any], contract: bytes, chain_id: Any, name: str) -> Iterator[str]:
    header = decode_header(bytes_of(item["header"]))
    yield from _same(f"{name}: blockHash", hex_of(header.hash), item["blockHash"])
    yield from _same(f"{name}: blockNumber", header.number, item["blockNumber"])
    index = item["txIndex"]
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        yield f"{name}: txIndex: no index"
        return
    if item["role"] in WITH_TRANSACTION:
        path = [bytes_of(node) for node in item["transactionPath"]]
        transaction = value_at(header.transactions_root, index, path)
        yield from _same(f"{name}: transaction", hex_of(transaction), item["transaction"])
        yield from _same(f"{name}: txHash", hex_of(keccak(transaction)), item["txHash"])
        yield from _same(f"{name}: chainId", chain_of(transaction), chain_id)
    else:
        transaction_parts = [item["txHash"], item["transaction"], item["transactionPath"]]
        yield from _same(f"{name}: transaction", [None] * 3, transaction_parts)
    receipt = value_at(header.receipts_root, index, [bytes_of(node) for node in item["receiptPath"]])
    yield from _same(f"{name}: receipt", hex_of(receipt), item["receipt"])
    decoded = decode_receipt(receipt)
    place = item["place"]
    if not decoded.succeeded:
        yield f"{name}: the transaction was reverted"
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(decoded.logs):
        yield f"{name}: place: the receipt has no such log"
        return
    address, topics, data = decoded.logs[place]
    yield from _same(f"{name}: address of the log", hex_of(contract), hex_of(address))
    yield from _same(f"{name}: topics", [hex_of(topic) for topic in topics], item["topics"])
    yield from _same(f"{name}: data", hex_of(data), item["data"])
    event = _decoder().decode(topics, data)
    if event.name != ROLES[item["role"]]:
        yield f"{name}: the event is {event.name}"


def chain_of(transaction: bytes) -> int | None:
    """The chain id that a raw transaction was signed for; None for a legacy one that names none (before EIP-155)."""
    if transaction[0] < 0x80:
        return int.from_bytes(as_bytes(as_list(rlp_decode(transaction[1:]))[0]), "big")
    parity = int.from_bytes(as_bytes(as_list(rlp_decode(transaction), 9)[6]), "big")
    return (parity - 35) // 2 if parity >= 35 else None


def rebuild_from(evidence: list[dict[str, Any]], contract: bytes) -> tuple[Trade, Factor | None]:
    """The trade that evidence adds up to, and the factor of its claim. Raises what `check` catches."""
    history = History(_decoder())
    trade_log: ChainLog | None = None
    for item in sorted(evidence, key=lambda item: (item["blockNumber"], item["txIndex"], item["place"])):
        header = decode_header(bytes_of(item["header"]))
        log = ChainLog(
            header.number, header.hash, header.time, bytes_of(item["txHash"] or EMPTY, 32), item["txIndex"],
            item["txIndex"] << 20 | item["place"], tuple(bytes_of(topic, 32) for topic in item["topics"]),
            bytes_of(item["data"]), item["place"],
        )  # fmt: skip
        history.take(log)
        if item["role"] == "trade":
            trade_log = log
    if trade_log is None:
        raise BadEncoding("there is no evidence of a trade")
    trade = history.judge(trade_log)
    return trade, history.factors.get(trade.factor_id) if trade.consented else None


def _check_content(bundle: Mapping[str, Any], verdict: Verdict) -> Iterator[str]:
    contract = bytes_of(bundle["chain"]["contract"], 20)
    trade, factor = rebuild_from(bundle["evidence"], contract)
    verdict.trade = trade
    event = _decoder().decode(trade.log.topics, trade.log.data)
    yield from _same("trade: timestamp of the event", trade.log.block_time, event.values["timestamp"])
    if trade.kind in (1, 2) and trade.reason is None:
        yield from _same("claim: grams that the contract computed", trade.claim_g, trade.carbon_logged_g)
    yield from _parts("trade", trade_facts(trade), bundle["trade"])
    yield from _parts("claim", claim_facts(trade), bundle["claim"])
    if factor is None:
        yield from _same("factor", None, bundle["factor"])
    else:
        yield from _parts("factor", factor_facts(factor), bundle["factor"])
    row = bundle["database"]
    place: dict[str, Any] = {
        "blockNumber": trade.log.block_number,
        "blockHash": hex_of(trade.log.block_hash),
        "txHash": hex_of(trade.log.tx_hash),
        "cycle": row["cycle"],
    }
    recorded = trade_facts(trade) | claim_facts(trade) | place
    refused = row["reason"] == SAME_USER and trade.reason is None
    if refused:
        recorded["reason"] = SAME_USER
    yield from _parts("database", recorded, row)
    yield from _check_transfers(bundle, trade, factor, refused=refused)


def _parts(name: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    if expected.keys() != found.keys():
        yield f"{name}: keys are missing or unknown"
        return
    for key, value in expected.items():
        yield from _same(f"{name}.{key}", value, found[key])


def _check_transfers(bundle: Mapping[str, Any], trade: Trade, factor: Factor | None, *, refused: bool) -> Iterator[str]:
    stated = bundle["stated"]
    if sorted(stated) != ["deliveredWh", "status"] or stated["status"] not in ("CONFIRMED", "FINAL", "ORPHANED"):
        yield "stated: no state of a trade"
        return
    delivered = None if stated["deliveredWh"] is None else int(stated["deliveredWh"])
    documents = bundle["documents"]
    named = [item["document"] for item in bundle["transfers"] if item["document"] is not None]
    if sorted(set(named)) != list(range(len(documents))):
        yield "documents: not those that the transfers name"
        return
    entries = [_entry(item) for item in bundle["transfers"]]
    booked = Booked(stated["status"], bundle["database"]["cycle"], delivered, refused)
    for what, expected, found in check_ledger(trade, booked, entries, factor.mg_per_kwh if factor else 0):
        yield f"transfers: {what}: {_shown(found)} instead of {_shown(expected)}"
    for place, item in enumerate(documents):
        ordered = _ordered_by(item, bundle["chain"])
        for entry in (entry for entry in entries if entry.document == str(place)):
            if (hex_of(trade.trade_id), entry.cycle, entry.grams) not in ordered:
                yield f"documents: document {place} does not order {entry.kind} {entry.grams} g"
    for entry in entries:
        if (entry.kind == "reduced") != (entry.document is not None):
            yield f"transfers: {entry.kind} and its document"


def _shown(value: Any) -> str:
    return hex_of(value) if isinstance(value, bytes) else str(value)


def _entry(item: Mapping[str, Any]) -> Entry:
    place = item["document"]
    return Entry(
        item["kind"], bytes_of(item["debit"]), item["debitBucket"], bytes_of(item["credit"]), item["creditBucket"],
        int(item["grams"]), item["cycle"], None if place is None else str(place), item["community"],
        item["deliveryStart"],
    )  # fmt: skip


def _ordered_by(item: Mapping[str, Any], chain: Mapping[str, Any]) -> set[tuple[str | None, int | None, int]]:
    """(trade id, cycle, grams) of each item of a true operator's document. Raises Forged."""
    body, signer = item["body"], bytes_of(item["signer"], 20)
    message = body["message"]
    place = Deployment(
        chain["network"], chain["chainId"], bytes_of(chain["genesisHash"], 32), bytes_of(chain["contract"], 20), 0,
        bytes(32), bytes_of(chain["salt"], 32),
    )  # fmt: skip
    checker = DocumentCheck(place)
    digest = checker.digest(body)
    document = Document(
        "", bytes_of(str(message["account"]).lower(), 20), int(message["sequence"]),
        bytes_of(message["previousHash"], 32), "reduction", body, digest, signer, bytes_of(item["signature"], 65), (),
    )  # fmt: skip
    primary = checker.authentic(document)
    if primary not in OPERATOR_SIGNS:
        raise Forged("a reduction is signed by the operator")
    return {(move[4], move[5], move[3]) for move in ORDERS[primary](document)}
