# SPDX-License-Identifier: Apache-2.0
"""Reading interval data from CSV."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.demo.community import DataProblem
from scripts.demo.meter_data import MAX_DAYS, parse, read_file

HEADER = "household,start,end,consumption_kwh,generation_kwh"
START = datetime(2024, 6, 4, 7, tzinfo=UTC)


def _row(home: str, place: int, consumption: str = "0.5", generation: str = "0", minutes: int = 60) -> str:
    start = START + timedelta(minutes=minutes * place)
    return f"{home},{start.isoformat()},{(start + timedelta(minutes=minutes)).isoformat()},{consumption},{generation}"


def _rows(homes: str, hours: range) -> list[str]:
    return [_row(home, hour) for home in homes for hour in hours]


def test_parse__two_households__become_homes_with_whole_watt_hours() -> None:
    rows = [_row("A", 0, "0.5124", "2.5"), _row("B", 0, "1.0005", "0")]

    community = parse([HEADER, *rows], name="own.csv")

    first, second = community.homes
    assert (first.name, first.capacity_w) == ("A", 2_500)
    assert (first.readings[0].consumption_wh, first.readings[0].generation_wh) == (512, 2_500)
    assert (second.capacity_w, second.readings[0].consumption_wh) == (0, 1_000)
    assert (community.minutes, community.starts) == (60, [START])


def test_parse__columns_in_other_order_and_offsets__are_understood() -> None:
    lines = [
        "End, Start, Generation kWh, Consumption kWh, Household",
        "2024-06-04T01:00-07:00, 2024-06-04T00:00-07:00, 1.5, 0.2, A",
        "2024-06-04T08:00+00:00, 2024-06-04T07:00+00:00, 0, 0.3, B",
    ]

    community = parse(lines, name="own.csv")

    assert community.starts == [START]
    assert community.homes[0].readings[0].generation_wh == 1_500


def test_parse__one_household_with_a_gap__takes_the_days_that_all_have() -> None:
    rows = [*_rows("A", range(10)), *_rows("B", range(2)), *_rows("B", range(3, 10))]

    community = parse([HEADER, *rows], name="own.csv")

    assert community.starts == [START + timedelta(hours=hour) for hour in range(3, 10)]


def test_parse__long_file__takes_its_first_days() -> None:
    community = parse([HEADER, *_rows("AB", range(24 * 10))], name="own.csv")

    assert len(community.starts) == 24 * MAX_DAYS
    assert community.starts[0] == START


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("A,2024-06-04T00:00,2024-06-04T01:00Z,1,0", "line 2: start '2024-06-04T00:00' needs its offset"),
        ("A,noon,2024-06-04T01:00Z,1,0", "line 2: start 'noon' is not an ISO 8601 time"),
        ("A,2024-06-04T01:00Z,2024-06-04T00:00Z,1,0", "line 2: end must lie after start"),
        ("A,2024-06-04T00:00Z,2024-06-04T01:00Z,much,0", "line 2: consumption_kwh 'much' is not a decimal number"),
        ("A,2024-06-04T00:00Z,2024-06-04T01:00Z,-1,0", "line 2: consumption_kwh must lie between 0 and"),
        ("A,2024-06-04T00:00Z,2024-06-04T01:00Z,1,NaN", "line 2: generation_kwh must lie between 0 and"),
        (",2024-06-04T00:00Z,2024-06-04T01:00Z,1,0", "line 2: household must be a name"),
        ("A,2024-06-04T00:00Z", "line 2: end None is not an ISO 8601 time"),
    ],
)
def test_parse__bad_row__is_named_with_its_line(row: str, message: str) -> None:
    with pytest.raises(DataProblem, match=message):
        parse([HEADER, row], name="own.csv")


def test_parse__missing_column__names_it_and_the_header() -> None:
    with pytest.raises(DataProblem, match="lacks generation_kwh"):
        parse(["household,start,end,consumption_kwh", "A,x,y,1"], name="own.csv")


def test_parse__same_interval_twice__is_refused() -> None:
    with pytest.raises(DataProblem, match="line 3: A has two rows"):
        parse([HEADER, _row("A", 0), _row("A", 0)], name="own.csv")


def test_parse__two_lengths__is_refused() -> None:
    with pytest.raises(DataProblem, match=r"line 3: the interval lasts 0:15:00"):
        parse([HEADER, _row("A", 0), _row("A", 8, minutes=15)], name="own.csv")


def test_parse__nothing_in_common__is_refused() -> None:
    with pytest.raises(DataProblem, match="no interval in common"):
        parse([HEADER, _row("A", 0), _row("B", 1)], name="own.csv")


def test_parse__no_rows__is_refused() -> None:
    with pytest.raises(DataProblem, match="has no rows"):
        parse([HEADER], name="own.csv")


def test_read_file__packed_with_byte_order_mark__is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.csv.gz"
    content = "\n".join([HEADER, _row("A", 0), _row("B", 0)])
    path.write_bytes(gzip.compress(("\ufeff" + content).encode()))

    assert [home.name for home in read_file(path).homes] == ["A", "B"]


def test_read_file__not_text__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(b"\xff\xfe\x00h")

    with pytest.raises(DataProblem, match="not UTF-8"):
        read_file(path)


def test_read_file__packed_file_cut_short__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.csv.gz"
    path.write_bytes(gzip.compress(b"household," * 1_000)[:-10])

    with pytest.raises(DataProblem, match="cannot be read"):
        read_file(path)
