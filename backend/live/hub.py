# SPDX-License-Identifier: Apache-2.0
"""Brings every event to every client of this process, each number once and in its order.

Redis brings events quickly and may lose them; PostgreSQL has them all. So the hub takes an event from Redis only when
it is the next number of its topic, drops what it has seen, and reads from PostgreSQL whatever is missing: at a gap,
every two seconds, and when Redis comes back. One task advances the cursor and writes, so that the id of a message
covers all that its receivers were sent before. A client joins between two batches, caught up to the cursor.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

import orjson
import structlog

from backend.accounts.events import MembershipChanged, SessionEnded, UserDeleted
from backend.core.clock import utc_now
from backend.core.db import DATABASE_ERRORS, Database
from backend.live import metrics, queries
from backend.live.client import FAILED, LOGGED_OUT, RIGHTS_CHANGED, Client
from backend.live.memory import REMEMBERED, Memory
from backend.live.messages import beat_text, event_text, notice_text, resync_text, text_frame
from backend.live.types import ACCOUNTS, Cursor, LiveEvent, Topic

log = structlog.get_logger()

CHANNELS = (*(topic.value for topic in Topic), ACCOUNTS)
HEARTBEAT_S = 20.0
REFILL_S = 2.0
_AT_ONCE = 500
_MOST_WAITING = 10_000
_CLIENTS_AT_ONCE = 250
_LONG_S = 0.02
_MOST_PAUSE_S = 0.1
_READERS = 4  # of history at a time: trades and orders need connections too

Job = tuple[list[Client], bytes]


class Hub:
    """The clients of one process and the events of the last moments. `open` before use, `close` after."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.readers = asyncio.Semaphore(_READERS)
        self.memory = Memory({})
        self._rooms: dict[frozenset[Topic], dict[Client, None]] = {}
        self._of_user: dict[UUID, set[Client]] = {}
        self._of_address: dict[str, int] = {}
        self._operators: set[Client] = set()
        self._incoming: deque[LiveEvent] = deque(maxlen=_MOST_WAITING)  # what falls out is read from PostgreSQL
        self._words: deque[bytes | None] = deque(maxlen=100)
        self._wanted: list[asyncio.Future[None]] = []
        self._refill = False
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # -- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin behind the last numbered event, with the latest remembered: everybody comes back after a restart.

        Raises DATABASE_ERRORS.
        """
        latest = await queries.latest(self.db, CHANNELS)
        memory = Memory({topic: max(0, number - REMEMBERED) for topic, number in latest.items()})
        while events := await queries.after(self.db, memory.cursor):
            for event in events:
                memory.remember(event)
        memory.skip_to(latest)
        self.memory = memory
        self._tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._tick())]

    async def close(self) -> None:
        """Stop; open connections are the server's to close."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    @property
    def is_open(self) -> bool:
        """Whether clients can be served."""
        return bool(self.memory.cursor)

    @property
    def cursor(self) -> dict[str, int]:
        """The number of the last event that was sent, per topic."""
        return self.memory.cursor

    # -- what comes in -----------------------------------------------------------------------------------------------

    def take(self, event: LiveEvent) -> None:
        """An event that Redis brought; repeated, late and missing ones are found out later."""
        self._incoming.append(event)
        self._wake.set()

    def tell(self, code: str, message: str) -> None:
        """A notice to every client."""
        self._words.append(text_frame(notice_text(code, message)))
        self._wake.set()

    def ask_refill(self) -> None:
        """Look into PostgreSQL for events that Redis did not bring."""
        self._refill = True
        self._wake.set()

    async def refilled(self) -> None:
        """Return once the cursor covers all that was numbered before the call. Raises DATABASE_ERRORS."""
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted.append(asked)
        self.ask_refill()
        await asked

    # -- clients -----------------------------------------------------------------------------------------------------

    def count(self, *, address: str) -> int:
        """Open connections of an address."""
        return self._of_address.get(address, 0)

    def count_user(self, user_id: UUID) -> int:
        """Open connections of a user."""
        return len(self._of_user.get(user_id, ()))

    def enter(self, client: Client) -> None:
        """From now on the client is counted, and ended when its session is; events come once it has joined."""
        self._of_address[client.address] = self.count(address=client.address) + 1
        if client.viewer.user_id is not None:
            self._of_user.setdefault(client.viewer.user_id, set()).add(client)
        metrics.CONNECTIONS.inc()

    def leave(self, client: Client) -> None:
        """The connection is over."""
        self._of_address[client.address] -= 1
        if not self._of_address[client.address]:
            del self._of_address[client.address]
        user_id = client.viewer.user_id
        if user_id is not None:
            self._of_user[user_id].discard(client)
            if not self._of_user[user_id]:
                del self._of_user[user_id]
        self._operators.discard(client)
        room = self._rooms.get(client.topics, {})
        room.pop(client, None)
        if not room:
            self._rooms.pop(client.topics, None)
        metrics.CONNECTIONS.dec()

    def join(self, client: Client) -> None:
        """The client, which has been sent all that the cursor covers, is sent what follows."""
        if client.ended:
            return
        client.joined = True
        self._rooms.setdefault(client.topics, {})[client] = None
        if client.viewer.operator_of or client.viewer.everywhere:
            self._operators.add(client)

    # -- what goes out -----------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        beat = loop.time() + HEARTBEAT_S
        while True:
            await asyncio.sleep(REFILL_S)
            self.ask_refill()
            if loop.time() >= beat:
                beat = loop.time() + HEARTBEAT_S
                self._words.append(None)

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._pump_once()
            except DATABASE_ERRORS as error:
                log.warning("live.history_away", error=str(error)[:300])
            except Exception:  # a bug: what was not sent is read again by whoever comes back
                log.exception("live.failed")
                for client in [client for room in self._rooms.values() for client in room]:
                    client.end(FAILED)

    async def _pump_once(self) -> None:
        while self._incoming:
            batch, is_missing = self.memory.following(self._incoming, most=_AT_ONCE)
            self._refill = self._refill or is_missing
            await self._send(batch)
        while self._words:
            word = self._words.popleft()
            frame = text_frame(beat_text(self._topics(), utc_now())) if word is None else word
            await write_all([(list(room), frame) for room in self._rooms.values()])
        if self._refill:
            self._refill = False
            await self._read_missing()

    async def _read_missing(self) -> None:
        asked, self._wanted = self._wanted, []
        try:
            while events := await queries.after(self.db, self.cursor):
                metrics.REFILLED.inc(len(events))
                await self._send(events)
        except BaseException as error:
            for future in asked:
                if not future.done():
                    future.set_exception(ConnectionError(f"the history cannot be read: {error}"))
            raise
        for future in asked:
            if not future.done():
                future.set_result(None)

    async def _send(self, events: list[LiveEvent]) -> None:
        """Advance the cursor over `events` and write them to those who follow."""
        if not events:
            return
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await write_all(self.advance(events))
        spent = loop.time() - begun
        now = utc_now()
        for event in events:
            if event.topic != ACCOUNTS:
                metrics.EVENTS.labels(event.topic).inc()
                metrics.LAG.observe(max(0.0, (now - event.at).total_seconds()))
        if spent > _LONG_S:  # with many clients: half of the time is left to requests, and more events make one write
            await asyncio.sleep(min(spent, _MOST_PAUSE_S))

    def advance(self, events: list[LiveEvent]) -> list[Job]:
        """Move the cursor and say who gets what; nobody joins in between."""
        public: list[tuple[Topic, bytes]] = []
        own: dict[Client, list[tuple[int, bytes]]] = {}
        for event in events:
            is_next = self.memory.remember(event)
            if event.topic == ACCOUNTS:
                self._end_those(event)
                continue
            topic = Topic(event.topic)
            if not is_next:  # PostgreSQL keeps no more what Redis did not bring
                public.append((topic, text_frame(resync_text(self._topics(), [topic]))))
            if event.is_public:
                if self._rooms:
                    public.append((topic, text_frame(event_text(event, self._topics()))))
                continue
            for client in self._targets(event, topic):
                frame = text_frame(event_text(event, self._topics()))
                own.setdefault(client, []).append((len(public), frame))
        return self._jobs(public, own)

    def _jobs(self, public: list[tuple[Topic, bytes]], own: dict[Client, list[tuple[int, bytes]]]) -> list[Job]:
        jobs: list[Job] = []
        for topics, room in self._rooms.items():
            data = b"".join(frame for topic, frame in public if topic in topics)
            if data:
                jobs.append(([client for client in room if client not in own] if own else list(room), data))
        for client, frames in own.items():
            places = [(place, frame) for place, (topic, frame) in enumerate(public) if topic in client.topics]
            # an own event at place n was numbered before the public one at place n
            ordered = sorted([(place, 1, frame) for place, frame in places] + [(n, 0, frame) for n, frame in frames],
                             key=lambda item: item[:2])  # fmt: skip
            jobs.append(([client], b"".join(frame for _, _, frame in ordered)))
        return jobs

    def _targets(self, event: LiveEvent, topic: Topic) -> Iterable[Client]:
        candidates = set(self._of_user.get(event.audience, ())) if event.audience is not None else set()
        if event.audience_org is not None:
            candidates |= self._operators
        return [c for c in candidates if c.joined and topic in c.topics and c.viewer.sees(event)]

    def _end_those(self, event: LiveEvent) -> None:
        """Log-outs end the session's connections, changed rights the user's: a new ticket carries the new ones."""
        clients = list(self._of_user.get(event.audience, ())) if event.audience is not None else []
        if event.name == SessionEnded.name:
            session = orjson.loads(event.payload)["session_id"]
            for client in clients:
                if session is None or str(client.viewer.session_id) == session:
                    client.end(LOGGED_OUT)
        elif event.name in (MembershipChanged.name, UserDeleted.name):
            for client in clients:
                client.end(RIGHTS_CHANGED if event.name == MembershipChanged.name else LOGGED_OUT)

    def _topics(self) -> Cursor:
        return {topic: self.cursor[topic] for topic in Topic}


async def write_all(jobs: list[Job]) -> None:
    """Write to all, some clients at a time: other requests are answered in between."""
    for clients, data in jobs:
        for start in range(0, len(clients), _CLIENTS_AT_ONCE):
            for client in clients[start : start + _CLIENTS_AT_ONCE]:
                client.write(data)
            await asyncio.sleep(0)
