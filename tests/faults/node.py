# SPDX-License-Identifier: Apache-2.0
"""A node that misbehaves: the proxy in front of the real one, with one fault at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.backend.chain.proxy import Proxy, unaltered

FAULTS = ("refusing", "garbage", "slow", "lagging", "silent_logs", "another_chain", "no_block_receipts", "forged_logs")


class Node(Proxy):
    """`fail(name)` starts a fault, `heal()` ends it."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.fault = ""
        self._known_head = 0
        self._head: Any = None

    def fail(self, fault: str, *, head: Any = None) -> None:
        """Misbehave like `fault`; `head` is the block (JSON) that a lagging node takes for the newest."""
        self.heal()
        self.fault = fault
        if fault == "refusing":
            self.raw, self.status = b"", 503
        elif fault == "garbage":
            self.raw = b"<html>gateway</html>"
        elif fault == "slow":
            self.delay_s = 0.25
        elif fault == "lagging":
            self._head, self._known_head = head, int(head["number"], 16)
            self.alter = self._lag
        elif fault == "silent_logs":
            self.alter = _leave_out_logs
        elif fault == "forged_logs":
            self.alter = _forge_logs
        elif fault == "another_chain":
            self.alter = _another_chain
        elif fault == "no_block_receipts":
            self.missing = frozenset({"eth_getBlockReceipts"})
        else:
            raise KeyError(fault)

    def heal(self) -> None:
        """Answer as the real node does."""
        self.fault = ""
        self.raw, self.status, self.delay_s = None, 200, 0.0
        self.alter, self.missing = unaltered, frozenset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await super()._serve(reader, writer)
        except (httpx.HTTPError, RuntimeError):  # the real node ended meanwhile, or this was no request of ours
            writer.close()

    def _lag(self, method: str, params: list[Any], result: Any) -> Any:
        if result is None:
            return None
        if method == "eth_getBlockByNumber":
            if params[0] == "latest":
                return self._head
            return result if int(result["number"], 16) <= self._known_head else None
        if method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
            number = result.get("blockNumber")
            return None if number is not None and int(number, 16) > self._known_head else result
        if method == "eth_getBlockReceipts":
            return result if int(params[0], 16) <= self._known_head else None
        return result


def _receipts_of(method: str, result: Any) -> list[Any]:
    if not result:
        return []
    if method == "eth_getBlockReceipts":
        return list(result)
    return [result] if method == "eth_getTransactionReceipt" else []


def _leave_out_logs(method: str, params: list[Any], result: Any) -> Any:
    if method == "eth_getLogs":
        return []
    for receipt in _receipts_of(method, result):
        receipt["logs"] = []
    return result


def _forge_logs(method: str, params: list[Any], result: Any) -> Any:
    """The first word of each log's data (a trade's energy) is one more than the chain says."""
    for receipt in _receipts_of(method, result):
        for log in receipt["logs"]:
            data = bytes.fromhex(log["data"][2:])
            log["data"] = "0x" + (int.from_bytes(data[:32], "big") + 1).to_bytes(32, "big").hex() + data[32:].hex()
    return result


def _another_chain(method: str, params: list[Any], result: Any) -> Any:
    return "0x1" if method == "eth_chainId" else result
