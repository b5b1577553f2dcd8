# SPDX-License-Identifier: Apache-2.0
"""`gridx market island-report`: who got what on an island, computed again from the report's own inputs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import orjson

from backend.market.islands.checking import ReportUnreadable, check
from scripts.cli.asking import setting, told

CONTRADICTS, UNREADABLE = 1, 2


@click.command("island-report")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--island", type=click.UUID, help="Read this island's report from the database of the running stack.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to this file.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the shares as CSV.")
def island_report(file: Path | None, island: UUID | None, output: Path | None, csv_file: Path | None) -> None:
    """Check the report in FILE (`-`: standard input), with no database, or that of `--island`.

    Every allocation is computed again from its inputs, its certificate proven without a solver, the queue's hashes and
    the signatures computed again. Exit status 0: equal; 1: it differs, and where; 2: it is no report.
    """
    if (file is None) == (island is None):
        raise click.UsageError("Name either a FILE or --island ID.")
    try:
        report = asyncio.run(_stored(island)) if island is not None else _read(file)
        found = check(report)
    except ReportUnreadable as error:
        click.echo(f"gridx market island-report: {error}", err=True)
        sys.exit(UNREADABLE)
    if output is not None:
        output.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    if csv_file is not None:
        from backend.market.islands.service import as_csv

        csv_file.write_text(as_csv(report), encoding="utf-8")
    _say(report, found)
    sys.exit(CONTRADICTS if found else 0)


def _read(file: Path | None) -> Any:
    assert file is not None
    try:
        return orjson.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ReportUnreadable(f"{file}: not JSON: {error}") from error


async def _stored(island: UUID) -> Any:
    from backend.core.db import Database
    from backend.market.islands.service import report

    database = Database(setting("GRIDX_DATABASE_SERVICE_URL"), pool_size=1)
    try:
        with told():
            return orjson.loads(orjson.dumps(await report(database, island, actor=None)))
    finally:
        await database.close()


def _say(report: Any, found: list[str]) -> None:
    island, summary = report["island"], report["summary"]
    click.echo(f"island {island['id']} of community {island['community']}: {island['reason']}")
    click.echo(f"  {island['startsAt']} to {island['endedAt'] or island['endsAt']}")
    click.echo(f"  {summary['intervals']} intervals allocated, {len(report['notAllocated'])} not")
    for house in summary["houses"]:
        critical = f", critical {house['criticalShareWh']} of {house['criticalWh']} Wh" if house["criticalWh"] else ""
        click.echo(f"  house {house['house']}: {house['shareWh']} of {house['demandWh']} Wh{critical}")
    queued = summary["intents"]
    click.echo(
        f"  {report['intents']['count']} matches queued: {queued['logged']} logged, {queued['waiting']} waiting, "
        f"{queued['conflict']} in conflict"
    )
    for fault in found:
        click.echo(f"  DIFFERS: {fault}")
    click.echo("computed again: equal" if not found else f"computed again: {len(found)} differences")
