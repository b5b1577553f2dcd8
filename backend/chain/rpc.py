# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC over HTTP to the nodes of a chain: batches, fail-over, back-off, bounded answers, typed errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import stamina

from backend.chain.errors import RpcGarbage, RpcRefused, RpcUnavailable, RpcWrongChain
from backend.chain.metrics import observe_rpc

Call = tuple[str, list[Any]]
Observer = Callable[[str, float, str], None]
MAX_ANSWER_BYTES = 128 * 1024 * 1024
_BUSY_CODES = frozenset({-32005, -32029, -32016})  # limits of hosted nodes: another node may still answer


@dataclass(slots=True)
class Node:
    """One URL and what we know of it. `shunned_until` is a moment of the monotonic clock."""

    url: str
    is_checked: bool = False
    shunned_until: float = 0.0
    failures: int = 0


class RpcClient:
    """Talks to the first healthy node; a node that fails is shunned for a while and the next one is asked.

    `chain_id` (None: any) is checked at each node before its first answer counts and again after it was away.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int | None = None,
        timeout_s: float = 10.0,
        attempts: int = 4,
        max_batch: int = 100,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        observer: Observer = observe_rpc,
    ) -> None:
        if not urls:
            raise ValueError("at least one RPC URL is needed")
        self.nodes = [Node(url) for url in urls]
        self.chain_id = chain_id
        self._attempts = attempts
        self._max_batch = max_batch
        self._max_answer_bytes = max_answer_bytes
        self._observer = observer
        self._timeout_s = timeout_s
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=30)
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 3.0)), limits=limits)

    async def __aenter__(self) -> RpcClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def expect(self, chain_id: int) -> None:
        """From now on only nodes of this chain count."""
        if self.chain_id != chain_id:
            self.chain_id = chain_id
            for node in self.nodes:
                node.is_checked = False

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(self, method: str, params: list[Any], *, node: Node | None = None) -> Any:
        """Result of one call. RpcRefused: the node's error; RpcUnavailable: nobody answered; see `batch`."""
        return (await self.batch([(method, params)], node=node))[0]

    async def batch(self, calls: Sequence[Call], *, node: Node | None = None) -> list[Any]:
        """Results in the order of `calls`, sent as HTTP batches. With `node`, only that node is asked, once.

        RpcRefused: a node answered one of them with an error. RpcWrongChain, RpcGarbage, RpcUnavailable: no node gave
        a usable answer within the attempts.
        """
        results: list[Any] = []
        for start in range(0, len(calls), self._max_batch):
            part = calls[start : start + self._max_batch]
            results += await (self._exchange(node, part) if node else self._with_retries(part))
        return results

    def shun(self, node: Node | None = None, *, seconds: float | None = None) -> None:
        """Ask other nodes first for a while: `node` (default: the preferred one) lagged or gave a wrong answer."""
        node = node or self.preferred()
        node.failures += 1
        node.is_checked = False
        node.shunned_until = time.monotonic() + (seconds or min(30.0, 0.25 * 2 ** min(node.failures, 7)))

    def preferred(self) -> Node:
        """The node that is asked first now."""
        return self._by_health()[0]

    def others(self) -> list[Node]:
        """Every node but the preferred one, healthiest first."""
        return self._by_health()[1:]

    def _by_health(self) -> list[Node]:
        now = time.monotonic()
        return sorted(self.nodes, key=lambda node: node.shunned_until if node.shunned_until > now else 0.0)

    async def _with_retries(self, calls: Sequence[Call]) -> list[Any]:
        async for attempt in stamina.retry_context(
            on=RpcUnavailable,
            attempts=self._attempts,
            timeout=self._timeout_s * self._attempts,
            wait_initial=0.1,
            wait_max=5.0,
        ):
            with attempt:
                return await self._any_node(calls)
        raise AssertionError("unreachable")

    async def _any_node(self, calls: Sequence[Call]) -> list[Any]:
        failure: RpcUnavailable | None = None
        for node in self._by_health():
            try:
                results = await self._exchange(node, calls)
            except RpcUnavailable as error:
                self.shun(node)
                if failure is None or isinstance(failure, RpcWrongChain):  # another chain is the last resort
                    failure = error
            else:
                node.failures = 0
                return results
        assert failure is not None
        raise failure

    async def _exchange(self, node: Node, calls: Sequence[Call]) -> list[Any]:
        if not node.is_checked and self.chain_id is not None:
            await self._check_chain(node)
        return await self._measured(node, calls)

    async def _check_chain(self, node: Node) -> None:
        (answer,) = await self._measured(node, [("eth_chainId", [])])
        try:
            found = int(answer, 16)
        except (TypeError, ValueError) as error:
            raise RpcGarbage("The node's chain id cannot be read") from error
        if found != self.chain_id:
            raise RpcWrongChain(expected=self.chain_id, found=found)
        node.is_checked = True

    async def _measured(self, node: Node, calls: Sequence[Call]) -> list[Any]:
        started = time.perf_counter()
        outcome = "unavailable"
        try:
            results = _results(await self._post(node, calls), len(calls))
            outcome = "ok"
            return results
        except RpcRefused:
            outcome = "refused"
            raise
        except RpcGarbage:
            outcome = "garbage"
            raise
        finally:
            self._observer(calls[0][0], time.perf_counter() - started, outcome)

    async def _post(self, node: Node, calls: Sequence[Call]) -> Any:
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            for number, (method, params) in enumerate(calls)
        ]
        content = orjson.dumps(body[0] if len(body) == 1 else body)
        answer = bytearray()
        try:
            async with self._http.stream(
                "POST", node.url, content=content, headers={"content-type": "application/json"}
            ) as response:
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > self._max_answer_bytes:
                        raise RpcGarbage("The node's answer is too large", limit_bytes=self._max_answer_bytes)
                status = response.status_code
        except httpx.HTTPError as error:
            raise RpcUnavailable(why=type(error).__name__) from error
        try:
            parsed = orjson.loads(answer)
        except orjson.JSONDecodeError as error:
            if status != 200:
                raise RpcUnavailable(status=status) from error
            raise RpcGarbage("The node's answer is not JSON") from error
        if status != 200 and not isinstance(parsed, (dict, list)):
            raise RpcUnavailable(status=status)
        return parsed if isinstance(parsed, list) else [parsed] if len(calls) == 1 else parsed


def _results(answers: Any, count: int) -> list[Any]:
    if isinstance(answers, dict):  # the whole batch was refused
        _raise_if_error(answers)
    if not isinstance(answers, list) or len(answers) != count:
        raise RpcGarbage("The node answered another number of calls than it was asked")
    results: list[Any] = [None] * count
    seen: set[int] = set()
    for answer in answers:
        if not isinstance(answer, dict):
            raise RpcGarbage("The node's answer is not JSON-RPC")
        _raise_if_error(answer)
        number = answer.get("id")
        if type(number) is not int or not 0 <= number < count or number in seen or "result" not in answer:
            raise RpcGarbage("The node's answer is not JSON-RPC")
        seen.add(number)
        results[number] = answer["result"]
    return results


def _raise_if_error(answer: dict[str, Any]) -> None:
    error = answer.get("error")
    if error is None:
        return
    if not isinstance(error, dict):
        raise RpcGarbage("The node's error is not JSON-RPC")
    code = error.get("code")
    message = str(error.get("message", ""))[:300]
    if code in _BUSY_CODES or code == 429:
        raise RpcUnavailable("The node limits requests", rpc_code=code, rpc_message=message)
    raise RpcRefused(rpc_code=code if isinstance(code, int) else 0, rpc_message=message)
