# SPDX-License-Identifier: Apache-2.0
"""What an operator's wallet signs: the declaration of an island and its early end, as EIP-712 typed messages. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from eth_abi.exceptions import EncodingError, ParseError

from backend.chain.types import Chain
from backend.core.crypto import DOMAIN_FIELDS, Fields, hash_typed
from backend.core.units import format_address, format_hex, parse_address


@dataclass(frozen=True, slots=True)
class Declaration:
    """An island of `community` in [starts_at, ends_at), not to be sent after `expiry`. Times: seconds since 1970."""

    PRIMARY: ClassVar[str] = "IslandDeclaration"
    FIELDS: ClassVar[Fields] = (
        ("address", "operator"), ("uint256", "community"), ("string", "reason"), ("uint256", "startsAt"),
        ("uint256", "endsAt"), ("uint256", "priceCapMicroPerKwh"), ("uint256", "expiry"),
    )  # fmt: skip
    operator: bytes
    community: int
    reason: str
    starts_at: int
    ends_at: int
    price_cap_micro_per_kwh: int
    expiry: int

    def message(self) -> dict[str, Any]:
        """The values of `FIELDS`."""
        return {
            "operator": self.operator, "community": self.community, "reason": self.reason, "startsAt": self.starts_at,
            "endsAt": self.ends_at, "priceCapMicroPerKwh": self.price_cap_micro_per_kwh, "expiry": self.expiry,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ending:
    """The island whose declaration has the hash `declaration` ends when this is received."""

    PRIMARY: ClassVar[str] = "IslandEnding"
    FIELDS: ClassVar[Fields] = (("address", "operator"), ("bytes32", "declaration"), ("uint256", "expiry"))
    operator: bytes
    declaration: bytes
    expiry: int

    def message(self) -> dict[str, Any]:
        """The values of `FIELDS`."""
        return {"operator": self.operator, "declaration": self.declaration, "expiry": self.expiry}


Document = Declaration | Ending


def digest(chain: Chain, document: Document) -> bytes:
    """The 32 bytes that are signed; also the document's hash."""
    return hash_typed(_domain(chain), document.PRIMARY, document.FIELDS, document.message())


def typed_data(chain: Chain, document: Document) -> dict[str, Any]:
    """What a wallet signs with eth_signTypedData_v4, and what is stored: numbers as decimal text, bytes as 0x text."""
    domain = {name: _text(value) for name, value in _domain(chain).items()} | {"chainId": chain.chain_id}
    fields = {"EIP712Domain": [(kind, name) for name, kind in DOMAIN_FIELDS.items()], document.PRIMARY: document.FIELDS}
    return {
        "domain": domain,
        "types": {name: [{"name": field, "type": kind} for kind, field in pairs] for name, pairs in fields.items()},
        "primaryType": document.PRIMARY,
        "message": {name: _text(value) for name, value in document.message().items()},
    }


def digest_of_body(body: Mapping[str, Any]) -> bytes:
    """The digest of a stored body, from the body alone. Raises KeyError, ValueError for a damaged one."""
    fields = [(str(field["type"]), str(field["name"])) for field in body["types"][body["primaryType"]]]
    domain = dict(body["domain"]) | {"salt": bytes.fromhex(body["domain"]["salt"][2:])}
    message = {name: _VALUES.get(kind, int)(body["message"][name]) for kind, name in fields}
    try:
        return hash_typed(domain, str(body["primaryType"]), fields, message)
    except (EncodingError, ParseError) as error:
        raise ValueError(f"no typed message: {error}") from error


def seconds(at: datetime) -> int:
    """A time as documents write it."""
    return int(at.timestamp())


def _domain(chain: Chain) -> dict[str, Any]:
    return {
        "name": "GridX Islands",
        "version": "1",
        "chainId": chain.chain_id,
        "verifyingContract": format_address(chain.contract_address),
        "salt": chain.salt,
    }


_VALUES: Mapping[str, Any] = {
    "address": parse_address,
    "string": str,
    "bytes32": lambda value: bytes.fromhex(value[2:]),
}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return format_address(value) if len(value) == 20 else format_hex(value)
    return str(value)
