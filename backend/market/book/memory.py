# SPDX-License-Identifier: Apache-2.0
"""Books in memory: what rests in each, up to a version. The truth is in the rows; memory may be thrown away."""

from collections import OrderedDict

from backend.market.book.types import BookKey, BookRow, OpenOrder
from backend.market.clearing.continuous import ContinuousBook

MAX_BOOKS = 1_000  # in memory
MAX_ORDERS = 100_000  # that rest in all of them together


class BookMemory:
    """Open orders of one book, as they stand at `version`. A book that is auctioned only keeps its levels here."""

    def __init__(self, row: BookRow) -> None:
        self.key = row.key
        self.version = 0
        self.orders: dict[str, OpenOrder] = {}
        self.book = ContinuousBook(row.fees)

    def put(self, order: OpenOrder) -> None:
        """An order as it stands now, instead of what was known of it; without rest it is forgotten."""
        self.book.restore(order.clearing_order(), order.rest_wh)
        if order.rest_wh:
            self.orders[order.text_id] = order
        else:
            self.orders.pop(order.text_id, None)

    def learn(self, order: OpenOrder, *, is_open: bool) -> None:
        """An order as another transaction left it."""
        if is_open:
            self.put(order)
        else:
            self.drop(order.text_id)

    def drop(self, text_id: str) -> None:
        """Forget an order."""
        self.book.cancel(text_id)
        self.orders.pop(text_id, None)


class Shelf:
    """Memories of the books that were used last; the least used leave when there are too many, or too many orders."""

    def __init__(self, *, max_books: int = MAX_BOOKS, max_orders: int = MAX_ORDERS) -> None:
        self._max_books = max_books
        self._max_orders = max_orders
        self._memories: OrderedDict[BookKey, BookMemory] = OrderedDict()

    def __len__(self) -> int:
        return len(self._memories)

    def __contains__(self, key: BookKey) -> bool:
        return key in self._memories

    def take(self, row: BookRow) -> BookMemory:
        """The memory of a book; an empty one (version 0) when there is none, or none that the row can come from."""
        memory = self._memories.get(row.key)
        if memory is None or memory.version > row.version:
            memory = self._memories[row.key] = BookMemory(row)
        self._memories.move_to_end(row.key)
        return memory

    def forget(self, key: BookKey) -> None:
        """Throw a memory away; the next use reads the rows."""
        self._memories.pop(key, None)

    def trim(self) -> None:
        """Let the least used leave. A memory that is in use now is the newest and stays."""
        held = sum(len(memory.orders) for memory in self._memories.values())
        while len(self._memories) > 1 and (held > self._max_orders or len(self._memories) > self._max_books):
            _, memory = self._memories.popitem(last=False)
            held -= len(memory.orders)
