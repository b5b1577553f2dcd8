# SPDX-License-Identifier: Apache-2.0
"""Checks the signed documents of the ledger: digest, signer, chain of each account, and the transfers they order. Pure.

A stored body is the typed message itself (`domain`, `types`, `primaryType`, `message`, and `items` where the message
names a list only by its hash). Retirements and transfers are signed by the account's own key, reductions and
corrections by the operator's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.audit.deployment import Deployment
from backend.audit.differences import Code, Difference
from backend.audit.encoding import BadEncoding, bytes_of, hex_of, keccak
from backend.audit.ledger import ISSUANCE, RETIRED
from backend.audit.signatures import Fields, signer_of, typed_digest

_CHAIN: Fields = (("uint256", "sequence"), ("bytes32", "previousHash"))
FIELDS: Mapping[str, Fields] = {
    "CarbonRetirement": (
        ("address", "account"), ("uint256", "grams"), ("string", "reason"), *_CHAIN, ("uint256", "expiry"),
    ),
    "CarbonTransfer": (
        ("address", "account"), ("address", "recipient"), ("uint256", "grams"), *_CHAIN, ("uint256", "expiry"),
    ),
    "CarbonReduction": (
        ("address", "account"), *_CHAIN, ("uint256", "issuedAt"), ("uint256", "grams"), ("bytes32", "itemsHash"),
    ),
    "CarbonCorrection": (
        ("address", "account"), *_CHAIN, ("uint256", "issuedAt"), ("int256", "grams"), ("bytes32", "itemsHash"),
    ),
}  # fmt: skip
KINDS = {
    "retirement": {"CarbonRetirement"},
    "transfer": {"CarbonTransfer"},
    "reduction": {"CarbonReduction", "CarbonCorrection"},
}
OPERATOR_SIGNS = {"CarbonReduction", "CarbonCorrection"}
Move = tuple[str, bytes, bytes, int, str | None, int | None]
"""A transfer that a document orders: kind, debit, credit, grams, trade id (0x-hex), cycle."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document with the transfers that name it."""

    id: str
    account: bytes
    sequence: int
    previous_hash: bytes
    kind: str
    body: Mapping[str, Any]
    body_hash: bytes
    signer: bytes
    signature: bytes
    moves: tuple[Move, ...]


class Forged(ValueError):
    """A document that is not what its signature says; the message names the false part."""


