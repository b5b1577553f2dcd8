# SPDX-License-Identifier: Apache-2.0
"""Who signs settlements. A `Signer` is all that the relayer knows; here it is a key in memory, from a setting or from
an encrypted key file (web3 secret storage, version 3, scrypt). A KMS or HSM is another class with these two members."""

import json
from pathlib import Path
from typing import Protocol

from eth_account import Account

from backend.core.crypto import address_of
from backend.market.relayer.errors import SignerUnusable
from backend.market.relayer.types import Unsigned

SCRYPT_WORK = 2**18


class Signer(Protocol):
    """Signs transactions of one account."""

    @property
    def address(self) -> bytes:
        """The account, 20 bytes."""

    async def sign(self, transaction: Unsigned) -> bytes:
        """The raw signed transaction, ready to be broadcast."""


class KeySigner:
    """A secp256k1 key in memory. The key is never shown."""

    def __init__(self, private_key: bytes) -> None:
        self._private_key = private_key
        self._address = address_of(private_key)

    @property
    def address(self) -> bytes:
        """The account, 20 bytes."""
        return self._address

    @classmethod
    def from_hex(cls, text: str) -> "KeySigner":
        """From 64 hex digits, with or without 0x. Raises SignerUnusable for anything else."""
        try:
            key = bytes.fromhex(text.strip().removeprefix("0x"))
            if len(key) != 32:
                raise ValueError(f"{len(key)} bytes")
            return cls(key)
        except ValueError as error:
            raise SignerUnusable("A relayer's key has 32 bytes in hex, below the order of secp256k1") from error

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> "KeySigner":
        """From an encrypted key file. Raises SignerUnusable, naming the file and what is wrong with it."""
        try:
            content = json.loads(path.read_text())
            return cls(bytes(Account.decrypt(content, password)))
        except FileNotFoundError as error:
            raise SignerUnusable("There is no such key file", path=str(path)) from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
            why = str(error) or type(error).__name__
            raise SignerUnusable("The key file cannot be opened", path=str(path), why=why[:200]) from error

    async def sign(self, transaction: Unsigned) -> bytes:
        """The raw signed transaction, ready to be broadcast."""
        signed = Account.sign_transaction(
            {
                "type": 2,
                "chainId": transaction.chain_id,
                "nonce": transaction.nonce,
                "gas": transaction.gas,
                "maxFeePerGas": transaction.fees.max_fee_wei,
                "maxPriorityFeePerGas": transaction.fees.priority_fee_wei,
                "to": transaction.to,
                "value": 0,
                "data": transaction.data,
            },
            self._private_key,
        )
        return bytes(signed.raw_transaction)


def write_keystore(path: Path, password: str, private_key: bytes, *, work_factor: int = SCRYPT_WORK) -> bytes:
    """Write an encrypted key file (mode 0600) that does not exist yet; returns the account. Raises FileExistsError."""
    content = Account.encrypt(private_key, password, kdf="scrypt", iterations=work_factor)
    with path.open("x") as file:
        path.chmod(0o600)
        json.dump(content, file)
    return address_of(private_key)
