# SPDX-License-Identifier: Apache-2.0
"""A run and its report: report.json and report.html, the same bytes for the same world and setup."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from backend.market.simulation.charts import charts_of
from backend.market.simulation.engine import Simulation, Step
from backend.market.simulation.measures import measures_of
from backend.market.simulation.page import page_of
from backend.market.simulation.totals import Totals, totals_of
from backend.market.simulation.types import Setup, World

JSON_NAME, HTML_NAME = "report.json", "report.html"
FORMAT = "gridx-simulation-1"


class FolderInUse(Exception):
    """The folder holds something that is no report; nothing was written."""


@dataclass(frozen=True, slots=True)
class Report:
    """A finished run: its figures, and the two files' contents."""

    figures: dict[str, Any]
    json: bytes
    html: bytes

    def write(self, folder: Path) -> None:
        """Put both files into `folder`, at once: an earlier report there is replaced, anything else refused.

        Raises FolderInUse, OSError. The files are made beside the folder and moved when they are complete.
        """
        refuse_other_content(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            fresh, former = made / "fresh", made / "former"
            fresh.mkdir()
            (fresh / JSON_NAME).write_bytes(self.json)
            (fresh / HTML_NAME).write_bytes(self.html)
            if folder.exists():
                folder.rename(former)
            try:
                fresh.rename(folder)
            except OSError:
                if former.exists():
                    former.rename(folder)
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)


def refuse_other_content(folder: Path) -> None:
    """Raises FolderInUse when `folder` is a file, or holds anything but an earlier report."""
    if not folder.exists():
        return
    if not folder.is_dir() or folder.is_symlink():
        raise FolderInUse(f"{folder} is not a folder: choose another")
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in (JSON_NAME, HTML_NAME))
    if foreign:
        raise FolderInUse(f"{folder} holds {foreign[0]}, which is no report: choose another folder")


def run(world: World, setup: Setup, *, advance: Callable[[int], None] = lambda _: None) -> Report:
    """Simulate from the first interval to the last; `advance` is told of each finished interval."""
    simulation = Simulation(world, setup)
    totals = totals_of(simulation, _counted(simulation.steps(), advance))
    figures = measures_of(simulation, totals)
    content = {"format": FORMAT, **figures, "series": series_of(totals)}
    as_json = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Report(figures, as_json, page_of(figures, charts_of(simulation, totals)).encode())


def series_of(totals: Totals) -> dict[str, Any]:
    """A list a series, with one value an interval, each on a line of its own; price −1: nothing was traded."""
    rows = totals.series | {"price_micro_per_kwh": totals.price_micro}
    return {name: orjson.Fragment(orjson.dumps(values)) for name, values in rows.items()}


def _counted(steps: Iterator[Step], advance: Callable[[int], None]) -> Iterator[Step]:
    for step in steps:
        yield step
        advance(1)
