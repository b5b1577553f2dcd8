# SPDX-License-Identifier: Apache-2.0
"""Documents of the ledger as EIP-712 typed messages. Pure: building, hashing, checking; no database, no clock.

Each account (a wallet, or the operator's address) has one chain of documents: `sequence` counts from 1 and
`previousHash` is the digest of the document before, zero for the first. The digest that was signed is the
document's hash, and the stored body holds all that is needed to compute it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from backend.carbon.types import Correction, Reduction, reserve_of
from backend.core.crypto import Fields, hash_typed, keccak
from backend.core.units import format_address, format_hex, parse_address

NO_PREDECESSOR = bytes(32)
_RESERVE_TAIL = bytes(15)
_DOMAIN_TYPES = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
    {"name": "salt", "type": "bytes32"},
]


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: one contract on one chain, salted, so that a reset chain accepts no old document."""

    chain_id: int
    contract: bytes
    salt: bytes

    def values(self) -> dict[str, Any]:
        """The EIP-712 domain."""
        return {
            "name": "GridX Carbon",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": format_address(self.contract),
            "salt": self.salt,
        }


@dataclass(frozen=True, slots=True)
class Head:
    """The last document of an account; `sequence` 0 and 32 zero bytes when there is none."""

    sequence: int = 0
    hash: bytes = NO_PREDECESSOR


class Document(Protocol):
    """What can be signed. `fields` are EIP-712 (type, name) pairs; `message` holds raw values."""

    KIND: ClassVar[str]
    PRIMARY: ClassVar[str]
    FIELDS: ClassVar[Fields]

    @property
    def account(self) -> bytes:
        """Whose chain of documents this continues."""

    @property
    def sequence(self) -> int:
        """Place in the chain, from 1."""

    @property
    def previous_hash(self) -> bytes:
        """Hash of the document before."""

    def message(self) -> dict[str, Any]:
        """The values of `FIELDS`."""

    def items(self) -> list[dict[str, Any]]:
        """What the message only names by hash."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """The owner takes grams out of circulation for ever. `expiry` is in seconds since 1970."""

    KIND: ClassVar[str] = "retirement"
    PRIMARY: ClassVar[str] = "CarbonRetirement"
    FIELDS: ClassVar[Fields] = (
        ("address", "account"), ("uint256", "grams"), ("string", "reason"), ("uint256", "sequence"),
        ("bytes32", "previousHash"), ("uint256", "expiry"),
    )  # fmt: skip
    account: bytes
    grams: int
    reason: str
    sequence: int
    previous_hash: bytes
    expiry: int

    def message(self) -> dict[str, Any]:
        """The values of `FIELDS`."""
        return {
            "account": self.account, "grams": self.grams, "reason": self.reason, "sequence": self.sequence,
            "previousHash": self.previous_hash, "expiry": self.expiry,
        }  # fmt: skip

    def items(self) -> list[dict[str, Any]]:
        """Nothing: the message is complete."""
        return []


@dataclass(frozen=True, slots=True)
class Transference:
    """The owner gives grams to another wallet, or to a community's reserve (`reserve_address`)."""

    KIND: ClassVar[str] = "transfer"
    PRIMARY: ClassVar[str] = "CarbonTransfer"
    FIELDS: ClassVar[Fields] = (
        ("address", "account"), ("address", "recipient"), ("uint256", "grams"), ("uint256", "sequence"),
        ("bytes32", "previousHash"), ("uint256", "expiry"),
    )  # fmt: skip
    account: bytes
    recipient: bytes
    grams: int
    sequence: int
    previous_hash: bytes
    expiry: int

    def message(self) -> dict[str, Any]:
        """The values of `FIELDS`."""
        return {
            "account": self.account, "recipient": self.recipient, "grams": self.grams, "sequence": self.sequence,
            "previousHash": self.previous_hash, "expiry": self.expiry,
        }  # fmt: skip

    def items(self) -> list[dict[str, Any]]:
        """Nothing: the message is complete."""
        return []


