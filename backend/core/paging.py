# SPDX-License-Identifier: Apache-2.0
"""Pages of statements that count all rows beside them (`count(*) OVER () AS total`)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any


async def counted(
    read: Callable[[int, int], Awaitable[Sequence[Any]]], *, limit: int, offset: int
) -> tuple[Sequence[Any], int]:
    """The rows of a page, and how many there are in all: behind the last page no row says it, so the first is asked.

    `read` takes limit and offset; its rows are mappings with a `total`.
    """
    rows = await read(limit, offset)
    said = rows or (await read(1, 0) if offset else ())
    return rows, said[0]["total"] if said else 0
