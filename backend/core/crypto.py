# SPDX-License-Identifier: Apache-2.0
"""Keccak-256, EIP-712 digests and signature recovery (EIP-2 low s only)."""

from collections.abc import Mapping, Sequence
from typing import Any

from coincurve import PrivateKey, PublicKey
from eth_abi.abi import encode
from sha3 import keccak_256

_HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2

Fields = Sequence[tuple[str, str]]
DOMAIN_FIELDS = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}


def keccak(data: bytes) -> bytes:
    """Keccak-256 (Ethereum's), 32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest


def struct_hash(name: str, fields: Fields, message: Mapping[str, Any]) -> bytes:
    """EIP-712 hashStruct of a flat struct; `fields` are (type, name) pairs in order."""
    type_hash = keccak(f"{name}({','.join(f'{kind} {field}' for kind, field in fields)})".encode())
    kinds = ["bytes32"]
    values: list[Any] = [type_hash]
    for kind, field in fields:
        value = message[field]
        if kind in ("string", "bytes"):
            kind, value = "bytes32", keccak(value.encode() if isinstance(value, str) else value)
        elif kind == "address" and isinstance(value, bytes):
            value = "0x" + value.hex()
        kinds.append(kind)
        values.append(value)
    return keccak(encode(kinds, values))


def domain_separator(domain: Mapping[str, Any]) -> bytes:
    """EIP-712 domain separator of the fields that `domain` has, in the standard's order."""
    present = [(kind, name) for name, kind in DOMAIN_FIELDS.items() if name in domain]
    return struct_hash("EIP712Domain", present, domain)


def hash_typed(domain: Mapping[str, Any], name: str, fields: Fields, message: Mapping[str, Any]) -> bytes:
    """The 32-byte digest that a wallet signs for `message` (EIP-712)."""
    return keccak(b"\x19\x01" + domain_separator(domain) + struct_hash(name, fields, message))


def hash_personal(message: str) -> bytes:
    """The digest of `personal_sign` (EIP-191)."""
    raw = message.encode()
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw)


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address whose key signed `digest`, or None for a malformed or malleable (high s) signature."""
    if len(signature) != 65:
        return None
    recovery = signature[64] - 27 if signature[64] >= 27 else signature[64]
    if recovery not in (0, 1) or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        public = PublicKey.from_signature_and_message(signature[:64] + bytes([recovery]), digest, hasher=None)
    except Exception:
        return None
    return keccak(public.format(compressed=False)[1:])[-20:]


def sign(digest: bytes, private_key: bytes) -> bytes:
    """65-byte signature r ‖ s ‖ v (27 or 28) of `digest`; low s."""
    signature = PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


def address_of(private_key: bytes) -> bytes:
    """The 20-byte address of `private_key`."""
    return keccak(PrivateKey(private_key).public_key.format(compressed=False)[1:])[-20:]
