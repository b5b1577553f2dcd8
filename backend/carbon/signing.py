# SPDX-License-Identifier: Apache-2.0
"""The operator's key: it signs what the operator does to balances, so that an audit can tell it from a forgery."""

from backend.core.crypto import address_of, sign


class OperatorKey:
    """A secp256k1 key; `address` (20 bytes) is the account whose documents it signs. The key is never shown."""

    def __init__(self, private_key: bytes) -> None:
        self._private_key = private_key
        self.address = address_of(private_key)

    @classmethod
    def from_hex(cls, text: str) -> "OperatorKey":
        """From 64 hex digits, with or without 0x. Raises ValueError for anything else."""
        raw = bytes.fromhex(text.removeprefix("0x"))
        if len(raw) != 32:
            raise ValueError("an operator key has 32 bytes")
        return cls(raw)

    def sign(self, digest: bytes) -> bytes:
        """65-byte signature of a 32-byte digest."""
        return sign(digest, self._private_key)