@dataclass(frozen=True, slots=True)
class ReductionOrder:
    """The operator takes back pending carbon of trades that delivered less than they said."""

    KIND: ClassVar[str] = "reduction"
    PRIMARY: ClassVar[str] = "CarbonReduction"
    FIELDS: ClassVar[Fields] = (
        ("address", "account"), ("uint256", "sequence"), ("bytes32", "previousHash"), ("uint256", "issuedAt"),
        ("uint256", "grams"), ("bytes32", "itemsHash"),
    )  # fmt: skip
    account: bytes
    sequence: int
    previous_hash: bytes
    issued_at: int
    reductions: tuple[Reduction, ...]

    def message(self) -> dict[str, Any]:
        """The values of `FIELDS`; `itemsHash` is keccak of (trade id 32 ‖ cycle 4 ‖ grams 8 bytes) of each item."""
        packed = b"".join(
            item.trade_id + item.cycle.to_bytes(4, "big") + item.grams.to_bytes(8, "big") for item in self.reductions
        )
        return {
            "account": self.account, "sequence": self.sequence, "previousHash": self.previous_hash,
            "issuedAt": self.issued_at, "grams": sum(item.grams for item in self.reductions),
            "itemsHash": keccak(packed),
        }  # fmt: skip

    def items(self) -> list[dict[str, Any]]:
        """Each reduction."""
        return [
            {"tradeId": format_hex(item.trade_id), "cycle": item.cycle, "grams": str(item.grams)}
            for item in self.reductions
        ]


@dataclass(frozen=True, slots=True)
class CorrectionOrder:
    """The operator books readings that changed after the release against the reserves of communities."""

    KIND: ClassVar[str] = "reduction"
    PRIMARY: ClassVar[str] = "CarbonCorrection"
    FIELDS: ClassVar[Fields] = (
        ("address", "account"), ("uint256", "sequence"), ("bytes32", "previousHash"), ("uint256", "issuedAt"),
        ("int256", "grams"), ("bytes32", "itemsHash"),
    )  # fmt: skip
    account: bytes
    sequence: int
    previous_hash: bytes
    issued_at: int
    corrections: tuple[Correction, ...]

    def message(self) -> dict[str, Any]:
        """The values of `FIELDS`; `itemsHash` is keccak of (community 4 ‖ grams 8 bytes, signed) of each item."""
        packed = b"".join(
            item.community.to_bytes(4, "big") + item.grams.to_bytes(8, "big", signed=True) for item in self.corrections
        )
        return {
            "account": self.account, "sequence": self.sequence, "previousHash": self.previous_hash,
            "issuedAt": self.issued_at, "grams": sum(item.grams for item in self.corrections),
            "itemsHash": keccak(packed),
        }  # fmt: skip

    def items(self) -> list[dict[str, Any]]:
        """Each correction."""
        return [{"community": item.community, "grams": str(item.grams)} for item in self.corrections]


def digest(domain: Domain, document: Document) -> bytes:
    """The 32 bytes that are signed; also the document's hash."""
    return hash_typed(domain.values(), document.PRIMARY, document.FIELDS, document.message())


def typed_data(domain: Domain, document: Document) -> dict[str, Any]:
    """What a wallet signs with eth_signTypedData_v4, and what is stored: numbers as decimal text, bytes as 0x text."""
    body: dict[str, Any] = {
        "domain": _plain(domain.values()) | {"chainId": domain.chain_id},
        "types": {
            "EIP712Domain": _DOMAIN_TYPES,
            document.PRIMARY: [{"name": name, "type": kind} for kind, name in document.FIELDS],
        },
        "primaryType": document.PRIMARY,
        "message": _plain(document.message()),
    }
    items = document.items()
    return body | {"items": items} if items else body


def digest_of_body(body: Mapping[str, Any]) -> bytes:
    """The digest of a stored body, computed from the body alone. Raises KeyError, ValueError for a damaged one."""
    fields = [(str(field["type"]), str(field["name"])) for field in body["types"][body["primaryType"]]]
    message = {name: _value(kind, body["message"][name]) for kind, name in fields}
    domain = dict(body["domain"])
    domain["salt"] = bytes.fromhex(domain["salt"][2:])
    return hash_typed(domain, body["primaryType"], fields, message)


def account_of_recipient(recipient: bytes) -> bytes:
    """The ledger account behind an address: a community's reserve for a `reserve_address`, else the wallet itself."""
    number = int.from_bytes(recipient[1:5], "big")
    is_reserve = recipient[0] == 2 and recipient[5:] == _RESERVE_TAIL and number > 0
    return reserve_of(number) if is_reserve else recipient


def reserve_address(community: int) -> bytes:
    """How a typed message names a community's reserve: its account, padded to an address that nobody owns."""
    return reserve_of(community) + _RESERVE_TAIL


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return format_address(value) if len(value) == 20 else format_hex(value)
    return str(value)


def _value(kind: str, text: str) -> Any:
    if kind == "address":
        return parse_address(text)
    if kind == "bytes32":
        return bytes.fromhex(text[2:])
    return text if kind == "string" else int(text)
