# SPDX-License-Identifier: Apache-2.0
"""Walks two streams that have one order side by side, so that neither has to fit into memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

Left = TypeVar("Left")
Right = TypeVar("Right")
Key = tuple[int, int]


async def merged(
    left: Iterator[Left],
    left_key: Callable[[Left], Key],
    right: AsyncIterator[Right],
    right_key: Callable[[Right], Key],
) -> AsyncIterator[tuple[Left | None, Right | None]]:
    """Pairs of equal key; None stands where one side has nothing. Left keys are unique; right keys may repeat."""
    ours = next(left, None)
    theirs = await anext(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and left_key(ours) < right_key(theirs)):
            yield ours, None
            ours = next(left, None)
        elif ours is None or right_key(theirs) < left_key(ours):
            yield None, theirs
            theirs = await anext(right, None)
        else:
            yield ours, theirs
            key = left_key(ours)
            ours = next(left, None)
            theirs = await anext(right, None)
            while theirs is not None and right_key(theirs) == key:
                yield None, theirs
                theirs = await anext(right, None)
