# SPDX-License-Identifier: Apache-2.0
"""Certificates of retirement as a printable page and a PDF. Pure: everything is handed in, nothing is fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID

import segno
from fpdf import FPDF

from backend.core.paper import Paper
from backend.core.units import format_address, format_hex, grams_to_kg
from backend.emissions.types import Basis, Factor

_BASIS = {Basis.AVERAGE: "average", Basis.NON_BASELOAD: "non-baseload or marginal"}
ESTIMATE = (
    "Grams are an avoided-emission estimate: metered energy of confirmed trades times a registered emission factor, "
    "rounded down."
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One retirement. `is_intact`: the stored message hashes to `document_hash`, and the ledger moved as it says.

    `signed_by_key` False: the wallet is a contract, which vouched for the signature when it was booked. `factors` are
    those of the trades that the wallet earned by; what came by transfers has the factors of its senders. `typed_data`
    is what was signed, enough to compute `document_hash` anew.
    """

    id: UUID
    account: bytes
    grams: int
    reason: str
    retired_at: datetime
    sequence: int
    previous_hash: bytes
    document_hash: bytes
    signature: bytes
    is_intact: bool
    signed_by_key: bool
    factors: Sequence[Factor]
    verify_url: str
    typed_data: Mapping[str, Any]


def facts(certificate: Certificate) -> list[tuple[str, str]]:
    """What the certificate says, as label and text."""
    signed = "by the wallet's key" if certificate.signed_by_key else "vouched for by the wallet's contract"
    return [
        ("Certificate", str(certificate.id)),
        ("Retired", f"{grams_to_kg(certificate.grams)} kg CO2e"),
        ("For", certificate.reason),
        ("Wallet", format_address(certificate.account)),
        ("Booked", certificate.retired_at.strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("Signed", f"{signed}, document {certificate.sequence} of this wallet"),
        ("Verification hash", format_hex(certificate.document_hash)),
        ("State", "intact" if certificate.is_intact else "ALTERED: the record does not match its hash"),
        *(("Emission factor", factor_line(factor)) for factor in certificate.factors),
    ]


def factor_line(factor: Factor) -> str:
    """A factor with all that makes it checkable."""
    return (
        f"{factor.region}, {_BASIS[factor.basis]}: {factor.mg_per_kwh} mg CO2e/kWh, {factor.source}, "
        f"vintage {factor.vintage}, document {format_hex(factor.document_hash)}"
    )


def page(certificate: Certificate) -> str:
    """A printable HTML page without any outside part; every value is escaped."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts(certificate))
    code = segno.make(certificate.verify_url, error="m").svg_inline(scale=3, border=2)
    url = escape(certificate.verify_url, quote=True)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Carbon retirement {escape(str(certificate.id))}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #10231a; }}
h1 {{ font-size: 1.6rem; }} table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid #cfe0d6; }}
th {{ white-space: nowrap; }} td {{ overflow-wrap: anywhere; }} svg {{ margin-top: 1rem; }}
@media print {{ body {{ margin: 0; }} }}
</style></head><body>
<h1>Certificate of carbon retirement</h1>
<table>{rows}</table>
<p>{escape(ESTIMATE)}</p>
<p>Verify: <a href="{url}">{url}</a></p>
{code}
</body></html>
"""


def pdf(certificate: Certificate) -> bytes:
    """The certificate as one A4 page or more."""
    paper = Paper(f"Carbon retirement {certificate.id}", made_at=certificate.retired_at)
    paper.write("Certificate of carbon retirement", 18)
    paper.gap(4)
    for name, text in facts(certificate):
        paper.write(name, 8)
        paper.write(text, 11)
        paper.gap(1.5)
    paper.gap(3)
    paper.write(ESTIMATE, 9)
    paper.write(f"Verify: {certificate.verify_url}", 9)
    _draw_code(paper.document, certificate.verify_url)
    return paper.content()


def _draw_code(document: FPDF, url: str) -> None:
    rows = [list(row) for row in segno.make(url, error="m").matrix]
    side_mm = 32 / len(rows)
    if document.get_y() > 240:
        document.add_page()
    left, top = document.l_margin, document.get_y() + 4
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                document.rect(left + x * side_mm, top + y * side_mm, side_mm, side_mm, style="F")
