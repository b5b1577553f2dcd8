# SPDX-License-Identifier: Apache-2.0
"""The server's WebSocket protocol: uvicorn's, which hands the application its transport as well.

A frame without mask is the same for every client, so it is made once and written to each transport; through the
server's own `send` each client costs a message, a frame and a coroutine (backend/decisions/websocket-server.md).
"""

from typing import Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION = "gridx.pipe"


class Pipe(Protocol):
    """What live updates need of a transport."""

    def write(self, data: bytes) -> None:
        """Queue bytes."""

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has not taken yet."""

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""

    def abort(self) -> None:
        """Close at once, whatever is still queued."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """Puts the transport into the scope, as the extension `gridx.pipe`."""

    def handle_connect(self, event: Request) -> None:
        """The handshake's request; a scope exists when it holds."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = self.transport
