# SPDX-License-Identifier: Apache-2.0
"""Takes a file of readings in as it arrives, bounded in bytes and in number, and writes the report about it."""

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import IO
from uuid import UUID

from backend.core.cells import csv_text
from backend.sites.errors import UploadFormat, UploadsBusy, UploadTooLarge
from backend.sites.parsing import Parsed, parse_csv, parse_json_lines
from backend.sites.types import MAX_UPLOAD_BYTES, RowProblem

AT_ONCE = 4
_IN_MEMORY = 4 << 20
_PARSERS = {
    "text/csv": parse_csv,
    "application/csv": parse_csv,
    "application/x-ndjson": parse_json_lines,
    "application/jsonl": parse_json_lines,
}
_running = 0


@asynccontextmanager
async def slot() -> AsyncIterator[None]:
    """A place among the uploads that this process reads at once; raises UploadsBusy."""
    global _running
    if _running >= AT_ONCE:
        raise UploadsBusy(retry_after_s=5)
    _running += 1
    try:
        yield
    finally:
        _running -= 1


async def parse_upload(
    chunks: AsyncIterable[bytes], *, content_type: str, declared_length: int | None, house_id: UUID | None
) -> Parsed:
    """Drafts and problems of a file that arrives in `chunks`.

    Raises UploadFormat, UploadTooLarge (from the declared length already), UploadColumns, UploadEncoding,
    UploadTooManyRows; then nothing of the file is used.
    """
    parse = _PARSERS.get(content_type.partition(";")[0].strip().lower())
    if parse is None:
        raise UploadFormat(content_type=content_type[:80])
    if declared_length is not None and declared_length > MAX_UPLOAD_BYTES:
        raise UploadTooLarge(limit_bytes=MAX_UPLOAD_BYTES)
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        seen = 0
        async for chunk in chunks:
            seen += len(chunk)
            if seen > MAX_UPLOAD_BYTES:
                raise UploadTooLarge(limit_bytes=MAX_UPLOAD_BYTES)
            file.write(chunk)
        file.seek(0)
        return await asyncio.to_thread(_lines_of, file, parse is parse_csv, house_id)


def _lines_of(file: IO[bytes], is_csv: bool, house_id: UUID | None) -> Parsed:
    return parse_csv(file, house_id=house_id) if is_csv else parse_json_lines(file, house_id=house_id)


def report_csv(problems: Sequence[RowProblem]) -> str:
    """All problems as CSV with a header line; cells that a spreadsheet would run as a formula are quoted."""
    return csv_text(RowProblem._fields, problems)
