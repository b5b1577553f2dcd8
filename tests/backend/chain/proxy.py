# SPDX-License-Identifier: Apache-2.0
"""A real HTTP server in front of a real node that alters, delays, refuses or garbles its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson

Alter = Callable[[str, list[Any], Any], Any]


def unaltered(method: str, params: list[Any], result: Any) -> Any:
    """The node's own answer."""
    return result


class Proxy:
    """`alter(method, params, result)` changes results; `raw` replaces the whole body; `missing` methods are refused;
    `status` and `delay_s` say the rest."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.alter: Alter = unaltered
        self.raw: bytes | None = None
        self.status = 200
        self.delay_s = 0.0
        self.methods: list[str] = []
        self.missing: frozenset[str] = frozenset()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._http = httpx.AsyncClient(timeout=30, headers={"content-type": "application/json"})

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close the port and every connection."""
        assert self._server is not None
        self._server.close()
        await self._http.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line[:14] == b"content-length"
                )
                body = await self._answer(await reader.readexactly(length))
                await asyncio.sleep(self.delay_s)
                answer = f"HTTP/1.1 {self.status} X\r\ncontent-type: application/json\r\n"
                writer.write(answer.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: bytes) -> bytes:
        asked = orjson.loads(body)
        calls = asked if isinstance(asked, list) else [asked]
        self.methods += [call["method"] for call in calls]
        if self.raw is not None:
            return self.raw
        answers = (await self._http.post(self.target, content=orjson.dumps(calls))).json()
        for call, answer in zip(calls, answers, strict=True):
            if call["method"] in self.missing:
                answer.pop("result", None)
                answer["error"] = {"code": -32601, "message": "no such method"}
            elif "result" in answer:
                answer["result"] = self.alter(call["method"], call["params"], answer["result"])
        return orjson.dumps(answers if isinstance(asked, list) else answers[0])
