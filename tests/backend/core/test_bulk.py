# SPDX-License-Identifier: Apache-2.0
"""Rows for bulk statements: whatever is constant, the same rows arrive."""

from typing import Any

import pytest

from backend.core import bulk
from backend.core.db import Database, raw

COLUMNS = (("id", "int"), ("name", "text"), ("energy_wh", "bigint"), ("raw", "bytea"))


@pytest.mark.parametrize(
    "rows",
    [
        [(1, "a", 5, b"x")],
        [(1, "a", 5, b"x"), (2, "a", 5, b"x")],
        [(1, "a", 5, b"x"), (1, "b", None, b"x"), (1, "a", 5, b"x")],
        [(1, None, None, None), (2, None, None, None)],
        [(7, "a", 1, b"1"), (7, "b", 2, b"2"), (7, "a", 1, b"1")],
    ],
)
async def test_rows__some_columns_constant__arrive_as_they_were(
    service_db: Database, rows: list[tuple[Any, ...]]
) -> None:
    columns = [
        (name, kind, list(values)) for (name, kind), values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    ]
    source, arguments = bulk.rows(columns, first=2)

    async with service_db.begin() as session:
        statement = f"SELECT id, name, energy_wh, raw FROM {source} WHERE $1::int = 0"
        found = await (await raw(session)).fetch(statement, 0, *arguments)

    assert sorted(map(tuple, found), key=repr) == sorted(rows, key=repr)


def test_rows__constant_columns__travel_once() -> None:
    _, arguments = bulk.rows([("id", "int", [1, 2, 3]), ("name", "text", ["a", "a", "a"])], first=1)

    assert arguments == [[1, 2, 3], "a"]
