# SPDX-License-Identifier: Apache-2.0
"""Orders, ids, details and heads as the trade log defines them, written from its NatSpec and not from its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from eth_abi.abi import encode
from eth_keys import keys
from eth_utils.crypto import keccak

ORDER_FIELDS = (
    ("address", "maker"),
    ("address", "taker"),
    ("bool", "isBid"),
    ("uint64", "meter"),
    ("uint32", "deliveryStart"),
    ("uint32", "expiry"),
    ("uint32", "energyWh"),
    ("uint32", "minFillWh"),
    ("uint40", "pricePerKwh"),
    ("uint32", "factorId"),
    ("uint16", "slot"),
    ("uint16", "deliveryMinutes"),
)
ORDER_TYPE = f"Order({','.join(f'{kind} {name}' for kind, name in ORDER_FIELDS)})".encode()
DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
LOGGED_TOPIC = keccak(b"EnergyTradeLogged(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)")
CONFIRMED_TOPIC = keccak(b"EnergyTradeConfirmed(bytes32,address,uint256)")
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ZERO_ADDRESS = "0x" + "00" * 20
TOP_NONCE_BIT = 1 << 79


@dataclass(frozen=True, slots=True)
class Order:
    """An order; fields, order and units as in `IEnergyTradeLog.Order`."""

    maker: str
    taker: str = ZERO_ADDRESS
    isBid: bool = False  # noqa: N815 (the names of the signed type)
    meter: int = 0
    deliveryStart: int = 0  # noqa: N815
    expiry: int = 2**32 - 1
    energyWh: int = 1_000  # noqa: N815
    minFillWh: int = 0  # noqa: N815
    pricePerKwh: int = 5_000_000  # noqa: N815
    factorId: int = 1  # noqa: N815
    slot: int = 0
    deliveryMinutes: int = 15  # noqa: N815

    def words(self) -> tuple[Any, ...]:
        """The fields as the contract takes them."""
        return tuple(asdict(self).values())

    def but(self, **changes: Any) -> Order:
        """The same order with other values."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain of one deployed log."""

    chain_id: int
    contract: str
    salt: bytes
    name: str = "GridX"
    version: str = "1"

    def separator(self) -> bytes:
        """The domain separator."""
        names = keccak(self.name.encode()), keccak(self.version.encode())
        words = [keccak(DOMAIN_TYPE), *names, self.chain_id, self.contract, self.salt]
        return keccak(encode(["bytes32"] * 3 + ["uint256", "address", "bytes32"], words))

    def digest(self, order: Order) -> bytes:
        """What the maker of `order` signs."""
        return keccak(b"\x19\x01" + self.separator() + struct_hash(order))

    def sign(self, order: Order, key: bytes) -> bytes:
        """Signature r, s, v (65 bytes) of `order`."""
        return sign_digest(self.digest(order), key)


@dataclass(frozen=True, slots=True)
class Details:
    """What the `details` word of an event says."""

    kind: int
    offer_slot: int = 0
    bid_slot: int = 0
    factor_id: int = 0
    delivery_minutes: int = 0
    delivery_start: int = 0
    buyer_meter: int = 0
    seller_meter: int = 0

    WIDTHS: ClassVar[tuple[int, ...]] = (8, 16, 16, 32, 16, 32, 64, 64)

    def pack(self) -> int:
        """The word, fields from the lowest bit."""
        word, shift = 0, 0
        for value, width in zip(asdict(self).values(), self.WIDTHS, strict=True):
            word |= value << shift
            shift += width
        return word

    @classmethod
    def unpack(cls, word: int) -> Details:
        """The fields of a word."""
        values = []
        for width in cls.WIDTHS:
            values.append(word & ((1 << width) - 1))
            word >>= width
        return cls(*values)


def struct_hash(order: Order) -> bytes:
    """EIP-712 hash of the struct."""
    kinds = ["bytes32", *(kind for kind, _ in ORDER_FIELDS)]
    return keccak(encode(kinds, [keccak(ORDER_TYPE), *order.words()]))


def sign_digest(digest: bytes, key: bytes) -> bytes:
    """Signature r, s, v (65 bytes, v 27 or 28, low s)."""
    signature = keys.PrivateKey(key).sign_msg_hash(digest)
    return signature.r.to_bytes(32, "big") + signature.s.to_bytes(32, "big") + bytes([signature.v + 27])


def malleate(signature: bytes) -> bytes:
    """The other signature that recovers the same key: s' = n - s, v flipped."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


def trade_id(namespace: str, nonce: int, index: int = 0) -> bytes:
    """Id of a trade."""
    return ((int(namespace, 16) << 96) | (nonce << 16) | index).to_bytes(32, "big")


def sequential_nonce(number: int) -> int:
    """Nonce of a wallet's `number`-th four-argument trade, counted from 0."""
    return TOP_NONCE_BIT | number


def pack_items(items: Sequence[tuple[bool, str, int, int]]) -> bytes:
    """Items `(caller sells, counterparty, energy Wh, price)` as `logEnergyTrades` takes them."""
    return b"".join(
        bytes([sells]) + bytes.fromhex(other[2:]) + energy.to_bytes(4, "big") + price.to_bytes(5, "big")
        for sells, other, energy, price in items
    )


def next_head(head: bytes, topics: Sequence[bytes], data: bytes) -> bytes:
    """History head after an event."""
    return keccak(head + b"".join(topics) + data)


def carbon_grams(energy_wh: int, mg_per_kwh: int) -> int:
    """Avoided emissions of a trade, grams of CO2e."""
    return energy_wh * mg_per_kwh // 10**6
