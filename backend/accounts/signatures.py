# SPDX-License-Identifier: Apache-2.0
"""Whether a wallet signed a digest: its own key (ecrecover, low s) first, then its contract (EIP-1271)."""

from eth_abi.abi import encode

from backend.accounts.types import CallContract
from backend.core.crypto import keccak, recover

MAX_SIGNATURE = 4_096
_SELECTOR = keccak(b"isValidSignature(bytes32,bytes)")[:4]
_MAGIC = _SELECTOR.ljust(32, b"\x00")


async def signed_by(address: bytes, digest: bytes, signature: bytes, call_contract: CallContract | None) -> bool:
    """True only if `address` vouches for `signature` over `digest`; without `call_contract` only key wallets can.

    A contract's answer counts when it is exactly the magic word in 32 bytes. Raises Unavailable if the node is away.
    """
    if len(signature) > MAX_SIGNATURE:
        return False
    if recover(digest, signature) == address:
        return True
    if call_contract is None:
        return False
    answer = await call_contract(address, _SELECTOR + encode(["bytes32", "bytes"], [digest, signature]))
    return answer == _MAGIC
