# SPDX-License-Identifier: Apache-2.0
"""Rows for a bulk statement, a column at a time: arrays for what differs, one value for what is the same in all rows.

asyncpg looks at every element of an array before it sends it; in most batches half of the columns hold one value only.
"""

from collections.abc import Sequence
from typing import Any

Column = tuple[str, str, Sequence[Any]]


def rows(columns: Sequence[Column], *, first: int) -> tuple[str, list[Any]]:
    """A FROM item that yields the rows of `columns` (name, PostgreSQL type, values), and its parameters.

    Parameters are numbered from `first`. The first column always travels as an array; it says how many rows there are.
    """
    varying: list[Column] = []
    same: list[Column] = []
    for column in columns:
        values = column[2]
        is_same = bool(varying) and values[0] == values[-1] and values.count(values[0]) == len(values)
        (same if is_same else varying).append(column)
    arguments: list[Any] = []
    arrays, singles = [], []
    for _, kind, values in varying:
        arguments.append(list(values))
        arrays.append(f"${first + len(arguments) - 1}::{kind}[]")
    for name, kind, values in same:
        arguments.append(values[0])
        singles.append(f"${first + len(arguments) - 1}::{kind} AS {name}")
    names = ", ".join(name for name, _, _ in varying)
    source = f"unnest({', '.join(arrays)}) AS varying ({names})"
    if singles:
        source += f" CROSS JOIN (SELECT {', '.join(singles)}) AS same"
    return source, arguments


def arrays(columns: Sequence[tuple[str, str]], *, first: int) -> str:
    """A FROM item that yields rows of `columns` (name, PostgreSQL type) from one array each, numbered from `first`.

    Its text depends on nothing else, so that a statement that is run all the time is planned once.
    """
    numbered = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, first))
    return f"unnest({numbered}) AS given ({', '.join(name for name, _ in columns)})"
