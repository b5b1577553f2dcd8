# SPDX-License-Identifier: Apache-2.0
"""Reads uploads, CSV or JSON lines, one line a reading. A bad line is reported and never touches its neighbours.

A quoted CSV field cannot span lines: an unclosed quote then spoils its own line alone. No database, no clock.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import orjson
from pydantic_core import PydanticCustomError

from backend.core.units import kwh_to_wh
from backend.sites.errors import UploadColumns, UploadEncoding, UploadTooManyRows
from backend.sites.rules import refuse
from backend.sites.types import MAX_UPLOAD_ROWS, Draft, RowProblem

COLUMNS = (
    "houseId", "meter", "start", "minutes", "productionKwh", "consumptionKwh", "exportKwh", "importKwh",
    "temperatureC", "source", "signature", "revision",
)  # fmt: skip
_ENERGY = ("productionKwh", "consumptionKwh", "exportKwh", "importKwh")
_PLAIN_KWH = re.compile(r"(\d{1,12})(?:\.(\d{1,3}))?", re.ASCII)
_WHOLE = re.compile(r"\d{1,19}", re.ASCII)
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")
_TEMPERATURE = re.compile(r"-?\d{1,3}(\.\d{1,2})?", re.ASCII)
MAX_LINE = 4_000

Parsed = tuple[list[Draft], list[RowProblem]]


class _BadFieldError(Exception):
    def __init__(self, field: str, value: object, code: str, message: str) -> None:
        self.field, self.value, self.code, self.message = field, value, code, message
        super().__init__(message)


def parse_csv(lines: Iterable[bytes], *, house_id: UUID | None = None) -> Parsed:
    """Drafts and problems of a CSV file with a header line. `house_id` stands for rows that name no house.

    Raises UploadColumns, UploadEncoding, UploadTooManyRows; then nothing of the file is used.
    """
    source = iter(lines)
    header = _header(next(source, b""), has_house=house_id is not None)

    def fields(text: str) -> Mapping[str, Any]:
        cells = next(csv.reader([text], strict=True))
        if len(cells) != len(header):
            message = f"the line has {len(cells)} cells and the header {len(header)}; quote cells that hold commas"
            raise _BadFieldError("", text, "row.cells", message)
        return {name: cell for name, cell in zip(header, (cell.strip() for cell in cells), strict=True) if cell}

    return _parse(source, fields, first_line=2, house_id=house_id)


def parse_json_lines(lines: Iterable[bytes], *, house_id: UUID | None = None) -> Parsed:
    """Drafts and problems of a file with one JSON object a line. `house_id` stands for rows that name no house.

    Raises UploadEncoding, UploadTooManyRows; then nothing of the file is used.
    """

    def fields(text: str) -> Mapping[str, Any]:
        try:
            row = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise _BadFieldError("", text, "row.json", f"not JSON: {error}; send one object a line") from error
        if not isinstance(row, dict):
            raise _BadFieldError("", text, "row.json", "each line must be one JSON object")
        unknown = [name for name in row if name not in COLUMNS]
        if unknown:
            raise _BadFieldError(
                unknown[0], row[unknown[0]], "row.unknown_field", f"known fields: {', '.join(COLUMNS)}"
            )
        return {name: value for name, value in row.items() if value is not None}

    return _parse(iter(lines), fields, first_line=1, house_id=house_id)


def _header(line: bytes, *, has_house: bool) -> list[str]:
    names = [name.strip() for name in _text(line.removeprefix(b"\xef\xbb\xbf")).split(",")]
    names = [name[1:-1] if name[:1] == name[-1:] == '"' else name for name in names]
    known = {column.lower(): column for column in COLUMNS}
    columns = [known.get(name.replace("_", "").lower(), "") for name in names]
    unknown = [name[:80] for name, column in zip(names, columns, strict=True) if not column]
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    missing = [] if "start" in columns else ["start"]
    if not has_house and not {"houseId", "meter"} & set(columns):
        missing.append("houseId or meter")
    if not set(_ENERGY) & set(columns):
        missing.append(" or ".join(_ENERGY))
    if unknown or twice or missing:
        raise UploadColumns(unknown=unknown, repeated=twice, missing=missing, known=list(COLUMNS))
    return columns


def _text(line: bytes) -> str:
    if b"\x00" in line or line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UploadEncoding
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UploadEncoding from error


def _parse(
    lines: Iterator[bytes], fields: Callable[[str], Mapping[str, Any]], *, first_line: int, house_id: UUID | None
) -> Parsed:
    drafts: list[Draft] = []
    problems: list[RowProblem] = []
    reader = _Reader(house_id)
    for number, line in enumerate(lines, first_line):
        if not line.strip():
            continue
        if len(drafts) + len(problems) >= MAX_UPLOAD_ROWS:
            raise UploadTooManyRows(limit=MAX_UPLOAD_ROWS)
        try:
            drafts.append(reader.draft(number, fields(_row_text(line, number == 1))))
        except _BadFieldError as bad:
            problems.append(refuse(number, bad.field, bad.value, bad.code, bad.message))
        except csv.Error as error:
            message = f"not CSV: {error}; close every quote on its own line"
            problems.append(refuse(number, "", line.decode("utf-8", "replace").strip(), "row.csv", message))
    return drafts, problems


def _row_text(line: bytes, is_first: bool) -> str:
    if is_first:
        line = line.removeprefix(b"\xef\xbb\xbf")
        if line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UploadEncoding
    if len(line) > MAX_LINE:
        raise _BadFieldError(
            "", line[:80].decode("utf-8", "replace"), "row.too_long", f"a line holds at most {MAX_LINE} bytes"
        )
    try:
        return line.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError as error:
        shown = line.decode("utf-8", "replace").strip()
        raise _BadFieldError("", shown, "row.encoding", "not UTF-8; save the file as UTF-8") from error


class _Reader:
    """Turns named values into drafts; remembers the times and ids it has seen, which repeat a lot."""

    def __init__(self, house_id: UUID | None) -> None:
        self._house_id = house_id
        self._times: dict[str, datetime] = {}
        self._ids: dict[str, UUID] = {}

    def draft(self, line: int, row: Mapping[str, Any]) -> Draft:
        """The row's draft; raises _BadFieldError."""
        house_id = self._id(row["houseId"]) if "houseId" in row else None
        meter = _whole(row, "meter", 2**63 - 1)
        if house_id is None and meter is None:
            house_id = self._house_id
            if house_id is None:
                raise _BadFieldError("houseId", "", "row.no_house", "name the house by houseId or by its meter")
        return Draft(
            line,
            house_id,
            meter,
            self._time(row.get("start")),
            _whole(row, "minutes", 1_440),
            _energy(row, "productionKwh"),
            _energy(row, "consumptionKwh"),
            _energy(row, "exportKwh"),
            _energy(row, "importKwh"),
            _temperature(row),
            _source(row),
            _signature(row),
            _whole(row, "revision", 2**31 - 1) or 0,
        )

    def _id(self, value: Any) -> UUID:
        known = self._ids.get(value) if isinstance(value, str) else None
        if known is None:
            try:
                known = self._ids[value] = UUID(value) if isinstance(value, str) and len(value) == 36 else UUID("")
            except (ValueError, TypeError) as error:
                raise _BadFieldError("houseId", value, "row.house_id", "not a house id (UUID)") from error
        return known

    def _time(self, value: Any) -> datetime:
        known = self._times.get(value) if isinstance(value, str) else None
        if known is None:
            known = _time(value)
            self._times[value] = known
        return known


