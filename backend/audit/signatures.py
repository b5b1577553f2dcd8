# SPDX-License-Identifier: Apache-2.0
"""EIP-712 digests and signature recovery, written for the audit alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coincurve import PublicKey

from backend.audit.encoding import BadEncoding, bytes_of, keccak

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
Fields = Sequence[tuple[str, str]]
DOMAIN: Fields = (
    ("string", "name"),
    ("string", "version"),
    ("uint256", "chainId"),
    ("address", "verifyingContract"),
    ("bytes32", "salt"),
)


def typed_digest(domain: Mapping[str, Any], name: str, fields: Fields, message: Mapping[str, Any]) -> bytes:
    """The digest of a flat typed message; values may be text as JSON carries them. Raises BadEncoding, KeyError."""
    return keccak(b"\x19\x01" + _struct("EIP712Domain", DOMAIN, domain) + _struct(name, fields, message))


def _struct(name: str, fields: Fields, values: Mapping[str, Any]) -> bytes:
    signature = f"{name}({','.join(f'{kind} {field}' for kind, field in fields)})"
    return keccak(keccak(signature.encode()) + b"".join(_word(kind, values[field]) for kind, field in fields))


def _word(kind: str, value: Any) -> bytes:
    if kind == "string":
        return keccak(str(value).encode())
    if kind == "address":
        return bytes(12) + (value if isinstance(value, bytes) else bytes_of(str(value).lower(), 20))
    if kind == "bytes32":
        return value if isinstance(value, bytes) else bytes_of(value, 32)
    if kind in ("uint256", "int256"):
        try:
            return int(value).to_bytes(32, "big", signed=kind == "int256")
        except (ValueError, TypeError, OverflowError) as error:
            raise BadEncoding(f"no {kind}: {value!r}") from error
    raise BadEncoding(f"no value of type {kind} is signed here")


def signer_of(digest: bytes, signature: bytes) -> bytes | None:
    """The address whose key made a 65-byte signature; None when malformed or with high s (malleable)."""
    if len(signature) != 65 or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    parity = signature[64] - 27 if signature[64] > 26 else signature[64]
    if parity > 1:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes((parity,)), digest, hasher=None)
    except Exception:  # coincurve raises a bare Exception for a point off the curve
        return None
    return keccak(key.format(compressed=False)[1:])[12:]
