# SPDX-License-Identifier: Apache-2.0
"""The report of an audit, and its three forms: JSON, CSV, and a page that needs nothing from elsewhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import orjson

from backend.audit.checkpoints import Checkpoint
from backend.audit.deployment import Deployment
from backend.audit.differences import Findings
from backend.audit.encoding import hex_of
from backend.audit.fetch import Anchor

FORMAT = "gridx-audit-1"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("code", "subject", "field", "expected", "found", "note")


@dataclass(frozen=True, slots=True)
class Totals:
    """What was read. Trades and documents that are newer than the audited block are `not_yet_final`; `receipts` of
    matches were cleared again."""

    logs: int = 0
    trades: int = 0
    consented: int = 0
    energy_wh: int = 0
    claim_g: int = 0
    documents: int = 0
    not_yet_final: int = 0
    receipts: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One audit: as of which block, by which nodes, what was read, what differs."""

    deployment: Deployment
    anchor: Anchor
    started_at: datetime
    finished_at: datetime
    every_header_checked: bool
    operator: bytes | None
    totals: Totals
    checkpoint: Checkpoint
    earlier_checkpoints: int
    findings: Findings

    @property
    def differences(self) -> int:
        """How many differences were found."""
        return self.findings.total

    @property
    def verdict(self) -> str:
        """With whom the database agrees, or that it does not."""
        if self.differences:
            return "differs from the chain"
        nodes = len(self.anchor.nodes) + 1
        return "agrees with this node" if nodes == 1 else f"agrees with {nodes} independent nodes"

    def to_json(self, limit: int | None = None) -> dict[str, Any]:
        """The report as a JSON object; `limit` bounds the differences that it lists."""
        anchor, totals = self.anchor, self.totals
        listed = self.findings.listed[:limit]
        return {
            "format": FORMAT,
            "startedAt": self.started_at.isoformat(),
            "finishedAt": self.finished_at.isoformat(),
            "seconds": round((self.finished_at - self.started_at).total_seconds(), 3),
            "verdict": self.verdict,
            "deployment": self.deployment.facts(),
            "agreeingNodes": list(anchor.nodes),
            "finalBlock": anchor.number,
            "finalHash": hex_of(anchor.hash),
            "finalAgeSeconds": max(0, int(self.finished_at.timestamp()) - anchor.time),
            "headBlock": anchor.head_number,
            "historyCount": anchor.count,
            "historyHead": hex_of(anchor.head),
            "everyHeaderChecked": self.every_header_checked,
            "operator": hex_of(self.operator) if self.operator else None,
            "logs": totals.logs,
            "trades": totals.trades,
            "consentedTrades": totals.consented,
            "energyWh": totals.energy_wh,
            "claimG": totals.claim_g,
            "documents": totals.documents,
            "notYetFinal": totals.not_yet_final,
            "receiptsCleared": totals.receipts,
            "checkpoint": self.checkpoint.to_json(),
            "earlierCheckpoints": self.earlier_checkpoints,
            "differences": self.differences,
            "differencesByCode": dict(sorted(self.findings.counts.items())),
            "listedDifferences": [difference.row() for difference in listed],
        }


def as_json(report: Report) -> bytes:
    """JSON, indented."""
    return orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def as_csv(report: Report) -> str:
    """One line per listed difference; a cell that a spreadsheet would take for a formula is quoted."""
    return csv_of(difference.row() for difference in report.findings)


def csv_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """The same of differences as JSON lists them."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in _COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA) else text


def as_html(report: Report) -> str:
    """A page with everything in it: no script, no font, no picture from elsewhere."""
    facts = report.to_json(0)
    rows = "".join(_fact(name, facts[name]) for name in _SHOWN)
    listed = "".join(
        "<tr>" + "".join(f"<td>{escape(_shown(row[name]))}</td>" for name in _COLUMNS) + "</tr>"
        for row in (difference.row() for difference in report.findings)
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{listed}</tbody></table>" if listed else ""
    outcome = "good" if report.differences == 0 else "bad"
    return _PAGE.format(
        outcome=outcome,
        verdict=escape(report.verdict),
        differences=report.differences,
        facts=rows,
        table=table,
    )


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _fact(name: str, value: Any) -> str:
    return f'<tr><th scope="row">{escape(_SHOWN[name])}</th><td>{escape(_shown(value))}</td></tr>'


_SHOWN = {
    "finishedAt": "Finished",
    "seconds": "Took, seconds",
    "finalBlock": "Compared as of block",
    "finalHash": "Block hash",
    "finalAgeSeconds": "Age of the block, seconds",
    "historyCount": "History entries",
    "historyHead": "History head",
    "trades": "Trades",
    "consentedTrades": "Trades with consent of both",
    "energyWh": "Energy, Wh",
    "claimG": "Avoided-emission estimate, g CO2e",
    "documents": "Signed documents",
    "notYetFinal": "Newer, not compared yet",
    "receiptsCleared": "Receipts cleared again",
    "everyHeaderChecked": "Every block header checked",
    "earlierCheckpoints": "Earlier reports reproduced",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>GridX audit</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #10151c; }}
table {{ border-collapse: collapse; width: 100%; margin: 1.5rem 0; }}
th, td {{ text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #c9d1d9; vertical-align: top;
  overflow-wrap: anywhere; }}
.good {{ color: #0a5c2b; }} .bad {{ color: #a30f1f; }}
</style>
</head>
<body>
<h1>GridX audit</h1>
<p class="{outcome}"><strong>The database {verdict}: {differences} differences.</strong></p>
<table><tbody>{facts}</tbody></table>
{table}
</body>
</html>
"""
