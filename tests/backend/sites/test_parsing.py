# SPDX-License-Identifier: Apache-2.0
"""Files of readings: whole files refused for their form, single rows for their content."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.core.cells import harmless
from backend.core.units import wh_to_kwh
from backend.sites.errors import UploadColumns, UploadEncoding, UploadTooManyRows
from backend.sites.parsing import parse_csv, parse_json_lines
from backend.sites.rules import refuse
from backend.sites.types import MAX_UPLOAD_ROWS
from backend.sites.uploads import report_csv

HOUSE = UUID("01900000-0000-7000-8000-000000000001")
HEADER = b"houseId,start,productionKwh,exportKwh\n"
ROW = f"{HOUSE},2026-06-01T12:00:00Z,".encode()


def one_problem(cells: bytes) -> tuple[str, str]:
    drafts, problems = parse_csv([HEADER, cells])
    assert drafts == []
    [problem] = problems
    assert problem.line == 2
    assert problem.message
    return problem.field, problem.code


def test_parse_csv__good_row__is_exact():
    drafts, problems = parse_csv([HEADER, ROW + b"1.25,\r\n"])

    assert problems == []
    [draft] = drafts
    assert (draft.line, draft.house_id, draft.start) == (2, HOUSE, datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert (draft.production_wh, draft.export_wh, draft.import_wh) == (1250, None, None)


def test_parse_csv__byte_order_mark_snake_case_and_quotes__are_read():
    drafts, problems = parse_csv(
        [
            b'\xef\xbb\xbf"meter",start,production_kwh,source\n',
            b'"4611686018427387909",2026-06-01T12:00:00+05:30,"1","a, b"\n',
        ]
    )

    assert problems == []
    assert (drafts[0].meter, drafts[0].production_wh, drafts[0].source) == (2**62 + 5, 1000, "a, b")
    assert drafts[0].start == datetime(2026, 6, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "field", "code"),
    [
        (b"NaN,", "productionKwh", "row.unit.not_a_number"),
        (b"inf,", "productionKwh", "row.unit.not_a_number"),
        (b"-0.5,", "productionKwh", "row.negative"),
        (b"0.1234,", "productionKwh", "row.unit.too_fine"),
        (b"1e40,", "productionKwh", "row.unit.too_large"),
        (b"1e300,", "productionKwh", "row.unit.too_large"),
        (b"=1+1,", "productionKwh", "row.unit.not_a_number"),
        (b"1,2,3", "", "row.cells"),
        (b'"1,', "", "row.csv"),
        (b"\xff,", "", "row.encoding"),
        (b"1," + b"9" * 5_000, "", "row.too_long"),
    ],
)
def test_parse_csv__bad_cells__name_field_and_reason(cells, field, code):
    assert one_problem(ROW + cells + b"\n") == (field, code)


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("2026-06-01T12:00:00", "row.time"),
        ("", "row.time"),
        ("noon", "row.time"),
        ("9999-12-31T23:00:00-05:00", "row.time"),
    ],
)
def test_parse_csv__bad_start__says_what_a_time_looks_like(start, code):
    assert one_problem(f"{HOUSE},{start},1,\n".encode()) == ("start", code)


@pytest.mark.parametrize("house", ["1", "", "zzzzzzzz-0000-7000-8000-000000000001"])
def test_parse_csv__bad_house__is_a_row_problem(house):
    field, code = one_problem(f"{house},2026-06-01T12:00:00Z,1,\n".encode())

    assert (field, code in ("row.house_id", "row.no_house")) == ("houseId", True)


def test_parse_csv__bad_row_between_good_ones__touches_neither():
    drafts, problems = parse_csv([HEADER, ROW + b"1,\n", ROW + b'"1,\n', b"\n", ROW + b"2,\n"])

    assert [draft.line for draft in drafts] == [2, 5]
    assert [problem.line for problem in problems] == [3]


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (b"houseId,productionKwh\n", "missing"),
        (b"start,productionKwh\n", "missing"),
        (b"houseId,start\n", "missing"),
        (b"", "missing"),
        (b"houseId,start,productionKwh,price\n", "unknown"),
        (b"houseId;start;productionKwh\n", "unknown"),
        (b"houseId,start,productionKwh,production_kwh\n", "repeated"),
    ],
)
def test_parse_csv__bad_header__refuses_the_file_and_says_why(header, detail):
    with pytest.raises(UploadColumns) as refused:
        parse_csv([header, ROW + b"1,\n"])

    assert refused.value.details[detail]


@pytest.mark.parametrize("line", [HEADER.decode().encode("utf-16"), b"houseId,st\x00art\n", b"houseId,st\xffart\n"])
def test_parse_csv__not_utf8__refuses_the_file(line):
    with pytest.raises(UploadEncoding):
        parse_csv([line])


def test_parse_csv__one_row_too_many__refuses_the_file():
    with pytest.raises(UploadTooManyRows):
        parse_csv([HEADER, *[b"x\n"] * (MAX_UPLOAD_ROWS + 1)])


def test_parse_json_lines__good_rows__are_exact():
    rows = [
        {"houseId": str(HOUSE), "start": "2026-06-01T12:00:00Z", "productionKwh": 0.1, "importKwh": None},
        {"meter": "7", "start": "2026-06-01T12:15:00Z", "consumptionKwh": "1.005", "temperatureC": -3.5, "revision": 2},
    ]

    drafts, problems = parse_json_lines([orjson.dumps(row) + b"\n" for row in rows])

    assert problems == []
    assert (drafts[0].production_wh, drafts[0].import_wh) == (100, None)
    assert (drafts[1].meter, drafts[1].consumption_wh, drafts[1].temperature_c) == (7, 1005, Decimal("-3.5"))
    assert drafts[1].revision == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "row.json"),
        (b"[1]", "row.json"),
        (b'{"houseId": NaN}', "row.json"),
        (b'{"price": 1}', "row.unknown_field"),
        (b'{"meter": 1, "start": "2026-06-01T12:00:00Z", "productionKwh": true}', "row.unit.not_a_number"),
        (b'{"meter": true, "start": "2026-06-01T12:00:00Z", "productionKwh": 1}', "row.whole_number"),
        (b'{"meter": 9223372036854775808, "start": "2026-06-01T12:00:00Z"}', "row.whole_number"),
        (b'{"meter": 1.5, "start": "2026-06-01T12:00:00Z"}', "row.whole_number"),
        (b'{"meter": 1, "start": 5}', "row.time"),
        (b'{"houseId": [1], "start": "2026-06-01T12:00:00Z"}', "row.house_id"),
        (b'{"meter": 1, "start": "2026-06-01T12:00:00Z", "temperatureC": 91}', "row.temperature"),
        (b'{"meter": 1, "start": "2026-06-01T12:00:00Z", "temperatureC": "1e1"}', "row.temperature"),
        (b'{"meter": 1, "start": "2026-06-01T12:00:00Z", "signature": "0x12"}', "row.signature"),
        (b'{"meter": 1, "start": "2026-06-01T12:00:00Z", "source": "a\\nb"}', "row.source"),
    ],
)
def test_parse_json_lines__bad_row__is_reported(line, code):
    drafts, problems = parse_json_lines([line])

    assert drafts == []
    assert [problem.code for problem in problems] == [code]


@given(st.lists(st.binary(max_size=120), max_size=20))
@example([b"\xfe\xff"])  # a byte order mark stands at the beginning of a file, nowhere else
def test_parse_csv__any_bytes__gives_one_answer_a_line(lines):
    rows = [line.replace(b"\n", b"") + b"\n" for line in lines]

    drafts, problems = parse_csv([HEADER, *rows])

    told = [draft.line for draft in drafts] + [problem.line for problem in problems]
    assert sorted(told) == [number for number, row in enumerate(rows, 2) if row.strip()]


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_parse_json_lines__any_bytes__gives_one_answer_a_line(lines):
    rows = [line.replace(b"\n", b"") + b"\n" for line in lines if not line.startswith((b"\xff\xfe", b"\xfe\xff"))]

    drafts, problems = parse_json_lines(rows)

    told = [draft.line for draft in drafts] + [problem.line for problem in problems]
    assert sorted(told) == [number for number, row in enumerate(rows, 1) if row.strip()]


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    quantities=st.tuples(*[st.none() | st.integers(0, 10**15 - 1)] * 4),
)
def test_parse__what_was_written__is_read_back_from_both_formats(start, quantities):
    names = ("productionKwh", "consumptionKwh", "exportKwh", "importKwh")
    texts = ["" if quantity is None else wh_to_kwh(quantity) for quantity in quantities]
    row = {"houseId": str(HOUSE), "start": start.isoformat()} | dict(
        zip(names, [text or None for text in texts], strict=True)
    )

    from_csv, _ = parse_csv([",".join(row).encode(), ",".join([str(HOUSE), start.isoformat(), *texts]).encode()])
    from_json, _ = parse_json_lines([orjson.dumps(row)])

    for [draft] in (from_csv, from_json):
        assert draft.start == start
        assert (draft.production_wh, draft.consumption_wh, draft.export_wh, draft.import_wh) == quantities


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_harmless__formula__is_quoted(cell):
    assert harmless(cell) == "'" + cell


def test_report_csv__formulas_in_values__cannot_run():
    report = report_csv([refuse(3, "source", '=cmd|"/c calc"!A0', "row.source", "printable text")])

    assert report.splitlines() == [
        "line,field,value,code,message",
        '3,source,"\'=cmd|""/c calc""!A0",row.source,printable text',
    ]


def test_refuse__long_value__is_shortened():
    assert len(refuse(1, "source", "x" * 5_000, "row.source", "").value) == 80


def test_parse_csv__rows_at_the_limit__are_all_read():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [f"{HOUSE},{(moment + timedelta(minutes=15 * n)).isoformat()},0.5,\n".encode() for n in range(1_000)]

    drafts, problems = parse_csv([HEADER, *rows])

    assert (len(drafts), problems) == (1_000, [])