@dataclass(slots=True)
class DocumentCheck:
    """Walks documents ordered by account and sequence. `operator` None: the first operator document names it.

    `accepted` holds (account, hash, signature) that a contract wallet accepts (EIP-1271), for signatures that no key
    made. `owed` and `paid` count by reserve what corrections left as claims, and what was paid of them; `corrected` the
    grams that corrections order, by community.
    """

    deployment: Deployment
    operator: bytes | None = None
    accepted: set[tuple[bytes, bytes, bytes]] = field(default_factory=set)
    checked: int = 0
    effects: Counter[bytes] = field(default_factory=Counter)
    owed: Counter[bytes] = field(default_factory=Counter)
    paid: Counter[bytes] = field(default_factory=Counter)
    corrected: Counter[int] = field(default_factory=Counter)
    _account: bytes | None = None
    _sequence: int = 0
    _hash: bytes = bytes(32)

    def take(self, document: Document) -> Iterator[Difference]:
        """Differences of the next document; grams that a true one moves are added to `effects` by wallet."""
        self.checked += 1
        subject = f"{hex_of(document.account)} document {document.sequence}"
        yield from self._links(document, subject)
        try:
            primary = self.authentic(document)
            ordered = ORDERS[primary](document)
        except (Forged, BadEncoding, KeyError, TypeError, ValueError) as error:
            yield Difference(Code.DOCUMENT_FORGED, subject, "body", note=str(error) or type(error).__name__)
            return
        booked = self._without_payments(ordered, document.moves)
        if primary != "CarbonCorrection":
            yield from _moves_differ(ordered, booked, subject)
        else:
            for item in document.body["items"]:
                self.corrected[int(item["community"])] += int(item["grams"])
            yield from self._corrections_differ(ordered, booked, subject)
        if primary not in OPERATOR_SIGNS:
            for _kind, debit, credit, grams, _trade, _cycle in ordered:
                self.effects[debit] -= grams
                self.effects[credit] += grams

    def finish(self, claims: Mapping[bytes, tuple[int, int]]) -> Iterator[Difference]:
        """After the last document: what reserves could not bear stands as claims (grams opened, grams paid)."""
        for reserve in sorted(self.owed.keys() | self.paid.keys() | claims.keys()):
            subject = f"claims on the reserve of community {int.from_bytes(reserve[1:], 'big')}"
            opened, settled = claims.get(reserve, (0, 0))
            if opened != self.owed[reserve]:
                yield Difference(Code.BALANCE_WRONG, subject, "grams", self.owed[reserve], opened)
            if settled != self.paid[reserve] or settled > opened:
                yield Difference(Code.BALANCE_WRONG, subject, "settled_g", self.paid[reserve], settled)

    def _without_payments(self, ordered: Sequence[Move], booked: Sequence[Move]) -> list[Move]:
        """What refills a reserve pays open claims on it at once: those payments are set aside and counted."""
        refilled = {move[2] for move in ordered if len(move[2]) == 5}
        rest = []
        for move in booked:
            if move[0] == "corrected" and move[1] in refilled and move[2] == ISSUANCE:
                self.paid[move[1]] += move[3]
            else:
                rest.append(move)
        return rest

    def _corrections_differ(
        self, ordered: Sequence[Move], booked: Sequence[Move], subject: str
    ) -> Iterator[Difference]:
        """A reserve gets all that is ordered; what it cannot bear of a debit waits as a claim."""
        due: Counter[tuple[bytes, bytes]] = Counter()
        for _, debit, credit, grams, _, _ in ordered:
            due[debit, credit] += grams
        for move in booked:
            due[move[1], move[2]] -= move[3]
            if move[0] != "corrected" or due[move[1], move[2]] < 0:
                yield Difference(Code.TRANSFER_UNFOUNDED, subject, move[0], None, _move_text(move), "beyond the order")
        for (debit, credit), grams in due.items():
            if grams > 0 and debit == ISSUANCE:
                missing = _move_text(("corrected", debit, credit, grams, None, None))
                yield Difference(Code.TRANSFER_WRONG, subject, "corrected", missing, None, "ordered, not booked")
            elif grams > 0:
                self.owed[debit] += grams

    def _links(self, document: Document, subject: str) -> Iterator[Difference]:
        if document.account != self._account:
            self._account, self._sequence, self._hash = document.account, 0, bytes(32)
        if document.sequence != self._sequence + 1:
            yield Difference(Code.DOCUMENT_CHAIN_BROKEN, subject, "sequence", self._sequence + 1, document.sequence)
        elif document.previous_hash != self._hash:
            yield Difference(Code.DOCUMENT_CHAIN_BROKEN, subject, "previous_hash", self._hash, document.previous_hash)
        self._sequence, self._hash = document.sequence, document.body_hash

    def digest(self, body: Mapping[str, Any]) -> bytes:
        """The hash of the document that `body` is. Raises Forged, BadEncoding, KeyError."""
        primary = body["primaryType"]
        if primary not in FIELDS:
            raise Forged(f"no document is a {primary}")
        return typed_digest(body["domain"], primary, FIELDS[primary], body["message"])

    def authentic(self, document: Document) -> str:
        """The document's type when its body, hash, signature and columns belong together. Raises Forged."""
        body = document.body
        primary = body["primaryType"]
        if primary not in KINDS.get(document.kind, ()):
            raise Forged(f"a {document.kind} is no {primary}")
        fields = FIELDS[primary]
        if [(entry["type"], entry["name"]) for entry in body["types"][primary]] != list(fields):
            raise Forged("types: not those of this kind")
        self._same_domain(body["domain"])
        message = body["message"]
        if self.digest(body) != document.body_hash:
            raise Forged("body_hash: the body has another digest")
        columns = (bytes_of(str(message["account"]).lower(), 20), int(message["sequence"]))
        if columns != (document.account, document.sequence):
            raise Forged("message: account or sequence differ from the row's")
        if bytes_of(message["previousHash"], 32) != document.previous_hash:
            raise Forged("previous_hash: the signed message names another")
        by_contract = (document.signer, document.body_hash, document.signature) in self.accepted
        if signer_of(document.body_hash, document.signature) != document.signer and not by_contract:
            raise Forged("signature: not by the signer")
        if document.signer != document.account:
            raise Forged("signer: not the account")
        if primary in OPERATOR_SIGNS:
            self.operator = self.operator or document.signer
            if document.signer != self.operator:
                raise Forged(f"signer: not the operator {hex_of(self.operator)}")
        return str(primary)

    def _same_domain(self, domain: Mapping[str, Any]) -> None:
        place = self.deployment
        expected = ("GridX Carbon", "1", place.chain_id, place.address, place.parent_hash)
        found = (
            domain["name"], domain["version"], int(domain["chainId"]),
            bytes_of(str(domain["verifyingContract"]).lower(), 20), bytes_of(domain["salt"], 32),
        )  # fmt: skip
        if found != expected:
            raise Forged("domain: signed for another chain or contract")


