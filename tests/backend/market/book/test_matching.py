# SPDX-License-Identifier: Apache-2.0
"""Memory of several processes that take turns is, at each turn, as if one process had done everything. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.clock import utc_now
from backend.core.ids import uuid7
from backend.market.book.matching import Turn
from backend.market.book.memory import BookMemory, Shelf
from backend.market.book.types import BookKey, BookRow, OpenOrder
from backend.market.clearing.continuous import ContinuousBook
from backend.market.clearing.fees import Fees
from backend.market.clearing.types import Rule
from backend.market.orders.types import OrderState
from tests.support.square import COMMUNITY, PEOPLE, Square

FEES = Fees(3_001, {"north": 2_000})
PROCESSES = 3


def make_square() -> Square:
    """People without a database."""
    chain: Any = type("Known", (), {"id": 1})
    people = {number: uuid7() for number in range(1, PEOPLE + 1)}
    return Square(None, chain, uuid7(), people, dict(people), utc_now() + timedelta(hours=1))  # type: ignore[arg-type]


def make_row(square: Square, **changes: Any) -> BookRow:
    """A book that nobody has used."""
    start = square.delivery_start
    row = BookRow(BookKey(1, COMMUNITY, start), 60, Rule.CONTINUOUS, FEES, start, None, 0, None, None)
    return replace(row, **changes)


def stored(turn: Turn, rows: dict[str, tuple[OpenOrder, OrderState, int]]) -> BookRow:
    """What a commit leaves: the changed orders with their versions, and the book's row."""
    for text_id, change in turn.changes.items():
        rows[text_id] = (replace(change.order), change.state, change.version)
    turn.memory.version = turn.version
    return replace(turn.row, version=turn.version, factor_id=turn.factor_id)


def catch_up(memory: BookMemory, row: BookRow, rows: dict[str, tuple[OpenOrder, OrderState, int]]) -> None:
    """What `engine.remember` does with rows of the database."""
    for order, state, version in rows.values():
        if version > memory.version and (memory.version or state is OrderState.OPEN):
            memory.learn(replace(order), is_open=state is OrderState.OPEN)
    memory.version = row.version


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(10, 60))
def test_turns__of_several_processes__match_as_one_sequential_book(seed: Random, count: int) -> None:
    square = make_square()
    row, rows, alone = make_row(square), {}, ContinuousBook(FEES)  # type: ignore[var-annotated]
    memories = [BookMemory(row) for _ in range(PROCESSES)]

    for _ in range(count):
        number = seed.randrange(PROCESSES)
        if seed.random() < 0.1:
            memories[number] = BookMemory(row)
        catch_up(memories[number], row, rows)
        turn = Turn(row, memories[number])
        for _ in range(seed.randint(1, 3)):
            if turn.memory.orders and seed.random() < 0.2:
                ended = seed.choice(list(turn.memory.orders.values()))
                turn.end([ended], reason="cancelled")
                alone.cancel(ended.text_id)
                continue
            new = square.random(seed)
            before = len(turn.pairs)
            turn.place(new)
            order = replace(OpenOrder.of(new, turn.version), matched_wh=0).clearing_order()
            expected = alone.place(order, rests=new.kind == "limit")
            made = [(p.bid.text_id, p.offer.text_id, p.energy_wh, p.price_micro_per_kwh) for p in turn.pairs[before:]]
            assert made == [tuple(match) for match in expected]
        row = stored(turn, rows)
        assert turn.memory.book.levels() == alone.levels()
        assert {text_id: order.rest_wh for text_id, order in turn.memory.orders.items()} == {
            order.id: rest for order, rest in alone.orders()
        }


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_turns__matches_undone__give_back_exactly_what_was_matched(seed: Random) -> None:
    square = make_square()
    turn = Turn(make_row(square), BookMemory(make_row(square)))
    placed = [OpenOrder.of(new, 0) for new in (square.random(seed) for _ in range(30)) if turn.place(new)]
    total = {order.text_id: turn.changes[order.text_id].order.matched_wh for order in placed}

    for pair in list(turn.pairs):
        turn.give_back(pair.offer, pair.energy_wh, state=OrderState.CLOSED, reason="order.gate_closed")
        turn.give_back(pair.bid, pair.energy_wh, state=OrderState.CLOSED, reason="order.gate_closed")
        total[pair.offer.text_id] -= pair.energy_wh
        total[pair.bid.text_id] -= pair.energy_wh

    assert set(total.values()) == {0}
    assert {change.order.matched_wh for change in turn.changes.values()} == {0}


@pytest.mark.parametrize("shelf", [Shelf(max_orders=17), Shelf(max_books=2)])
def test_shelf__more_than_it_holds__lets_the_least_used_books_leave(shelf: Shelf) -> None:
    square = make_square()
    rows = [make_row(square, key=BookKey(1, COMMUNITY, square.key_of(hour).delivery_start)) for hour in range(4)]

    for row in rows:
        memory = shelf.take(row)
        turn = Turn(row, memory)
        for _ in range(6):
            turn.place(square.new(1))
        memory.version = turn.version
        shelf.trim()

    assert [row.key in shelf for row in rows] == [False, False, True, True]
    assert shelf.take(replace(rows[3], version=6)).version == 6
