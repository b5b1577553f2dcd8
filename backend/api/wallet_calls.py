# SPDX-License-Identifier: Apache-2.0
"""Asks a wallet's contract whether it vouches for a signature (EIP-1271), through the process's nodes."""

from backend.accounts.types import CallContract
from backend.chain.errors import RpcRefused
from backend.chain.rpc import RpcClient
from backend.core.units import format_address, format_hex

GAS = 500_000  # a wallet that needs more to check a signature is not asked further
_MAX_ANSWER = 2 + 2 * 4096


def contract_caller(rpc: RpcClient) -> CallContract:
    """(address, call data) -> returned bytes at the newest block; b"" if it reverts, runs out of gas or has no code.

    Raises Unavailable if no node answers.
    """

    async def call(address: bytes, data: bytes) -> bytes:
        message = {"to": format_address(address), "data": format_hex(data), "gas": hex(GAS)}
        try:
            answer = await rpc.call("eth_call", [message, "latest"])
        except RpcRefused:
            return b""
        if not isinstance(answer, str) or not answer.startswith("0x") or len(answer) > _MAX_ANSWER:
            return b""
        try:
            return bytes.fromhex(answer[2:])
        except ValueError:
            return b""

    return call
