# SPDX-License-Identifier: Apache-2.0
"""The short memory for answers that may be a second old."""

import asyncio

import pytest

from backend.core.memo import Memo


async def test_get__asked_by_many_at_once__computes_once() -> None:
    memo: Memo[int] = Memo(seconds=60)
    calls = 0

    async def compute() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.01)
        return calls

    assert await asyncio.gather(*(memo.get("key", compute) for _ in range(50))) == [1] * 50


async def test_get__after_its_time__computes_anew() -> None:
    memo: Memo[int] = Memo(seconds=0)
    answers = iter((1, 2))

    async def compute() -> int:
        return next(answers)

    assert [await memo.get("key", compute), await memo.get("key", compute)] == [1, 2]


async def test_get__computation_fails__is_raised_and_not_kept() -> None:
    memo: Memo[int] = Memo(seconds=60)

    async def fail() -> int:
        raise ValueError("no")

    async def succeed() -> int:
        return 5

    with pytest.raises(ValueError, match="no"):
        await memo.get("key", fail)
    assert await memo.get("key", succeed) == 5


async def test_get__more_keys_than_it_holds__forgets_the_oldest() -> None:
    memo: Memo[int] = Memo(seconds=60, size=2)

    async def give(value: int) -> int:
        return value

    for key in ("a", "b", "c"):
        await memo.get(key, lambda: give(1))

    assert await memo.get("a", lambda: give(2)) == 2
    assert await memo.get("c", lambda: give(3)) == 1
