# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.web.hold`: run the stack and the town until SIGTERM; the first line of output says where they are.

The line's `control` is a port of this machine: a line `stop NAME` or `start NAME` sent there stops or starts a process
of the stack (`api`, `follower`, `anvil`, …), answered by `ok` when it is done. `mine N` mines blocks.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import httpx

from scripts.embedded.process import LOOPBACK, free_port
from scripts.stack import Ports, Stack
from tests.web.town import settle

SETTINGS = {
    "GRIDX_LIMIT_ANONYMOUS": "10000/second",
    "GRIDX_LIMIT_USER": "10000/second",
    "GRIDX_LIMIT_SIGN_IN": "10000/second",
    "GRIDX_RELAYER_INTERVAL_S": "1",
    "GRIDX_EXPLORER_URL": "https://explorer.example",
}


async def _obey(stack: Stack, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async for line in reader:
        verb, _, name = line.decode().strip().partition(" ")
        try:
            if verb == "stop":
                await stack.stop(name)
            elif verb == "start":
                await stack.start(name)
            elif verb == "mine" and stack.anvil is not None:
                stack.anvil.rpc("anvil_mine", hex(int(name)))
            else:
                raise ValueError(f"unknown: {verb}")
            answer = "ok"
        except Exception as problem:
            answer = f"{type(problem).__name__}: {problem}"
        writer.write(f"{answer}\n".encode())
        await writer.drain()
    writer.close()


async def hold(folder: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    chain_port = free_port()
    environment = {**SETTINGS, "GRIDX_PUBLIC_RPC_URL": f"http://{LOOPBACK}:{chain_port}"}
    ports = Ports(chain=chain_port)
    announce = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731
    kept = ("--state", str(folder / "chain.json"), "--preserve-historical-states")  # a chain that stops comes back
    async with Stack(
        folder, ports=ports, chain_options=kept, durable=False, environment=environment, announce=announce
    ) as stack:
        async with httpx.AsyncHTTPTransport() as transport, httpx.AsyncClient() as node:
            town = await settle(stack, transport, node)
        server = await asyncio.start_server(lambda *pipes: _obey(stack, *pipes), LOOPBACK, 0)
        control = server.sockets[0].getsockname()[1]
        print(json.dumps({**town.as_json(stack), "control": control, "pid": os.getpid()}), flush=True)
        await ended.wait()
        server.close()


def main() -> None:
    """A folder of its own, deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="gridx-web-") as name:
        Path(name).chmod(0o711)
        asyncio.run(hold(Path(name) / "stack"))


if __name__ == "__main__":
    main()
