# SPDX-License-Identifier: Apache-2.0
"""A4 pages as PDF, for certificates and statements. Nothing is fetched; the same content gives the same bytes."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF, FontFace

_FONTS = (
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf"),
    Path("/usr/share/fonts/TTF/DejaVuSans.ttf"),
)
_FAMILY = "paper"


class Paper:
    """A document of paragraphs and tables. Where no Unicode font is installed, signs outside Latin-1 become “?”."""

    def __init__(self, title: str, *, made_at: datetime) -> None:
        self.document = FPDF(format="A4")
        self.document.set_creation_date(made_at)
        self.document.set_title(title)
        self.document.set_margin(20)
        self._font = next((font for font in _FONTS if font.is_file()), None)
        if self._font is not None:
            self.document.add_font(_FAMILY, fname=str(self._font))
        self.document.add_page()

    def write(self, text: str, size: int) -> None:
        """A paragraph of a size in points."""
        self._set_size(size)
        self.document.multi_cell(0, size * 0.5, self._shown(text), new_x="LMARGIN", new_y="NEXT")

    def gap(self, height_mm: float) -> None:
        """Empty space."""
        self.document.ln(height_mm)

    def table(self, rows: Sequence[Sequence[str]], *, widths: Sequence[int], size: int = 8) -> None:
        """A table whose first row is its heading, repeated on each page; the first column leads left, others right."""
        self._set_size(size)
        alignments = ("LEFT", *["RIGHT"] * (len(widths) - 1))
        with self.document.table(
            borders_layout="SINGLE_TOP_LINE",
            col_widths=tuple(widths),
            text_align=alignments,
            line_height=size * 0.55,
            headings_style=FontFace(),
        ) as table:
            for row in rows:
                table.row([self._shown(cell) for cell in row])

    def content(self) -> bytes:
        """The finished file."""
        return bytes(self.document.output())

    def _set_size(self, size: int) -> None:
        self.document.set_font(_FAMILY if self._font else "Helvetica", size=size)

    def _shown(self, text: str) -> str:
        return text if self._font else text.encode("latin-1", "replace").decode("latin-1")
