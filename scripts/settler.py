# SPDX-License-Identifier: Apache-2.0
"""The account that settles matched pairs on a local chain is given SETTLER_ROLE and ether. Elsewhere an admin grants
the role and somebody pays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

KEY = "GRIDX_RELAYER_KEY"
NAMES = (KEY, "GRIDX_RELAYER_KEYSTORE", "GRIDX_RELAYER_KEYSTORE_PASSWORD")
LEAST_WEI = 10 * 10**18
GIVEN_WEI = 1_000 * 10**18
_GRANT_TIMEOUT_S = 20.0

Rpc = Callable[..., Any]


class RoleNotGranted(RuntimeError):
    """The local chain did not give the account its role; the message says why."""


def account_of(key: str) -> str:
    """Address of a key in hex."""
    from eth_account import Account

    return str(Account.from_key(bytes.fromhex(key.removeprefix("0x"))).address)


def equip(rpc: Rpc, record: Mapping[str, Any], key: str) -> None:
    """Give the account of `key` what it lacks; `rpc` calls a local node, `record` is the deployment's.

    Raises RoleNotGranted.
    """
    account, contract = account_of(key), record["address"]
    if int(rpc("eth_getBalance", account, "latest"), 16) < LEAST_WEI:
        rpc("anvil_setBalance", account, hex(GIVEN_WEI))
    if _holds(rpc, contract, account):
        return
    grant = {"from": record["roles"]["admin"], "to": contract, "data": _call("grantRole(bytes32,address)", account)}
    rpc("eth_sendTransaction", grant)
    deadline = time.monotonic() + _GRANT_TIMEOUT_S
    while not _holds(rpc, contract, account):
        if time.monotonic() > deadline:
            raise RoleNotGranted(f"{record['roles']['admin']} could not grant SETTLER_ROLE to {account}")
        rpc("evm_mine")
        time.sleep(0.05)


def _holds(rpc: Rpc, contract: str, account: str) -> bool:
    call = {"to": contract, "data": _call("hasRole(bytes32,address)", account)}
    return int(rpc("eth_call", call, "latest"), 16) != 0


def _call(signature: str, account: str) -> str:
    from eth_utils.crypto import keccak

    words = keccak(signature.encode())[:4] + keccak(b"SETTLER_ROLE") + bytes.fromhex(account[2:]).rjust(32, b"\0")
    return "0x" + words.hex()
