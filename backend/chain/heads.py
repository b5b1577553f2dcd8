# SPDX-License-Identifier: Apache-2.0
"""A hint that a new block exists: `eth_subscribe newHeads` over WebSocket. Only a hint: what it says is never used."""

import asyncio

import orjson
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

_log = structlog.get_logger()
_SUBSCRIBE = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}).decode()


async def watch_heads(url: str, wake: asyncio.Event, *, max_wait_s: float = 30.0) -> None:
    """Set `wake` at every new head until cancelled; reconnects with growing pauses. Polling goes on meanwhile."""
    pause_s = 0.5
    while True:
        try:
            async with connect(url, open_timeout=5, max_size=1 << 20) as socket:
                await socket.send(_SUBSCRIBE)
                async for _ in socket:
                    pause_s = 0.5
                    wake.set()
        except (OSError, WebSocketException, TimeoutError) as error:
            _log.info("chain.heads_lost", why=type(error).__name__, retry_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, max_wait_s)
