# SPDX-License-Identifier: Apache-2.0
"""One connected client: what it follows, how far it is, and how it is written to or ended."""

import asyncio
from dataclasses import dataclass

from starlette.websockets import WebSocket, WebSocketDisconnect

from backend.live import metrics
from backend.live.messages import last_text, text_frame
from backend.live.protocol import Pipe
from backend.live.types import Topic, Viewer

MOST_UNTAKEN = 1 << 20
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the server ends a connection: close code, a name that stays, what to do about it."""

    close_code: int
    code: str
    message: str


SLOW = Ending(4408, "live.too_slow", "More than 1 MiB waited to be taken; connect again with `since`")
LOGGED_OUT = Ending(4401, "live.session_ended", "The session has ended; sign in and ask for another ticket")
RIGHTS_CHANGED = Ending(4403, "live.rights_changed", "Your memberships changed; connect again with `since`")
GROWN_OLD = Ending(4401, "live.ticket_grown_old", "A ticket's connection lasts an hour; connect again with `since`")
FAILED = Ending(4500, "live.failed", "Something went wrong; connect again with `since`, nothing is lost")
TALKATIVE = Ending(4429, "live.too_many_messages", "This connection is for listening; it takes few messages")


class Client:
    """A connection. `cursor` is what it has been sent while it catches up; the hub's own counts once it has joined."""

    __slots__ = (
        "_closing", "_pipe", "_websocket", "address", "cursor", "ended", "joined", "topics", "viewer",
    )  # fmt: skip

    def __init__(
        self, websocket: WebSocket, pipe: Pipe, *, address: str, topics: frozenset[Topic], viewer: Viewer
    ) -> None:
        self._websocket = websocket
        self._pipe = pipe
        self._closing: asyncio.Task[None] | None = None
        self.address = address
        self.topics = topics
        self.viewer = viewer
        self.cursor: dict[Topic, int] = {}
        self.joined = False
        self.ended = False

    def write(self, data: bytes) -> None:
        """Queue whole frames; a client that does not take what it was sent is ended. Nothing after the end."""
        if self.ended or self._pipe.is_closing():
            return
        if self._pipe.get_write_buffer_size() > MOST_UNTAKEN:
            self.end(SLOW)
            return
        self._pipe.write(data)

    async def say(self, text: bytes, *more: bytes) -> None:
        """Send messages at the client's pace: it has room for the first, the others (some 64 KiB) go with it.

        Raises WebSocketDisconnect, also when nothing is taken any more.
        """
        if self.ended:
            raise WebSocketDisconnect
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._websocket.send_text(text.decode())
        except TimeoutError as error:
            self.end(SLOW)
            raise WebSocketDisconnect from error
        if more:
            self.write(b"".join(map(text_frame, more)))

    def end(self, ending: Ending) -> None:
        """Close with the reason, by force when the client does not take even that. Again changes nothing."""
        if self.ended:
            return
        self.ended = True
        metrics.ENDED.labels(ending.code).inc()
        self._closing = asyncio.create_task(self._close(ending))

    async def closed(self) -> None:
        """Return once a closing that was begun is over."""
        if self._closing is not None:
            await self._closing

    async def _close(self, ending: Ending) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._websocket.send_text(last_text("closing", ending.code, ending.message).decode())
                await self._websocket.close(ending.close_code, ending.code)
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError):  # gone already, or takes nothing
            self._pipe.abort()