def _retired(document: Document) -> list[Move]:
    grams = int(document.body["message"]["grams"])
    return [("retired", document.account, RETIRED, grams, None, None)]


def _transferred(document: Document) -> list[Move]:
    message = document.body["message"]
    recipient = account_behind(bytes_of(str(message["recipient"]).lower(), 20))
    return [("transferred", document.account, recipient, int(message["grams"]), None, None)]


def _reduced(document: Document) -> list[Move]:
    """One move per item; the wallet that is debited is the trade's buyer, which the trade's own check names."""
    items = [(bytes_of(item["tradeId"], 32), int(item["cycle"]), int(item["grams"])) for item in document.body["items"]]
    packed = b"".join(trade + cycle.to_bytes(4, "big") + grams.to_bytes(8, "big") for trade, cycle, grams in items)
    _same_items(document, packed, sum(grams for _, _, grams in items))
    debits = {(move[4], move[5]): move[1] for move in document.moves}
    return [
        ("reduced", debits.get((hex_of(trade), cycle), b""), ISSUANCE, grams, hex_of(trade), cycle)
        for trade, cycle, grams in items
    ]


def _corrected(document: Document) -> list[Move]:
    items = [(int(item["community"]), int(item["grams"])) for item in document.body["items"]]
    packed = b"".join(number.to_bytes(4, "big") + grams.to_bytes(8, "big", signed=True) for number, grams in items)
    _same_items(document, packed, sum(grams for _, grams in items))
    moves: list[Move] = []
    for number, grams in items:
        reserve = b"\x02" + number.to_bytes(4, "big")
        debit, credit = (ISSUANCE, reserve) if grams > 0 else (reserve, ISSUANCE)
        moves.append(("corrected", debit, credit, abs(grams), None, None))
    return moves


def _same_items(document: Document, packed: bytes, grams: int) -> None:
    message = document.body["message"]
    if keccak(packed) != bytes_of(message["itemsHash"], 32) or grams != int(message["grams"]):
        raise Forged("items: not those that were signed")


ORDERS: Mapping[str, Callable[[Document], list[Move]]] = {
    "CarbonRetirement": _retired,
    "CarbonTransfer": _transferred,
    "CarbonReduction": _reduced,
    "CarbonCorrection": _corrected,
}


def account_behind(recipient: bytes) -> bytes:
    """The ledger account that an address names: 0x02, a community number and 15 zero bytes is that reserve."""
    is_reserve = recipient[0] == 2 and recipient[5:] == bytes(15) and any(recipient[1:5])
    return recipient[:5] if is_reserve else recipient


def _moves_differ(ordered: Sequence[Move], booked: Sequence[Move], subject: str) -> Iterator[Difference]:
    """Every ordered move is booked once and nothing else is."""
    due, found = Counter(ordered), Counter(booked)
    for move in due - found:
        yield Difference(Code.TRANSFER_WRONG, subject, move[0], _move_text(move), None, "ordered, not booked")
    for move in found - due:
        yield Difference(Code.TRANSFER_UNFOUNDED, subject, move[0], None, _move_text(move), "booked, not ordered")


def _move_text(move: Move) -> str:
    return f"{move[3]} g from {hex_of(move[1])} to {hex_of(move[2])}"
