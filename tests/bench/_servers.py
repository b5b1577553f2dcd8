# SPDX-License-Identifier: Apache-2.0
"""Servers that send one frame to all who are connected, and nothing else: what the machine and each server can do.

`python -m tests.bench._servers bare|pipe|uvicorn|granian PORT BYTES`; a GET of /go makes it send. `bare` knows no HTTP
and writes to its transports in a loop: the measure of the others. `pipe` does so inside uvicorn, as GridX; `uvicorn`
and `granian` send through ASGI, as applications usually do.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, cast

import uvloop

from backend.live.messages import text_frame
from backend.live.protocol import EXTENSION, LiveProtocol
from tests.bench._sockets import MARK

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
SERVERS = ("bare", "pipe", "uvicorn", "granian")


def message(size: int) -> bytes:
    """Text of an event of that many bytes."""
    return b"{" + MARK + b',"data":"' + b"x" * (size - len(MARK) - 11) + b'"}'


class Bare(asyncio.Protocol):
    """Answers any first bytes with 101, and /go by writing to all."""

    def __init__(self, everybody: list[asyncio.Transport], frame: bytes) -> None:
        self.everybody = everybody
        self.frame = frame

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET /go"):
            for transport in self.everybody:
                transport.write(self.frame)
            self.transport.close()
        else:
            self.transport.write(ACCEPTED)
            self.everybody.append(self.transport)


class Application:
    """The least ASGI application that does the same."""

    def __init__(self, size: int, *, pipes: bool) -> None:
        self.pipes = pipes
        self.text = message(size).decode()
        self.frame = text_frame(message(size))
        self.everybody: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request or connection."""
        if scope["type"] == "http":
            if self.pipes:
                for pipe in self.everybody:
                    pipe.write(self.frame)
            else:
                for one in self.everybody:
                    await one({"type": "websocket.send", "text": self.text})
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            self.everybody.append(scope["extensions"][EXTENSION] if self.pipes else send)
            while (await receive())["type"] != "websocket.disconnect":
                pass


def application() -> Application:
    """What granian's worker process loads."""
    return Application(int(os.environ["FRAME_BYTES"]), pipes=False)


async def serve_bare(port: int, size: int) -> None:
    """Run the bare loop."""
    everybody: list[asyncio.Transport] = []
    frame = text_frame(message(size))
    server = await asyncio.get_running_loop().create_server(
        lambda: Bare(everybody, frame), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


def main(name: str, port: int, size: int) -> None:
    """Serve until killed."""
    if name == "bare":
        uvloop.run(serve_bare(port, size))
    elif name == "granian":
        from granian import Granian
        from granian.constants import Interfaces, Loops

        os.environ["FRAME_BYTES"] = str(size)
        Granian(
            "tests.bench._servers:application", "127.0.0.1", port, interface=Interfaces.ASGINL, loop=Loops.uvloop,
            backlog=4096, log_enabled=False, factory=True,
        ).serve()  # fmt: skip
    else:
        import uvicorn

        protocol: Any = LiveProtocol if name == "pipe" else "websockets-sansio"
        uvicorn.run(
            Application(size, pipes=name == "pipe"), host="127.0.0.1", port=port, loop="uvloop", http="httptools",
            ws=protocol, ws_per_message_deflate=False, access_log=False, log_level="warning", backlog=4096,
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