def _time(value: Any) -> datetime:
    message = "an ISO 8601 time with its offset, for example 2026-06-01T12:00:00Z"
    if not isinstance(value, str):
        raise _BadFieldError("start", "" if value is None else value, "row.time", message)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise _BadFieldError("start", value, "row.time", message) from error
    if moment.tzinfo is None or not 1970 <= moment.year <= 9998:
        raise _BadFieldError("start", value, "row.time", message)
    return moment


def _energy(row: Mapping[str, Any], field: str) -> int | None:
    value = row.get(field)
    if value is None:
        return None
    plain = _PLAIN_KWH.fullmatch(value) if isinstance(value, str) else None
    if plain is not None:
        whole, part = plain.groups("")
        return int(whole) * 1000 + int(part.ljust(3, "0"))
    try:
        energy_wh = kwh_to_wh(value)
    except PydanticCustomError as error:
        raise _BadFieldError(field, value, f"row.{error.type}", error.message()) from error
    if energy_wh < 0:
        raise _BadFieldError(
            field, value, "row.negative", "energy is never negative; export and import are two columns"
        )
    return energy_wh


def _whole(row: Mapping[str, Any], field: str, most: int) -> int | None:
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or _WHOLE.fullmatch(str(value)) is None:
        raise _BadFieldError(field, value, "row.whole_number", "must be a whole number")
    if int(value) > most:
        raise _BadFieldError(field, value, "row.whole_number", f"must be at most {most}")
    return int(value)


def _temperature(row: Mapping[str, Any]) -> Decimal | None:
    value = row.get("temperatureC")
    if value is None:
        return None
    text = str(value)
    message = "degrees Celsius between -90 and 90, at most two decimals"
    if isinstance(value, bool) or _TEMPERATURE.fullmatch(text) is None:
        raise _BadFieldError("temperatureC", value, "row.temperature", message)
    try:
        temperature = Decimal(text)
    except InvalidOperation as error:
        raise _BadFieldError("temperatureC", value, "row.temperature", message) from error
    if not -90 <= temperature <= 90:
        raise _BadFieldError("temperatureC", value, "row.temperature", message)
    return temperature


def _source(row: Mapping[str, Any]) -> str | None:
    value = row.get("source")
    if value is not None and (not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= 64):
        raise _BadFieldError("source", value, "row.source", "printable text of at most 64 characters")
    return value


def _signature(row: Mapping[str, Any]) -> bytes | None:
    value = row.get("signature")
    if value is None:
        return None
    if not isinstance(value, str) or _SIGNATURE.fullmatch(value) is None:
        raise _BadFieldError("signature", value, "row.signature", "0x and 130 hex digits (65 bytes)")
    return bytes.fromhex(value[2:])
