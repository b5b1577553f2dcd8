# SPDX-License-Identifier: Apache-2.0
"""CSV that no spreadsheet takes for a program."""

import csv
import io
from collections.abc import Iterable, Sequence


def harmless(cell: str) -> str:
    """The text with a leading apostrophe if a spreadsheet would take it for a formula."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A header line and the rows. Texts are made harmless; numbers (anything but str) stand as they are."""
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return target.getvalue()
