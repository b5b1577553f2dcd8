# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC over HTTP as the audit reads it: few methods, batches, retries, bounded answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from backend.audit.encoding import BadEncoding, bytes_of, number_of

ATTEMPTS = 4
TIMEOUT_S = 30.0
ANSWER_LIMIT = 256 * 1024 * 1024
BATCH = 100
VIEW_GAS = 1_000_000
Call = tuple[str, list[Any]]


class NodeFailed(Exception):
    """A node is away, or answers what is no JSON-RPC; the message names node and method."""


class NodeRefused(NodeFailed):
    """The node answered with a JSON-RPC error."""


class Node:
    """One node. Transport failures are retried with a growing pause; errors that the node states are not."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client
        self._next_id = 0

    @property
    def name(self) -> str:
        """Host and port, without credentials or paths, which may hold keys."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    async def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises NodeRefused, NodeFailed."""
        request = self._request(method, list(params))
        answer = await self._post(request, method)
        if not isinstance(answer, dict):
            raise NodeFailed(f"{self.name} answers {method} with something else than JSON-RPC")
        return self._result(answer, method)

    async def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Results of many calls in their order, asked for in batches. Raises NodeRefused, NodeFailed."""
        results: list[Any] = []
        for start in range(0, len(calls), BATCH):
            part = calls[start : start + BATCH]
            requests = [self._request(method, params) for method, params in part]
            answers = await self._post(requests, part[0][0])
            if not isinstance(answers, list):
                raise NodeFailed(f"{self.name} takes no batches: {str(answers)[:200]}")
            by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
            for request in requests:
                answer = by_id.get(request["id"])
                if answer is None:
                    raise NodeFailed(f"{self.name} left a call of a batch unanswered: {request['method']}")
                results.append(self._result(answer, request["method"]))
        return results

    def _request(self, method: str, params: list[Any]) -> dict[str, Any]:
        self._next_id += 1
        return {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}

    def _result(self, answer: dict[str, Any], method: str) -> Any:
        if answer.get("error"):
            error = answer["error"]
            raise NodeRefused(f"{self.name}: {method}: {error.get('message') if isinstance(error, dict) else error}")
        if "result" not in answer:
            raise NodeFailed(f"{self.name} answers {method} without a result")
        return answer["result"]

    async def _post(self, body: Any, method: str) -> Any:
        content = orjson.dumps(body)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await self._client.post(self.url, content=content)
                if response.status_code >= 500 or response.status_code == 429:
                    raise httpx.TransportError(f"status {response.status_code}")
                if len(response.content) > ANSWER_LIMIT:
                    raise NodeFailed(f"{self.name}: the answer to {method} is too large")
                return orjson.loads(response.content)
            except (httpx.TransportError, orjson.JSONDecodeError) as error:
                if attempt == ATTEMPTS:
                    reason = str(error) or type(error).__name__
                    raise NodeFailed(f"{self.name} does not answer {method}: {reason}") from error
                await asyncio.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")

    # --- what the audit asks for ------------------------------------------------------------------------------------

    async def block(self, which: int | str) -> dict[str, Any] | None:
        """The block of a number, a tag or a 32-byte hash (0x-hex), without transactions; None when unknown."""
        if isinstance(which, str) and len(which) == 66:
            found = await self.call("eth_getBlockByHash", which, False)
        else:
            found = await self.call("eth_getBlockByNumber", hex(which) if isinstance(which, int) else which, False)
        if found is not None and not isinstance(found, dict):
            raise NodeFailed(f"{self.name} answers a block with something else")
        return found

    async def chain_id(self) -> int:
        """The chain's EIP-155 number."""
        return number_of(await self.call("eth_chainId"))

    async def block_hash(self, number: int) -> bytes | None:
        """The hash that this node holds for canonical block `number`, or None."""
        block = await self.block(number)
        return None if block is None else bytes_of(block.get("hash"), 32)

    async def receipts(self, number: int) -> list[dict[str, Any]]:
        """All receipts of a block, in order. Raises NodeFailed."""
        found = await self.call("eth_getBlockReceipts", hex(number))
        if not isinstance(found, list):
            raise NodeFailed(f"{self.name} has no receipts of block {number}")
        return sorted(found, key=lambda receipt: number_of(receipt["transactionIndex"]))

    async def view(self, contract: bytes, data: bytes, block: int) -> bytes:
        """What a contract answers to `data` at a block. Raises NodeFailed."""
        request = {"to": "0x" + contract.hex(), "data": "0x" + data.hex(), "gas": hex(VIEW_GAS)}
        try:
            return bytes_of(await self.call("eth_call", request, hex(block)))
        except BadEncoding as error:
            raise NodeFailed(f"{self.name} answers eth_call with {error}") from error


def client() -> httpx.AsyncClient:
    """An HTTP client fit for `Node`; the caller closes it."""
    limits = httpx.Limits(max_connections=16)
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, headers={"content-type": "application/json"})
