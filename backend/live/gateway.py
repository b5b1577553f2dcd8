# SPDX-License-Identifier: Apache-2.0
"""The life of one WebSocket: origin, limits, ticket, topics, what was missed, then everything that follows."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from backend.accounts.service import PrincipalReader
from backend.accounts.types import OrgRole
from backend.core.db import DATABASE_ERRORS
from backend.core.errors import Refusal
from backend.core.limits import client_ip, counted_address
from backend.live import metrics, queries
from backend.live.client import GROWN_OLD, TALKATIVE, Client
from backend.live.errors import HistoryAway, ServerUnfit, TicketInvalid, TicketNeeded, TooManySockets
from backend.live.hub import HEARTBEAT_S, Hub
from backend.live.messages import event_text, hello_text, last_text, resync_text, text_frame
from backend.live.protocol import EXTENSION
from backend.live.tickets import Ticket, Tickets
from backend.live.types import LiveEvent, Topic, Viewer, decode_cursor, read_topics

log = structlog.get_logger()

HISTORY_AT_MOST = 20_000
LONGEST_S = 3600.0
WORDS_A_MINUTE = 30
_JOIN_BEHIND = 50
_PART_BYTES = 1 << 16
_HEAD_BYTES = 250


@dataclass(frozen=True, slots=True)
class Limits:
    """Open connections that one address, and one user, may hold in one process."""

    per_address: int
    per_user: int


@dataclass(frozen=True, slots=True)
class Gateway:
    """What every connection of this process shares. `origins` are the pages that may connect."""

    hub: Hub
    tickets: Tickets
    principals: PrincipalReader
    origins: frozenset[str]
    limits: Limits

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one connection until it ends; refusals are its last message."""
        origin = websocket.headers.get("origin")
        if origin is not None and origin not in self.origins:
            log.warning("live.foreign_origin", origin=origin[:200])
            await websocket.close()  # before it is accepted: 403
            return
        await websocket.accept()
        try:
            async with self._admit(websocket) as client:
                await self._follow(websocket, client)
        except Refusal as refusal:
            await _refuse(websocket, refusal)
        except WebSocketDisconnect:
            return

    @asynccontextmanager
    async def _admit(self, websocket: WebSocket) -> AsyncIterator[Client]:
        """A client that is counted, whose session lives. Raises the refusals of this domain."""
        pipe = websocket.scope.get("extensions", {}).get(EXTENSION)
        if pipe is None:
            raise ServerUnfit
        if not self.hub.is_open:
            raise HistoryAway
        query = websocket.query_params
        topics = read_topics(query.get("topics", ""))
        since = decode_cursor(query["since"]) if query.get("since") else None
        ticket = await self.tickets.redeem(query["ticket"]) if query.get("ticket") else None
        if ticket is None and Topic.ORDERS in topics:
            raise TicketNeeded
        address = counted_address(client_ip(websocket))
        if self.hub.count(address=address) >= self.limits.per_address:
            raise TooManySockets(limit=self.limits.per_address)
        if ticket is not None and self.hub.count_user(ticket.user_id) >= self.limits.per_user:
            raise TooManySockets(limit=self.limits.per_user)
        viewer = Viewer() if ticket is None else Viewer(ticket.user_id, ticket.session_id)
        client = Client(websocket, pipe, address=address, topics=topics, viewer=viewer)
        self.hub.enter(client)  # before the session is read: a log-out from here on ends the client
        try:
            if ticket is not None:
                client.viewer = await self._viewer(ticket)
            client.cursor = since if since is not None else {topic: self.hub.cursor[topic] for topic in Topic}
            yield client
        finally:
            self.hub.leave(client)
            await client.closed()

    async def _viewer(self, ticket: Ticket) -> Viewer:
        try:
            principal = await self.principals.read(ticket.user_id, ticket.session_id)
        except DATABASE_ERRORS as error:
            raise HistoryAway from error
        if principal is None:
            raise TicketInvalid("The session of this ticket has ended; sign in again")
        operated = frozenset(
            held.org_id
            for held in principal.memberships
            if held.role == OrgRole.OPERATOR and ticket.only_org in (None, held.org_id)
        )
        return Viewer(ticket.user_id, ticket.session_id, operated, principal.is_super_admin and not ticket.is_key)

    async def _follow(self, websocket: WebSocket, client: Client) -> None:
        user = None if client.viewer.user_id is None else str(client.viewer.user_id)
        await client.say(hello_text(client.cursor, client.topics, user=user, heartbeat_s=HEARTBEAT_S))
        await self._catch_up(client)
        loop = asyncio.get_running_loop()
        aging = loop.call_later(LONGEST_S, client.end, GROWN_OLD) if user is not None else None
        try:
            await _listen(websocket, client)
        finally:
            if aging is not None:
                aging.cancel()

    # -- what was missed ---------------------------------------------------------------------------------------------

    async def _catch_up(self, client: Client) -> None:
        """Send what lies between the client's cursor and the hub's, then join; nothing twice, nothing left out."""
        try:
            await self._check_reach(client)
            budget = HISTORY_AT_MOST
            while (last := self._from_memory(client)) is None:
                budget -= await self._send_page(client)
                if budget <= 0:
                    await self._resync(client, [topic for topic in client.topics if self._behind(client, topic)])
        except DATABASE_ERRORS as error:
            raise HistoryAway from error
        for event in last:  # from here to `join` nothing is awaited
            client.cursor[Topic(event.topic)] = event.sequence
            client.write(text_frame(event_text(event, client.cursor)))
        self.hub.join(client)

    def _behind(self, client: Client, topic: Topic) -> int:
        return self.hub.cursor[topic] - client.cursor[topic]

    async def _check_reach(self, client: Client) -> None:
        """Events that another instance has already shown are fetched; what is no longer kept is said."""
        if any(self._behind(client, topic) < 0 for topic in client.topics):
            await self.hub.refilled()
        lost = [topic for topic in client.topics if self._behind(client, topic) < 0]
        far = [topic for topic in client.topics if self._behind(client, topic) > 0]
        far = [topic for topic in far if self.hub.memory.missed(topic, client.cursor[topic]) is None]
        if far:
            async with self.hub.readers:
                kept = await queries.oldest(self.hub.db, far)
            for topic in far:
                first = kept[topic]
                too_many = topic is not Topic.ORDERS and self._behind(client, topic) > HISTORY_AT_MOST
                if first is None or first > client.cursor[topic] + 1 or too_many:
                    lost.append(topic)
        if lost:
            await self._resync(client, lost)

    async def _resync(self, client: Client, topics: list[Topic]) -> None:
        for topic in topics:
            client.cursor[topic] = self.hub.cursor[topic]
        await client.say(resync_text(client.cursor, topics))

    def _from_memory(self, client: Client) -> list[LiveEvent] | None:
        """The few events that are still missing, when memory holds them; else None."""
        found: list[LiveEvent] = []
        for topic in client.topics:
            missed = self.hub.memory.missed(topic, client.cursor[topic])
            if missed is None or len(found) + len(missed) > _JOIN_BEHIND:
                return None
            found += [event for event in missed if client.viewer.sees(event)]
        return found

    async def _send_page(self, client: Client) -> int:
        """Send a page of the topic that is farthest behind; returns how many events were sent."""
        topic = max(client.topics, key=lambda one: self._behind(client, one))
        up_to = self.hub.cursor[topic]
        remembered = self.hub.memory.missed(topic, client.cursor[topic])
        if remembered is not None:
            events = [event for event in remembered if client.viewer.sees(event)]
        else:
            async with self.hub.readers:
                events = await queries.page(self.hub.db, topic, client.viewer, after=client.cursor[topic], up_to=up_to)
        for part in _parts(events):
            texts = []
            for event in part:
                client.cursor[topic] = event.sequence
                texts.append(event_text(event, client.cursor))
            await client.say(*texts)
        if remembered is not None or len(events) < queries.PAGE:
            client.cursor[topic] = up_to
        return len(events)


def _parts(events: list[LiveEvent]) -> Iterator[list[LiveEvent]]:
    """The events in order, as many at a time as make at most about 64 KiB."""
    part: list[LiveEvent] = []
    size = 0
    for event in events:
        if part and size + len(event.payload) > _PART_BYTES:
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event.payload) + _HEAD_BYTES
    if part:
        yield part


async def _listen(websocket: WebSocket, client: Client) -> None:
    """Wait for the end of the connection; what the client says is ignored, as long as it is little."""
    loop = asyncio.get_running_loop()
    until, words = loop.time() + 60, 0
    while (await websocket.receive())["type"] != "websocket.disconnect":
        if loop.time() > until:
            until, words = loop.time() + 60, 0
        words += 1
        if words > WORDS_A_MINUTE:
            client.end(TALKATIVE)


async def _refuse(websocket: WebSocket, refusal: Refusal) -> None:
    metrics.ENDED.labels(refusal.code).inc()
    try:
        await websocket.send_text(last_text("refused", refusal.code, refusal.message, refusal.details).decode())
        await websocket.close(4000 + refusal.status, refusal.code)
    except (WebSocketDisconnect, RuntimeError):  # gone already
        return
