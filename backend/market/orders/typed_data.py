# SPDX-License-Identifier: Apache-2.0
"""Orders as wallets sign them: the contract's struct, its EIP-712 domain, hash, typed data, calldata tuple. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.core.crypto import domain_separator, keccak
from backend.core.units import format_address, format_hex

FIELDS = (
    ("address", "maker"), ("address", "taker"), ("bool", "isBid"), ("uint64", "meter"), ("uint32", "deliveryStart"),
    ("uint32", "expiry"), ("uint32", "energyWh"), ("uint32", "minFillWh"), ("uint40", "pricePerKwh"),
    ("uint32", "factorId"), ("uint16", "slot"), ("uint16", "deliveryMinutes"),
)  # fmt: skip
ANYBODY = bytes(20)
POSITIONS = 7
LANES = 1 << 13
_TYPE_HASH = keccak(f"Order({','.join(f'{kind} {name}' for kind, name in FIELDS)})".encode())
_DOMAIN_TYPES = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
    {"name": "salt", "type": "bytes32"},
]


@dataclass(frozen=True, slots=True)
class Order:
    """An order; fields, order and units as in `IEnergyTradeLog.Order`. Times are seconds since 1970 UTC.

    `taker` is ANYBODY, the contract (orders of the book), or the one wallet that may take it.
    """

    maker: bytes
    taker: bytes
    is_bid: bool
    meter: int
    delivery_start: int
    expiry: int
    energy_wh: int
    min_fill_wh: int
    price_micro_per_kwh: int
    factor_id: int
    slot: int
    delivery_minutes: int

    def values(self) -> tuple[bytes | bool | int, ...]:
        """The fields in the struct's order: what ABI encoding takes (addresses as 20 bytes)."""
        return (
            self.maker, self.taker, self.is_bid, self.meter, self.delivery_start, self.expiry, self.energy_wh,
            self.min_fill_wh, self.price_micro_per_kwh, self.factor_id, self.slot, self.delivery_minutes,
        )  # fmt: skip

    def words(self) -> bytes:
        """The struct as ABI encoding lays it out: twelve words of 32 bytes. Raises OverflowError below zero."""
        return b"".join(
            value.rjust(32, b"\0") if isinstance(value, bytes) else int(value).to_bytes(32, "big")
            for value in self.values()
        )

    @property
    def lane(self) -> int:
        """Number of the fill counter's word among the maker's."""
        return self.slot >> 3

    @property
    def position(self) -> int:
        """Place in that word, 0 to 6 (7 does not exist on chain)."""
        return self.slot & 7


class Deployed(Protocol):
    """What a domain is made of: a followed chain's row."""

    @property
    def chain_id(self) -> int: ...
    @property
    def contract_address(self) -> bytes: ...
    @property
    def salt(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Domain:
    """EIP-712 domain of one deployed contract; the salt is the hash of the block before its deployment."""

    chain_id: int
    contract: bytes
    salt: bytes
    separator: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = {"name": "GridX", "version": "1", "chainId": self.chain_id}
        bound = {"verifyingContract": self.contract, "salt": self.salt}
        object.__setattr__(self, "separator", domain_separator(values | bound))

    def plain(self) -> dict[str, Any]:
        """The domain as JSON."""
        return {
            "name": "GridX",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": format_address(self.contract),
            "salt": format_hex(self.salt),
        }


def domain_of(chain: Deployed) -> Domain:
    """The domain of a followed chain's contract (`backend.chain.types.Chain`)."""
    return Domain(chain.chain_id, chain.contract_address, chain.salt)


def order_hash(order: Order, domain: Domain) -> bytes:
    """The 32-byte digest that the maker signs; also the order's hash in the database."""
    return keccak(b"\x19\x01" + domain.separator + keccak(_TYPE_HASH + order.words()))


def message_of(order: Order) -> dict[str, Any]:
    """The order's values under the names of the signed type: addresses as text, numbers as decimal text."""
    return {name: _plain(value) for (_, name), value in zip(FIELDS, order.values(), strict=True)}


def typed_data(order: Order, domain: Domain) -> dict[str, Any]:
    """What a wallet signs with `eth_signTypedData_v4`, complete."""
    return {
        "domain": domain.plain(),
        "types": {"EIP712Domain": _DOMAIN_TYPES, "Order": [{"name": name, "type": kind} for kind, name in FIELDS]},
        "primaryType": "Order",
        "message": message_of(order),
    }


def order_of(message: Mapping[str, Any]) -> Order:
    """The order of such a message. Raises KeyError, ValueError, TypeError for what is not one."""
    return Order(*(_value(kind, message[name]) for kind, name in FIELDS))


def _plain(value: bytes | bool | int) -> str | bool:
    if isinstance(value, bool):
        return value
    return format_address(value) if isinstance(value, bytes) else str(value)


def _value(kind: str, value: Any) -> Any:
    if kind == "address":
        raw = bytes.fromhex(str(value).removeprefix("0x"))
        if len(raw) != 20:
            raise ValueError(f"{value} is not an address")
        return raw
    if kind == "bool":
        if not isinstance(value, bool):
            raise TypeError(f"{value} is neither true nor false")
        return value
    number = int(value)
    if not 0 <= number < 1 << int(kind.removeprefix("uint")):
        raise ValueError(f"{number} is no {kind}")
    return number
