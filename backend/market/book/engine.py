# SPDX-License-Identifier: Apache-2.0
"""Places and cancels orders: in groups (≤ 500) over many books, one transaction each, answered after it.

While a group is on its way the next one gathers. Whoever had to wait for the locks of his books, because another
process trades in them too, leaves them to others for a while afterwards: fewer and larger groups cost all of them less.

The rows are the truth. Memory of a book is brought up to the version of its locked row before it is used, and thrown
away when a transaction fails, so any number of processes may place orders in the same books.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.chain.types import Chain
from backend.core.clock import utc_now
from backend.core.db import Database, is_away, sqlstate_of
from backend.core.errors import Refusal
from backend.core.failpoints import failpoint
from backend.market.book import queries
from backend.market.book.errors import BookOutOfStep, OrderEnded
from backend.market.book.matching import Turn
from backend.market.book.memory import BookMemory, Shelf
from backend.market.book.types import BookKey, BookRow, Ended, Judge, LastLook, Placed
from backend.market.book.writing import write
from backend.market.orders.types import NewOrder, OrderState

T = TypeVar("T")
BY_OWNER = "order.cancelled_by_owner"
GROUP_LIMIT = 500
WAITED_S = 0.005  # locks that nobody holds are had sooner
REST = 1.5  # how long books that others want are left to them, as a multiple of how long they were held
LONGEST_REST_S = 0.1
_ATTEMPTS = 3
log = structlog.get_logger()
FAILPOINTS = ("book.after_lock", "book.after_match", "book.before_commit", "book.after_commit")
_PASSING = ("40001", "40P01")  # serialisation failure, deadlock


@dataclass(frozen=True, slots=True)
class _Cancel:
    key: BookKey
    order_id: UUID


@dataclass(slots=True)
class _Waiting(Generic[T]):
    key: BookKey
    act: NewOrder | _Cancel
    answer: asyncio.Future[T]

    def say(self, outcome: Any) -> None:
        """Answer; what became of an act is said after its commit only."""
        if self.answer.done():
            return
        if isinstance(outcome, BaseException):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class Engine:
    """The book's engine of one chain. One a process; `place` may be called by any number of requests at once.

    `db` works as gridx_service. `last_look` refuses orders under the lock of their books.
    """

    def __init__(self, db: Database, chain: Chain, last_look: LastLook) -> None:
        self._db = db
        self._chain = chain
        self._last_look = last_look
        self._shelf = Shelf()
        self._queue: list[_Waiting[Any]] = []
        self._gathering = False  # whoever comes now can still join the group that is next, or on its way
        self._locked_at = 0.0
        self._had_to_wait = False
        self._useful = asyncio.Event()
        self._useful.set()
        self._draining: asyncio.Task[None] | None = None

    async def place(self, order: NewOrder) -> Placed:
        """Make an order durable and match it. Raises the refusal of its book, of its gate, or of the last look."""
        answer: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        return await self._ask(BookKey(order.chain, order.community, order.delivery_start), order, answer)

    async def cancel(self, key: BookKey, order_id: UUID) -> Ended:
        """Take what rests of an order out of its book; its owner asks, as the caller has checked. Raises OrderEnded."""
        answer: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        return await self._ask(key, _Cancel(key, order_id), answer)

    async def ready(self) -> None:
        """Return while nobody waits for the next group, or it still gathers; else orders would only wait here."""
        await self._useful.wait()

    def forget(self) -> None:
        """Throw all memory away, as a restart does."""
        self._shelf = Shelf()

    async def _ask(self, key: BookKey, act: NewOrder | _Cancel, answer: asyncio.Future[T]) -> T:
        self._queue.append(_Waiting(key, act, answer))
        self._tell()
        if self._draining is None or self._draining.done():
            self._draining = asyncio.get_running_loop().create_task(self._drain())
        return await answer

    async def _drain(self) -> None:
        while self._queue:
            await self._handle(self._take(lambda _: True, room=GROUP_LIMIT))
            if self._had_to_wait:
                with self._gathered():
                    await asyncio.sleep(min(LONGEST_REST_S, REST * (time.monotonic() - self._locked_at)))

    def _take(self, wanted: Callable[[_Waiting[Any]], bool], *, room: int) -> list[_Waiting[Any]]:
        """Take those who are wanted out of the queue, the first `room` of them."""
        group = list(itertools.islice(filter(wanted, self._queue), room))
        taken = set(map(id, group))
        self._queue = [waiting for waiting in self._queue if id(waiting) not in taken]
        self._tell()
        return group

    @contextmanager
    def _gathered(self) -> Iterator[None]:
        self._gathering = True
        self._tell()
        try:
            yield
        finally:
            self._gathering = False
            self._tell()

    def _tell(self) -> None:
        if self._gathering or not self._queue:
            self._useful.set()
        else:
            self._useful.clear()

    async def _handle(self, group: list[_Waiting[Any]]) -> None:
        """Do what a group asks; when that fails, its halves, so that whoever is at fault fails alone."""
        for _ in range(_ATTEMPTS):
            try:
                outcomes = await self._settle(group)
            except Exception as error:
                failed = error
                log.warning("book.group_failed", acts=len(group), error=repr(error)[:300])
                for waiting in group:
                    self._shelf.forget(waiting.key)
                if not _may_pass(error):
                    break
            else:
                for waiting, outcome in zip(group, outcomes, strict=True):
                    waiting.say(outcome)
                return
        if len(group) == 1 or is_away(failed):
            for waiting in group:
                waiting.say(failed)
            return
        middle = len(group) // 2
        await self._handle(group[:middle])
        await self._handle(group[middle:])

    async def _settle(self, group: list[_Waiting[Any]]) -> list[Placed | Ended | Refusal]:
        """Do all of a group, and of those who join it, in one transaction; what became of each, in their sequence."""
        keys = {waiting.key for waiting in group}
        if unknown := [key for key in keys if key not in self._shelf]:
            async with self._db.begin() as session:
                await queries.make_books(session, unknown)
        async with self._db.begin() as session:
            rows = await self._lock(session, keys)
            await failpoint("book.after_lock")
            # Who came for these books while their locks were waited for need not wait for the next group.
            group += self._take(lambda waiting: waiting.key in rows, room=GROUP_LIMIT - len(group))
            now = utc_now()
            memories, judge = await self._look(session, rows, group)
            turns = {key: Turn(row, memories[key]) for key, row in rows.items()}
            refused = _refusals(group, turns, judge, now)
            outcomes = [
                refused.get(index) or _do(turns[waiting.key], waiting.act) for index, waiting in enumerate(group)
            ]
            await failpoint("book.after_match")
            await write(session, turns.values(), self._chain.contract_address, now)
            await failpoint("book.before_commit")
        await failpoint("book.after_commit")
        self._shelf.trim()
        return outcomes

    async def _lock(self, session: AsyncSession, keys: Collection[BookKey]) -> dict[BookKey, BookRow]:
        asked = time.monotonic()
        with self._gathered():
            rows = await queries.lock_books(session, keys)
        self._locked_at = time.monotonic()
        self._had_to_wait = self._locked_at - asked > WAITED_S
        return rows

    async def _look(
        self, session: AsyncSession, rows: Mapping[BookKey, BookRow], group: Sequence[_Waiting[Any]]
    ) -> tuple[dict[BookKey, BookMemory], Judge]:
        """Bring memory up to date and look at new orders: at once, on two connections, because others wait."""
        new = [waiting.act for waiting in group if isinstance(waiting.act, NewOrder)]
        looking = asyncio.ensure_future(self._last_look(self._db.read, new))
        try:
            memories = await remember(session, rows.values(), self._shelf)
            return memories, await looking
        finally:
            looking.cancel()


def _refusals(
    group: Sequence[_Waiting[Any]], turns: Mapping[BookKey, Turn], judge: Judge, now: datetime
) -> dict[int, Refusal]:
    """Why orders of the group must not be placed, by their place in it."""
    refused: dict[int, Refusal] = {}
    sound: list[tuple[int, NewOrder]] = []
    for index, waiting in enumerate(group):
        if isinstance(waiting.act, NewOrder):
            try:
                turns[waiting.key].check(waiting.act, now)
                sound.append((index, waiting.act))
            except Refusal as refusal:
                refused[index] = refusal
    last = judge([order for _, order in sound])
    return refused | {index: last[order.id] for index, order in sound if order.id in last}


def _do(turn: Turn, act: NewOrder | _Cancel) -> Placed | Ended | Refusal:
    if isinstance(act, NewOrder):
        return turn.place(act)
    order = turn.memory.orders.get(str(act.order_id))
    if order is None:
        return OrderEnded(order_id=act.order_id)
    ended = Ended(act.order_id, OrderState.CANCELLED, order.rest_wh, order.matched_wh)
    turn.end([order], reason=BY_OWNER)
    return ended


async def remember(session: AsyncSession, rows: Collection[BookRow], shelf: Shelf) -> dict[BookKey, BookMemory]:
    """Memories of locked books as their rows stand: what is on the shelf, and all that changed since."""
    memories = {row.key: shelf.take(row) for row in rows}
    behind = [(row.key, memories[row.key].version) for row in rows if memories[row.key].version != row.version]
    for key, order, state in await queries.changed_orders(session, behind):
        memories[key].learn(order, is_open=state is OrderState.OPEN)
    for row in rows:
        memories[row.key].version = row.version
    return memories


def _may_pass(error: Exception) -> bool:
    """Whether the same transaction may succeed when it is tried again at once."""
    return isinstance(error, BookOutOfStep) or sqlstate_of(error) in _PASSING
