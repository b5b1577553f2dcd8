# SPDX-License-Identifier: Apache-2.0
"""Households of a simulation from CSV: what is understood, and which line an error names."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.market.islands.types import Tier
from backend.market.simulation.types import World
from scripts.demo.community import DataProblem
from scripts.simulation.meter_file import parse_world, read_world

HEADER = "household,start,end,consumption_kwh,generation_kwh"
START = datetime(2024, 3, 10, 8, tzinfo=UTC)


def _row(home: str, place: int, energy: str = "0.5,0.25", *, minutes: int = 15) -> str:
    start = START + timedelta(minutes=minutes * place)
    return f"{home},{start.isoformat()},{(start + timedelta(minutes=minutes)).isoformat()},{energy}"


def _good() -> list[str]:
    return [HEADER, *(_row(home, place) for home in "AB" for place in range(4))]


def _parse(lines: list[str]) -> World:
    return parse_world(lines, name="own.csv")


def test_parse_world__rows_in_any_order__become_whole_watt_hours() -> None:
    header, *rows = _good()

    world = _parse([header, *reversed(rows)])

    assert (world.minutes, world.start, world.intervals) == (15, START, 4)
    home = next(home for home in world.households if home.name == "A")
    assert (home.consumption_wh.tolist(), home.generation_wh.tolist()) == ([500] * 4, [250] * 4)
    assert (home.owner, home.zone, home.tier) == ("A", "", Tier.ORDINARY)


def test_parse_world__optional_columns__say_owner_zone_and_critical_load() -> None:
    rows = [f"{_row(home, place)},Ada,north,3,400" for home in "AB" for place in range(2)]

    world = _parse([f"{HEADER},owner,zone,tier,critical_permille", *rows])

    first = world.households[0]
    assert (first.owner, first.zone, first.tier, first.critical_permille) == ("Ada", "north", Tier.HOME_MEDICAL, 400)


def test_parse_world__homes_begin_and_end_apart__are_cut_to_what_all_have() -> None:
    rows = [*(_row("A", place) for place in range(6)), *(_row("B", place) for place in range(2, 8))]

    world = _parse([HEADER, *rows])

    assert (world.start, world.intervals) == (START + timedelta(minutes=30), 4)


def test_parse_world__clocks_go_forward__offsets_keep_the_hours_apart() -> None:
    rows = [
        f"{home},{start},{end},0.1,0"
        for home in "AB"
        for start, end in (
            ("2024-03-10T01:00-08:00", "2024-03-10T03:00-07:00"),
            ("2024-03-10T03:00-07:00", "2024-03-10T04:00-07:00"),
        )
    ]

    world = _parse([HEADER, *rows])

    assert (world.minutes, world.start, world.intervals) == (60, datetime(2024, 3, 10, 9, tzinfo=UTC), 2)


def test_read_world__broken_archive_or_other_encoding__is_told(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join(_good()).encode())
    contents = {"short.csv.gz": packed[:-12], "plain.csv.gz": b"household", "latin.csv": "Zürich".encode("latin-1")}

    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataProblem, match=name):
            read_world(path)


BAD = {
    "gap": ([*_good()[:3], *_good()[4:]], r"after line 3: A has no row for 2024-03-10T08:30:00\+00:00"),
    "second row": ([*_good(), _good()[2]], r"line 10: A has a second row .*, the first is line 3"),
    "negative": ([*_good(), _row("A", 4, "-0.1,0")], "line 10: consumption_kwh must lie between 0 and"),
    "not a number": ([*_good(), _row("A", 4, "0,nan")], "line 10: generation_kwh"),
    "unknown column": ([HEADER + ",voltage", *_good()[1:]], "line 1: unknown column voltage; known are household"),
    "column twice": ([HEADER + ",owner,owner", *_good()[1:]], "line 1: column owner stands there twice"),
    "column missing": (["household,start,end,consumption_kwh"], "lacks generation_kwh"),
    "more cells": ([*_good(), _row("A", 4) + ",7"], "line 10: there are more cells than columns"),
    "other length": ([*_good(), _row("A", 4, minutes=30)], "line 10: the interval lasts 0:30:00, those before"),
    "odd length": ([HEADER, _row("A", 0, minutes=10)], "line 2: the interval lasts 0:10:00; resample"),
    "no offset": ([*_good(), "A,2024-03-10T09:00,2024-03-10T09:15,0,0"], "line 10: start .* needs its offset"),
    "off the grid": ([HEADER, "A,2024-03-10T09:05Z,2024-03-10T09:20Z,0,0"], "line 2: .* is no start of an interval"),
    "hour repeated": (
        [*_good(), "A,2024-03-10T00:15-08:00,2024-03-10T00:30-08:00,0,0"],
        "line 10: A has a second row .* daylight saving needs the offset",
    ),
    "owner changes": (
        [HEADER + ",owner", _row("A", 0) + ",Ada", _row("A", 1) + ",Bob"], "line 3: A changes its owner"
    ),
    "unknown tier": ([HEADER + ",tier", _row("A", 0) + ",7"], "line 2: tier must be a whole number from 1 to 4"),
    "one home": (_good()[:5], "at least two households"),
    "nothing in common": ([HEADER, _row("A", 0), _row("B", 9)], "no interval in common"),
    "empty": ([HEADER], "has no rows"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(BAD))
def test_parse_world__bad_input__names_the_line(what: str) -> None:
    lines, message = BAD[what]

    with pytest.raises(DataProblem, match=message):
        _parse(lines)
